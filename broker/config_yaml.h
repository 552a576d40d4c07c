/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* config_yaml.h - YAML nodes read into structs by tables of fields, complaints with their line */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yaml.h>

/** Longest name of a value in a message: "mc.advertise.tcp", "ports[7].addresses[3]". */
#define CONFIG_NAME_MAX 96

/**
 * struct config_reader - a file while it is read
 * @file: as messages name it
 * @needs: what an empty file lacks, for messages
 * @document: its one YAML document
 * @warn: receives what is accepted but has no effect; may be NULL
 * @error, @size: receives the first complaint
 */
struct config_reader {
	const char *file;
	const char *needs;
	yaml_document_t document;
	void (*warn)(const char *line);
	char *error;
	size_t size;
};

enum field_kind {
	FIELD_NUMBER, /* decimal digits; @minimum..@maximum */
	FIELD_BYTES,  /* the same, or with KiB, MiB, GiB behind them */
	FIELD_REAL,   /* a double, @least..@most; 0.5 and 1e6 are both taken */
	FIELD_WORD,   /* one of @words; stores its index */
	FIELD_TEXT,   /* a string; stored as malloc'ed copy */
	FIELD_PATH,   /* the same; relative to the configuration file */
	FIELD_MAP,    /* a mapping of @fields into the same struct, then @read, if any, checks it */
	FIELD_READ    /* whatever @read makes of it, and @show shows */
};

/** enum field_when - when a changed value takes effect, for files that are read again */
enum field_when {
	FIELD_START,    /* at the next start */
	FIELD_BOUND,    /* at once, up to the value of the start, which fixed the memory for it */
	FIELD_RUN_TIME, /* at once */
};

/**
 * struct config_field - one key of a mapping
 * @key: NULL ends a table
 * @offset, @width: where its value goes; bytes of an unsigned integer (FIELD_NUMBER and the like)
 * @minimum, @maximum, @least, @most: the range, of FIELD_REAL the latter two
 * @unit: what a number counts, for messages
 * @show: a value as it may stand in a file, malloc'ed, for FIELD_READ; NULL: no memory
 * @required: what to write when it is missing; NULL if it may be
 * @when: of all but FIELD_MAP
 *
 * The fields of a mapping are read in the order of their table, not of the file: a later one may
 * rely on an earlier one.
 */
struct config_field {
	const char *key;
	enum field_kind kind;
	uint8_t width;
	size_t offset;
	uint64_t minimum, maximum;
	double least, most;
	const char *unit;
	const char *const *words;
	const struct config_field *fields;
	int (*read)(struct config_reader *reader, const char *name, const yaml_node_t *node,
		void *object);
	char *(*show)(const void *object);
	const char *required;
	enum field_when when;
};

/**
 * config_yaml_open() - read @reader->file and parse it
 *
 * Only what a configuration needs: one document, no anchors, aliases or tags, 16 levels at most.
 * Return: 0, then end with config_yaml_close(); -EINVAL or what the system said, with a message.
 */
int config_yaml_open(struct config_reader *reader);

/** config_yaml_parse() - the same with a text at hand; @reader->file is only its name. */
int config_yaml_parse(struct config_reader *reader, const unsigned char *text, size_t length);

/** config_yaml_close() - free the document. */
void config_yaml_close(struct config_reader *reader);

/** config_refuse() - the first complaint wins; @node gives the line. Return: -EINVAL. */
int config_refuse(struct config_reader *reader, const yaml_node_t *node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** config_warn() - something is accepted but has no effect. */
void config_warn(struct config_reader *reader, const yaml_node_t *node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** config_map() - read a mapping by a table. Unknown, repeated and missing keys are refused. */
int config_map(struct config_reader *reader, const char *name, const yaml_node_t *node,
	const struct config_field *fields, void *object);

/** config_child() - the value of a key of a mapping; NULL if it has none. */
const yaml_node_t *config_child(
	struct config_reader *reader, const yaml_node_t *node, const char *key);

/**
 * config_list() - a sequence's length
 * @minimum, @maximum: of items; @what: what an item is, for messages
 * Return: items, or -EINVAL with a message.
 */
int config_list(struct config_reader *reader, const char *name, const yaml_node_t *node,
	unsigned minimum, unsigned maximum, const char *what);

/** config_item() - a sequence's item. */
const yaml_node_t *config_item(struct config_reader *reader, const yaml_node_t *node, unsigned i);

/** config_text() - a node's string: not empty, no control characters; it lives as long as the
 * document. */
int config_text(
	struct config_reader *reader, const char *name, const yaml_node_t *node, const char **text);

/** config_number() - a node's number; @sized: KiB, MiB, GiB may follow. */
int config_number(struct config_reader *reader, const char *name, const yaml_node_t *node,
	bool sized, uint64_t minimum, uint64_t maximum, const char *unit, uint64_t *value);

/** config_real() - a node's number, with or without a fraction. */
int config_real(struct config_reader *reader, const char *name, const yaml_node_t *node,
	double least, double most, const char *unit, double *value);

/** config_quote() - a node's value for messages: cut to fit, strange bytes as '?'. */
const char *config_quote(const yaml_node_t *node, char out[48]);

/** config_bytes_text() - a number of bytes as a person would write it. Return: @out. */
const char *config_bytes_text(uint64_t bytes, char out[32]);

/** config_path() - @path as it is seen from the working directory, malloc'ed; NULL: no memory. */
char *config_path(const struct config_reader *reader, const char *path);
