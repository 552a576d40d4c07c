/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* vector64.h - Base64 (RFC 4648 section 4) of whole AES blocks, by vectors where there are any */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/** Characters for @n bytes. */
#define VECTOR64_LENGTH(n) (((n) + 2) / 3 * 4)

/** vector64_encode() - @length bytes as padded Base64. Return: characters, no NUL. */
uint32_t vector64_encode(char *out, const uint8_t *in, uint32_t length);

/**
 * vector64_decode() - @length characters, padded and canonical
 * @out: room for 3 bytes per 4 characters
 * Return: bytes, or -1 for anything else.
 */
int32_t vector64_decode(uint8_t *out, const char *in, uint32_t length);

/* The same without vectors, for machines without AVX-512 VBMI and for tests. */
uint32_t vector64_encode_plain(char *out, const uint8_t *in, uint32_t length);
int32_t vector64_decode_plain(uint8_t *out, const char *in, uint32_t length);
