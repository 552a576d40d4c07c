/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* forward.h - frames that came to one worker and belong to another: bounded rings of copies */
#pragma once

#include "link.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One ring for each ordered pair of workers: one producer, one consumer, plain memory and C11
 * atomics. A frame is copied, so that no packet buffer crosses from one port queue to another; a
 * ring that is full drops, and whoever sent the frame sends it again.
 */

/** Frames that a ring holds between two workers; fewer for each pair where there are many. */
#define FORWARD_SLOTS_MAX 512
#define FORWARD_SLOTS_MIN 64

enum forward_kind {
	FORWARD_PACKET,    /* a frame whose flow the receiver owns */
	FORWARD_NEIGHBOUR, /* a frame that taught the sender a neighbour: learn, never answer */
	FORWARD_DATAGRAM   /* a struct udp_path, then a payload for a session of the receiver */
};

/**
 * struct forward_slot - one frame in a ring
 * @flags: FRAME_* as the port gave them: what it verified stays verified
 * @vlan: a tag that the port took off, with FRAME_VLAN
 * @link: the link it came by; the same number on every worker
 * @kind: enum forward_kind
 * @hops: how often it was handed on before
 * @mac: of a datagram: the Ethernet address that it came from; 0: not known any more
 */
struct forward_slot {
	uint16_t length;
	uint16_t flags;
	uint8_t link;
	uint8_t kind;
	uint8_t hops;
	uint8_t mac[6];
	uint16_t vlan;
	_Alignas(8) uint8_t data[LINK_FRAME_MAX];
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct forward_slot) == 1536, "a copied frame takes 24 cache lines");

struct forward;

/** forward_bytes() - memory of the rings of @workers, for the start-up line; 0 for one. */
size_t forward_bytes(unsigned workers);

/** forward_new() - the rings of @workers (2..64); NULL with errno set. */
struct forward *forward_new(unsigned workers, bool huge);

/** forward_free() - NULL is allowed. */
void forward_free(struct forward *forward);

/** forward_slots() - frames that each ring holds. */
unsigned forward_slots(const struct forward *forward);

/**
 * forward_put() - room for a frame from worker @from to worker @to
 *
 * Called by @from only. The slot is the caller's to fill in until forward_sent(); one that is not
 * sent is given out again. Return: NULL when the ring is full.
 */
struct forward_slot *forward_put(struct forward *forward, unsigned from, unsigned to);

/** forward_sent() - the slot of the last forward_put() is complete: let @to see it. */
void forward_sent(struct forward *forward, unsigned from, unsigned to);

/**
 * forward_take() - up to @max frames for worker @to, in the order in which each sender put them
 *
 * Called by @to only. Every call begins with another sender, so that none is kept waiting by the
 * others for more than a turn each. What it took stays valid until forward_release(); before that
 * no more is taken. Return: how many.
 */
unsigned forward_take(
	struct forward *forward, unsigned to, const struct forward_slot **slots, unsigned max);

/** forward_release() - give the slots of the last forward_take() back to their senders. */
void forward_release(struct forward *forward, unsigned to);
