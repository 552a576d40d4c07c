/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* identity.h - the instrument's devices need no file: ids and PINs by a keyed function */
#pragma once

#include "crypto/siphash.h"

#include <stdint.h>

#define IDENTITY_ID 24
#define IDENTITY_PIN 32
/** Devices that there can be: their index is an id's last eight digits. */
#define IDENTITY_MAX 100000000u

/** struct identity - all devices of one seed */
struct identity {
	struct siphash_key key;
	char head[IDENTITY_ID - 8]; /* what all ids begin with */
};

/** identity_init() - the devices of @seed. */
void identity_init(struct identity *identity, uint64_t seed);

/** identity_id() - 24 digits, no NUL. */
void identity_id(const struct identity *identity, uint32_t index, char id[IDENTITY_ID]);

/** identity_pin() - 32 letters and digits, no NUL. */
void identity_pin(const struct identity *identity, uint32_t index, char pin[IDENTITY_PIN]);

/** identity_index() - whose id is it? Return: the index; UINT32_MAX for a stranger's. */
uint32_t identity_index(const struct identity *identity, const char id[IDENTITY_ID]);

/** identity_csv() - write the file that hearthctl device import takes, mode 0600.
 * Return: 0 or -errno. */
int identity_csv(const struct identity *identity, uint32_t count, const char *path);
