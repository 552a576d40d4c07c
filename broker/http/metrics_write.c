/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* metrics_write.c - families and samples as text (OpenMetrics 1.0 section "ABNF") */
#include "http/metrics_write.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Both formats escape these three; what lies below a blank otherwise does not come up here, and
 * would be a break in the line. */
static size_t escape(char *to, size_t room, const char *from)
{
	size_t used = 0;

	for (; *from; from++) {
		const char *as = *from == '\\'   ? "\\\\"
				 : *from == '"'  ? "\\\""
				 : *from == '\n' ? "\\n"
						 : NULL;
		const char plain[2] = {(unsigned char)*from < ' ' ? '?' : *from, '\0'};
		size_t length;

		if (!as)
			as = plain;
		length = strlen(as);
		if (used + length >= room)
			break;
		memcpy(to + used, as, length);
		used += length;
	}
	/* not in the middle of a character */
	while (used && *from && ((unsigned char)*from & 0xc0) == 0x80) {
		from--;
		used--;
	}
	to[used] = '\0';
	return used;
}

void metrics_family(struct metrics_out *out, enum metrics_type type, const char *name,
	const char *unit, const char *help)
{
	static const char *const words[] = {"counter", "gauge", "histogram", "info"};
	const bool plain = out->format == METRICS_PLAIN;
	const char *end = "";
	char text[1024];

	out->type = type;
	snprintf(out->name, sizeof(out->name), "hearth_%s", name);
	/* The older format's families are named as their samples are, and it knows no info. */
	if (plain && (type == METRICS_COUNTER || type == METRICS_INFO))
		end = type == METRICS_COUNTER ? "_total" : "_info";
	fprintf(out->file, "# TYPE %s%s %s\n", out->name, end,
		plain && type == METRICS_INFO ? "gauge" : words[type]);
	if (unit && !plain)
		fprintf(out->file, "# UNIT %s %s\n", out->name, unit);
	if (help) {
		escape(text, sizeof(text), help);
		fprintf(out->file, "# HELP %s%s %s\n", out->name, end, text);
	}
}

const char *metrics_labels(char *text, ...)
{
	size_t used = 0;
	const char *name;
	va_list pairs;

	text[0] = '\0';
	va_start(pairs, text);
	while ((name = va_arg(pairs, const char *))) {
		const char *value = va_arg(pairs, const char *);

		/* a quotation mark and the end must fit behind the value */
		if (used + strlen(name) + 8 > METRICS_LABELS)
			break;
		used += (size_t)snprintf(
			text + used, METRICS_LABELS - used, "%s%s=\"", used ? "," : "", name);
		used += escape(text + used, METRICS_LABELS - used - 2, value ? value : "");
		text[used++] = '"';
		text[used] = '\0';
	}
	va_end(pairs);
	return text;
}

/* The fewest digits that make the same number again. */
static const char *number_text(char *text, size_t size, double number)
{
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, size, "%.*g", digits, number);
		if (strtod(text, NULL) == number)
			break;
	}
	return text;
}

static void put(struct metrics_out *out, const char *end, const char *labels, const char *value)
{
	const bool any = labels && labels[0];

	fprintf(out->file, "%s%s%s%s%s %s\n", out->name, end, any ? "{" : "", any ? labels : "",
		any ? "}" : "", value);
}

static const char *end_of(const struct metrics_out *out)
{
	return out->type == METRICS_COUNTER ? "_total" : out->type == METRICS_INFO ? "_info" : "";
}

void metrics_number(struct metrics_out *out, const char *labels, double value)
{
	char text[48];

	put(out, end_of(out), labels, number_text(text, sizeof(text), value));
}

void metrics_sample(struct metrics_out *out, const char *labels, const json_t *value, double factor)
{
	char text[48];

	if (json_is_boolean(value)) {
		put(out, end_of(out), labels, json_is_true(value) ? "1" : "0");
	} else if (json_is_integer(value) && factor == 0) {
		snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(value));
		put(out, end_of(out), labels, text);
	} else if (json_is_number(value)) {
		metrics_number(out, labels, json_number_value(value) * (factor == 0 ? 1 : factor));
	}
}

void metrics_histogram(struct metrics_out *out, const char *labels, const json_t *values,
	const json_t *bounds, double divisor)
{
	const json_t *buckets = json_object_get(values, "buckets"), *bucket;
	char all[METRICS_LABELS + 48], bound[40], text[48];
	long long below = 0;
	size_t i;

	if (json_array_size(buckets) != json_array_size(bounds) + 1)
		return;
	json_array_foreach(buckets, i, bucket)
	{
		const json_t *at = json_array_get(bounds, i);

		below += json_integer_value(bucket);
		snprintf(all, sizeof(all), "%s%sle=\"%s\"", labels, labels[0] ? "," : "",
			at ? number_text(bound, sizeof(bound), json_number_value(at) / divisor)
			   : "+Inf");
		snprintf(text, sizeof(text), "%lld", below);
		put(out, "_bucket", all, text);
	}
	put(out, "_count", labels, text);
	put(out, "_sum", labels,
		number_text(text, sizeof(text),
			json_number_value(json_object_get(values, "sum")) / divisor));
}
