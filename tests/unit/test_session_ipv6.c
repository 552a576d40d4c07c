/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_session_ipv6.c - IPv6 addresses beside the entries: whole at any kill, no memory without */

#include "session_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static int open_ipv6(struct fixture *f, uint32_t entries, unsigned workers)
{
	const struct session_config config = {.path = f->path,
		.entries = entries,
		.workers = workers,
		.ipv6 = true,
		.random = &source.random};
	const int rc = session_table_open(&f->table, &config, f->error, sizeof(f->error));

	f->worker = rc == 0 ? session_worker(f->table, 0) : NULL;
	return rc;
}

static struct session_peer at(const char *text, uint16_t port)
{
	struct session_peer peer = {.port = htons(port), .link = 7, .local = 5};

	assert_true(ip_parse(text, &peer.address));
	return peer;
}

static void move(struct fixture *f, uint32_t index, struct session_peer peer)
{
	struct session_turn *turn = session_touch(f->worker, index);

	turn->state = SESSION_LIVE;
	turn->via = SESSION_VIA_UDP;
	turn->peer = peer;
	session_commit(f->worker);
	check_lists(f->worker);
}

static void expect_at(const struct fixture *f, uint32_t index, struct session_peer peer)
{
	struct session_turn copy;

	assert_true(session_peek(f->table, index, &copy));
	assert_int_equal(copy.via, SESSION_VIA_UDP);
	assert_memory_equal(&copy.peer, &peer, sizeof(peer));
}

static const char *const ways[] = {"fd77::1", "fd77::2", "198.18.0.2", "fd77::2", "fd77::2",
	"2001:db8:1111:2222:3333:4444:5555:6666", "198.18.0.3", "198.18.0.3", "fd77::1", "::2"};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

/* A device that a NAT, or its router, moves about. */
static void test_rebinding(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(open_ipv6(f, 10, 1), 0);
	const uint32_t first = log_in(f, 1, 1).index, second = log_in(f, 2, 1).index;

	for (unsigned i = 0; i < WAYS; i++) {
		move(f, first, at(ways[i], 1000 + i));
		move(f, second, at(ways[WAYS - 1 - i], 2000 + i));
		expect_at(f, first, at(ways[i], 1000 + i));
		expect_at(f, second, at(ways[WAYS - 1 - i], 2000 + i));
		close_table(f); /* it outlives the process */
		assert_int_equal(open_ipv6(f, 10, 1), 0);
		assert_int_equal(session_worker_attach(f->worker, 1, NULL, NULL), 2);
		expect_at(f, first, at(ways[i], 1000 + i));
		expect_at(f, second, at(ways[WAYS - 1 - i], 2000 + i));
	}
}

/*
 * As if killed between any two stores of a move: with the old place, whatever was written beside
 * the entry, it is the old address.
 */
static void test_old_address_stays_whole(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(open_ipv6(f, 1, 1), 0);
	const uint32_t index = log_in(f, 1, 1).index;

	move(f, index, at(ways[0], 1000));
	for (unsigned i = 1; i < 3 * WAYS; i++) {
		const uint64_t old = f->table->entries[index].place;
		uint64_t after;

		move(f, index, at(ways[i % WAYS], 1000 + i));
		after = f->table->entries[index].place;
		assert_true(after != old);
		f->table->entries[index].place = old;
		expect_at(f, index, at(ways[(i - 1) % WAYS], 999 + i));
		f->table->entries[index].place = after;
	}
}

/* An entry that rests or ended has links in its place; the next session begins anew. */
static void test_other_lives(void **state)
{
	struct fixture *f = *state;
	struct session_turn copy;
	const struct session_peer none = {0};

	assert_int_equal(open_ipv6(f, 3, 1), 0);
	const uint32_t index = log_in(f, 1, 1).index;

	move(f, index, at("fd77::1", 1));
	become(f, index, SESSION_RESTING, SESSION_VIA_NONE, 2, 0);
	session_peek(f->table, index, &copy);
	assert_memory_equal(&copy.peer, &none, sizeof(none));
	move(f, index, at("fd77::9", 3));
	expect_at(f, index, at("fd77::9", 3));
	become(f, index, SESSION_LIVE, SESSION_VIA_TCP, 3, 0);
	session_peek(f->table, index, &copy);
	assert_int_equal(copy.connection, index + 77);
	assert_memory_equal(&copy.peer, &none, sizeof(none));
	move(f, index, none); /* by UDP, its address not known */
	expect_at(f, index, none);
	assert_int_equal(f->table->entries[index].place, 0);
	move(f, index, at("fd77::1", 4));
	become(f, index, SESSION_FREE, SESSION_VIA_NONE, 4, 0);
	assert_int_equal(log_in(f, 2, 5).index, index);
	session_peek(f->table, index, &copy);
	assert_memory_equal(&copy.peer, &none, sizeof(none));
}

static off_t taken(const struct fixture *f)
{
	struct stat status;

	assert_int_equal(stat(f->path, &status), 0);
	return status.st_blocks * 512;
}

/* Without IPv6 nothing beside the entries takes memory, whatever they go through. */
static void test_no_memory_without(void **state)
{
	struct fixture *f = *state;
	const uint32_t entries = 100000;
	off_t without;

	assert_int_equal(open_with(f, entries, 1), 0);
	without = taken(f);
	assert_in_range(without, entries * 96, entries * 96 + (64 << 10));
	for (uint32_t i = 0; i < 1000; i++)
		move(f, log_in(f, i, 1).index, at("198.18.0.2", (uint16_t)i));
	close_table(f);
	assert_int_equal(open_with(f, entries, 1), 0);
	assert_int_equal(session_worker_attach(f->worker, 1, NULL, NULL), 1000);
	for (uint32_t i = 0; i < entries; i++)
		session_touch(f->worker, i), session_commit(f->worker);
	close_table(f);
	assert_int_equal(open_with(f, entries + 1, 1), 0); /* carried over */
	assert_int_equal(session_worker_attach(f->worker, 1, NULL, NULL), 1000);
	assert_in_range(taken(f), without, without + 4096);
	close_table(f);
	/* with it, all is taken at start: a full file system must not show later */
	assert_int_equal(open_ipv6(f, entries + 1, 1), 0);
	assert_in_range(taken(f), without + entries * 32, without + entries * 32 + (64 << 10));
	assert_int_equal(session_worker_attach(f->worker, 1, NULL, NULL), 1000);
}

/* The same slab without IPv6 in the configuration: its devices are where they were. */
static void test_carried_over(void **state)
{
	struct fixture *f = *state;
	uint32_t first, second;

	assert_int_equal(open_ipv6(f, 10, 1), 0);
	first = log_in(f, 1, 1).index;
	second = log_in(f, 2, 1).index;
	move(f, first, at("fd77::1", 1));
	move(f, second, at("fd77::2", 2));
	move(f, second, at("fd77::3", 3)); /* lies in the second place */
	for (unsigned round = 0; round < 4; round++) {
		static const uint32_t sizes[] = {10, 50000, 9, 20};

		close_table(f);
		assert_int_equal(open_with(f, sizes[round], round < 3 ? 1 : 2), 0);
		assert_int_equal(session_worker_attach(f->worker, 1, NULL, NULL), 2);
		expect_at(f, first, at("fd77::1", 1));
		expect_at(f, second, at("fd77::3", 3));
	}
}

/* The slab as its first layout was: nothing behind the entries. */
static void make_version_1(const struct fixture *f, uint32_t version)
{
	const int fd = open(f->path, O_RDWR);
	struct slab_header header;
	size_t bytes = 0;

	assert_int_equal(pread(fd, &header, sizeof(header), 0), sizeof(header));
	bytes = SLAB_HEADER_BYTES + header.entries * sizeof(struct slab_entry);
	bytes = (bytes + 4095) / 4096 * 4096;
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	header.version = version;
	header.bytes = bytes;
	header.checksum = slab_header_checksum(&header);
	assert_int_equal(pwrite(fd, &header, sizeof(header), 0), sizeof(header));
	close(fd);
}

static void test_first_layout(void **state)
{
	struct fixture *f = *state;
	struct login logins[100];

	assert_int_equal(open_with(f, 100, 2), 0);
	for (uint32_t i = 0; i < 50; i++) {
		logins[i] = log_in(f, i, 1);
		if (i % 2)
			move(f, logins[i].index, at("198.18.0.7", (uint16_t)i));
	}
	close_table(f);
	make_version_1(f, 1);
	assert_int_equal(open_ipv6(f, 100, 2), 0);
	assert_true(session_table_attached(f->table));
	assert_int_equal(f->table->header->version, 2);
	assert_int_equal(session_worker_attach(f->worker, 1, NULL, NULL), 50);
	for (uint32_t i = 0; i < 50; i++) {
		assert_int_equal(find(f, logins[i].token), logins[i].index);
		if (i % 2)
			expect_at(f, logins[i].index, at("198.18.0.7", (uint16_t)i));
	}
	move(f, logins[0].index, at("fd77::1", 1));
	close_table(f);
	assert_int_equal(open_ipv6(f, 100, 2), 0);
	expect_at(f, logins[0].index, at("fd77::1", 1));
	close_table(f);

	/* one that is damaged, or from the future */
	make_version_1(f, 3);
	assert_int_equal(open_ipv6(f, 100, 2), -EPROTO);
	assert_non_null(strstr(f->error, "layout version 3, this broker writes 2"));
	make_version_1(f, 0);
	assert_int_equal(open_ipv6(f, 100, 2), -EPROTO);
	make_version_1(f, 1);
	assert_int_equal(truncate(f->path, 4096 * 2), 0);
	assert_int_equal(open_ipv6(f, 100, 2), -EPROTO);
	assert_non_null(strstr(f->error, "its header is damaged"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		row(test_rebinding),
		row(test_old_address_stays_whole),
		row(test_other_lives),
		row(test_no_memory_without),
		row(test_carried_over),
		row(test_first_layout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
