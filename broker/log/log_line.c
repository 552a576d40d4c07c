/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* log_line.c - a log line's text: whatever a peer chose can forge nothing in it */
#include "log/log_private.h"

#include <stdio.h>
#include <string.h>

/* The character at @text. Return: its bytes; 0: it is not well-formed UTF-8 (RFC 3629). */
static unsigned decode(const unsigned char *text, uint32_t *character)
{
	const unsigned char first = text[0];
	unsigned more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};

	*character = first;
	if (first < 0x80)
		return 1;
	if (!more || first > 0xf4)
		return 0;
	*character = first & (0x3f >> more);
	for (unsigned i = 1; i <= more; i++) {
		if ((text[i] & 0xc0) != 0x80) /* the NUL, too */
			return 0;
		*character = *character << 6 | (text[i] & 0x3f);
	}
	if (*character < least[more] || *character > 0x10ffff ||
		(*character >= 0xd800 && *character < 0xe000))
		return 0;
	return more + 1;
}

/* Moves a cursor, breaks a line or reorders what is shown beside it. */
static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
	       (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

/* One character of anybody's, escaped where it must be. Return: bytes taken of @text. */
static unsigned escape(const unsigned char *text, char out[20], unsigned *length)
{
	uint32_t character;
	unsigned bytes = decode(text, &character);

	if (bytes && !is_control(character)) {
		memcpy(out, text, bytes);
		*length = bytes;
		return bytes;
	}
	bytes = bytes ? bytes : 1;
	for (unsigned i = 0; i < bytes; i++)
		snprintf(out + 4 * i, 5, "\\x%02x", text[i]);
	*length = 4 * bytes;
	return bytes;
}

size_t log_escape(char *to, size_t room, const char *text)
{
	const unsigned char *from = (const unsigned char *)text;
	unsigned length;
	size_t used = 0;
	char out[20];

	while (room && *from) {
		from += escape(from, out, &length);
		if (used + length >= room)
			break;
		memcpy(to + used, out, length);
		used += length;
	}
	if (room)
		to[used] = '\0';
	return used;
}

void log_put(struct log_line *line, const char *text)
{
	size_t length = strlen(text);

	if (line->used + length + 1 > sizeof(line->text))
		return;
	memcpy(line->text + line->used, text, length);
	line->used += length;
}

void log_put_text(struct log_line *line, const char *text, size_t most)
{
	const unsigned char *from = (const unsigned char *)text;
	char out[20], quoted[48];
	unsigned length, used;
	size_t put = 0;

	while (*from) {
		from += escape(from, out, &length);
		used = 0;
		for (unsigned i = 0; i < length; i++) {
			if (line->json && (out[i] == '"' || out[i] == '\\'))
				quoted[used++] = '\\';
			quoted[used++] = out[i];
		}
		quoted[used] = '\0';
		put += used;
		if (put > most) {
			log_put(line, "...");
			return;
		}
		log_put(line, quoted);
	}
}

void log_line_end(struct log_line *line)
{
	line->text[line->used++] = '\n';
}
