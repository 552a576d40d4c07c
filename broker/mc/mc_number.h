/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_number.h - numbers in decimal, two digits a step */
#pragma once

#include <stdint.h>
#include <string.h>

#define MC_DIGITS_MAX 10 /* of 32 bits */

/** mc_digits() - how many digits a number has. */
static inline unsigned mc_digits(uint32_t number)
{
	return 1u + (number > 9) + (number > 99) + (number > 999) + (number > 9999) +
	       (number > 99999) + (number > 999999) + (number > 9999999) + (number > 99999999) +
	       (number > 999999999);
}

/** mc_put_number() - write a number's digits. Return: what follows them. */
static inline uint8_t *mc_put_number(uint8_t *at, uint32_t number)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324"
				    "25262728293031323334353637383940414243444546474849"
				    "50515253545556575859606162636465666768697071727374"
				    "75767778798081828384858687888990919293949596979899";
	uint8_t *end = at + mc_digits(number), *to = end;

	for (; number >= 100; number /= 100) {
		to -= 2;
		memcpy(to, pairs + number % 100 * 2, 2);
	}
	if (number >= 10)
		memcpy(at, pairs + number * 2, 2);
	else
		*at = (uint8_t)('0' + number);
	return end;
}
