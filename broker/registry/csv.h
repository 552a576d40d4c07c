/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* csv.h - devices from a comma-separated file (RFC 4180) */
#pragma once

#include "registry/registry.h"

#include <stdio.h>

/**
 * struct csv_devices - the rows of a file
 * @records: id, PIN, bind password, model and gateway are filled in and checked
 * @lines: line of the file on which each of them begins, from 1
 */
struct csv_devices {
	struct device_record *records;
	uint32_t *lines;
	size_t count;
};

/**
 * csv_read() - read a device file whole
 * @file: read up to its end
 * @name: what errors call it
 * @limit: most rows that are taken, 0 for no limit
 * @devices: to be given to csv_free(), also after an error
 * @error: receives "NAME:LINE: what is wrong"; never a field's content, which might be a PIN
 *
 * Header row: device_id and pin, and any of bind_password, model and gateway, in any order. Lines
 * end with LF or CR LF; a byte order mark and empty lines are passed over.
 * Return: 0, -EINVAL, -E2BIG (more than @limit rows), -ENOMEM, -EIO.
 */
int csv_read(FILE *file, const char *name, size_t limit, struct csv_devices *devices, char *error,
	size_t size);

/** csv_free() - wipes and frees the rows. */
void csv_free(struct csv_devices *devices);
