/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* config_field.c - mappings, lists and values of a configuration file, read by tables of fields */
#include "config_yaml.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longest key that is compared with the known ones. */
#define KEY_MAX 24
#define FIELDS_MAX 24

const char *config_quote(const yaml_node_t *node, char out[48])
{
	size_t i, length;

	if (node->type != YAML_SCALAR_NODE)
		return strcpy(out, node->type == YAML_MAPPING_NODE ? "a mapping" : "a list");
	length = node->data.scalar.length;
	out[0] = '"';
	for (i = 0; i < length && i < 40; i++) {
		unsigned char c = node->data.scalar.value[i];

		out[i + 1] = c < 0x20 || c > 0x7e ? '?' : (char)c;
	}
	strcpy(out + i + 1, i < length ? "..\"" : "\"");
	return out;
}

static bool is_null(const yaml_node_t *node)
{
	const char *text = (const char *)node->data.scalar.value;

	return node->type == YAML_SCALAR_NODE &&
	       node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (!text[0] || !strcmp(text, "~") || !strcmp(text, "null"));
}

int config_text(
	struct config_reader *reader, const char *name, const yaml_node_t *node, const char **text)
{
	char quoted[48];

	if (node->type != YAML_SCALAR_NODE)
		return config_refuse(reader, node, "%s is %s: it must be a text", name,
			config_quote(node, quoted));
	if (is_null(node) || !node->data.scalar.length)
		return config_refuse(
			reader, node, "%s is empty: give it a value or leave it out", name);
	for (size_t i = 0; i < node->data.scalar.length; i++) {
		if (node->data.scalar.value[i] < 0x20 || node->data.scalar.value[i] == 0x7f)
			return config_refuse(reader, node,
				"%s contains a control character: write printable text", name);
	}
	*text = (const char *)node->data.scalar.value;
	return 0;
}

/* "1234", or "64KiB" where @sized; UINT64_MAX for what is too large for any range. */
static bool parse_number(const char *text, bool sized, uint64_t *value)
{
	uint64_t number = 0;
	unsigned shift = 0;

	if (*text < '0' || *text > '9' || (text[0] == '0' && text[1] >= '0' && text[1] <= '9'))
		return false;
	for (; *text >= '0' && *text <= '9'; text++) {
		if (number > UINT64_MAX / 16)
			number = UINT64_MAX / 16;
		number = number * 10 + (uint64_t)(*text - '0');
	}
	if (sized && *text) {
		if (!strcmp(text, "KiB"))
			shift = 10;
		else if (!strcmp(text, "MiB"))
			shift = 20;
		else if (!strcmp(text, "GiB"))
			shift = 30;
		else
			return false;
		text += 3;
	}
	*value = number > UINT64_MAX >> shift ? UINT64_MAX : number << shift;
	return !*text;
}

const char *config_bytes_text(uint64_t bytes, char out[32])
{
	static const char *const units[] = {"", "KiB", "MiB", "GiB"};
	unsigned unit = 0;

	while (unit < 3 && bytes && !(bytes & 1023)) {
		bytes >>= 10;
		unit++;
	}
	snprintf(out, 32, "%" PRIu64 "%s", bytes, units[unit]);
	return out;
}

int config_number(struct config_reader *reader, const char *name, const yaml_node_t *node,
	bool sized, uint64_t minimum, uint64_t maximum, const char *unit, uint64_t *value)
{
	const char *text = node->type == YAML_SCALAR_NODE ? (char *)node->data.scalar.value : "";
	char quoted[48], low[32], high[32];
	bool negative = text[0] == '-' && parse_number(text + 1, sized, value);

	if (sized) {
		config_bytes_text(minimum, low);
		config_bytes_text(maximum, high);
	} else {
		snprintf(low, sizeof(low), "%" PRIu64, minimum);
		snprintf(high, sizeof(high), "%" PRIu64, maximum);
	}
	if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE ||
		strlen(text) != node->data.scalar.length ||
		(!negative && !parse_number(text, sized, value)))
		return config_refuse(reader, node, "%s is %s: it must be %s, %s..%s%s%s", name,
			config_quote(node, quoted),
			sized ? "a number of bytes like 4096, 64KiB or 64MiB without quotes"
			      : "a whole number in decimal digits without quotes",
			low, high, *unit ? " " : "", unit);
	if (negative || *value < minimum || *value > maximum)
		return config_refuse(reader, node,
			"%s is out of range with %s: it must be %s..%s%s%s", name,
			config_quote(node, quoted), low, high, *unit ? " " : "", unit);
	return 0;
}

int config_real(struct config_reader *reader, const char *name, const yaml_node_t *node,
	double least, double most, const char *unit, double *value)
{
	const char *text = node->type == YAML_SCALAR_NODE ? (char *)node->data.scalar.value : "";
	char quoted[48], *end = NULL;

	/* no spaces, hexadecimal digits, infinities or the like */
	if (node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
		text[strspn(text, "0123456789.eE+-")] == '\0' &&
		strlen(text) == node->data.scalar.length)
		*value = strtod(text, &end);
	if (!end || end == text || *end)
		return config_refuse(reader, node,
			"%s is %s: it must be a number without quotes, %.15g..%.15g%s%s", name,
			config_quote(node, quoted), least, most, *unit ? " " : "", unit);
	if (!(*value >= least && *value <= most))
		return config_refuse(reader, node,
			"%s is out of range with %s: it must be %.15g..%.15g%s%s", name,
			config_quote(node, quoted), least, most, *unit ? " " : "", unit);
	return 0;
}

static int read_word(struct config_reader *reader, const char *name, const yaml_node_t *node,
	const char *const *words, uint64_t *value)
{
	char known[128] = "", quoted[48];
	size_t used = 0;

	for (unsigned i = 0; words[i]; i++) {
		if (node->type == YAML_SCALAR_NODE &&
			node->data.scalar.length == strlen(words[i]) &&
			!memcmp(node->data.scalar.value, words[i], node->data.scalar.length)) {
			*value = i;
			return 0;
		}
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s",
			!i             ? ""
			: words[i + 1] ? ", "
				       : " or ",
			words[i]);
	}
	return config_refuse(
		reader, node, "%s is %s: it must be %s", name, config_quote(node, quoted), known);
}

char *config_path(const struct config_reader *reader, const char *path)
{
	const char *slash = strrchr(reader->file, '/');
	char *out;

	if (path[0] == '/' || !slash)
		return strdup(path);
	if (asprintf(&out, "%.*s/%s", (int)(slash - reader->file), reader->file, path) < 0)
		return NULL;
	return out;
}

static void store_value(const struct config_field *field, void *object, uint64_t value)
{
	uint8_t *at = (uint8_t *)object + field->offset;

	/* x86: little endian, the low bytes come first */
	memcpy(at, &value, field->width);
}

static int read_field(struct config_reader *reader, const char *name,
	const struct config_field *field, const yaml_node_t *node, void *object)
{
	char **copy = (char **)((uint8_t *)object + field->offset);
	const char *text;
	uint64_t value;
	double real;
	int rc = 0;

	switch (field->kind) {
	case FIELD_NUMBER:
	case FIELD_BYTES:
		rc = config_number(reader, name, node, field->kind == FIELD_BYTES, field->minimum,
			field->maximum, field->unit ? field->unit : "", &value);
		if (rc == 0)
			store_value(field, object, value);
		break;
	case FIELD_REAL:
		rc = config_real(reader, name, node, field->least, field->most,
			field->unit ? field->unit : "", &real);
		if (rc == 0)
			memcpy((uint8_t *)object + field->offset, &real, sizeof(real));
		break;
	case FIELD_WORD:
		rc = read_word(reader, name, node, field->words, &value);
		if (rc == 0)
			store_value(field, object, value);
		break;
	case FIELD_TEXT:
	case FIELD_PATH:
		rc = config_text(reader, name, node, &text);
		if (rc < 0)
			break;
		free(*copy);
		*copy = field->kind == FIELD_PATH ? config_path(reader, text) : strdup(text);
		if (!*copy)
			rc = config_refuse(reader, node, "no memory to read it");
		break;
	case FIELD_MAP:
		rc = config_map(reader, name, node, field->fields, object);
		break;
	case FIELD_READ:
		break;
	}
	if (rc == 0 && field->read)
		rc = field->read(reader, name, node, object);
	return rc;
}

/* Edits that make one key the other: insert, delete, replace. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[KEY_MAX + 1], columns = (unsigned)strlen(b);

	for (unsigned j = 0; j <= columns; j++)
		row[j] = j;
	for (unsigned i = 0; a[i]; i++) {
		unsigned diagonal = row[0];

		row[0] = i + 1;
		for (unsigned j = 0; j < columns; j++) {
			unsigned best = diagonal + (a[i] != b[j]);

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j + 1] + 1 < best)
				best = row[j + 1] + 1;
			diagonal = row[j + 1];
			row[j + 1] = best;
		}
	}
	return row[columns];
}

static int refuse_key(struct config_reader *reader, const char *name, const yaml_node_t *key,
	const struct config_field *fields)
{
	char known[320] = "", quoted[48], in[CONFIG_NAME_MAX + 8] = "";
	const char *text = (const char *)key->data.scalar.value, *nearest = NULL;
	unsigned best = 3;
	size_t used = 0;

	for (; fields->key; fields++) {
		unsigned edits = KEY_MAX;

		if (key->data.scalar.length <= KEY_MAX)
			edits = distance(text, fields->key);
		if (edits < best && edits < strlen(fields->key)) {
			best = edits;
			nearest = fields->key;
		}
		used += (size_t)snprintf(
			known + used, sizeof(known) - used, "%s%s", used ? ", " : "", fields->key);
	}
	if (*name)
		snprintf(in, sizeof(in), " in %s", name);
	if (nearest)
		return config_refuse(reader, key, "unknown key %s%s: did you mean \"%s\"?",
			config_quote(key, quoted), in, nearest);
	return config_refuse(reader, key, "unknown key %s%s: the keys here are %s",
		config_quote(key, quoted), in, known);
}

/* Where a key stands in its table; FIELDS_MAX if it does not. */
static unsigned find_field(const struct config_field *fields, const yaml_node_t *key)
{
	for (unsigned i = 0; fields[i].key; i++) {
		if (key->data.scalar.length == strlen(fields[i].key) &&
			!memcmp(key->data.scalar.value, fields[i].key, key->data.scalar.length))
			return i;
	}
	return FIELDS_MAX;
}

int config_map(struct config_reader *reader, const char *name, const yaml_node_t *node,
	const struct config_field *fields, void *object)
{
	const yaml_node_t *values[FIELDS_MAX] = {NULL};
	size_t lines[FIELDS_MAX];
	char child[CONFIG_NAME_MAX], quoted[48];
	int rc = 0;

	if (node->type != YAML_MAPPING_NODE)
		return config_refuse(reader, node,
			"%s is %s: it must be a mapping with keys like %s",
			*name ? name : "the file", config_quote(node, quoted), fields[0].key);
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
		pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(&reader->document, pair->key);
		unsigned i;

		if (key->type != YAML_SCALAR_NODE)
			return config_refuse(reader, key, "a key is %s: it must be a word",
				config_quote(key, quoted));
		i = find_field(fields, key);
		if (i == FIELDS_MAX)
			return refuse_key(reader, name, key, fields);
		if (values[i])
			return config_refuse(reader, key,
				"%s%s%s stands here again (first in line %zu): remove one", name,
				*name ? "." : "", fields[i].key, lines[i]);
		lines[i] = key->start_mark.line + 1;
		values[i] = yaml_document_get_node(&reader->document, pair->value);
	}
	for (unsigned i = 0; fields[i].key && rc == 0; i++) {
		snprintf(child, sizeof(child), "%s%s%s", name, *name ? "." : "", fields[i].key);
		if (values[i])
			rc = read_field(reader, child, &fields[i], values[i], object);
		else if (fields[i].required)
			rc = config_refuse(
				reader, node, "%s is missing: add %s", child, fields[i].required);
	}
	return rc;
}

const yaml_node_t *config_child(
	struct config_reader *reader, const yaml_node_t *node, const char *key)
{
	const struct config_field field[2] = {{.key = key}, {.key = NULL}};

	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
		pair < node->data.mapping.pairs.top; pair++) {
		if (!find_field(field, yaml_document_get_node(&reader->document, pair->key)))
			return yaml_document_get_node(&reader->document, pair->value);
	}
	return NULL;
}

int config_list(struct config_reader *reader, const char *name, const yaml_node_t *node,
	unsigned minimum, unsigned maximum, const char *what)
{
	char quoted[48];
	long items;

	if (node->type != YAML_SEQUENCE_NODE)
		return config_refuse(reader, node, "%s is %s: it must be a list of %s, in brackets",
			name, config_quote(node, quoted), what);
	items = node->data.sequence.items.top - node->data.sequence.items.start;
	if (items < (long)minimum || items > (long)maximum)
		return config_refuse(reader, node, "%s has %ld entries: it must have %u..%u (%s)",
			name, items, minimum, maximum, what);
	return (int)items;
}

const yaml_node_t *config_item(struct config_reader *reader, const yaml_node_t *node, unsigned i)
{
	return yaml_document_get_node(&reader->document, node->data.sequence.items.start[i]);
}
