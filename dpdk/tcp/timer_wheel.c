/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* timer_wheel.c - one hashed wheel for all timers of a struct tcp, nodes re-filed lazily */

#include "timer_wheel.h"

#define SLOT_MASK (WHEEL_SLOTS - 1)

/* Empty slots that one call walks over at most: a whole turn of the wheel finds every node. */
#define WALK_MAX WHEEL_SLOTS

void wheel_init(struct timer_wheel *wheel, uint64_t now)
{
	wheel->cursor = wheel_tick(now);
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
	node->prev = 0;
	node->next = wheel->heads[slot];
	if (node->next)
		wheel_node(wheel, node->next)->prev = ref;
	wheel->heads[slot] = ref;
	node->place = (uint16_t)(slot | TIMER_FILED | TIMER_ARMED);
	wheel->filed++;
}

void timer_unlink(struct timer_wheel *wheel, flow_ref ref)
{
	struct timer_node *node = wheel_node(wheel, ref);

	if (node->place & TIMER_FILED) {
		if (node->prev)
			wheel_node(wheel, node->prev)->next = node->next;
		else
			wheel->heads[node->place & SLOT_MASK] = node->next;
		if (node->next)
			wheel_node(wheel, node->next)->prev = node->prev;
		wheel->filed--;
	}
	node->next = 0;
	node->prev = 0;
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

flow_ref wheel_pop(struct timer_wheel *wheel, uint64_t now, unsigned *budget)
{
	uint32_t tick = wheel_tick(now);

	for (unsigned walked = 0; walked < WALK_MAX; walked++) {
		flow_ref *head = &wheel->heads[wheel->cursor & SLOT_MASK];

		if ((int32_t)(tick - wheel->cursor) < 0)
			return 0;
		while (*head) {
			flow_ref ref = *head;
			struct timer_node *node = wheel_node(wheel, ref);
			bool armed = timer_armed(node);

			if (*budget == 0)
				return 0;
			(*budget)--;
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
