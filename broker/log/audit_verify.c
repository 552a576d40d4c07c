/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* audit_verify.c - does each line of an audit log follow the one before? */
#include "log/audit.h"

#include <errno.h>
#include <inttypes.h>
#include <mbedtls/sha256.h>
#include <stdlib.h>
#include <string.h>

#define HASH_BYTES 32
/* ,"hash":"..."} and ,"prev":"..." as they stand at the end of each line */
#define HASH_TAIL (10 + AUDIT_HASH_CHARS)
#define PREV_TAIL (10 + AUDIT_HASH_CHARS)

void audit_hash(const char *prev, const char *record, size_t length, char *hash)
{
	mbedtls_sha256_context context;
	unsigned char bytes[HASH_BYTES];

	mbedtls_sha256_init(&context);
	mbedtls_sha256_starts_ret(&context, 0);
	mbedtls_sha256_update_ret(&context, (const unsigned char *)prev, AUDIT_HASH_CHARS);
	mbedtls_sha256_update_ret(&context, (const unsigned char *)record, length);
	mbedtls_sha256_finish_ret(&context, bytes);
	mbedtls_sha256_free(&context);
	for (unsigned i = 0; i < HASH_BYTES; i++)
		snprintf(hash + 2 * i, 3, "%02x", bytes[i]);
}

/* NAME":"<64 digits>" at @text */
static bool take_hash(const char *text, const char *name, char *hash)
{
	size_t length = strlen(name);

	if (memcmp(text, name, length) || text[length + AUDIT_HASH_CHARS] != '"')
		return false;
	memcpy(hash, text + length, AUDIT_HASH_CHARS);
	hash[AUDIT_HASH_CHARS] = '\0';
	return strspn(hash, "0123456789abcdef") == AUDIT_HASH_CHARS;
}

bool audit_parse(const char *text, size_t length, struct audit_line *line)
{
	json_t *object, *n;
	bool good;

	if (length < HASH_TAIL + PREV_TAIL + 2 || length >= AUDIT_LINE_MAX ||
		text[length - 1] != '}')
		return false;
	line->record = length - HASH_TAIL - 1;
	if (!take_hash(text + line->record, ",\"hash\":\"", line->hash) ||
		!take_hash(text + line->record - PREV_TAIL, ",\"prev\":\"", line->prev))
		return false;
	object = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
	n = json_object_get(object, "n");
	good = json_is_integer(n) && json_integer_value(n) > 0;
	line->n = good ? (uint64_t)json_integer_value(n) : 0;
	json_decref(object);
	return good;
}

static void wrong(struct audit_verdict *verdict, const char *why)
{
	verdict->wrong = verdict->lines + 1;
	snprintf(verdict->why, sizeof(verdict->why), "%s", why);
}

/* Return: is it good, and does it follow those before? */
static bool follows(
	struct audit_verdict *verdict, const char *text, size_t length, const char *from)
{
	char hash[AUDIT_HASH_CHARS + 1];
	struct audit_line line;

	if (!audit_parse(text, length, &line)) {
		wrong(verdict, "it is no line of an audit log, or was changed");
		return false;
	}
	audit_hash(line.prev, text, line.record, hash);
	if (strcmp(hash, line.hash)) {
		wrong(verdict, "it was changed: its hash is another");
		return false;
	}
	if (!verdict->lines) {
		if (from && strcmp(from, line.prev)) {
			wrong(verdict, "it does not follow the line whose hash was given: lines "
				       "before it are missing, or that is another log's");
			return false;
		}
		verdict->first_n = line.n;
		strcpy(verdict->before, line.prev);
	} else if (strcmp(verdict->head, line.prev) || line.n != verdict->last_n + 1) {
		wrong(verdict, "it does not follow the line above it: lines were taken out, put "
			       "in, changed or moved there");
		return false;
	}
	verdict->last_n = line.n;
	strcpy(verdict->head, line.hash);
	verdict->lines++;
	return true;
}

int audit_verify(FILE *in, const char *from, struct audit_verdict *verdict)
{
	char *text = NULL;
	size_t room = 0;
	ssize_t length;
	int rc;

	*verdict = (struct audit_verdict){0};
	errno = 0;
	while ((length = getline(&text, &room, in)) > 0) {
		if (text[length - 1] != '\n') {
			wrong(verdict, "it was cut off");
			break;
		}
		text[length - 1] = '\0';
		if (!follows(verdict, text, (size_t)length - 1, from))
			break;
	}
	rc = ferror(in) ? (errno ? -errno : -EIO) : 0;
	free(text);
	return rc;
}
