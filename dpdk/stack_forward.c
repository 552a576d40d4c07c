/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stack_forward.c - packets, datagrams and neighbours that go from one worker to another */
#include "stack_private.h"

#include <string.h>

/* Neighbours' packets a second that the other workers are shown, and at once. */
#define SHARE_INTERVAL_US 1000
#define SHARE_BURST 256

/* A copy of the frame that is being parsed. Return: false when the ring is full. */
static bool put_frame(
	struct stack *stack, unsigned link, unsigned to, enum forward_kind kind, uint16_t flags)
{
	const struct frame *frame = stack->frame;
	struct forward_slot *slot;

	if (frame->length > sizeof(slot->data))
		return false;
	slot = forward_put(stack->forward, stack->worker, to);
	if (!slot)
		return false;
	slot->length = frame->length;
	slot->flags = flags | (frame->flags & FRAME_VLAN);
	slot->vlan = frame->vlan;
	slot->link = (uint8_t)link;
	slot->kind = (uint8_t)kind;
	slot->hops = 0;
	memcpy(slot->data, frame->data, frame->length);
	forward_sent(stack->forward, stack->worker, to);
	return true;
}

enum stack_counter stack_forward(struct stack *stack, unsigned link, unsigned owner)
{
	if (!stack->forward)
		return STACK_DROP_WRONG_WORKER;
	/* Checksums were verified on the way here: once is enough. */
	if (!put_frame(stack, link, owner, FORWARD_PACKET, FRAME_L3_GOOD | FRAME_L4_GOOD))
		return STACK_DROP_FORWARD_FULL;
	stack_count(stack, STACK_FORWARDED);
	return STACK_TAKEN;
}

void stack_share(struct stack *stack, unsigned link, bool answer)
{
	struct rate_limit *limit = answer ? &stack->share_answers : &stack->share_others;

	if (!stack->forward || stack->forwarded ||
		!rate_limit_take(limit, stack->now, SHARE_INTERVAL_US, SHARE_BURST))
		return;
	for (unsigned to = 0; to < stack->rss->workers; to++)
		if (to != stack->worker)
			put_frame(stack, link, to, FORWARD_NEIGHBOUR, stack->frame->flags);
	stack_count(stack, STACK_NEIGHBOURS_SHARED);
}

bool stack_hand(struct stack *stack, const struct datagram *datagram, unsigned worker)
{
	const uint8_t *mac = stack_sender(stack, datagram->path.link, &datagram->path.remote);
	struct forward_slot *slot = NULL;

	if (stack->forward && sizeof(datagram->path) + datagram->length <= sizeof(slot->data))
		slot = forward_put(stack->forward, stack->worker, worker);
	if (!slot) {
		stack_count(stack, STACK_DROP_FORWARD_FULL);
		return false;
	}
	slot->length = (uint16_t)(sizeof(datagram->path) + datagram->length);
	slot->flags = 0;
	slot->link = datagram->path.link;
	slot->kind = FORWARD_DATAGRAM;
	slot->hops = (uint8_t)(datagram->hops + 1);
	memset(slot->mac, 0, sizeof(slot->mac));
	if (mac)
		memcpy(slot->mac, mac, sizeof(slot->mac));
	memcpy(slot->data, &datagram->path, sizeof(datagram->path));
	memcpy(slot->data + sizeof(datagram->path), datagram->data, datagram->length);
	forward_sent(stack->forward, stack->worker, worker);
	stack_count(stack, STACK_DATAGRAMS_HANDED);
	return true;
}

void stack_forward_release(struct stack *stack)
{
	if (stack->forward_held)
		forward_release(stack->forward, stack->worker);
	stack->forward_held = false;
}
