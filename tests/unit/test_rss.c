/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_rss.c - the ownership function against Microsoft's vectors and a bit-by-bit oracle */
#include "rss.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

/* "Verifying the RSS Hash Calculation", Windows driver documentation. */
static const uint8_t known_key[RSS_KEY_BYTES] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2,
	0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30,
	0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac,
	0x01, 0xfa};

static const struct {
	const char *destination;
	uint16_t destination_port;
	const char *source;
	uint16_t source_port;
	uint32_t hash;
} vectors[] = {
	{"161.142.100.80", 1766, "66.9.149.187", 2794, 0x51ccc178},
	{"65.69.140.83", 4739, "199.92.111.2", 14230, 0xc626b0ea},
	{"12.22.207.184", 38024, "24.19.198.95", 12898, 0x5c2b394a},
	{"209.142.163.6", 2217, "38.27.205.30", 48228, 0xafc7327f},
	{"202.188.127.2", 1303, "153.39.163.191", 44251, 0x10e828a2},
};

/* The hash of an IPv4 4-tuple; addresses in network byte order. */
static uint32_t hash_v4(const struct rss *rss, uint32_t source, uint32_t destination,
	uint16_t source_port, uint16_t destination_port)
{
	struct ip_address from = ip_from_v4(source), to = ip_from_v4(destination);

	return rss_hash(rss, &from, &to, source_port, destination_port);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static const struct {
	const char *destination;
	uint16_t destination_port;
	const char *source;
	uint16_t source_port;
	uint32_t hash;
} vectors_v6[] = {
	{"3ffe:2501:200:3::1", 1766, "3ffe:2501:200:1fff::7", 2794, 0x40207d3d},
	{"ff02::1", 4739, "3ffe:501:8::260:97ff:fe40:efab", 14230, 0xdde51bbf},
	{"fe80::200:f8ff:fe21:67cf", 38024, "3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44251,
		0x02d1feef},
};

static void test_published_vectors(void **state)
{
	struct rss rss;

	assert_int_equal(rss_init(&rss, known_key, 1), 0);
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		assert_int_equal(
			hash_v4(&rss, inet_addr(vectors[i].source),
				inet_addr(vectors[i].destination), htons(vectors[i].source_port),
				htons(vectors[i].destination_port)),
			vectors[i].hash);
	for (size_t i = 0; i < sizeof(vectors_v6) / sizeof(vectors_v6[0]); i++) {
		struct ip_address source, destination;

		assert_int_equal(inet_pton(AF_INET6, vectors_v6[i].source, &source), 1);
		assert_int_equal(inet_pton(AF_INET6, vectors_v6[i].destination, &destination), 1);
		assert_int_equal(
			rss_hash(&rss, &source, &destination, htons(vectors_v6[i].source_port),
				htons(vectors_v6[i].destination_port)),
			vectors_v6[i].hash);
	}
}

/* The definition, one bit at a time, shifting the whole key. */
static uint32_t slow_toeplitz(const uint8_t key[RSS_KEY_BYTES], const uint8_t *input, size_t length)
{
	uint8_t shifted[RSS_KEY_BYTES];
	uint32_t hash = 0;

	memcpy(shifted, key, sizeof(shifted));
	for (size_t i = 0; i < length * 8; i++) {
		if (input[i / 8] & 0x80 >> i % 8)
			hash ^= (uint32_t)shifted[0] << 24 | shifted[1] << 16 | shifted[2] << 8 |
				shifted[3];
		for (size_t j = 0; j < sizeof(shifted); j++)
			shifted[j] = (uint8_t)(shifted[j] << 1 |
					       (j + 1 < sizeof(shifted) ? shifted[j + 1] >> 7 : 0));
	}
	return hash;
}

static void test_against_oracle(void **state)
{
	uint64_t seed = 20260101;
	struct rss rss;

	for (unsigned round = 0; round < 300; round++) {
		uint8_t key[RSS_KEY_BYTES];
		uint8_t input[36];
		struct ip_address source, destination;
		uint16_t source_port, destination_port;
		size_t address = round % 2 ? 4 : 16;

		for (unsigned i = 0; i < sizeof(key); i++)
			key[i] = (uint8_t)next_random(&seed);
		if (rss_init(&rss, key, 1 + round % RSS_WORKERS_MAX) != 0)
			continue;
		for (unsigned i = 0; i < sizeof(input); i++)
			input[i] = (uint8_t)next_random(&seed);
		source = destination = ip_from_v4(0);
		memcpy(&source.word[4 - address / 4], input, address);
		memcpy(&destination.word[4 - address / 4], input + address, address);
		memcpy(&source_port, input + 2 * address, 2);
		memcpy(&destination_port, input + 2 * address + 2, 2);
		uint32_t want = slow_toeplitz(key, input, 2 * address + 4);

		assert_int_equal(
			rss_hash(&rss, &source, &destination, source_port, destination_port), want);
		assert_int_equal(
			rss_owner(&rss, &source, &destination, source_port, destination_port),
			want % RSS_RETA_SIZE % rss.workers);
	}
}

/* What the rank check promises: sequential ports, and sequential addresses, reach all entries. */
static void test_spread(void **state)
{
	unsigned by_port[RSS_RETA_SIZE] = {0}, by_address[RSS_RETA_SIZE] = {0};
	struct rss rss;

	assert_int_equal(rss_init(&rss, known_key, 4), 0);
	for (unsigned i = 0; i < 65536; i++) {
		uint32_t a = hash_v4(&rss, inet_addr("10.0.0.9"), inet_addr("10.0.0.1"),
			htons((uint16_t)i), htons(7701));
		uint32_t b = hash_v4(&rss, htonl(0x0a000000 + i), inet_addr("10.0.0.1"),
			htons(40000), htons(7701));

		by_port[a % RSS_RETA_SIZE]++;
		by_address[b % RSS_RETA_SIZE]++;
	}
	/* A linear map of full rank spreads its whole domain exactly evenly. */
	for (unsigned i = 0; i < RSS_RETA_SIZE; i++) {
		assert_int_equal(by_port[i], 65536 / RSS_RETA_SIZE);
		assert_int_equal(by_address[i], 65536 / RSS_RETA_SIZE);
	}
}

static void test_refused(void **state)
{
	uint8_t key[RSS_KEY_BYTES];
	struct rss rss;

	assert_int_equal(rss_init(&rss, known_key, 0), -EINVAL);
	assert_int_equal(rss_init(&rss, known_key, RSS_WORKERS_MAX + 1), -EINVAL);
	assert_int_equal(rss_init(&rss, known_key, RSS_WORKERS_MAX), 0);
	memset(key, 0, sizeof(key));
	assert_int_equal(rss_init(&rss, key, 2), -EINVAL);
	memset(key, 0xff, sizeof(key));
	assert_int_equal(rss_init(&rss, key, 2), -EINVAL);
	/* Period two: only two different windows. */
	memset(key, 0x55, sizeof(key));
	assert_int_equal(rss_init(&rss, key, 2), -EINVAL);
	/* Good, but for the windows of the source port's bits (64..79 and the 31 after each). */
	memcpy(key, known_key, sizeof(key));
	memset(key + 8, 0, 6);
	assert_int_equal(rss_init(&rss, key, 2), -EINVAL);
	/* Good, but for those of an IPv6 source port (256..271), and of the low half of an IPv6
	 * address (112..127). */
	memcpy(key, known_key, sizeof(key));
	memset(key + 32, 0, 6);
	assert_int_equal(rss_init(&rss, key, 2), -EINVAL);
	memcpy(key, known_key, sizeof(key));
	memset(key + 14, 0, 6);
	assert_int_equal(rss_init(&rss, key, 2), -EINVAL);
	/* Good, but for those of the source address's low half (16..31). */
	memcpy(key, known_key, sizeof(key));
	memset(key + 2, 0, 6);
	assert_int_equal(rss_init(&rss, key, 2), -EINVAL);
}

static void test_one_worker_owns_all(void **state)
{
	struct rss rss;

	assert_int_equal(rss_init(&rss, known_key, 1), 0);
	for (uint32_t i = 0; i < 1000; i++) {
		struct ip_address source = ip_from_v4(i * 7919), destination = ip_from_v4(~i);

		assert_int_equal(rss_owner(&rss, &source, &destination, (uint16_t)i, 80), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published_vectors),
		cmocka_unit_test(test_against_oracle),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_one_worker_owns_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
