/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* feed_ring.h - what the parts of the broker's side share */
#pragma once

#include "feed.h"
#include "layout.h"

/**
 * struct feed_ring - one worker's ring as the broker knows it
 * @keep: bytes that requests leave for life-cycle events
 * @pending: cursor of the next record; [head, pending) is written and not published
 * @offset: where @pending lies in @data
 * @head, @reserve, @tail, @applied, @answered: what stands in @cursors
 * @visited: [answered, visited) has had its answer in this turn
 *
 * Written by its worker alone; other threads look at @cursors, @commit and @counters.
 */
struct feed_ring {
	uint8_t *data;
	struct feed_cursors *cursors;
	const uint64_t *commit;
	uint64_t bytes, keep;
	uint64_t pending, offset;
	uint64_t head, reserve, tail, applied, answered;
	uint64_t visited;
	unsigned worker;
	uint64_t counters[FEED_COUNTER_COUNT];
} __attribute__((aligned(128)));

/**
 * struct feed - all rings
 * @fd: of PATH; holds the broker's lock
 * @pages: the header's page and the cursors'
 * @commit: PATH.commit
 */
struct feed {
	int fd;
	bool attached;
	struct feed_header header;
	uint8_t *pages;
	const uint8_t *commit;
	struct feed_ring *rings;
};

/** feed_ring_bind() - set a ring up from the cursors that stand in its page. */
void feed_ring_bind(struct feed_ring *ring, unsigned worker, uint64_t bytes);

/** feed_take_commit() - look at the consumer's cursor and move @tail to it if it can be right. */
void feed_take_commit(struct feed_ring *ring);

/** feed_walk() - visit the records in [@from, head). Return: how many; -EBADMSG. */
int64_t feed_walk(struct feed_ring *ring, uint64_t from,
	void (*visit)(void *context, const struct hearth_item *item), void *context);

/** feed_answers_begin() - the ring is open: do answers wait for a commit from now on? */
void feed_answers_begin(struct feed_ring *ring, bool answers);

/** feed_lock() - take the broker's lock. Return: 0; -EBUSY. */
int feed_lock(int fd);

/**
 * feed_make() - make PATH and PATH.commit, atomically
 * @first_id: every cursor starts there
 * @owned: the caller holds the lock of the PATH that is there now, and the new one takes its place
 * @fd: receives the new PATH, locked
 *
 * Return: 0; -EAGAIN if somebody made PATH meanwhile (or is at it and ended): look again; -EBUSY;
 * what the system said.
 */
int feed_make(const struct feed_config *config, uint64_t first_id, bool owned, int *fd, char *error,
	size_t size);

/**
 * feed_make_commit() - put a new PATH.commit in place, for the PATH of @header
 * @commit: one cursor for each worker
 */
int feed_make_commit(const char *path, const struct feed_header *header, const uint64_t *commit,
	char *error, size_t size);
