/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* plain_broker.h - all that workers need but their links and their threads: for tests, simulators
 * and benchmarks that run whole turns over links of plain memory */
#pragma once

#include "worker.h"

#include "feed/command_ring.h"
#include "mc/mc_watch.h"
#include "rss.h"
#include "session/command.h"
#include "worker_mesh.h"

#include <stdbool.h>
#include <stddef.h>

/** struct plain_random - a source that gives the same for the same @state: first member @random */
struct plain_random {
	struct random random;
	uint64_t state;
};

/** plain_fill() - its @fill. */
void plain_fill(struct random *random, void *out, size_t length);

/**
 * struct plain_broker
 *
 * Set by the caller before plain_open(), and kept throughout:
 * @config: as config_load() would have filled it in, but for the paths
 * @random: what files, tables and workers draw from
 * @huge: tables from huge pages where there are any
 * @with_rings: backends' command rings
 * @with_watch: reconnects and failed logins are watched, as in the program
 *
 * Made by plain_make(): @directory, the paths in it, @store, @rss.
 * Opened by plain_open(), NULL again after plain_close(): the others. @opened counts how often.
 */
struct plain_broker {
	struct config config;
	struct random *random;
	bool huge, with_rings, with_watch;
	char directory[64], ring_path[96], session_path[112], pool_path[112], bindings_path[112];
	struct store *store;
	struct rss rss;
	unsigned opened;
	struct registry *registry;
	struct binding_table *bindings;
	struct session_table *table;
	struct feed *feed;
	struct command_pool *pool;
	struct command_rings *rings; /* NULL unless with_rings */
	struct mc_watch *watch;      /* NULL unless with_watch */
	struct worker_mesh *mesh;    /* NULL with one worker */
};

/**
 * plain_make() - a directory for its files, an empty registry in it, a key for its flows
 * @parent: where the directory is made
 * @error: receives one line for people when it fails
 * Return: 0 or -errno.
 */
int plain_make(struct plain_broker *broker, const char *parent, char *error, size_t size);

/**
 * plain_open() - open the files as a broker does: made anew, or what a predecessor left
 *
 * The calling thread is registered with urcu-qsbr. Return: 0; -errno: plain_close() is still due.
 */
int plain_open(struct plain_broker *broker, char *error, size_t size);

/** plain_setup() - what worker_new() wants for worker @number: its @link and @random are added by
 * the caller where they are not the broker's own. */
struct worker_setup plain_setup(
	const struct plain_broker *broker, unsigned number, struct link *link);

/** plain_close() - all files stay, as a killed broker leaves them; after all workers are freed. */
void plain_close(struct plain_broker *broker);

/** plain_unlink() - the directory goes, with all that is in it; what is open stays so. For whoever
 * opens once: nothing is left behind however it ends. */
void plain_unlink(struct plain_broker *broker);

/** plain_remove() - the store is closed, and the directory goes. */
void plain_remove(struct plain_broker *broker);
