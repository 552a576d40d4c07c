/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stack_drop.h - tables of packets that must be dropped, and each by its name */
#pragma once

#include "stack_fixture.h"

/** struct drop - what to do to a good packet, and the counter that must say so */
struct drop {
	const char *name;
	void (*make)(struct packet *p, const struct drop *row);
	enum stack_counter counter;
	unsigned value, more; /* as @make has it */
	const void *bytes;    /* as @make has it */
};

/* A @make: a good datagram cut to @value bytes. */
static inline void cut(struct packet *p, const struct drop *row)
{
	good_udp(p);
	p->length = row->value;
}

/* @f: not started yet; it is gone afterwards. */
static inline void assert_drops_on(struct fixture *f, const struct drop *rows, size_t count)
{
	f->config.link_count = 2;
	fixture_start(f);
	introduce(f);
	for (const struct drop *row = rows; row < rows + count; row++) {
		uint64_t before = counter(f, row->counter), all = all_drops(f);
		unsigned heard = f->datagrams + f->opened;
		struct packet p = {.length = 0};

		row->make(&p, row);
		deliver(f, &p);
		if (counter(f, row->counter) != before + 1 || all_drops(f) != all + 1)
			fail_msg("%s: not counted, or not once, as %s", row->name,
				stack_counter_info[row->counter].name);
		if (f->links[0].sent_count || f->links[1].sent_count)
			fail_msg("%s: answered", row->name);
		assert_int_equal(f->datagrams + f->opened, heard);
		assert_canary(f);
	}
	fixture_free(f);
}

static inline void assert_drops(const struct drop *rows, size_t count)
{
	assert_drops_on(fixture_make(), rows, count);
}
