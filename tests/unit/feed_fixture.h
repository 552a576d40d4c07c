/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* feed_fixture.h - ring files in a folder of the test's own, records that can be told apart */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "feed/feed.h"

enum { FIXTURE_PAYLOAD = 700, FIXTURE_LINE = 256 };

static char fixture_dir[64];
static char fixture_path[96];
static char fixture_error[FIXTURE_LINE];

static inline int fixture_setup(void **state)
{
	/* In memory where that can be had, as in service. */
	strcpy(fixture_dir, access("/dev/shm", W_OK) == 0 ? "/dev/shm/test-feed-XXXXXX"
							  : "/tmp/test-feed-XXXXXX");
	if (!mkdtemp(fixture_dir))
		return -1;
	snprintf(fixture_path, sizeof(fixture_path), "%s/ring", fixture_dir);
	return 0;
}

static inline void fixture_remove(const char *suffix)
{
	char name[128];

	snprintf(name, sizeof(name), "%s%s", fixture_path, suffix);
	unlink(name);
}

/* A file that the broker left behind beside these makes rmdir() fail, and the test with it. */
static inline int fixture_teardown(void **state)
{
	fixture_remove("");
	fixture_remove(".commit");
	return rmdir(fixture_dir);
}

static inline struct feed_config fixture_config(unsigned workers, uint64_t bytes)
{
	return (struct feed_config){.path = fixture_path,
		.bytes = bytes,
		.workers = workers,
		.first_id = 4096,
		.id_limit = UINT64_MAX};
}

static inline uint64_t fixture_mix(uint64_t n)
{
	n += 0x9e3779b97f4a7c15;
	n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9;
	n = (n ^ (n >> 27)) * 0x94d049bb133111eb;
	return n ^ (n >> 31);
}

/* Record number @n: all of it follows from @n. */
struct fixture_record {
	struct hearth_record record;
	char device[32], gateway[32];
	char payload[FIXTURE_PAYLOAD];
};

static inline void fixture_fill(struct fixture_record *filled, uint64_t n)
{
	uint64_t mix = fixture_mix(n);

	memset(filled, 0, sizeof(*filled));
	filled->record.time = n;
	filled->record.session = mix;
	filled->record.count = (uint32_t)n;
	filled->record.code = 2006;
	filled->record.event = HEARTH_UPLINK;
	filled->record.protocol = HEARTH_MC;
	filled->record.device_length = (uint8_t)(1 + mix % 24);
	filled->record.gateway_length = mix & 0x100 ? (mix >> 9) % 24 : 0;
	filled->record.payload_length = (mix >> 16) % FIXTURE_PAYLOAD;
	memset(filled->device, 'a' + (int)(n % 26), filled->record.device_length);
	memset(filled->gateway, 'A' + (int)(n % 26), filled->record.gateway_length);
	for (unsigned i = 0; i < filled->record.payload_length; i++)
		filled->payload[i] = (char)(mix >> (i % 8 * 8)) ^ (char)i;
}

static inline int fixture_write_as(
	struct feed_ring *ring, enum feed_class class, uint64_t n, uint64_t *id)
{
	struct fixture_record filled;
	int rc;

	fixture_fill(&filled, n);
	rc = feed_write(ring, class, &filled.record, filled.device, filled.gateway, filled.payload);
	if (id)
		*id = filled.record.id;
	return rc;
}

static inline int fixture_write(struct feed_ring *ring, uint64_t n)
{
	return fixture_write_as(ring, FEED_REQUEST, n, NULL);
}

/* A record of the least size: 112 bytes. */
static inline int fixture_write_small(struct feed_ring *ring, enum feed_class class)
{
	struct hearth_record record = {.event = HEARTH_ONLINE, .device_length = 8};

	return feed_write(ring, class, &record, "12345678", NULL, NULL);
}

/* Is @item what fixture_write() wrote as @n? */
static inline int fixture_is(const struct hearth_item *item, uint64_t n)
{
	const struct hearth_record *record = item->record;
	struct fixture_record filled;

	fixture_fill(&filled, n);
	return record->time == n && record->session == filled.record.session &&
	       record->device_length == filled.record.device_length &&
	       record->gateway_length == filled.record.gateway_length &&
	       record->payload_length == filled.record.payload_length &&
	       memcmp(item->device, filled.device, record->device_length) == 0 &&
	       memcmp(item->gateway, filled.gateway, record->gateway_length) == 0 &&
	       memcmp(item->payload, filled.payload, record->payload_length) == 0;
}

/* Steps (b) and (d). */
static inline void fixture_publish(struct feed_ring *ring)
{
	feed_publish(ring);
	feed_applied(ring);
}

static inline struct feed *fixture_feed(const struct feed_config *config)
{
	struct feed *feed = NULL;
	int rc = feed_open(&feed, config, fixture_error, sizeof(fixture_error));

	if (rc < 0)
		fail_msg("feed_open: %d: %s", rc, fixture_error);
	return feed;
}

static inline struct hearth_feed *fixture_reader(unsigned flags)
{
	struct hearth_feed *reader =
		hearth_feed_open(fixture_path, flags, fixture_error, sizeof(fixture_error));

	if (!reader)
		fail_msg("hearth_feed_open: %s", fixture_error);
	return reader;
}

/* Overwrite bytes of PATH@suffix behind everybody's back. */
static inline void fixture_poke(
	const char *suffix, uint64_t offset, const void *bytes, size_t length)
{
	char name[128];
	int fd;

	snprintf(name, sizeof(name), "%s%s", fixture_path, suffix);
	fd = open(name, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, length, (off_t)offset), length);
	close(fd);
}

static inline void fixture_peek(const char *suffix, uint64_t offset, void *bytes, size_t length)
{
	char name[128];
	int fd;

	snprintf(name, sizeof(name), "%s%s", fixture_path, suffix);
	fd = open(name, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, bytes, length, (off_t)offset), length);
	close(fd);
}
