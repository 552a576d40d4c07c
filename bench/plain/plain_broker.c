/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* plain_broker.c - the files and tables of a broker, opened in the order in which it opens them */
#include "plain_broker.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ID 4096
#define FIRST_SESSION 1000
#define SUBDEVICES_LEAST 64

/* A linear congruential generator (Knuth, MMIX): its high bits are good enough here. */
void plain_fill(struct random *random, void *out, size_t length)
{
	struct plain_random *plain = (struct plain_random *)random;

	for (size_t i = 0; i < length; i++) {
		plain->state = plain->state * 6364136223846793005ULL + 1442695040888963407ULL;
		((uint8_t *)out)[i] = (uint8_t)(plain->state >> 56);
	}
}

static int failed(char *error, size_t size, const char *what)
{
	int rc = errno ? -errno : -EIO;

	snprintf(error, size, "%s: %s", what, strerror(-rc));
	return rc;
}

int plain_make(struct plain_broker *broker, const char *parent, char *error, size_t size)
{
	uint8_t key[RSS_KEY_BYTES];
	char registry[96];

	snprintf(broker->directory, sizeof(broker->directory), "%s/hearth-plain-XXXXXX", parent);
	if (!mkdtemp(broker->directory)) {
		broker->directory[0] = 0;
		return failed(error, size, parent);
	}
	snprintf(broker->ring_path, sizeof(broker->ring_path), "%s/ring", broker->directory);
	snprintf(broker->session_path, sizeof(broker->session_path), "%s.sessions",
		broker->ring_path);
	snprintf(broker->pool_path, sizeof(broker->pool_path), "%s.commands", broker->ring_path);
	snprintf(broker->bindings_path, sizeof(broker->bindings_path), "%s.bindings",
		broker->ring_path);
	broker->config.feed.path = broker->ring_path;
	do
		broker->random->fill(broker->random, key, sizeof(key));
	while (rss_init(&broker->rss, key, broker->config.worker_count));
	snprintf(registry, sizeof(registry), "%s/registry", broker->directory);
	broker->store = store_open(registry, 0, error, size);
	return broker->store ? 0 : -errno;
}

static unsigned owner_of(void *context, uint32_t entry)
{
	return session_owner(context, entry);
}

static int open_bindings(struct plain_broker *broker, char *error, size_t size)
{
	const struct config *config = &broker->config;
	struct binding_config bindings = {.path = broker->bindings_path,
		.limit = config->limits.subdevices ? config->limits.subdevices : SUBDEVICES_LEAST,
		.workers = config->worker_count,
		.entries = session_entries(broker->table, NULL),
		.store = broker->store,
		.registry = broker->registry,
		.owner = owner_of,
		.context = broker->table};

	return binding_open(&broker->bindings, &bindings, error, size);
}

static int open_watch(struct plain_broker *broker, char *error, size_t size)
{
	const struct config *config = &broker->config;
	const struct mc_watch_config watch = {.failures = config->mc.budget_failures,
		.per_seconds = config->mc.budget_seconds,
		.connects = config->mc.flap_connects,
		.seconds = config->mc.flap_seconds,
		.hold = config->mc.flap_hold,
		.devices = MC_WATCH_DEVICES,
		.buckets = MC_WATCH_BUCKETS};

	broker->watch = mc_watch_new(&watch, broker->random);
	return broker->watch ? 0 : failed(error, size, "mc_watch_new");
}

static int open_feeds(struct plain_broker *broker, char *error, size_t size)
{
	const struct config *config = &broker->config;
	const bool answers = config->feed.acknowledge == ACKNOWLEDGE_COMMIT;
	struct session_config session = {.path = broker->session_path,
		.entries = config->limits.sessions + config->limits.pending_logins,
		.workers = config->worker_count,
		.ipv6 = config_has_ipv6(config),
		.uncommitted = answers,
		.huge = broker->huge,
		.random = broker->random};
	struct feed_config feed = {.path = broker->ring_path,
		.bytes = config->feed.bytes,
		.workers = config->worker_count,
		.first_id = FIRST_ID,
		.id_limit = UINT64_MAX,
		.answers = answers};
	struct command_config commands = {.path = broker->pool_path,
		.blocks = config->limits.commands,
		.workers = config->worker_count};
	int rc = session_table_open(&broker->table, &session, error, size);

	if (!rc)
		rc = feed_open(&broker->feed, &feed, error, size);
	if (!rc && broker->with_rings)
		rc = command_rings_open(&broker->rings, broker->ring_path, error, size);
	return rc ? rc : command_pool_open(&broker->pool, &commands, error, size);
}

int plain_open(struct plain_broker *broker, char *error, size_t size)
{
	const unsigned workers = broker->config.worker_count;
	int rc = open_feeds(broker, error, size);

	if (rc)
		return rc;
	/* Session numbers grow over restarts, as a broker's do. */
	broker->registry = registry_load(broker->store, broker->config.limits.devices, broker->huge,
		FIRST_SESSION + ((uint64_t)broker->opened++ << 32), error, size);
	if (!broker->registry)
		return -errno;
	rc = open_bindings(broker, error, size);
	if (!rc && broker->with_watch)
		rc = open_watch(broker, error, size);
	if (rc || workers == 1)
		return rc;
	broker->mesh = worker_mesh_new(workers, broker->huge);
	return broker->mesh ? 0 : failed(error, size, "worker_mesh_new");
}

struct worker_setup plain_setup(
	const struct plain_broker *broker, unsigned number, struct link *link)
{
	return (struct worker_setup){.config = &broker->config,
		.number = number,
		.count = broker->config.worker_count,
		.mesh = broker->mesh,
		.links = {link},
		.rss = &broker->rss,
		.table = broker->table,
		.registry = broker->registry,
		.bindings = broker->bindings,
		.feed = broker->feed,
		.commands = broker->rings,
		.watch = broker->watch,
		.command_pool = broker->pool,
		.random = broker->random,
		.huge = broker->huge,
		.tsc_hz = 2000000000};
}

void plain_close(struct plain_broker *broker)
{
	worker_mesh_free(broker->mesh);
	broker->mesh = NULL;
	mc_watch_free(broker->watch);
	broker->watch = NULL;
	binding_close(broker->bindings);
	broker->bindings = NULL;
	registry_free(broker->registry);
	broker->registry = NULL;
	feed_close(broker->feed);
	broker->feed = NULL;
	command_pool_close(broker->pool);
	broker->pool = NULL;
	command_rings_close(broker->rings);
	broker->rings = NULL;
	session_table_close(broker->table);
	broker->table = NULL;
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

void plain_unlink(struct plain_broker *broker)
{
	if (broker->directory[0])
		nftw(broker->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	broker->directory[0] = 0;
}

void plain_remove(struct plain_broker *broker)
{
	store_close(broker->store);
	broker->store = NULL;
	plain_unlink(broker);
}
