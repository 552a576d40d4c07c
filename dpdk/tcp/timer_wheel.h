/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* timer_wheel.h - one hashed wheel for all timers of a struct tcp, nodes re-filed lazily */
#pragma once

#include "flow_table.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * One level of 8192 slots of 8.192 ms spans 67 s, longer than any timer here lasts (60 s): there is
 * no second level to cascade from, where wheels usually fire late or early. What lies further ahead
 * is filed in the last slot and filed anew from there.
 *
 * Lazy: a timer that moves to a later time, or stops, only changes its own record. Its node stays
 * where it is filed until the wheel comes by. So a message that is sent and acknowledged again and
 * again costs no list operation.
 */
#define WHEEL_TICK_SHIFT 13 /* of microseconds */
#define WHEEL_SLOTS 8192u

static inline uint32_t wheel_tick(uint64_t now)
{
	return (uint32_t)(now >> WHEEL_TICK_SHIFT);
}

/**
 * struct timer_node - lies in the record that it belongs to; all zero: not filed, not armed
 * @at: where its slot holds it: the number of the block (from 1), and in the low four bits which of
 *	its places
 * @due: tick it is due at, while armed
 * @place: slot it is filed in and the two bits below
 * @since: not the wheel's; tick (low bits) since when the timer's owner waits for progress
 */
struct timer_node {
	uint32_t at;
	uint32_t due;
	uint16_t place;
	uint16_t since;
};
_Static_assert(sizeof(struct timer_node) == 12, "part of the 128 bytes of a connection");

#define TIMER_FILED 0x8000
#define TIMER_ARMED 0x4000

/**
 * struct wheel_block - names of nodes that are filed in one slot
 * @next: number of the slot's next block, or of the next free one; 0: there is none
 *
 * A list through the nodes would lead the wheel from one cold line to the next, none of which can
 * be asked for before the one before it has come. By their names they are all asked for ahead.
 */
#define WHEEL_BLOCK 15
struct wheel_block {
	uint32_t next;
	flow_ref refs[WHEEL_BLOCK];
};
_Static_assert(sizeof(struct wheel_block) == 64, "a block is a cache line");

/** struct wheel_slot - the nodes of a tick: the first block has @count of them, the others are
 * full */
struct wheel_slot {
	uint32_t block, count;
};

/**
 * struct timer_wheel
 * @cursor: the tick that is worked on next
 * @filed: nodes in the wheel, stopped ones included
 * @kinds: where the nodes of each flow_kind are: base of the first, bytes from one to the next
 * @free, @fresh: the first free block; blocks that were never used start behind this many
 */
struct timer_wheel {
	uint32_t cursor;
	uint32_t filed;
	struct {
		uint8_t *base;
		uint32_t stride;
	} kinds[4];
	struct wheel_block *blocks;
	uint32_t free, fresh;
	struct wheel_slot slots[WHEEL_SLOTS];
};

/** wheel_blocks() - blocks that @nodes nodes need, however they are spread: each slot may have one
 * that is not full. */
static inline uint64_t wheel_blocks(uint64_t nodes)
{
	return nodes / WHEEL_BLOCK + WHEEL_SLOTS;
}

/** wheel_node() - the node of a record. */
static inline struct timer_node *wheel_node(const struct timer_wheel *wheel, flow_ref ref)
{
	unsigned kind = flow_ref_kind(ref);

	return (struct timer_node *)(wheel->kinds[kind].base +
				     (uint64_t)flow_ref_index(ref) * wheel->kinds[kind].stride);
}

/** wheel_init() - start at @now; @wheel is zeroed, its kinds are set by the caller. @blocks:
 * zeroed, wheel_blocks() of them for all nodes of all kinds. */
void wheel_init(struct timer_wheel *wheel, struct wheel_block *blocks, uint64_t now);

/** timer_arm() - have @ref come out of wheel_pop() once @at (us) has passed; later calls win. */
void timer_arm(struct timer_wheel *wheel, flow_ref ref, uint64_t at);

/** timer_stop() - it will not come out; its node is left for the wheel to find. */
static inline void timer_stop(struct timer_node *node)
{
	node->place &= (uint16_t)~TIMER_ARMED;
}

static inline bool timer_armed(const struct timer_node *node)
{
	return node->place & TIMER_ARMED;
}

/** timer_unlink() - take a node out of the wheel: its record is about to be freed. */
void timer_unlink(struct timer_wheel *wheel, flow_ref ref);

/**
 * wheel_pop() - the next record whose time has come; its timer is stopped and its node unfiled
 * before it is returned, so that the handler may arm it anew
 * @budget: nodes that may still be looked at; counted down
 * Return: 0 when none is due or the budget is used up.
 */
flow_ref wheel_pop(struct timer_wheel *wheel, uint64_t now, unsigned *budget);
