/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* order.c - an order as if drawn (Black, Rogaway 2002: ciphers with arbitrary finite domains) */
#include "order.h"

#include <stdlib.h>

void order_init(struct order *order, uint32_t count, bool random)
{
	*order = (struct order){.count = count, .random = random, .half_bits = 1};
	while ((1ull << 2 * order->half_bits) < count)
		order->half_bits++;
}

static uint32_t scramble(const struct order *order, uint32_t place)
{
	const uint32_t mask = (1u << order->half_bits) - 1;
	uint32_t left = place >> order->half_bits, right = place & mask;

	for (uint32_t round = 1; round <= 4; round++) {
		uint64_t f = (right + round * 0x9e3779b9ull) * 0xbf58476d1ce4e5b9;
		uint32_t next = left ^ ((uint32_t)(f >> 32) & mask);

		left = right;
		right = next;
	}
	return left << order->half_bits | right;
}

uint32_t order_at(const struct order *order, uint32_t place)
{
	if (!order->random)
		return place;
	do
		place = scramble(order, place);
	while (place >= order->count);
	return place;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct figure figure_of(double *values, unsigned count)
{
	qsort(values, count, sizeof(values[0]), by_value);
	return (struct figure){.median = values[count / 2], .least = values[0]};
}
