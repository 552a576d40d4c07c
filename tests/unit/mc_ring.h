/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_ring.h - a ring that is filled until nothing fits, and read empty again */
#pragma once

#include "mc_host.h"

/* Fill the ring until not even a life-cycle event fits; the filling is a device of its own. */
static inline void fill_ring_only(struct world *w, bool reserve_too)
{
	static const uint8_t padding[8192];
	struct hearth_record record;
	enum feed_class class = FEED_REQUEST;

	for (uint32_t bytes = sizeof(padding); bytes; bytes /= 2) {
		do {
			record = (struct hearth_record){.event = HEARTH_ALERT,
				.protocol = HEARTH_MC,
				.device_length = 6,
				.payload_length = bytes};
		} while (!feed_write(w->host.feed, class, &record, "filler", NULL, padding));
		if (bytes == 1 && reserve_too && class == FEED_REQUEST) {
			class = FEED_LIFECYCLE;
			bytes = 2 * sizeof(padding);
		}
	}
}

/* ... seen by readers, with a turn of the world. */
static inline void fill_ring(struct world *w, bool reserve_too)
{
	fill_ring_only(w, reserve_too);
	world_turn(w);
}

/* Read everything that fills the ring; the first other event stays for the next reading. */
static inline void drain_ring(struct world *w)
{
	struct hearth_item item;
	unsigned filler = 0;

	while (hearth_feed_next(w->reader, &item) == 1) {
		assert_memory_equal(item.device, "filler", 6);
		filler++;
	}
	assert_true(filler > 0);
	hearth_feed_commit(w->reader);
}
