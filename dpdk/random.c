/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* random.c - CTR_DRBG (NIST SP 800-90A) seeded by the kernel, drawn from through a buffer */
#include "random.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <mbedtls/ctr_drbg.h>
#ifdef __RDRND__
#include <immintrin.h>
#endif

/* One request to the DRBG: its fixed cost (a key schedule, an update) is paid once per this many
 * bytes. */
#define RANDOM_REQUEST MBEDTLS_CTR_DRBG_MAX_REQUEST

/* The first bytes of each request are handed to nobody: they go into the next reseed. */
#define RANDOM_WITHHELD 64

/*
 * Requests between reseeds: 64 MiB of output. SP 800-90A allows 2^48 requests, but mbedTLS counts
 * them in an int, so that reseeding cannot simply be turned off.
 */
#define RANDOM_RESEED 65536

struct random_system {
	struct random random; /* first: struct random * points here */
	mbedtls_ctr_drbg_context drbg;
	bool seeded;
	uint32_t at; /* first byte of @buffer not handed out yet; those before it are zero */
	uint8_t buffer[RANDOM_REQUEST];
};

_Static_assert(offsetof(struct random_system, random) == 0, "cast back in random_system_fill()");

/* Exactly @length bytes from the kernel; may wait for its pool while the machine boots. */
static int kernel_bytes(uint8_t *out, size_t length)
{
	while (length > 0) {
		ssize_t got = getrandom(out, length, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -1;
		out += got;
		length -= got;
	}
	return 0;
}

/* RDRAND, or 0 where there is none; it may run dry for a moment (Intel advises ten tries). */
static uint64_t processor_word(void)
{
#ifdef __RDRND__
	for (int tries = 0; tries < 10; tries++) {
		unsigned long long word;

		if (_rdrand64_step(&word))
			return word;
	}
#endif
	return 0;
}

/*
 * The DRBG's entropy source. The kernel gives the first seed; later reseeds happen on the data path
 * and must not enter it. They mix RDRAND into output of the DRBG that nobody has seen: where RDRAND
 * is missing or weak, the state is as good as it was before.
 */
static int entropy(void *context, unsigned char *out, size_t length)
{
	struct random_system *system = context;

	if (!system->seeded)
		return kernel_bytes(out, length);
	if (length > RANDOM_WITHHELD)
		return -1;
	memcpy(out, system->buffer, length);
	for (size_t i = 0; i < length; i += sizeof(uint64_t)) {
		uint64_t word = processor_word();

		for (size_t j = i; j < length && j < i + sizeof(word); j++, word >>= 8)
			out[j] ^= (uint8_t)word;
	}
	return 0;
}

static void refill(struct random_system *system)
{
	/* One thread per generator: the call that takes mbedTLS's mutex is not for a worker's turn.
	 * No answer is better than a predictable key; unreachable with the limits above. */
	if (mbedtls_ctr_drbg_random_with_add(
		    &system->drbg, system->buffer, sizeof(system->buffer), NULL, 0))
		abort();
	system->at = RANDOM_WITHHELD;
}

static void random_system_fill(struct random *random, void *out, size_t length)
{
	struct random_system *system = (struct random_system *)random;
	uint8_t *to = out;

	while (length > 0) {
		size_t n;

		if (system->at == sizeof(system->buffer))
			refill(system);
		n = sizeof(system->buffer) - system->at;
		if (n > length)
			n = length;
		memcpy(to, system->buffer + system->at, n);
		/* a later leak of this memory must not give away keys drawn before */
		memset(system->buffer + system->at, 0, n);
		system->at += n;
		to += n;
		length -= n;
	}
}

static void destroy(struct random_system *system)
{
	mbedtls_ctr_drbg_free(&system->drbg);
	explicit_bzero(system, sizeof(*system));
	free(system);
}

struct random *random_system_new(void)
{
	struct random_system *system = calloc(1, sizeof(*system));

	if (!system)
		return NULL;
	system->random.fill = random_system_fill;
	mbedtls_ctr_drbg_init(&system->drbg);
	mbedtls_ctr_drbg_set_reseed_interval(&system->drbg, RANDOM_RESEED);
	if (mbedtls_ctr_drbg_seed(&system->drbg, entropy, system, NULL, 0)) {
		destroy(system);
		errno = EIO;
		return NULL;
	}
	system->seeded = true;
	refill(system);
	return &system->random;
}

void random_system_free(struct random *random)
{
	if (random)
		destroy((struct random_system *)random);
}
