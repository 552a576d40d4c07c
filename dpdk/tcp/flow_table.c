/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* flow_table.c - from the hash of a flow to its record, 8 slots to a cache line */

#include "flow_table.h"

#include "prefetch.h"

#include <stddef.h>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

#define SLOT_LINE_BIT (1ull << 63)
#define SLOT_REF_MASK ((1ull << (FLOW_INDEX_BITS + 2)) - 1)
#define SLOT_KIND_MASK (3ull << FLOW_INDEX_BITS)
#define SLOT_TAG_MASK (~SLOT_LINE_BIT & ~SLOT_REF_MASK)
/* A line's count of passers-by stays here once it has come here: it can no longer be trusted. */
#define PASSED_MAX ((1u << FLOW_LINE_SLOTS) - 1)

uint32_t flow_lines(uint64_t entries)
{
	uint64_t slots = entries + entries / 3 + 1;
	uint32_t lines = FLOW_PROBE_LINES;

	while ((uint64_t)lines * FLOW_LINE_SLOTS < slots)
		lines *= 2;
	return lines;
}

void flow_table_init(struct flow_table *table, struct flow_line *lines, uint32_t count)
{
	table->lines = lines;
	table->mask = count - 1;
	table->used = 0;
}

static uint64_t flow_tag(uint64_t hash)
{
	return (hash >> 1) & SLOT_TAG_MASK;
}

/*
 * The @probe-th line of a flow. Double hashing: a neighbouring line is likely to be as full as this
 * one, a far one is not. The step is odd, so the lines are distinct.
 */
static struct flow_line *flow_line_of(const struct flow_table *table, uint64_t hash, unsigned probe)
{
	uint32_t step = (uint32_t)(hash >> 32) | 1;

	return &table->lines[((uint32_t)hash + probe * step) & table->mask];
}

static unsigned line_passed(const struct flow_line *line)
{
	unsigned passed = 0;

	for (unsigned i = 0; i < FLOW_LINE_SLOTS; i++)
		passed |= (unsigned)(line->slot[i] >> 63) << i;
	return passed;
}

static void line_set_passed(struct flow_line *line, unsigned passed)
{
	for (unsigned i = 0; i < FLOW_LINE_SLOTS; i++)
		line->slot[i] = (line->slot[i] & ~SLOT_LINE_BIT) | (uint64_t)(passed >> i & 1)
									   << 63;
}

void flow_prefetch(const struct flow_table *table, uint64_t hash)
{
	prefetch_to_read(flow_line_of(table, hash, 0));
}

flow_ref flow_first(const struct flow_table *table, uint64_t hash)
{
	const struct flow_line *line = flow_line_of(table, hash, 0);
	uint64_t tag = flow_tag(hash);

#ifdef __AVX512F__
	__m512i slots = _mm512_load_si512(line->slot);
	__mmask8 tags = _mm512_cmpeq_epi64_mask(
		_mm512_and_si512(slots, _mm512_set1_epi64((long long)SLOT_TAG_MASK)),
		_mm512_set1_epi64((long long)tag));
	__mmask8 used = _mm512_test_epi64_mask(slots, _mm512_set1_epi64(SLOT_KIND_MASK));
	unsigned match = _cvtmask8_u32(tags & used);

	return match ? (flow_ref)(line->slot[__builtin_ctz(match)] & SLOT_REF_MASK) : 0;
#else
	for (unsigned i = 0; i < FLOW_LINE_SLOTS; i++)
		if ((line->slot[i] & SLOT_TAG_MASK) == tag && line->slot[i] & SLOT_KIND_MASK)
			return (flow_ref)(line->slot[i] & SLOT_REF_MASK);
	return 0;
#endif
}

flow_ref flow_next(const struct flow_table *table, struct flow_probe *probe)
{
	uint64_t tag = flow_tag(probe->hash);

	for (; probe->line < FLOW_PROBE_LINES; probe->line++, probe->slot = 0) {
		const struct flow_line *line = flow_line_of(table, probe->hash, probe->line);

		while (probe->slot < FLOW_LINE_SLOTS) {
			uint64_t slot = line->slot[probe->slot++];
			flow_ref ref = slot & SLOT_REF_MASK;

			if ((slot & SLOT_TAG_MASK) == tag && flow_ref_kind(ref) != FLOW_NONE)
				return ref;
		}
		if (!line_passed(line))
			break;
	}
	probe->line = FLOW_PROBE_LINES;
	return 0;
}

static uint64_t *line_free_slot(struct flow_line *line)
{
	for (unsigned i = 0; i < FLOW_LINE_SLOTS; i++)
		if (flow_ref_kind(line->slot[i] & SLOT_REF_MASK) == FLOW_NONE)
			return &line->slot[i];
	return NULL;
}

bool flow_insert(struct flow_table *table, uint64_t hash, flow_ref ref)
{
	uint64_t *slot = NULL;
	unsigned probe;

	for (probe = 0; probe < FLOW_PROBE_LINES; probe++) {
		slot = line_free_slot(flow_line_of(table, hash, probe));
		if (slot)
			break;
	}
	if (!slot)
		return false;
	*slot = (*slot & SLOT_LINE_BIT) | flow_tag(hash) | ref;
	table->used++;
	while (probe-- > 0) {
		struct flow_line *line = flow_line_of(table, hash, probe);
		unsigned passed = line_passed(line);

		if (passed < PASSED_MAX)
			line_set_passed(line, passed + 1);
	}
	return true;
}

/* The slot of @ref and, in @probe, the number of lines passed on the way to it. */
static uint64_t *flow_slot(
	const struct flow_table *table, uint64_t hash, flow_ref ref, unsigned *probe)
{
	uint64_t wanted = flow_tag(hash) | ref;

	for (*probe = 0; *probe < FLOW_PROBE_LINES; (*probe)++) {
		struct flow_line *line = flow_line_of(table, hash, *probe);

		for (unsigned i = 0; i < FLOW_LINE_SLOTS; i++)
			if ((line->slot[i] & ~SLOT_LINE_BIT) == wanted)
				return &line->slot[i];
	}
	return NULL;
}

bool flow_replace(struct flow_table *table, uint64_t hash, flow_ref ref, flow_ref with)
{
	unsigned probe;
	uint64_t *slot = flow_slot(table, hash, ref, &probe);

	if (!slot)
		return false;
	*slot = (*slot & ~SLOT_REF_MASK) | with;
	return true;
}

bool flow_remove(struct flow_table *table, uint64_t hash, flow_ref ref)
{
	unsigned probe;
	uint64_t *slot = flow_slot(table, hash, ref, &probe);

	if (!slot)
		return false;
	*slot &= SLOT_LINE_BIT;
	table->used--;
	while (probe-- > 0) {
		struct flow_line *line = flow_line_of(table, hash, probe);
		unsigned passed = line_passed(line);

		if (passed < PASSED_MAX)
			line_set_passed(line, passed - 1);
	}
	return true;
}
