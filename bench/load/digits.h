/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* digits.h - decimal digits without a division each */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/** digits8() - eight digits of a number below 100,000,000, in the order of memory. */
static inline uint64_t digits8(uint32_t number)
{
	uint64_t fours = number / 10000 | (uint64_t)(number % 10000) << 32;
	uint64_t hundreds = fours * 10486 >> 20 & 0x0000007f0000007full;
	uint64_t twos = hundreds | (fours - 100 * hundreds) << 16;
	uint64_t tens = twos * 103 >> 10 & 0x000f000f000f000full;

	return (tens | (twos - 10 * tens) << 8) | 0x3030303030303030ull;
}

/** digits16() - sixteen digits, with leading zeros. */
static inline void digits16(char out[16], uint64_t number)
{
	uint64_t high = digits8((uint32_t)(number / 100000000)),
		 low = digits8((uint32_t)(number % 100000000));

	memcpy(out, &high, 8);
	memcpy(out + 8, &low, 8);
}

/** digits_short() - a 16-bit number without leading zeros; writes 8 bytes. Return: digits, 1..5. */
static inline unsigned digits_short(char out[8], uint16_t number)
{
	uint64_t eight = digits8(number);
	unsigned length = 1 + (number > 9) + (number > 99) + (number > 999) + (number > 9999);

	eight >>= 8 * (8 - length);
	memcpy(out, &eight, 8);
	return length;
}

/** digits_read() - @count digits as a number. Return: false if one of them is none. */
static inline bool digits_read(const char *in, unsigned count, uint64_t *number)
{
	unsigned bad = 0;

	*number = 0;
	for (unsigned i = 0; i < count; i++) {
		unsigned digit = (unsigned char)in[i] - (unsigned)'0';

		bad |= digit > 9;
		*number = *number * 10 + digit;
	}
	return !bad;
}
