/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* binding.h - sub-devices and their gateways: durable in the store, read lock-free by workers */
#pragma once

#include "registry/job.h"
#include "registry/registry.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Two things are known of a sub-device, and each has one writer.
 *
 * Its gateway. Durable in the store, in memory a table that the control thread writes and workers
 * read under RCU. A change is asked for by a job: first the table withdraws the old binding, so
 * that nothing brings the sub-device on-line there any more; after a grace period its on-line
 * state is ended by whoever has it; then the change is made durable, then the table says it,
 * then the asker hears of it.
 *
 * Where it is on-line. Its mark names the session of the gateway and that session's entry, and is
 * written by the worker that owns this entry, at step (c) of a turn (DESIGN, "Crash order"). Marks
 * lie in PATH.bindings, shared memory that outlives the process. The session's entry is not used
 * anew before all marks that name it are gone, so a mark is always somebody's.
 *
 * Two workers can want to write the mark of a sub-device that is off-line: those of two sessions of
 * one gateway, the older one not knowing yet that it is replaced. Who sees it off-line first claims
 * it until its turn's records are applied; the other is refused and asked again. So at any moment
 * at most one ring has records of a sub-device that are not applied.
 */
struct binding_table;
struct binding_worker; /* one worker's part */

#define BINDING_NONE UINT32_MAX
#define BINDING_TURN_MAX 1024 /* changed marks of one turn */

/**
 * struct binding_config
 * @path: of the shared file (PATH.bindings), mode 0600
 * @limit: most sub-devices that may be bound (limits.subdevices)
 * @entries: of the session table, to check what is found in the file
 * @store, @registry: borrowed; both loaded
 * @owner: the worker that owns a session entry; called by the control thread
 */
struct binding_config {
	const char *path;
	uint32_t limit;
	unsigned workers;
	uint32_t entries;
	struct store *store;
	struct registry *registry;
	unsigned (*owner)(void *context, uint32_t entry);
	void *context;
};

/**
 * binding_open() - load the bindings, make PATH.bindings or attach to a predecessor's
 * @error: receives one line for people, with the remedy, when it fails
 *
 * The caller holds the lock of the session table beside it. Marks of sub-devices that are bound no
 * more are gone; the others stay until binding_attach() has seen them.
 * Return: 0; -ENOSPC: more bindings than @limit, or no memory; -EPROTO: not such a file, or
 * damaged; -EPERM: others can read it; -EIO: the store; or what the system said.
 */
int binding_open(struct binding_table **table, const struct binding_config *config, char *error,
	size_t size);

/** binding_close() - the file stays. NULL is allowed. */
void binding_close(struct binding_table *table);

/** binding_attached() - did binding_open() find a predecessor's file? */
bool binding_attached(const struct binding_table *table);

/** binding_worker() - worker @worker's part. */
struct binding_worker *binding_worker(struct binding_table *table, unsigned worker);

/* ---- any thread, read side ---- */

/** binding_find() - a device's place in the table; BINDING_NONE: it is nobody's sub-device. A place
 * is good until the caller's next quiescent state. */
uint32_t binding_find(const struct binding_table *table, uint32_t device, uint32_t serial);

/** binding_is() - is the sub-device at @place bound to this gateway (now)? */
bool binding_is(const struct binding_table *table, uint32_t place, uint32_t gateway,
	uint32_t gateway_serial);

/** binding_gateway() - number of the gateway that a device is bound to, DEVICE_NONE if none. */
uint32_t binding_gateway(const struct binding_table *table, uint32_t device, uint32_t serial);

/** binding_is_online() - is it on-line, as of the last commit of whoever writes that? */
bool binding_is_online(const struct binding_table *table, uint32_t device, uint32_t serial);

/**
 * binding_each() - sub-devices of a gateway, DEVICE_NONE: of all
 * @visit: returns false to stop; NULL to count only
 *
 * Looks at all places: for status and operators, not for workers. Return: how many there are.
 */
uint32_t binding_each(const struct binding_table *table, uint32_t gateway,
	bool (*visit)(void *context, uint32_t device, uint32_t serial, bool online), void *context);

/** binding_count(), binding_online(), binding_limit() - figures for status; binding_bytes() -
 * memory that the table takes. */
uint32_t binding_count(const struct binding_table *table);
uint32_t binding_online(const struct binding_table *table);
uint32_t binding_limit(const struct binding_table *table);
size_t binding_bytes(const struct binding_table *table);

/* ---- workers ---- */

/** binding_table() - the table that a worker's part belongs to. */
struct binding_table *binding_table(const struct binding_worker *worker);

/**
 * struct binding_mark - the mutable part of a binding
 * @session, @entry: the gateway's session in which it is on-line; @session 0: off-line
 * @login: names the login of the gateway in which its PIN was last found good; 0: none
 */
struct binding_mark {
	uint64_t session;
	uint64_t login;
	uint32_t entry;
};

/** binding_device() - number and serial of the sub-device at a place. */
uint32_t binding_device(const struct binding_table *table, uint32_t place, uint32_t *serial);

/** binding_mark() - as this turn leaves it. */
struct binding_mark binding_mark(const struct binding_worker *worker, uint32_t place);

/** binding_may_mark() - will binding_set_mark() take it? It claims the place for this turn: false
 * when another worker's turn is about it, or this one is about too many. */
bool binding_may_mark(struct binding_worker *worker, uint32_t place);

/**
 * binding_set_mark() - what it is to be once this turn is published; binding_may_mark() said yes
 *
 * A mark that names a session may be changed by the worker that owns that session's entry only.
 */
void binding_set_mark(
	struct binding_worker *worker, uint32_t place, const struct binding_mark *mark);

/** binding_first() - a sub-device that is on-line in a session of this worker as this turn leaves
 * it, named by the session's entry; BINDING_NONE if there is none. */
uint32_t binding_first(const struct binding_worker *worker, uint32_t entry);

/** binding_commit() - step (c), behind session_commit(): store this turn's marks. */
void binding_commit(struct binding_worker *worker);

/** binding_applied() - behind feed_applied(): other workers may change them again. */
void binding_applied(struct binding_worker *worker);

/** binding_ask() - a job for the control thread. Return: false when no more can be under way. */
bool binding_ask(struct binding_worker *worker, const struct job *job);

/** binding_told() - the next job that came back, or is asked of this worker. */
bool binding_told(struct binding_worker *worker, struct job *job);

/* ---- on attach, before the first turn ---- */

/** binding_restore() - make a mark what a record says (idempotent). */
void binding_restore(struct binding_table *table, uint32_t place, const struct binding_mark *mark);

/** binding_committed() - a mark as it lies in the file. */
struct binding_mark binding_committed(const struct binding_table *table, uint32_t place);

/**
 * binding_attach() - after all records were applied again: whose marks are whose
 * @owner: the worker that owns the entry of a mark, if that session may still have sub-devices
 *	on-line; negative: it may not, the mark is dropped
 * Return: marks that stay.
 */
uint32_t binding_attach(struct binding_table *table,
	int (*owner)(void *context, uint32_t entry, uint64_t session), void *context);

/* ---- the control thread ---- */

/**
 * binding_serve() - a slice of jobs: all that can be decided in one durable transaction
 *
 * The calling thread is registered with urcu-qsbr; it may wait for a grace period.
 */
void binding_serve(struct binding_table *table);

/**
 * binding_withdraw() - a device is being removed: it is bound to no gateway any more, and no
 * sub-device to it. In memory only: store_remove() makes it durable.
 *
 * May wait for a grace period. Their places come free once they have gone off-line.
 * Return: are there any such bindings?
 */
bool binding_withdraw(struct binding_table *table, uint32_t device, uint32_t serial);

/** binding_withdrawn() - have all that were withdrawn gone off-line? If not, their workers are
 * asked to end that (again); binding_serve() does so, too, but not as often. */
bool binding_withdrawn(struct binding_table *table);
