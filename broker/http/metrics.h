/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* metrics.h - the status document as metrics: OpenMetrics, or Prometheus' own older text */
#pragma once

#include <jansson.h>
#include <stddef.h>

/** enum metrics_format - OpenMetrics 1.0, or the text format 0.0.4 that anything can read */
enum metrics_format { METRICS_OPENMETRICS, METRICS_PLAIN };

/**
 * metrics_text() - every figure of a status document, in OpenMetrics 1.0
 * @status: what the verb status answered with "help": true; it is only read
 * @length: receives the text's length
 *
 * A pure function: nothing but @status is looked at, and the same document makes the same text.
 * Families and samples stand in the document's order. Names begin with hearth_, units are base
 * units, no label has a value that a peer chooses.
 * Return: the text, NUL-terminated, to be freed by the caller; NULL without memory.
 */
char *metrics_text(const json_t *status, size_t *length);

/** metrics_text_in() - the same in @format. */
char *metrics_text_in(const json_t *status, enum metrics_format format, size_t *length);

/** metrics_format_of() - which one a client takes. @accept: its Accept header, may be NULL. */
enum metrics_format metrics_format_of(const char *accept);

/** metrics_content_type() - the Content-Type of a text in @format. */
const char *metrics_content_type(enum metrics_format format);
