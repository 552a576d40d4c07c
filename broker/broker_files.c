/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* broker_files.c - the registry, the ring and the session slab: what outlives the process */
#include "broker_state.h"
#include "log/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * Event ids are cursors, and a cursor is never used twice, also when the ring is lost with its
 * tmpfs. So ids are taken from the registry in blocks: durable before the first of them is written.
 */
#define ID_BLOCK (1ull << 36)
static int open_store(struct broker *broker, char *error, size_t size)
{
	int64_t epoch;

	broker->store_is_new = access(broker->config->registry_path, F_OK) != 0;
	broker->store = store_open(
		broker->config->registry_path, broker->config->limits.devices, error, size);
	if (!broker->store)
		return -errno;
	epoch = store_epoch_next(broker->store);
	if (epoch < 0) {
		snprintf(error, size, "%s: cannot write: %s; check the disk",
			broker->config->registry_path, strerror((int)-epoch));
		return (int)epoch;
	}
	/* Session numbers grow over restarts although only live sessions remember theirs. */
	broker->first_session = (uint64_t)(epoch - 1) << 32;
	return 0;
}

static int reserve_ids(struct broker *broker, uint64_t above, char *error, size_t size)
{
	int rc = store_value_put(broker->store, "feed_limit", above + ID_BLOCK);

	if (rc) {
		snprintf(error, size, "%s: cannot write: %s; check the disk",
			broker->config->registry_path, strerror(-rc));
		return rc;
	}
	broker->id_limit = above + ID_BLOCK;
	return 0;
}

static int open_feed(struct broker *broker, char *error, size_t size)
{
	const struct config *config = broker->config;
	struct feed_config feed = {.path = config->feed.path,
		.bytes = config->feed.bytes,
		.workers = config->worker_count,
		.answers = config->feed.acknowledge == ACKNOWLEDGE_COMMIT};
	int rc = store_value_get(broker->store, "feed_limit", &feed.first_id);

	if (!rc)
		rc = reserve_ids(broker, feed.first_id, error, size);
	if (rc)
		return rc;
	feed.id_limit = broker->id_limit;
	rc = feed_open(&broker->feed, &feed, error, size);
	if (rc)
		return rc;
	/* A registry older than the ring (restored from a copy) must not stop the ring. */
	if (feed_highest(broker->feed) + ID_BLOCK / 2 > broker->id_limit) {
		rc = reserve_ids(broker, feed_highest(broker->feed), error, size);
		feed_raise_limit(broker->feed, broker->id_limit);
	}
	return rc;
}

static int open_sessions(struct broker *broker, char *error, size_t size)
{
	const struct config *config = broker->config;
	struct session_config sessions = {.path = broker->sessions_path,
		.entries = config->limits.sessions + config->limits.pending_logins,
		.workers = config->worker_count,
		.ipv6 = config_has_ipv6(config),
		.uncommitted = config->feed.acknowledge == ACKNOWLEDGE_COMMIT,
		.huge = config->memory.mode != MEMORY_NO_HUGE,
		.random = broker->random};

	if (snprintf(broker->sessions_path, sizeof(broker->sessions_path), "%s.sessions",
		    config->feed.path) >= (int)sizeof(broker->sessions_path)) {
		snprintf(error, size, "%s: the path is too long", config->feed.path);
		return -ENAMETOOLONG;
	}
	return session_table_open(&broker->table, &sessions, error, size);
}

static int open_pool(struct broker *broker, char *error, size_t size)
{
	const struct config *config = broker->config;
	struct command_config pool = {.path = broker->pool_path,
		.blocks = config->limits.commands,
		.workers = config->worker_count};

	if (snprintf(broker->pool_path, sizeof(broker->pool_path), "%s.commands",
		    config->feed.path) >= (int)sizeof(broker->pool_path)) {
		snprintf(error, size, "%s: the path is too long", config->feed.path);
		return -ENAMETOOLONG;
	}
	return command_pool_open(&broker->command_pool, &pool, error, size);
}

static unsigned entry_owner(void *context, uint32_t entry)
{
	return session_owner(context, entry);
}

int broker_open_bindings(struct broker *broker, char *error, size_t size)
{
	const struct config *config = broker->config;
	struct binding_config bindings = {.path = broker->bindings_path,
		.limit = config->limits.subdevices,
		.workers = config->worker_count,
		.entries = session_entries(broker->table, NULL),
		.store = broker->store,
		.registry = broker->registry,
		.owner = entry_owner,
		.context = broker->table};

	if (snprintf(broker->bindings_path, sizeof(broker->bindings_path), "%s.bindings",
		    config->feed.path) >= (int)sizeof(broker->bindings_path)) {
		snprintf(error, size, "%s: the path is too long", config->feed.path);
		return -ENAMETOOLONG;
	}
	return binding_open(&broker->bindings, &bindings, error, size);
}

static int open_audit(struct broker *broker, char *error, size_t size)
{
	uint64_t recovered;
	int rc;

	if (!broker->config->log.audit)
		return 0;
	rc = audit_open(&broker->audit, broker->config->log.audit, &recovered, error, size);
	if (rc)
		return rc;
	if (recovered)
		log_warning("audit log %s: its last line was cut off by a crash: %llu bytes of it "
			    "were taken away, the chain goes on",
			broker->config->log.audit, (unsigned long long)recovered);
	return 0;
}

void broker_audit(struct broker *broker, const char *verb)
{
	const struct audit_record record = {
		.surface = "process", .who = broker->identity, .verb = verb, .outcome = "done"};
	int64_t rc;

	if (!broker->audit)
		return;
	snprintf(broker->identity, sizeof(broker->identity), "uid %lld, pid %lld",
		(long long)getuid(), (long long)getpid());
	rc = audit_write(broker->audit, &record);
	if (rc < 0)
		log_error("audit log %s: %s: make room; acts that it cannot tell of are refused",
			broker->config->log.audit, strerror((int)-rc));
}

int broker_open_files(struct broker *broker, char *error, size_t size)
{
	int rc = open_store(broker, error, size);

	if (!rc)
		rc = open_feed(broker, error, size);
	if (!rc)
		rc = open_sessions(broker, error, size);
	if (!rc)
		rc = open_pool(broker, error, size);
	if (!rc)
		rc = broker_open_commands(broker, error, size);
	if (!rc)
		rc = open_audit(broker, error, size);
	return rc;
}

void broker_keep_ids_ahead(struct broker *broker)
{
	char error[256];

	if (feed_highest(broker->feed) + ID_BLOCK / 2 < broker->id_limit)
		return;
	if (reserve_ids(broker, broker->id_limit, error, sizeof(error)) == 0)
		feed_raise_limit(broker->feed, broker->id_limit);
	else
		log_error("%s: reports will be refused soon", error);
}

void broker_remove_new_files(struct broker *broker)
{
	bool new_feed = broker->feed && !feed_attached(broker->feed);
	bool new_sessions = broker->table && !session_table_attached(broker->table);
	bool new_pool = broker->command_pool && !command_pool_attached(broker->command_pool);
	static const char *const files[] = {"data.mdb", "lock.mdb", "lock"};
	char path[PATH_MAX];

	if (new_feed) {
		unlink(broker->config->feed.path);
		snprintf(path, sizeof(path), "%s.commit", broker->config->feed.path);
		unlink(path);
	}
	if (new_sessions)
		unlink(broker->sessions_path);
	if (new_pool)
		unlink(broker->pool_path);
	if (broker->bindings && !binding_attached(broker->bindings))
		unlink(broker->bindings_path);
	if (broker->audit && !audit_head(broker->audit).n)
		unlink(broker->config->log.audit);
	if (!broker->store_is_new)
		return;
	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", broker->config->registry_path, files[i]);
		unlink(path);
	}
	rmdir(broker->config->registry_path);
}
