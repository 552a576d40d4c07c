/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* lossy.c - frames lost on purpose, by a seed */
#include "lossy.h"

static int loses(struct lossy *lossy)
{
	lossy->random ^= lossy->random >> 12;
	lossy->random ^= lossy->random << 25;
	lossy->random ^= lossy->random >> 27;
	return lossy->random * 2685821657736338717ull >> 32 < lossy->threshold;
}

static unsigned lossy_receive(struct link *link, struct frame *frames, unsigned max)
{
	struct lossy *lossy = (struct lossy *)link;
	unsigned came = lossy->below->receive(lossy->below, frames, max), count = 0;

	for (unsigned i = 0; i < came; i++) {
		if (loses(lossy))
			lossy->lost_in++;
		else
			frames[count++] = frames[i];
	}
	/* Where all are lost nobody releases them. */
	if (came > 0 && count == 0)
		lossy->below->release(lossy->below);
	return count;
}

static void lossy_release(struct link *link)
{
	struct lossy *lossy = (struct lossy *)link;

	lossy->below->release(lossy->below);
}

static unsigned lossy_reserve(struct link *link, struct frame *frames, unsigned count)
{
	struct lossy *lossy = (struct lossy *)link;

	return lossy->below->reserve(lossy->below, frames, count);
}

static unsigned lossy_send(struct link *link, struct frame *frames, unsigned count)
{
	struct lossy *lossy = (struct lossy *)link;
	unsigned lost = 0;

	for (unsigned i = 0; i < count; i++) {
		if (frames[i].length > 0 && loses(lossy)) {
			frames[i].length = 0;
			lost++;
		}
	}
	lossy->lost_out += lost;
	/* As far as the stack can tell they have left. */
	return lossy->below->send(lossy->below, frames, count) + lost;
}

struct link *lossy_link(struct lossy *lossy, struct link *below, double share, uint64_t seed)
{
	if (share <= 0)
		return below;
	*lossy = (struct lossy){.link = *below, .below = below};
	lossy->threshold = share >= 1 ? UINT32_MAX : (uint32_t)(share * 4294967296.0);
	lossy->random = seed * 2 + 0x9e3779b97f4a7c15ull;
	lossy->random |= lossy->random == 0;
	lossy->link.receive = lossy_receive;
	lossy->link.release = lossy_release;
	lossy->link.reserve = lossy_reserve;
	lossy->link.send = lossy_send;
	return &lossy->link;
}
