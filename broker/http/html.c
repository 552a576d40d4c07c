/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* html.c - a document being written */
#include "http/html.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES 16384

static void append(struct html *html, const char *bytes, size_t length)
{
	size_t size = html->size ? html->size : FIRST_BYTES;
	char *more;

	if (html->failed)
		return;
	while (size - html->used <= length)
		size *= 2;
	if (size != html->size) {
		more = realloc(html->bytes, size);
		if (!more) {
			html->failed = true;
			return;
		}
		html->bytes = more;
		html->size = size;
	}
	memcpy(html->bytes + html->used, bytes, length);
	html->used += length;
	html->bytes[html->used] = '\0';
}

void html_raw(struct html *html, const char *markup)
{
	append(html, markup, strlen(markup));
}

static void text_of(struct html *html, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		switch (text[i]) {
		case '<':
			html_raw(html, "&lt;");
			break;
		case '>':
			html_raw(html, "&gt;");
			break;
		case '&':
			html_raw(html, "&amp;");
			break;
		case '"':
			html_raw(html, "&quot;");
			break;
		case '\'':
			html_raw(html, "&#39;");
			break;
		default:
			/* no control character belongs into a document */
			if ((unsigned char)text[i] < 0x20 && text[i] != '\n' && text[i] != '\t')
				html_raw(html, "\xef\xbf\xbd");
			else
				append(html, text + i, 1);
		}
	}
}

void html_text(struct html *html, const char *text)
{
	if (text)
		text_of(html, text, strlen(text));
}

void html_format(struct html *html, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	html_text(html, text);
}

void html_words(struct html *html, const char *words, const char *value)
{
	const char *place = strstr(words, "%s");

	if (!place) {
		html_text(html, words);
		return;
	}
	text_of(html, words, (size_t)(place - words));
	html_text(html, value);
	html_text(html, place + 2);
}

void html_url(struct html *html, const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~";
	char escaped[4];

	for (; *text; text++) {
		if (strchr(plain, *text)) {
			append(html, text, 1);
			continue;
		}
		snprintf(escaped, sizeof(escaped), "%%%02X", (unsigned char)*text);
		html_raw(html, escaped);
	}
}

void html_count(struct html *html, double number)
{
	char digits[64];
	int length = snprintf(digits, sizeof(digits), "%.0f", number);

	for (int i = 0; i < length; i++) {
		append(html, digits + i, 1);
		if (digits[i] != '-' && i + 1 < length && (length - i - 1) % 3 == 0)
			append(html, ",", 1);
	}
}

void html_bytes(struct html *html, double bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	unsigned unit = 0;

	for (; fabs(bytes) >= 1024 && unit < 4; unit++)
		bytes /= 1024;
	html_format(html, unit && bytes < 100 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

void html_free(struct html *html)
{
	free(html->bytes);
	*html = (struct html){0};
}
