/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* backend_store.c - what the reference backend keeps in SQLite */
#include "backend_store.h"

#include "backend_sql.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS 256
#define BUSY_MS 5000      /* somebody else may be writing: sqlite3, or our own command line */
#define PRUNE_EVERY 10000 /* events */

#define STATEMENTS(X)                                                                              \
	X(EVENT)                                                                                   \
	X(CURSOR)                                                                                  \
	X(PRUNE)                                                                                   \
	X(ONLINE)                                                                                  \
	X(OFFLINE)                                                                                 \
	X(SUBDEVICE_ONLINE)                                                                        \
	X(SUBDEVICE_OFFLINE)                                                                       \
	X(SEEN)                                                                                    \
	X(STATES)                                                                                  \
	X(RESOURCES)                                                                               \
	X(BIND)                                                                                    \
	X(UNBIND)                                                                                  \
	X(UNBOUND)                                                                                 \
	X(VERSION)                                                                                 \
	X(UPGRADE)                                                                                 \
	X(UPGRADED)                                                                                \
	X(RESPONSE)                                                                                \
	X(UNDELIVERED)                                                                             \
	X(LAST_SEGMENT)                                                                            \
	X(CLAIM)                                                                                   \
	X(NEXT)                                                                                    \
	X(SENT)                                                                                    \
	X(ORDER)                                                                                   \
	X(FIRMWARE)                                                                                \
	X(COUNTS)

enum statement {
#define X(name) name,
	STATEMENTS(X)
#undef X
		STATEMENT_COUNT
};

static const char *const sql[] = {
#define X(name) SQL_##name,
	STATEMENTS(X)
#undef X
};

/**
 * struct backend_store
 * @newest: of each worker, the id of the newest event that was taken in; -1: none
 * @line: an event as JSON
 */
struct backend_store {
	sqlite3 *database;
	sqlite3_stmt *statements[STATEMENT_COUNT];
	const char *path;
	int64_t keep, since_prune, newest[WORKERS];
	char *line;
	size_t line_size;
};

static int failed(struct backend_store *store)
{
	fprintf(stderr, "hearth-backend: %s: %s\n", store->path, sqlite3_errmsg(store->database));
	return -EIO;
}

static int execute(struct backend_store *store, const char *text)
{
	return sqlite3_exec(store->database, text, NULL, NULL, NULL) == SQLITE_OK ? 0
										  : failed(store);
}

/* A statement that yields nothing, its values bound. Return: an SQLite result, told if bad. */
static int step(struct backend_store *store, enum statement which)
{
	const int rc = sqlite3_step(store->statements[which]);

	if (rc != SQLITE_DONE)
		failed(store);
	sqlite3_reset(store->statements[which]);
	return rc;
}

static int run(struct backend_store *store, enum statement which)
{
	return step(store, which) == SQLITE_DONE ? 0 : -EIO;
}

static void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
	sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

static int load_cursors(struct backend_store *store)
{
	sqlite3_stmt *statement;
	int rc;

	memset(store->newest, 0xff, sizeof(store->newest));
	if (sqlite3_prepare_v2(store->database, "SELECT worker, id FROM cursors", -1, &statement,
		    NULL) != SQLITE_OK)
		return failed(store);
	while ((rc = sqlite3_step(statement)) == SQLITE_ROW)
		store->newest[sqlite3_column_int(statement, 0) % WORKERS] =
			sqlite3_column_int64(statement, 1);
	sqlite3_finalize(statement);
	return rc == SQLITE_DONE ? 0 : failed(store);
}

int backend_store_recover(struct backend_store *store)
{
	return execute(store, SQL_RECOVER);
}

struct backend_store *backend_store_open(const char *path, int64_t keep)
{
	struct backend_store *store = calloc(1, sizeof(*store));
	unsigned i;
	int rc;

	if (!store)
		return NULL;
	store->path = path;
	store->keep = keep;
	rc = sqlite3_open(path, &store->database) == SQLITE_OK ? 0 : failed(store);
	sqlite3_busy_timeout(store->database, BUSY_MS);
	/* FULL: a commit that has returned is on disk. */
	if (rc == 0)
		rc = execute(store, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
	if (rc == 0)
		rc = execute(store, SQL_SCHEMA);
	for (i = 0; rc == 0 && i < STATEMENT_COUNT; i++) {
		if (sqlite3_prepare_v3(store->database, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
			    &store->statements[i], NULL) != SQLITE_OK)
			rc = failed(store);
	}
	if (rc == 0)
		rc = load_cursors(store);
	if (rc == 0)
		return store;
	backend_store_close(store);
	return NULL;
}

void backend_store_close(struct backend_store *store)
{
	unsigned i;

	if (!store)
		return;
	for (i = 0; i < STATEMENT_COUNT; i++)
		sqlite3_finalize(store->statements[i]);
	sqlite3_close(store->database);
	free(store->line);
	free(store);
}

int backend_store_begin(struct backend_store *store)
{
	return execute(store, "BEGIN IMMEDIATE");
}

int backend_store_commit(struct backend_store *store)
{
	/* A row still looked at would hold an old state of the database. */
	sqlite3_reset(store->statements[NEXT]);
	return execute(store, "COMMIT");
}

static const char *line_of(struct backend_store *store, const struct hearth_item *item)
{
	size_t needed = hearth_item_json(item, store->line, store->line_size);

	if (needed >= store->line_size) {
		free(store->line);
		store->line_size = needed + 4096;
		store->line = malloc(store->line_size);
		if (!store->line) {
			store->line_size = 0;
			return NULL;
		}
		needed = hearth_item_json(item, store->line, store->line_size);
	}
	store->line[needed] = '\0';
	return store->line;
}

static int keep_event(struct backend_store *store, const struct hearth_item *item)
{
	sqlite3_stmt *event = store->statements[EVENT], *cursor = store->statements[CURSOR];
	const struct hearth_record *record = item->record;
	const char *line = line_of(store, item);

	if (!line) {
		fputs("hearth-backend: out of memory\n", stderr);
		return -EIO;
	}
	sqlite3_bind_int(event, 1, (int)item->worker);
	sqlite3_bind_int64(event, 2, (int64_t)record->id);
	sqlite3_bind_int64(event, 3, (int64_t)record->time);
	sqlite3_bind_text(event, 4, item->device, record->device_length, SQLITE_STATIC);
	bind_text(event, 5, line);
	sqlite3_bind_int(cursor, 1, (int)item->worker);
	sqlite3_bind_int64(cursor, 2, (int64_t)record->id);
	return run(store, EVENT) || run(store, CURSOR) ? -EIO : 0;
}

/* One of the statements that are about an event; see backend_sql.h for its values. */
static int apply(struct backend_store *store, enum statement which, const struct hearth_item *item)
{
	sqlite3_stmt *statement = store->statements[which];
	const struct hearth_record *record = item->record;
	const char *payload = record->payload_length ? item->payload : "{}";
	const int length = record->payload_length ? (int)record->payload_length : 2;
	int rc;

	/* A statement that has no place for a value says so, and does without. */
	sqlite3_bind_text(statement, 1, item->device, record->device_length, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, (int64_t)record->session);
	bind_text(statement, 3, hearth_via_name(record->via));
	sqlite3_bind_int64(statement, 4, (int64_t)record->time);
	sqlite3_bind_text(statement, 5, payload, length, SQLITE_STATIC);
	sqlite3_bind_text(statement, 6, item->gateway, record->gateway_length, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 7, (int64_t)record->request);
	bind_text(statement, 8, hearth_reason_name(record->reason));
	/* What a device's JSON makes impossible is told and not done; the event itself is kept. */
	rc = step(store, which);
	return rc == SQLITE_DONE || rc == SQLITE_ERROR || rc == SQLITE_CONSTRAINT ? 0 : -EIO;
}

static int apply_uplink(struct backend_store *store, const struct hearth_item *item)
{
	int rc = apply(store, SEEN, item);

	if (rc)
		return rc;
	switch (item->record->code) {
	case 2006:
	case 2028:
		rc = apply(store, STATES, item);
		return rc ? rc : apply(store, RESOURCES, item);
	case 2012:
		return apply(store, BIND, item);
	case 2018:
		return apply(store, UNBIND, item);
	case 2022:
		rc = apply(store, VERSION, item);
		return rc ? rc : apply(store, UPGRADE, item);
	case 2026:
		return apply(store, UPGRADED, item);
	default:
		return 0; /* it stands among the events */
	}
}

static int apply_event(struct backend_store *store, const struct hearth_item *item)
{
	const bool subdevice = item->record->gateway_length > 0;
	int rc;

	switch (item->record->event) {
	case HEARTH_ONLINE:
		return apply(store, subdevice ? SUBDEVICE_ONLINE : ONLINE, item);
	case HEARTH_OFFLINE:
		return apply(store, subdevice ? SUBDEVICE_OFFLINE : OFFLINE, item);
	case HEARTH_UPLINK:
		return apply_uplink(store, item);
	case HEARTH_RESPONSE:
		rc = apply(store, RESPONSE, item);
		return rc ? rc : apply(store, UNBOUND, item);
	case HEARTH_UNDELIVERED:
		return apply(store, UNDELIVERED, item);
	default:
		return 0;
	}
}

int backend_store_event(struct backend_store *store, const struct hearth_item *item)
{
	int64_t *newest = &store->newest[item->worker % WORKERS];
	int rc;

	if ((int64_t)item->record->id <= *newest)
		return 0;
	rc = keep_event(store, item);
	if (rc == 0)
		rc = apply_event(store, item);
	if (rc)
		return rc;
	*newest = (int64_t)item->record->id;
	if (!store->keep || ++store->since_prune < PRUNE_EVERY)
		return 1;
	store->since_prune = 0;
	sqlite3_bind_int64(store->statements[PRUNE], 1, store->keep);
	rc = run(store, PRUNE);
	return rc ? rc : 1;
}

bool backend_store_last_segment(struct backend_store *store, const struct hearth_item *item)
{
	sqlite3_stmt *statement = store->statements[LAST_SEGMENT];
	bool last;

	sqlite3_bind_text(
		statement, 5, item->payload, (int)item->record->payload_length, SQLITE_STATIC);
	last = sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_int(statement, 0);
	sqlite3_reset(statement);
	return last;
}

int backend_store_claim(struct backend_store *store)
{
	int rc = run(store, CLAIM);

	return rc ? rc : sqlite3_changes(store->database);
}

int backend_store_next(struct backend_store *store, int64_t number, struct backend_command *command)
{
	sqlite3_stmt *statement = store->statements[NEXT];
	int rc;

	sqlite3_reset(statement);
	sqlite3_bind_int64(statement, 1, number);
	rc = sqlite3_step(statement);
	if (rc != SQLITE_ROW) {
		sqlite3_reset(statement);
		return rc == SQLITE_DONE ? 0 : failed(store);
	}
	command->number = sqlite3_column_int64(statement, 0);
	command->device = (const char *)sqlite3_column_text(statement, 1);
	command->code = (uint32_t)sqlite3_column_int64(statement, 2);
	command->payload = (const char *)sqlite3_column_text(statement, 3);
	command->expires_ms = (uint32_t)sqlite3_column_int64(statement, 4);
	return 1;
}

int backend_store_sent(
	struct backend_store *store, int64_t number, uint64_t request, const char *why)
{
	sqlite3_stmt *statement = store->statements[SENT];

	sqlite3_bind_int64(statement, 1, number);
	if (why)
		sqlite3_bind_null(statement, 2);
	else
		sqlite3_bind_int64(statement, 2, (int64_t)request);
	bind_text(statement, 3, why);
	return run(store, SENT);
}

int64_t backend_store_order(
	struct backend_store *store, const char *device, const char *code, const char *payload)
{
	sqlite3_stmt *statement = store->statements[ORDER];

	bind_text(statement, 1, device);
	bind_text(statement, 2, code);
	bind_text(statement, 3, payload);
	if (sqlite3_step(statement) != SQLITE_DONE)
		return failed(store);
	return sqlite3_last_insert_rowid(store->database);
}

int backend_store_firmware(struct backend_store *store, const char *model, const char *version,
	const char *url, const char *md5)
{
	sqlite3_stmt *statement = store->statements[FIRMWARE];

	bind_text(statement, 1, model);
	bind_text(statement, 2, version);
	bind_text(statement, 3, url);
	bind_text(statement, 4, md5);
	return sqlite3_step(statement) == SQLITE_DONE ? 0 : failed(store);
}

int backend_store_counts(struct backend_store *store, struct backend_counts *counts)
{
	sqlite3_stmt *statement = store->statements[COUNTS];
	int rc = sqlite3_step(statement) == SQLITE_ROW ? 0 : failed(store);

	if (rc == 0)
		*counts = (struct backend_counts){sqlite3_column_int64(statement, 0),
			sqlite3_column_int64(statement, 1), sqlite3_column_int64(statement, 2),
			sqlite3_column_int64(statement, 3), sqlite3_column_int64(statement, 4)};
	sqlite3_reset(statement);
	return rc;
}
