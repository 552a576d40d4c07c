/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* timer_wheel.c - one hashed wheel for all timers of a struct tcp, nodes re-filed lazily */

#include "timer_wheel.h"

#include "prefetch.h"

#define SLOT_MASK (WHEEL_SLOTS - 1)

/* Empty slots that one call walks over at most: a whole turn of the wheel finds every node. */
#define WALK_MAX WHEEL_SLOTS

/* Nodes ahead of the one that comes out that are asked for. */
#define NEAR_AHEAD 8

void wheel_init(struct timer_wheel *wheel, struct wheel_block *blocks, uint64_t now)
{
	wheel->blocks = blocks;
	wheel->cursor = wheel_tick(now);
}

static struct wheel_block *block_at(const struct timer_wheel *wheel, uint32_t number)
{
	return &wheel->blocks[number - 1];
}

static uint32_t block_get(struct timer_wheel *wheel)
{
	uint32_t number = wheel->free;

	if (!number)
		return ++wheel->fresh;
	wheel->free = block_at(wheel, number)->next;
	return number;
}

static void slot_push(struct timer_wheel *wheel, struct wheel_slot *slot, flow_ref ref)
{
	if (!slot->block || slot->count == WHEEL_BLOCK) {
		uint32_t number = block_get(wheel);

		block_at(wheel, number)->next = slot->block;
		*slot = (struct wheel_slot){.block = number};
	}
	block_at(wheel, slot->block)->refs[slot->count] = ref;
	wheel_node(wheel, ref)->at = slot->block << 4 | slot->count;
	slot->count++;
}

/* The last of a slot that has some. */
static flow_ref slot_last(const struct timer_wheel *wheel, const struct wheel_slot *slot)
{
	return block_at(wheel, slot->block)->refs[slot->count - 1];
}

static void slot_drop_last(struct timer_wheel *wheel, struct wheel_slot *slot)
{
	uint32_t number = slot->block;
	struct wheel_block *block = block_at(wheel, number);

	if (--slot->count > 0)
		return;
	slot->block = block->next;
	slot->count = slot->block ? WHEEL_BLOCK : 0;
	block->next = wheel->free;
	wheel->free = number;
}

static void wheel_file(struct timer_wheel *wheel, flow_ref ref, struct timer_node *node)
{
	int32_t ahead = (int32_t)(node->due - wheel->cursor);
	uint32_t slot;

	if (ahead < 0)
		ahead = 0;
	if (ahead > (int32_t)(WHEEL_SLOTS - 1))
		ahead = WHEEL_SLOTS - 1;
	slot = (wheel->cursor + (uint32_t)ahead) & SLOT_MASK;
	slot_push(wheel, &wheel->slots[slot], ref);
	node->place = (uint16_t)(slot | TIMER_FILED | TIMER_ARMED);
	wheel->filed++;
}

/* The slot's last one takes the place that becomes free, so that all blocks but the first stay
 * full. */
void timer_unlink(struct timer_wheel *wheel, flow_ref ref)
{
	struct timer_node *node = wheel_node(wheel, ref);

	if (node->place & TIMER_FILED) {
		struct wheel_slot *slot = &wheel->slots[node->place & SLOT_MASK];
		flow_ref last = slot_last(wheel, slot);

		if (last != ref) {
			block_at(wheel, node->at >> 4)->refs[node->at & 15] = last;
			wheel_node(wheel, last)->at = node->at;
		}
		slot_drop_last(wheel, slot);
		wheel->filed--;
	}
	node->at = 0;
	node->place = 0;
}

void timer_arm(struct timer_wheel *wheel, flow_ref ref, uint64_t at)
{
	struct timer_node *node = wheel_node(wheel, ref);
	/* A tick is over when the next begins: rounding up means never early. */
	uint32_t due = wheel_tick(at + (1u << WHEEL_TICK_SHIFT) - 1);

	node->due = due;
	if (node->place & TIMER_FILED) {
		uint32_t filed_ahead = (node->place - wheel->cursor) & SLOT_MASK;

		/* Filed no later than it is due: the wheel comes by in time. */
		if ((int32_t)(due - wheel->cursor) >= (int32_t)filed_ahead) {
			node->place |= TIMER_ARMED;
			return;
		}
		timer_unlink(wheel, ref);
	}
	wheel_file(wheel, ref, node);
}

/* Ask for a node that comes out soon. */
static void bring_near(const struct timer_wheel *wheel, const struct wheel_slot *slot)
{
	const struct wheel_block *block = block_at(wheel, slot->block);
	uint32_t index = slot->count - 1;

	if (index < NEAR_AHEAD) {
		if (!block->next)
			return;
		block = block_at(wheel, block->next);
		index += WHEEL_BLOCK;
	}
	prefetch_to_write(wheel_node(wheel, block->refs[index - NEAR_AHEAD]));
}

flow_ref wheel_pop(struct timer_wheel *wheel, uint64_t now, unsigned *budget)
{
	uint32_t tick = wheel_tick(now);

	for (unsigned walked = 0; walked < WALK_MAX; walked++) {
		struct wheel_slot *slot = &wheel->slots[wheel->cursor & SLOT_MASK];

		if ((int32_t)(tick - wheel->cursor) < 0)
			return 0;
		while (slot->block) {
			flow_ref ref = slot_last(wheel, slot);
			struct timer_node *node = wheel_node(wheel, ref);
			bool armed;

			if (*budget == 0)
				return 0;
			(*budget)--;
			bring_near(wheel, slot);
			armed = timer_armed(node);
			timer_unlink(wheel, ref);
			if (armed && (int32_t)(node->due - wheel->cursor) <= 0)
				return ref;
			/* Due is later than the cursor, so it is filed in another slot. */
			if (armed)
				wheel_file(wheel, ref, node);
		}
		wheel->cursor++;
	}
	return 0;
}
