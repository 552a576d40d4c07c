/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* flow_table.h - from the hash of a flow to its record, 8 slots to a cache line */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* A record's name: kind in bits 24..25, index in its slab below; 0 names none. */
typedef uint32_t flow_ref;

enum flow_kind { FLOW_NONE, FLOW_CONNECTION, FLOW_EMBRYONIC, FLOW_TIME_WAIT };

#define FLOW_INDEX_BITS 24
#define FLOW_INDEX_MASK ((1u << FLOW_INDEX_BITS) - 1)

static inline flow_ref flow_ref_of(enum flow_kind kind, uint32_t index)
{
	return (uint32_t)kind << FLOW_INDEX_BITS | index;
}

static inline enum flow_kind flow_ref_kind(flow_ref ref)
{
	return (enum flow_kind)(ref >> FLOW_INDEX_BITS);
}

static inline uint32_t flow_ref_index(flow_ref ref)
{
	return ref & FLOW_INDEX_MASK;
}

#define FLOW_LINE_SLOTS 8
/**
 * Lines looked at for one flow; a flow that finds no slot in them is refused. With 10 M flows in
 * 2^24 slots one line in nine is full: of 4 lines all are for one flow in 90,000, of 8 for none.
 * Most searches end with the first, and those that do not where no flow has gone on.
 */
#define FLOW_PROBE_LINES 8

/*
 * A slot: bit 63 belongs to the line, bits 26..62 are the tag (the hash's top 37 bits), bits 24..25
 * the kind (0: the slot is empty), bits 0..23 the index. The eight bits 63 of a line together count
 * the flows that found this line full and live further on: where it is 0 a search ends.
 */
struct flow_line {
	uint64_t slot[FLOW_LINE_SLOTS];
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct flow_line) == 64, "a line of slots is a cache line");

struct flow_table {
	struct flow_line *lines;
	uint32_t mask; /* number of lines - 1 */
	uint32_t used; /* slots in use */
};

/** flow_lines() - lines (a power of two) for @entries flows: at most 3 slots of 4 in use. */
uint32_t flow_lines(uint64_t entries);

/** flow_table_init() - an empty table of @lines zeroed lines. */
void flow_table_init(struct flow_table *table, struct flow_line *lines, uint32_t count);

/** struct flow_probe - a search under way; set .hash, zero the rest */
struct flow_probe {
	uint64_t hash;
	uint8_t line, slot;
};

/**
 * flow_next() - the next record whose tag matches; the caller compares the tuples
 * Return: 0 when there is none (any more).
 */
flow_ref flow_next(const struct flow_table *table, struct flow_probe *probe);

/** flow_first() - the first record in the first line of @hash whose tag matches; 0: none there. */
flow_ref flow_first(const struct flow_table *table, uint64_t hash);

/** flow_prefetch() - bring the first line of @hash near. */
void flow_prefetch(const struct flow_table *table, uint64_t hash);

/** flow_insert() - add a record. Return: false when no slot is free within the probe limit. */
bool flow_insert(struct flow_table *table, uint64_t hash, flow_ref ref);

/** flow_replace() - the record is now @with: same slot. Return: false if @ref is not there. */
bool flow_replace(struct flow_table *table, uint64_t hash, flow_ref ref, flow_ref with);

/** flow_remove() - forget a record. Return: false if @ref is not there. */
bool flow_remove(struct flow_table *table, uint64_t hash, flow_ref ref);
