/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* metrics_write.h - families and samples as text (OpenMetrics 1.0, ABNF); for metrics*.c */
#pragma once

#include "http/metrics.h"

#include <stdbool.h>
#include <stdio.h>

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM, METRICS_INFO };

/** Longest set of labels; a label value that does not fit is cut. */
#define METRICS_LABELS 512
/** Longest name of a family. */
#define METRICS_NAME 128

/**
 * struct metrics_out - the text as it grows
 * @name, @type: the family that samples belong to now
 */
struct metrics_out {
	FILE *file;
	enum metrics_format format;
	enum metrics_type type;
	char name[METRICS_NAME];
};

/** metrics_family() - a family begins. @name: without hearth_ and _total; @unit: its last word, or
 * NULL; @help: one sentence, NULL: there is none */
void metrics_family(struct metrics_out *out, enum metrics_type type, const char *name,
	const char *unit, const char *help);

/** metrics_labels() - pairs of name and value, NULL behind the last. @text: METRICS_LABELS bytes.
 * Return: @text */
const char *metrics_labels(char *text, ...) __attribute__((sentinel));

/** metrics_sample() - a sample of the family. @value: an integer or a real; anything else, JSON's
 * null among it, is no figure and makes no sample. @factor: not 0: the value times this */
void metrics_sample(
	struct metrics_out *out, const char *labels, const json_t *value, double factor);

/** metrics_number() - a sample of a value that is not in the document as such. */
void metrics_number(struct metrics_out *out, const char *labels, double value);

/**
 * metrics_histogram() - a histogram's samples
 * @values: "buckets", one more than @bounds, and "sum"
 * @divisor: bounds and sum by this are in the family's unit
 */
void metrics_histogram(struct metrics_out *out, const char *labels, const json_t *values,
	const json_t *bounds, double divisor);

/* ---- metrics_rows.c ---- */

#define METRICS_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/**
 * struct metrics_member - a member of an object that is a figure
 * @factor: not 0: into a base unit
 */
struct metrics_member {
	const char *key;
	enum metrics_type type;
	const char *name, *unit, *help;
	double factor;
};

/** struct metrics_rows - objects that have the same members, told apart by one label each */
struct metrics_rows {
	const json_t *objects; /* array */
	const char *label;     /* NULL: there is one, without a label */
	const char *key;       /* member that is the label's value */
};

/** metrics_label() - a member as a label's value: "net_tap0" of "net_tap0,iface=hearth0", the digits
 * of a number, else the word. Return: @text */
const char *metrics_label(const json_t *value, char *text, size_t size);

/** metrics_row_labels() - a row's label. @labels: METRICS_LABELS bytes. Return: @labels */
const char *metrics_row_labels(const struct metrics_rows *rows, const json_t *row, char *labels);

/** metrics_put_rows() - a family for each of @members that the first row has. */
void metrics_put_rows(struct metrics_out *out, const struct metrics_rows *rows,
	const struct metrics_member *members, size_t count);

/** metrics_put_object() - the same of a single object, without labels. */
void metrics_put_object(struct metrics_out *out, const json_t *object,
	const struct metrics_member *members, size_t count);

/** metrics_put_words() - one family of an object whose members are all alike: the member's name is
 * the label @family->key. */
void metrics_put_words(
	struct metrics_out *out, const json_t *object, const struct metrics_member *family);

/* ---- the document's parts ---- */

/** metrics_broker() - what there is once: sessions, registry, rings, memory (metrics_broker.c) */
void metrics_broker(struct metrics_out *out, const json_t *status);

/** metrics_ports() - ports and their queues (metrics_broker.c) */
void metrics_ports(struct metrics_out *out, const json_t *status);
