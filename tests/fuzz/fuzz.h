/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* fuzz.h - what the fuzz targets share: reading the input, failing loudly */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** require() - an oracle's verdict: what must hold whatever the input is */
#define require(condition, ...)                                                                    \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);            \
			fprintf(stderr, __VA_ARGS__);                                              \
			fputc('\n', stderr);                                                       \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/** struct input - the rest of the fuzzer's bytes */
struct input {
	const uint8_t *data;
	size_t left;
};

/* The next byte; 0 at the end. */
static inline uint8_t take8(struct input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->data++;
}

static inline uint16_t take16(struct input *input)
{
	uint16_t high = take8(input);

	return (uint16_t)(high << 8 | take8(input));
}

static inline uint32_t take32(struct input *input)
{
	uint32_t high = take16(input);

	return high << 16 | take16(input);
}

/* Up to @length bytes, where they lie; @length becomes how many there are. */
static inline const uint8_t *take_bytes(struct input *input, size_t *length)
{
	const uint8_t *data = input->data;

	if (*length > input->left)
		*length = input->left;
	input->data += *length;
	input->left -= *length;
	return data;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
