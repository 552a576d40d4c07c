/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* random.h - the random source as an interface, so that a simulator can seed it */
#pragma once

#include <stddef.h>

/**
 * struct random - a source of cryptographically strong bytes
 * @fill: write @length random bytes; never blocks on the data path, never fails
 *
 * random_system() draws from a CTR_DRBG seeded by the kernel (mbedTLS); simulators seed their own.
 */
struct random {
	void (*fill)(struct random *random, void *out, size_t length);
};

/** random_system_new() - a per-thread CTR_DRBG; NULL with errno when the kernel gives no seed. */
struct random *random_system_new(void);

/** random_system_free() - NULL is allowed; wipes its state. */
void random_system_free(struct random *random);
