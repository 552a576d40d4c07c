/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* backend_store.h - what the reference backend keeps in SQLite */
#pragma once

#include "feed/hearth_feed.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct backend_store;

/** struct backend_command - one that is to be sent; its texts are valid until the next is
 * fetched */
struct backend_command {
	int64_t number;
	const char *device, *payload;
	uint32_t code, expires_ms;
};

/** struct backend_counts - what the database holds */
struct backend_counts {
	int64_t devices, online, reports, answered, undelivered;
};

/* Every call that returns -errno has said on stderr what is wrong. After -EIO nothing is to be
 * committed any more: end, and start anew. */

/**
 * backend_store_open() - open or make the database at @path
 * @keep: events that are kept, the newest; 0: all
 * Return: NULL after a line on stderr, or without memory.
 */
struct backend_store *backend_store_open(const char *path, int64_t keep);

/** backend_store_recover() - this process is the one that sends from now on: what a predecessor was
 * sending when it was killed is `uncertain`. Return: 0 or -EIO. */
int backend_store_recover(struct backend_store *store);

/** backend_store_close() - NULL is allowed; what was not committed is undone. */
void backend_store_close(struct backend_store *store);

/** backend_store_begin(), backend_store_commit() - a batch of events is one transaction; once the
 * commit returns 0 they are on disk. Return: 0 or -EIO. */
int backend_store_begin(struct backend_store *store);
int backend_store_commit(struct backend_store *store);

/**
 * backend_store_event() - take one event in
 *
 * The cursors stand in the same transaction as what the events did: an event that comes again after
 * a crash between our commit and the feed's is known by its id.
 * Return: 1 taken, 0 known already, -EIO.
 */
int backend_store_event(struct backend_store *store, const struct hearth_item *item);

/** backend_store_last_segment() - is this the part of a recording that is to be answered? */
bool backend_store_last_segment(struct backend_store *store, const struct hearth_item *item);

/**
 * backend_store_claim() - mark all new commands as being sent, on disk, before any of them is
 *
 * Who is killed while it sends does not know whether it did: its successor does not send them
 * again, so that none is executed twice; see backend_store_recover().
 * Return: how many, or -EIO.
 */
int backend_store_claim(struct backend_store *store);

/** backend_store_next() - the next claimed command, after @number. Return: 1, 0 no more, -EIO. */
int backend_store_next(
	struct backend_store *store, int64_t number, struct backend_command *command);

/** backend_store_sent() - it has request id @request, or, with @why, was refused at once; to be
 * called within a transaction. */
int backend_store_sent(
	struct backend_store *store, int64_t number, uint64_t request, const char *why);

/** backend_store_order() - add a command to the table. Return: its number, or -errno. */
int64_t backend_store_order(
	struct backend_store *store, const char *device, const char *code, const char *payload);

/** backend_store_firmware() - devices of @model are to have @version. */
int backend_store_firmware(struct backend_store *store, const char *model, const char *version,
	const char *url, const char *md5);

/** backend_store_counts() - for the line that people read. */
int backend_store_counts(struct backend_store *store, struct backend_counts *counts);
