/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* binding_private.h - layout of PATH.bindings, and what the binding files share */
#pragma once

#include "registry/binding.h"

#define BINDING_MAGIC 0x444e494248545248ull /* "HRTHBIND" */
#define BINDING_VERSION 1
#define BINDING_HEADER_BYTES 4096

/** struct binding_header - the file's first page; @checksum: of all before it */
struct binding_header {
	uint64_t magic;
	uint32_t version;
	uint32_t limit;
	uint64_t checksum;
};

/**
 * struct binding_entry - a place in the file: what a successor has to know of a sub-device
 *
 * @device, @serial are the control thread's, the others those of the worker that has claimed the
 * place. Every access is an atomic one. @session goes last when a mark is set.
 *
 * @serial: 0: the place is free
 */
struct binding_entry {
	uint32_t device, serial;
	uint64_t session;
	uint64_t login;
	uint32_t entry;
	uint32_t unused;
};
_Static_assert(sizeof(struct binding_entry) == 32, "two sub-devices a cache line");

/**
 * struct binding_place - the same place in the process
 * @gateway: serial << 32 | number, 0: bound to none (now); the control thread's
 * @chain: next place of the same bucket, or next free one; the control thread's
 * @next, @previous: on-line in the same session; the worker's that owns the session
 * @change: index of this turn's change; the worker's that has the claim
 * @claim: worker + 1 whose turn is about it, 0 if none
 * @busy: a job is about it; @withdrawn: one of its devices was removed; the control thread's
 */
struct binding_place {
	uint64_t gateway;
	uint32_t chain;
	uint32_t next, previous;
	uint16_t change;
	uint8_t claim;
	bool busy : 1;
	bool withdrawn : 1;
};
_Static_assert(sizeof(struct binding_place) == 24, "beside the 32 bytes in the file");

/** struct binding_change - what a turn makes of a mark */
struct binding_change {
	uint32_t place;
	struct binding_mark mark;
};

/** struct binding_session - a session of this worker with sub-devices on-line, by its entry */
struct binding_session {
	uint32_t entry; /* BINDING_NONE: the cell is empty */
	uint32_t first;
};

/**
 * struct binding_worker
 * @sessions: hash table, twice the limit, a power of two; linear probing
 * @online: sub-devices in its lists, for status
 * @asked, @told: jobs to and from the control thread
 */
struct binding_worker {
	struct binding_table *table;
	unsigned number;
	uint32_t change_count;
	uint32_t online;
	struct binding_session *sessions;
	struct binding_change changes[BINDING_TURN_MAX];
	struct job_ring asked, told;
};

/* Jobs that the control thread has under way; more wait in the rings. */
#define BINDING_JOBS_MAX 1024

/**
 * enum binding_step - how far a job has come
 *
 * WITHDRAWN: its sub-device is bound nowhere (any more), but may be on-line still; READY: it is
 * not, only the store is missing; OVER: its result has to be told
 */
enum binding_step { BINDING_NEW, BINDING_WITHDRAWN, BINDING_READY, BINDING_OVER };

/**
 * struct binding_job - a job under way
 * @place: of its sub-device, BINDING_NONE if there is none
 * @was: the gateway it was bound to, to be put back if nothing comes of it
 * @until: monotonic ms
 */
struct binding_job {
	struct job job;
	enum binding_step step;
	unsigned worker;
	uint32_t place;
	uint64_t was;
	uint64_t until;
};

/**
 * struct binding_table
 * @header, @entries: the mapped file, @file_bytes of it
 * @buckets: first place of each, by device number
 * @mask: buckets - 1; @session_mask: cells of a worker's sessions - 1
 * @free: first free place; @limbo: places that readers may still look at, until a grace period
 * @leftover: there are places that were withdrawn and may be on-line; looked for at @tidy_ms
 */
struct binding_table {
	struct binding_config config;
	struct binding_header *header;
	struct binding_entry *entries;
	size_t file_bytes;
	struct binding_place *places;
	uint32_t *buckets;
	uint32_t mask, session_mask;
	uint32_t free, limbo;
	uint32_t count;
	bool attached;
	bool leftover;
	uint64_t tidy_ms;
	struct binding_worker **workers;
	struct binding_job *jobs;
	unsigned job_count;
};

#define binding_get(member) __atomic_load_n(&(member), __ATOMIC_RELAXED)
#define binding_put(member, value) __atomic_store_n(&(member), value, __ATOMIC_RELAXED)

/* A test defines this to end the process before any one store to the file. */
#ifndef BINDING_STEP
#define BINDING_STEP() ((void)0)
#endif

static inline uint64_t binding_pair(uint32_t number, uint32_t serial)
{
	return (uint64_t)serial << 32 | number;
}

/* Device numbers are dense and ours: neighbours go to different buckets. */
static inline uint32_t binding_hash(uint32_t number)
{
	return (uint32_t)((number * 0x9e3779b97f4a7c15ull) >> 32);
}

/** binding_add() - a place for a device that has none, bound to nothing; BINDING_NONE: all are
 * taken. Control thread. */
uint32_t binding_add(struct binding_table *table, uint32_t device, uint32_t serial);

/** binding_drop() - take a place out of the table; a reader may still look at it. Control
 * thread. */
void binding_drop(struct binding_table *table, uint32_t place);

/** binding_grace() - wait for a grace period, and give back what was dropped before it. */
void binding_grace(struct binding_table *table);

/** binding_link() - on attach: a mark's sub-device belongs to a worker's session. */
void binding_link(struct binding_worker *worker, uint32_t place, uint32_t entry);

/** binding_file_open() - map the file, made anew or a predecessor's, with room for the limit;
 * @error as binding_open(). Return: 0 or -errno. */
int binding_file_open(struct binding_table *table, char *error, size_t size);
