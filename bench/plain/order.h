/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* order.h - in which order devices speak, and what is said of many measurements */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/**
 * struct order - every number below @count once, in an order as if it were drawn
 *
 * A Feistel network over the next power of 4, walked until it hits: nothing is kept in memory.
 */
struct order {
	uint32_t count;
	unsigned half_bits;
	bool random;
};

/** order_init() - @random: false: 0, 1, 2, ... @count: 1..2^30. */
void order_init(struct order *order, uint32_t count, bool random);

/** order_at() - who is the @place-th; @place below the count. */
uint32_t order_at(const struct order *order, uint32_t place);

/** struct figure - the middle and the least of measurements */
struct figure {
	double median, least;
};

/** figure_of() - @values are sorted; @count is at least 1. */
struct figure figure_of(double *values, unsigned count);
