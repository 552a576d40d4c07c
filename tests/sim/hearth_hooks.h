/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* hearth_hooks.h - where the simulator gets between TCP and what it calls */
#pragma once

#include "crypto/siphash.h"

#include <stdbool.h>

/** hearth_chunk_fails() - is this chunk_get() the one that has to fail? */
bool hearth_chunk_fails(void);

/**
 * hearth_keyed() - what the numbers of a flow are made from, such that they begin where the plan
 * wants it: the keyed part of its initial sequence number (RFC 6528), or of its timestamps (RFC
 * 7323 section 5.4), whose words have bit 63 of @word1 set
 * Return: false if @key is another key, or nothing is planned.
 */
bool hearth_keyed(const struct siphash_key *key, uint64_t word0, uint64_t word1, uint64_t *f);
