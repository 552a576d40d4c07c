/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* config_keys.h - a configuration as a list of keys: shown, compared, and the next one made of it */
#pragma once

#include "config.h"
#include "config_yaml.h"

/**
 * struct config_key - one key with its value
 * @name: "mc.commands.sends", "ports[0].device"
 * @value: as it may stand in a file; paths are absolute
 * @object: what @field lies in
 */
struct config_key {
	char name[CONFIG_NAME_MAX];
	char *value;
	const struct config_field *field;
	const void *object;
};

/** struct config_keys - all keys that have a value, defaults among them, in the order of the tables;
 * the configuration that they are of outlives them */
struct config_keys {
	struct config_key *keys;
	unsigned count;
};

/** config_keys_of() - @config's. Return: 0, -ENOMEM; end with config_keys_free() either way. */
int config_keys_of(const struct config *config, struct config_keys *keys);

/** config_keys_free() - may be called twice. */
void config_keys_free(struct config_keys *keys);

/** config_keys_yaml() - as a file that config_load() reads again, malloc'ed; NULL: no memory. */
char *config_keys_yaml(const struct config_keys *keys);

/**
 * struct config_change - a key whose value differs
 * @now, @then: its values; NULL where it has none
 * @restart: it is not taken over by a running broker
 */
struct config_change {
	char name[CONFIG_NAME_MAX];
	char *now, *then;
	bool restart;
};

/** struct config_changes - in the order of the tables */
struct config_changes {
	struct config_change *changes;
	unsigned count;
	unsigned restarts; /* of these, changes with @restart */
};

/**
 * config_next() - what is to be in force after @file was read while @running is
 * @start: with which the broker was started: keys of FIELD_BOUND stay below its
 * @now: Unix seconds
 * @changes: receives how @file differs from @running; end with config_changes_free() either way
 *
 * @running with those keys of @file that may change while the broker runs.
 * Return: the configuration, to be freed with config_free(); NULL: no memory.
 */
struct config *config_next(const struct config *start, const struct config *running,
	const struct config *file, int64_t now, struct config_changes *changes);

/** config_changes_free() - may be called twice. */
void config_changes_free(struct config_changes *changes);
