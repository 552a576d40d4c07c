/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* hearth_hooks.h - where the simulator gets between TCP and what it calls */
#pragma once

#include "crypto/siphash.h"

#include <stdbool.h>

/** hearth_chunk_fails() - is this chunk_get() the one that has to fail? */
bool hearth_chunk_fails(void);

/** hearth_isn() - the keyed part of an initial sequence number (RFC 6528) such that the number
 * begins where the plan wants it. Return: false if @key is another key, or nothing is planned. */
bool hearth_isn(const struct siphash_key *key, uint64_t *f);
