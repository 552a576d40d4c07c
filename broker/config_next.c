/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* config_next.c - how a file differs from what is in force, and what is in force after it */
#include "config_keys.h"
#include "config_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t number_of(const struct config_field *field, const struct config *config)
{
	uint64_t value = 0;

	memcpy(&value, (const char *)config + field->offset, field->width);
	return value;
}

/* Does a running broker take @file's value? */
static bool takes(
	const struct config_field *field, const struct config *start, const struct config *file)
{
	switch (field->when) {
	case FIELD_RUN_TIME:
		/* what others can reach is never left without a token */
		return field->offset != offsetof(struct config, http.token_file) ||
		       file->http.token_file || !start->http.listen ||
		       config_is_loopback(&start->http.address);
	case FIELD_BOUND:
		return number_of(field, file) <= number_of(field, start);
	case FIELD_START:
		break;
	}
	return false;
}

/* ---- changes ---- */

static const struct config_key *find(const struct config_keys *keys, const char *name)
{
	for (unsigned i = 0; i < keys->count; i++) {
		if (!strcmp(keys->keys[i].name, name))
			return &keys->keys[i];
	}
	return NULL;
}

static int add_change(struct config_changes *changes, const struct config_key *now,
	const struct config_key *then, bool restart)
{
	struct config_change *grown =
		realloc(changes->changes, (changes->count + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	changes->changes = grown;
	grown += changes->count++;
	*grown = (struct config_change){.restart = restart};
	changes->restarts += restart;
	snprintf(grown->name, sizeof(grown->name), "%s", now ? now->name : then->name);
	grown->now = now ? strdup(now->value) : NULL;
	grown->then = then ? strdup(then->value) : NULL;
	return (now && !grown->now) || (then && !grown->then) ? -ENOMEM : 0;
}

static int compare(const struct config *start, const struct config *running,
	const struct config *file, struct config_changes *changes)
{
	struct config_keys now = {0}, then = {0};
	int rc = config_keys_of(running, &now);

	if (rc == 0)
		rc = config_keys_of(file, &then);
	for (unsigned i = 0; i < now.count && rc == 0; i++) {
		const struct config_key *key = &now.keys[i], *other = find(&then, key->name);

		if (!other || strcmp(key->value, other->value) != 0)
			rc = add_change(changes, key, other, !takes(key->field, start, file));
	}
	for (unsigned i = 0; i < then.count && rc == 0; i++) {
		const struct config_key *key = &then.keys[i];

		if (!find(&now, key->name))
			rc = add_change(changes, NULL, key, !takes(key->field, start, file));
	}
	config_keys_free(&now);
	config_keys_free(&then);
	return rc;
}

void config_changes_free(struct config_changes *changes)
{
	for (unsigned i = 0; i < changes->count; i++) {
		free(changes->changes[i].now);
		free(changes->changes[i].then);
	}
	free(changes->changes);
	*changes = (struct config_changes){0};
}

/* ---- the next ---- */

static char **text_at(const struct config_field *field, const struct config *config)
{
	return (char **)((char *)(uintptr_t)config + field->offset);
}

/* Texts of @next are still @running's: a copy of its own of each, or of @file's where it is
 * taken. */
static int fill(struct config *next, const struct config *start, const struct config *file,
	const struct config_field *fields)
{
	int rc = 0;

	for (; fields->key; fields++) {
		const bool taken = takes(fields, start, file);

		if (fields->kind == FIELD_MAP) {
			if (fill(next, start, file, fields->fields) < 0)
				rc = -ENOMEM;
		} else if (fields->kind == FIELD_TEXT || fields->kind == FIELD_PATH) {
			const char *from = *text_at(fields, taken ? file : next);

			*text_at(fields, next) = from ? strdup(from) : NULL;
			if (from && !*text_at(fields, next))
				rc = -ENOMEM;
		} else if (fields->kind != FIELD_READ && taken) {
			memcpy((char *)next + fields->offset, (const char *)file + fields->offset,
				fields->width);
		}
	}
	return rc;
}

/* A session keeps the heartbeat that it was told when it connected: see mc_heartbeat(). */
static void remember_heartbeat(struct config *next, const struct config *running, int64_t now)
{
	if (next->mc.heartbeat == running->mc.heartbeat)
		return;
	if (next->mc.heartbeat_before < running->mc.heartbeat)
		next->mc.heartbeat_before = running->mc.heartbeat;
	/* a worker takes it over in its next turn: by then the clock may show another second */
	next->mc.heartbeat_since = now + 1;
}

struct config *config_next(const struct config *start, const struct config *running,
	const struct config *file, int64_t now, struct config_changes *changes)
{
	struct config *next = malloc(sizeof(*next));
	int rc;

	*changes = (struct config_changes){0};
	if (!next)
		return NULL;
	memcpy(next, running, sizeof(*next));
	rc = fill(next, start, file, config_fields);
	next->file = strdup(running->file);
	for (unsigned i = 0; i < next->port_count; i++) {
		next->ports[i].device = strdup(running->ports[i].device);
		if (!next->ports[i].device)
			rc = -ENOMEM;
	}
	if (rc == 0 && next->file)
		rc = compare(start, running, file, changes);
	if (rc < 0 || !next->file) {
		config_free(next);
		return NULL;
	}
	remember_heartbeat(next, running, now);
	return next;
}
