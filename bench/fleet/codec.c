/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* codec.c - Mc frames by mbedTLS and jansson: nothing of the broker's (Q/CT X-2017 section 5.2) */
#include "fleet.h"

#include <errno.h>
#include <mbedtls/aes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define BLOCK 16

static size_t encrypt(unsigned char *out, size_t size, const char *key, const char *iv,
	const char *plain, size_t length)
{
	size_t padded = length + BLOCK - length % BLOCK;
	unsigned char vector[BLOCK];
	mbedtls_aes_context aes;
	int error;

	if (padded > size)
		return 0;
	memcpy(out, plain, length);
	memset(out + length, (int)(padded - length), padded - length);
	memcpy(vector, iv, BLOCK);
	mbedtls_aes_init(&aes);
	error = mbedtls_aes_setkey_enc(&aes, (const unsigned char *)key, 128);
	if (!error)
		error = mbedtls_aes_crypt_cbc(&aes, MBEDTLS_AES_ENCRYPT, padded, vector, out, out);
	mbedtls_aes_free(&aes);
	return error ? 0 : padded;
}

size_t frame_encode(char *out, size_t size, unsigned code, const char *key, const char *iv,
	const char *name, const char *value, const char *plain, bool escape)
{
	static unsigned char secret[FRAME_MAX];
	static char text[2 * FRAME_MAX];
	size_t bytes, characters, at, i;
	int head;

	bytes = encrypt(secret, sizeof(secret), key, iv, plain, strlen(plain));
	if (!bytes)
		return 0;
	characters = base64_encode(text, secret, bytes);
	head = snprintf(out, size, "CTS{\"code\":%u,\"%s\":\"%s\",\"data\":\"", code, name, value);
	/* Each character may become two; the end is five bytes. */
	if (head < 0 || (size_t)head + 2 * characters + 5 > size)
		return 0;
	at = (size_t)head;
	if (!escape) {
		memcpy(out + at, text, characters);
		at += characters;
	}
	for (i = 0; escape && i < characters; i++) {
		if (text[i] == '/')
			out[at++] = '\\';
		out[at++] = text[i];
	}
	memcpy(out + at, "\"}\r\n", 4);
	return at + 4;
}

int frame_open(const char *frame, size_t length, unsigned *code, char **data)
{
	const json_t *number, *string;
	json_error_t error;
	json_t *envelope;
	int wrong = 0;

	*data = NULL;
	if (length < 7 || memcmp(frame, "CTS{", 4) || memcmp(frame + length - 3, "}\r\n", 3) ||
		memchr(frame, '\r', length - 2) || memchr(frame, '\n', length - 2))
		return BAD_FRAME + 1;
	envelope = json_loadb(frame + 3, length - 5, JSON_REJECT_DUPLICATES, &error);
	number = json_object_get(envelope, "code");
	string = json_object_get(envelope, "data");
	if (json_object_size(envelope) != 2 || !json_is_integer(number) ||
		!json_is_string(string) || json_integer_value(number) < 0 ||
		json_integer_value(number) > UINT16_MAX) {
		wrong = BAD_ENVELOPE + 1;
	} else {
		*code = (unsigned)json_integer_value(number);
		*data = strdup(json_string_value(string));
		if (!*data)
			wrong = BAD_ENVELOPE + 1;
	}
	json_decref(envelope);
	return wrong;
}

json_t *frame_decrypt(const char *data, const char *key, const char *iv, enum deviation *deviation)
{
	static unsigned char plain[FRAME_MAX];
	unsigned char vector[BLOCK];
	mbedtls_aes_context aes;
	json_error_t ignored;
	size_t bytes, padding, i;
	json_t *object;
	int error;

	*deviation = BAD_BASE64;
	bytes = base64_decode(plain, sizeof(plain), data, strlen(data));
	if (bytes == 0 || bytes % BLOCK)
		return NULL;
	*deviation = BAD_KEY;
	memcpy(vector, iv, BLOCK);
	mbedtls_aes_init(&aes);
	error = mbedtls_aes_setkey_dec(&aes, (const unsigned char *)key, 128);
	if (!error)
		error = mbedtls_aes_crypt_cbc(
			&aes, MBEDTLS_AES_DECRYPT, bytes, vector, plain, plain);
	mbedtls_aes_free(&aes);
	padding = plain[bytes - 1];
	if (error || padding < 1 || padding > BLOCK)
		return NULL;
	for (i = 0; i < padding; i++) {
		if (plain[bytes - 1 - i] != padding)
			return NULL;
	}
	object = json_loadb((const char *)plain, bytes - padding, JSON_REJECT_DUPLICATES, &ignored);
	if (!json_is_object(object)) {
		json_decref(object);
		return NULL;
	}
	return object;
}

int codec_random(void *out, size_t length)
{
	char *at = out;

	while (length > 0) {
		ssize_t got = getrandom(at, length, 0);

		if (got < 0)
			return -errno;
		at += got;
		length -= (size_t)got;
	}
	return 0;
}
