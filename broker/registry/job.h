/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* job.h - what a worker has the control thread do for it, and what comes back: a ring each way */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * A worker never waits for a disk. What needs one goes to the control thread as a job and comes
 * back once it is done; the same ring brings what the control thread needs of a worker.
 */
enum job_kind {
	JOB_BIND,   /* bind @device to @gateway, wherever it was bound before */
	JOB_UNBIND, /* @device is bound to @gateway no more; @reason stands in its offline event */
	JOB_PERMIT, /* may @device be bound to @gateway? Nothing changes */
	JOB_OFFLINE /* to a worker: end @device's on-line state in @session, with @reason */
};

/* job.result */
#define JOB_DONE 0

/**
 * struct job - asked and answered
 * @kind: enum job_kind
 * @reason: enum hearth_reason
 * @result: JOB_DONE; -EACCES: that gateway may not have it; -ENOENT: it is not bound there, or one
 *	of the two was removed; else nothing has changed and nothing is promised: -ENOSPC, -EIO (the
 *	registry cannot be written), -ETIMEDOUT (its on-line state could not be ended in time)
 * @cookie: the asker's own
 * @device, @serial, @gateway, @gateway_serial: number and serial of the two devices
 * @entry, @session: JOB_OFFLINE: where it is on-line
 */
struct job {
	uint8_t kind, reason;
	int32_t result;
	uint64_t cookie;
	uint32_t device, serial;
	uint32_t gateway, gateway_serial;
	uint32_t entry;
	uint64_t session;
};
_Static_assert(sizeof(struct job) == 48, "a ring of jobs takes little more than 24 KiB");

#define JOB_SLOTS 512

/** struct job_ring - zeroed is empty; head is the sender's, tail the taker's */
struct job_ring {
	_Alignas(64) uint32_t head;
	_Alignas(64) uint32_t tail;
	_Alignas(64) struct job slots[JOB_SLOTS];
};

/** job_post() - the sending end. Return: false when it is full. */
static inline bool job_post(struct job_ring *ring, const struct job *job)
{
	if (ring->head - __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) == JOB_SLOTS)
		return false;
	ring->slots[ring->head % JOB_SLOTS] = *job;
	__atomic_store_n(&ring->head, ring->head + 1, __ATOMIC_RELEASE);
	return true;
}

/** job_take() - the taking end. Return: false when it is empty. */
static inline bool job_take(struct job_ring *ring, struct job *job)
{
	if (ring->tail == __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE))
		return false;
	*job = ring->slots[ring->tail % JOB_SLOTS];
	__atomic_store_n(&ring->tail, ring->tail + 1, __ATOMIC_RELEASE);
	return true;
}
