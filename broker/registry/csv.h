/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* csv.h - devices from a comma-separated file (RFC 4180), a row at a time */
#pragma once

#include "registry/registry.h"

#include <stdio.h>

#define CSV_FIELD_MAX 256 /* longer than any member of a device */

/** enum csv_column - what a column of the file is */
enum csv_column { CSV_ID, CSV_PIN, CSV_BIND, CSV_MODEL, CSV_GATEWAY, CSV_COLUMNS };

/**
 * struct csv - a file that is being read
 * @name: what errors call it
 * @error: receives "NAME:LINE: what is wrong"; never a field's content, which might be a PIN
 * @line: of the next character, from 1; @row: on which the row began that was read last
 * @column: what each of the file's columns is
 * @quoted: the field was written in quotes
 */
struct csv {
	FILE *file;
	const char *name;
	char *error;
	size_t size;
	uint32_t line, row;
	enum csv_column column[CSV_COLUMNS];
	unsigned columns;
	char field[CSV_FIELD_MAX];
	size_t length;
	bool quoted;
};

/**
 * csv_begin() - read a device file's header row
 * @file, @name, @error: stay the caller's, until csv_end()
 *
 * Header row: device_id and pin, and any of bind_password, model and gateway, in any order. Lines
 * end with LF or CR LF; a byte order mark and empty lines are passed over.
 * Return: 0, -EINVAL, -EIO.
 */
int csv_begin(struct csv *csv, FILE *file, const char *name, char *error, size_t size);

/**
 * csv_next() - the next row
 * @record: id, PIN, bind password, model and gateway are filled in and checked
 *
 * Whether an id stood before is not looked at: the store keeps ids apart.
 * Return: 1, 0 at the end of the file, -EINVAL, -EIO.
 */
int csv_next(struct csv *csv, struct device_record *record);

/** csv_end() - wipe what was read last. */
void csv_end(struct csv *csv);
