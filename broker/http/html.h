/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* html.h - a document being written; what comes from outside is escaped */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/** struct html - @failed: there was no memory, and what is written is dropped */
struct html {
	char *bytes;
	size_t used, size;
	bool failed;
};

/** html_raw() - markup of ours */
void html_raw(struct html *html, const char *markup);

/** html_text() - any text, escaped for content and for an attribute's value in quotes; NULL: "" */
void html_text(struct html *html, const char *text);

/** html_format() - printf(), then as html_text() */
void html_format(struct html *html, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** html_words() - a text of ours in which the first %s stands for @value, as html_text() */
void html_words(struct html *html, const char *words, const char *value);

/** html_url() - any text as a part of an address */
void html_url(struct html *html, const char *text);

/** html_count() - a whole number with its digits in groups: 1,234,567 */
void html_count(struct html *html, double number);

/** html_bytes() - 1.5 MiB */
void html_bytes(struct html *html, double bytes);

/** html_free() */
void html_free(struct html *html);
