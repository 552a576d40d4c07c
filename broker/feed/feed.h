/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* feed.h - the broker's side of the event rings: one single-producer byte ring per worker */
#pragma once

#include "counter.h"
#include "hearth_feed.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct feed;      /* the file PATH with all rings, and PATH.commit */
struct feed_ring; /* one worker's ring */

/**
 * struct feed_config
 * @path: of the ring file; the commit file is PATH.commit
 * @bytes: of each worker's ring; rounded up to pages. A record of nearly that size never fits.
 * @workers: rings
 * @first_id: where the cursors of a ring that is made anew start (multiple of 4096); ids below it
 *	may have been used before. Ignored when an existing ring is attached.
 * @id_limit: no byte is written at or past this cursor until feed_raise_limit()
 * @answers: a record's answer waits until it is committed (acknowledge: commit): its space is not
 *	used again before feed_answer() has visited it
 */
struct feed_config {
	const char *path;
	uint64_t bytes;
	unsigned workers;
	uint64_t first_id;
	uint64_t id_limit;
	bool answers;
};

#define FEED_COUNTERS(X)                                                                           \
	X(FEED_RECORDS, "feed_records", "records written")                                         \
	X(FEED_BYTES, "feed_bytes", "bytes written, record headers and padding included")          \
	X(FEED_FULL, "feed_full", "records refused because the ring had no room")                  \
	X(FEED_LIMIT, "feed_limit", "records refused because the id limit was not raised in time") \
	X(FEED_BAD_COMMIT, "feed_bad_commit", "commit cursors outside the ring, ignored")          \
	X(FEED_BAD_ANSWER, "feed_bad_answer",                                                      \
		"damaged records: nothing committed up to then is answered but to a repeat")
COUNTER_ENUM(feed_counter, FEED_COUNTERS, FEED_COUNTER_COUNT);
extern const struct counter_info feed_counter_info[FEED_COUNTER_COUNT];

/**
 * feed_open() - make the rings, or attach to those that a predecessor left
 * @feed: receives the feed
 * @error: receives one line for people, with the remedy, when it fails
 *
 * Another producer on @path (flock): -EBUSY. Another worker count or ring size: the file is made
 * anew if everything in it is committed and applied, else refused with -EEXIST; its ids start past
 * the old ones, whatever @first_id says. Another layout version or a damaged header: -EPROTO. A
 * missing or damaged commit file is made anew: what the broker had not seen committed comes again.
 * Return: 0 attached or made (see feed_attached()), or -errno.
 */
int feed_open(struct feed **feed, const struct feed_config *config, char *error, size_t size);

/** feed_attached() - did feed_open() find a predecessor's rings? */
bool feed_attached(const struct feed *feed);

/** feed_close() - unmap and unlock; the files stay. NULL is allowed. */
void feed_close(struct feed *feed);

/** feed_ring() - worker @worker's ring. */
struct feed_ring *feed_ring(struct feed *feed, unsigned worker);

/**
 * feed_replay() - on attach: every record in [applied, head), oldest first
 *
 * Call once per ring before the first feed_write(); then feed_applied(). Return: records visited,
 * or -EBADMSG if one is damaged.
 */
int64_t feed_replay(struct feed_ring *ring,
	void (*visit)(void *context, const struct hearth_item *item), void *context);

/* What a record may use of the ring. */
enum feed_class {
	FEED_REQUEST,  /* a device's request: leaves the reserve alone */
	FEED_LIFECYCLE /* online, offline, alert: may use the reserve: 1/64 of the ring, >= 64 KiB
			  (a ring of less than 256 KiB: a quarter) */
};

/**
 * feed_find_room() - would a record of @bytes, its names and payload included, find room now?
 *
 * For whoever does something that the record has to tell of. Return: false (counted) if not.
 */
bool feed_find_room(struct feed_ring *ring, enum feed_class class, uint64_t bytes);

/**
 * feed_write() - step (a): append a record; readers do not see it before feed_publish()
 * @record: as filled in by the caller; length, checksum and id are set here
 * @device, @gateway, @payload: their lengths stand in @record
 *
 * Return: 0; -ENOSPC when there is no room or the id limit is reached (counted), nothing is written
 * then.
 */
int feed_write(struct feed_ring *ring, enum feed_class class, struct hearth_record *record,
	const void *device, const void *gateway, const void *payload);

/** feed_publish() - step (b): release head, so that readers see what was written. */
void feed_publish(struct feed_ring *ring);

/** feed_applied() - step (d): all published records are reflected in the session slab. Until then
 * their space is not used again, committed or not. */
void feed_applied(struct feed_ring *ring);

/*
 * acknowledge: commit. The answer of a request is not kept anywhere: it is made from the request's
 * record once that is committed. In each turn
 *
 *   1. feed_answer() visits some of the records in [answered, commit) and the protocol makes their
 *      answers;
 *   2. the turn goes on as always: (a) to (d), then (e) answers are handed to the transport;
 *   3. feed_answered() stores the answered cursor, so that the space of those records is free.
 *
 * A broker killed between 1 and 3 leaves the cursor where it was: its successor visits the same
 * records and some answers are sent twice, to which a device pays no heed - it waits for that
 * number no more. The other order would lose them. What is lost all the same on the way to the
 * device is asked for by it again, and a repeat of a committed request is answered at once.
 */

/**
 * feed_answer() - visit what is committed and has not had its answer, oldest first
 * @most: records
 * @visit: returns false when it has no room in this turn: the record is visited again in another
 *
 * Only with feed_config.answers, after feed_applied(); once a turn. Return: records visited.
 */
unsigned feed_answer(struct feed_ring *ring, unsigned most,
	bool (*visit)(void *context, const struct hearth_item *item), void *context);

/** feed_answered() - the answers of what feed_answer() visited are with the transport. */
void feed_answered(struct feed_ring *ring);

/**
 * feed_unanswered() - on attach: every record in [answered, head), oldest first
 *
 * None without feed_config.answers. Return: records visited, or -EBADMSG if one is damaged.
 */
int64_t feed_unanswered(struct feed_ring *ring,
	void (*visit)(void *context, const struct hearth_item *item), void *context);

/**
 * struct feed_fill - a ring's cursors, for status
 * @answered: what lies before it needs its space for no answer; @commit where none waits
 */
struct feed_fill {
	uint64_t head, applied, commit, answered;
	uint64_t bytes; /* the ring's size */
};

/** feed_fill() - may be called by any thread. */
struct feed_fill feed_fill(const struct feed_ring *ring);

/** feed_uncommitted_since() - Unix milliseconds of the oldest record that is not committed, 0: there
 * is none. Any thread. */
uint64_t feed_uncommitted_since(const struct feed_ring *ring);

/** feed_raise_limit() - ids below @id_limit may be used from now on. Any thread. */
void feed_raise_limit(struct feed *feed, uint64_t id_limit);

/** feed_highest() - the largest head over all rings, for whoever raises the limit. */
uint64_t feed_highest(const struct feed *feed);

/** feed_counters() - FEED_COUNTER_COUNT counters of a ring. */
const uint64_t *feed_counters(const struct feed_ring *ring);
