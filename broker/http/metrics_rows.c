/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* metrics_rows.c - members of objects as families, by tables */
#include "http/metrics_write.h"

#include <string.h>

const char *metrics_label(const json_t *value, char *text, size_t size)
{
	const char *word = json_string_value(value);

	if (word)
		snprintf(text, size, "%.*s", (int)strcspn(word, ","), word);
	else
		snprintf(text, size, "%lld", (long long)json_integer_value(value));
	return text;
}

const char *metrics_row_labels(const struct metrics_rows *rows, const json_t *row, char *labels)
{
	char value[128];

	if (!rows->label)
		return metrics_labels(labels, NULL);
	return metrics_labels(labels, rows->label,
		metrics_label(json_object_get(row, rows->key), value, sizeof(value)), NULL);
}

void metrics_put_rows(struct metrics_out *out, const struct metrics_rows *rows,
	const struct metrics_member *members, size_t count)
{
	const json_t *first = json_array_get(rows->objects, 0), *row;
	char labels[METRICS_LABELS];
	size_t i;

	for (; count; members++, count--) {
		if (!json_object_get(first, members->key))
			continue;
		metrics_family(out, members->type, members->name, members->unit, members->help);
		json_array_foreach(rows->objects, i, row)
			metrics_sample(out, metrics_row_labels(rows, row, labels),
				json_object_get(row, members->key), members->factor);
	}
}

void metrics_put_object(struct metrics_out *out, const json_t *object,
	const struct metrics_member *members, size_t count)
{
	json_t *one = json_array();

	json_array_append(one, (json_t *)object);
	metrics_put_rows(out, &(struct metrics_rows){.objects = one}, members, count);
	json_decref(one);
}

void metrics_put_words(
	struct metrics_out *out, const json_t *object, const struct metrics_member *family)
{
	char labels[METRICS_LABELS];
	const char *word;
	json_t *value;

	if (!json_object_size(object))
		return;
	metrics_family(out, family->type, family->name, family->unit, family->help);
	json_object_foreach((json_t *)object, word, value) metrics_sample(
		out, metrics_labels(labels, family->key, word, NULL), value, family->factor);
}
