/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* rate_limit.h - a token bucket in one word (the generic cell rate algorithm) */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/** struct rate_limit - zeroed: full */
struct rate_limit {
	uint64_t spent_until; /* microseconds: when the bucket would be full again */
};

/**
 * rate_limit_take() - may one more thing happen now?
 * @interval: microseconds between two in the long run
 * @burst: how many at once after a pause, at least 1
 */
static inline bool rate_limit_take(
	struct rate_limit *limit, uint64_t now, uint64_t interval, uint64_t burst)
{
	uint64_t from = limit->spent_until > now ? limit->spent_until : now;

	if (from - now > (burst - 1) * interval)
		return false;
	limit->spent_until = from + interval;
	return true;
}
