/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* config_keys.c - a configuration as a list of keys, and as a file again */
#include "config_keys.h"

#include "config_net.h"
#include "config_table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A number's value; x86: little endian, the low bytes come first. */
static uint64_t number_of(const struct config_field *field, const void *object)
{
	uint64_t value = 0;

	memcpy(&value, (const char *)object + field->offset, field->width);
	return value;
}

static const char *text_of(const struct config_field *field, const void *object)
{
	const char *text = *(char *const *)((const char *)object + field->offset);

	return text ? text : "";
}

/* In double quotes, as YAML has it. No control characters come here (config_text()). */
static char *quoted(const char *text)
{
	char *out = malloc(2 * strlen(text) + 3), *at = out;

	if (!out)
		return NULL;
	*at++ = '"';
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			*at++ = '\\';
		*at++ = *text;
	}
	memcpy(at, "\"", 2);
	return out;
}

/* A path means the same wherever the file that it is shown in goes. */
static char *absolute(const char *path)
{
	char *here, *joined = NULL, *out;

	if (path[0] == '/')
		return quoted(path);
	here = getcwd(NULL, 0);
	if (!here || asprintf(&joined, "%s/%s", here, path) < 0)
		joined = NULL;
	free(here);
	out = joined ? quoted(joined) : NULL;
	free(joined);
	return out;
}

/* A value as it may stand in a file, malloc'ed; @absent: it has none. */
static char *value_of(const struct config_field *field, const void *object, bool *absent)
{
	char text[48];

	*absent = false;
	switch (field->kind) {
	case FIELD_NUMBER:
		/* what may be left out and has no default is 0 */
		*absent = number_of(field, object) < field->minimum;
		snprintf(text, sizeof(text), "%" PRIu64, number_of(field, object));
		return strdup(text);
	case FIELD_BYTES:
		return strdup(config_bytes_text(number_of(field, object), text));
	case FIELD_WORD:
		return strdup(field->words[number_of(field, object)]);
	case FIELD_TEXT:
		*absent = !*text_of(field, object);
		return quoted(text_of(field, object));
	case FIELD_PATH:
		*absent = !*text_of(field, object);
		return absolute(text_of(field, object));
	case FIELD_READ:
		return field->show(object);
	case FIELD_REAL: /* no key of the broker's */
	case FIELD_MAP:
		break;
	}
	return NULL;
}

static int add_key(struct config_keys *keys, const char *name, const struct config_field *field,
	const void *object)
{
	struct config_key *grown;
	bool absent;
	char *value = value_of(field, object, &absent);

	if (!value)
		return -ENOMEM;
	if (absent) {
		free(value);
		return 0;
	}
	grown = realloc(keys->keys, (keys->count + 1) * sizeof(*grown));
	if (!grown) {
		free(value);
		return -ENOMEM;
	}
	keys->keys = grown;
	grown += keys->count++;
	snprintf(grown->name, sizeof(grown->name), "%s", name);
	grown->value = value;
	grown->field = field;
	grown->object = object;
	return 0;
}

/* A section that was left out lacks what it must have: http without listen. */
static bool left_out(const struct config_field *fields, const void *object)
{
	for (; fields->key; fields++) {
		if (fields->required && fields->kind == FIELD_TEXT && !*text_of(fields, object))
			return true;
	}
	return false;
}

static int add_fields(struct config_keys *keys, const char *in, const struct config_field *fields,
	const void *object)
{
	const struct config *config = object;
	char name[CONFIG_NAME_MAX];
	int rc = 0;

	for (; fields->key && rc == 0; fields++) {
		snprintf(name, sizeof(name), "%s%s%s", in, *in ? "." : "", fields->key);
		if (fields->kind == FIELD_MAP) {
			if (!left_out(fields->fields, object))
				rc = add_fields(keys, name, fields->fields, object);
			continue;
		}
		if (fields->read != config_ports) {
			rc = add_key(keys, name, fields, object);
			continue;
		}
		for (unsigned i = 0; i < config->port_count && rc == 0; i++) {
			snprintf(name, sizeof(name), "%s[%u]", fields->key, i);
			rc = add_fields(keys, name, config_port_fields, &config->ports[i]);
		}
	}
	return rc;
}

int config_keys_of(const struct config *config, struct config_keys *keys)
{
	*keys = (struct config_keys){0};
	return add_fields(keys, "", config_fields, config);
}

void config_keys_free(struct config_keys *keys)
{
	for (unsigned i = 0; i < keys->count; i++)
		free(keys->keys[i].value);
	free(keys->keys);
	*keys = (struct config_keys){0};
}

/* ---- as a file ---- */

/* Bytes of the whole parts that two names have in common: "mc.login." of mc.login.tcp. */
static size_t common(const char *a, const char *b)
{
	size_t same = 0;

	for (size_t i = 0; a[i] && a[i] == b[i]; i++) {
		if (a[i] == '.')
			same = i + 1;
	}
	return same;
}

/* One key behind @before: the lines of its sections that are new, and its own. A port is an item of
 * a list: "ports[0].device" is "ports:", then "  - device:". */
static void write_key(FILE *out, const struct config_key *key, const char *before)
{
	const char *part = key->name + common(key->name, before), *dot, *bracket;
	unsigned depth = 0;
	bool item = false;

	for (const char *at = key->name; at < part; at++)
		depth += *at == '.';
	if (strchr(key->name, '[') && depth)
		depth++;
	for (; (dot = strchr(part, '.')) != NULL; part = dot + 1) {
		bracket = memchr(part, '[', (size_t)(dot - part));
		if (!bracket)
			fprintf(out, "%*s%.*s:\n", 2 * (int)depth++, "", (int)(dot - part), part);
		else if (depth += 2, item = true, bracket[1] == '0')
			fprintf(out, "%.*s:\n", (int)(bracket - part), part);
	}
	if (item)
		fprintf(out, "  - %s: %s\n", part, key->value);
	else
		fprintf(out, "%*s%s: %s\n", 2 * (int)depth, "", part, key->value);
}

char *config_keys_yaml(const struct config_keys *keys)
{
	const char *before = "";
	size_t length;
	char *text = NULL;
	FILE *out = open_memstream(&text, &length);
	bool failed;

	if (!out)
		return NULL;
	for (unsigned i = 0; i < keys->count; i++) {
		write_key(out, &keys->keys[i], before);
		before = keys->keys[i].name;
	}
	failed = ferror(out);
	if (fclose(out) == 0 && !failed)
		return text;
	free(text);
	return NULL;
}
