/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_command.c - the pool of commands: what is placed comes through a kill, once and in order */
#include "session/command_pool.h"

#include "feed/hearth_feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BLOCKS 64

struct fixture {
	char directory[64], path[96], error[256];
	struct command_pool *pool;
	struct command_worker *worker;
	uint32_t visited[BLOCKS], visits, damaged;
};

static int open_pool(struct fixture *f, uint32_t blocks)
{
	const struct command_config config = {.path = f->path, .blocks = blocks, .workers = 2};
	int rc = command_pool_open(&f->pool, &config, f->error, sizeof(f->error));

	f->worker = rc ? NULL : command_worker(f->pool, 0);
	return rc;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->directory, sizeof(f->directory), "/dev/shm/hearth-test-XXXXXX");
	if (!mkdtemp(f->directory))
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/x.commands", f->directory);
	*state = f;
	return open_pool(f, BLOCKS);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	command_pool_close(f->pool);
	unlink(f->path);
	assert_int_equal(rmdir(f->directory), 0); /* nothing else was left there */
	free(f);
	return 0;
}

static bool visit(void *context, uint32_t index)
{
	struct fixture *f = context;

	assert_true(f->visits < BLOCKS);
	f->visited[f->visits++] = index;
	return true;
}

/* The process is gone; the next one attaches. */
static void restart(struct fixture *f)
{
	command_pool_close(f->pool);
	f->pool = NULL;
	assert_int_equal(open_pool(f, BLOCKS), 0);
	assert_true(command_pool_attached(f->pool));
}

static void attach(struct fixture *f)
{
	f->visits = 0;
	command_attach(f->pool, visit, f, &f->damaged);
}

/* Bytes that tell which command they are of, and where in it they stand. */
/* Not inlined: gcc 12 warns of lengths that no call has. */
__attribute__((noinline)) static void fill(uint8_t *payload, uint32_t length, uint64_t request)
{
	for (uint32_t i = 0; i < length; i++)
		payload[i] = (uint8_t)(request * 31 + i * 7 + (i >> 8));
}

static uint32_t place(struct command_worker *worker, uint64_t request, uint32_t length)
{
	uint8_t *payload = malloc(length + 1);
	struct command_text text = {.request = request,
		.expires = 1700000060000 + request,
		.event = request * 3,
		.code = 2003,
		.payload_length = length,
		.kind = 1,
		.worker = 5,
		.device_length = 24,
		.device = "000000000000000000000001",
		.payload = payload};
	uint32_t index;

	fill(payload, length, request);
	index = command_place(worker, &text);
	free(payload);
	return index;
}

static void check(struct command_worker *worker, uint32_t index, uint64_t request, uint32_t length)
{
	uint8_t *payload = malloc(length + 1), *expected = malloc(length + 1);
	struct command_text text;

	command_text_of(worker, index, &text);
	assert_int_equal(text.request, request);
	assert_int_equal(text.expires, 1700000060000 + request);
	assert_int_equal(text.event, request * 3);
	assert_int_equal(text.code, 2003);
	assert_int_equal(text.kind, 1);
	assert_int_equal(text.worker, 5);
	assert_int_equal(text.payload_length, length);
	assert_int_equal(text.device_length, 24);
	assert_memory_equal(text.device, "000000000000000000000001", 24);
	fill(expected, length, request);
	command_payload(worker, index, payload);
	assert_memory_equal(payload, expected, length);
	free(payload);
	free(expected);
}

static void become(struct fixture *f, uint32_t index, struct command_life life)
{
	command_change(f->worker, index, life);
}

static void test_payloads_of_all_lengths_come_back_whole(void **state)
{
	static const uint32_t lengths[] = {0, 1, 2, COMMAND_BODY - 25, COMMAND_BODY - 24,
		COMMAND_BODY - 23, 2 * COMMAND_BODY - 25, 2 * COMMAND_BODY - 24,
		2 * COMMAND_BODY - 23, 5000, 40000, BLOCKS * COMMAND_BODY - 24};
	struct fixture *f = *state;

	for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		uint32_t index = place(f->worker, 100 + i, lengths[i]);

		assert_int_not_equal(index, COMMAND_NONE);
		check(f->worker, index, 100 + i, lengths[i]);
		restart(f);
		attach(f);
		assert_int_equal(f->visits, 1);
		assert_int_equal(f->damaged, 0);
		check(f->worker, f->visited[0], 100 + i, lengths[i]);
		assert_int_equal(
			command_slot(f->worker, f->visited[0])->life.state, COMMAND_PLACED);
		become(f, f->visited[0], (struct command_life){0});
		assert_int_not_equal(command_pool_used(f->pool), 0);
		command_commit(f->worker);
		assert_int_equal(command_pool_used(f->pool), 0);
	}
}

/* What finds no room takes nothing; what is freed can be taken again. */
static void test_a_full_pool_takes_nothing(void **state)
{
	struct fixture *f = *state;
	uint32_t index[BLOCKS], count = 0;

	assert_int_equal(place(f->worker, 1, BLOCKS * COMMAND_BODY - 23), COMMAND_NONE);
	assert_int_equal(command_pool_used(f->pool), 0);
	while ((index[count] = place(f->worker, count, 3 * COMMAND_BODY - 24)) != COMMAND_NONE)
		count++;
	assert_int_equal(count, BLOCKS / 3);
	assert_int_equal(command_pool_used(f->pool), BLOCKS / 3 * 3);
	become(f, index[7], (struct command_life){0});
	assert_int_equal(place(f->worker, 99, 3 * COMMAND_BODY - 24), COMMAND_NONE);
	command_commit(f->worker);
	assert_int_not_equal(place(f->worker, 99, 3 * COMMAND_BODY - 24), COMMAND_NONE);
	for (uint32_t i = 0; i < count; i++) {
		if (i != 7)
			check(f->worker, index[i], i, 3 * COMMAND_BODY - 24);
	}
}

/* What a turn decided counts from the commit on, each command by itself and in order. */
static void test_a_turn_is_stored_at_its_commit(void **state)
{
	struct fixture *f = *state;

	for (uint32_t stored = 0; stored <= 3; stored++) {
		uint32_t a = place(f->worker, 1, 10), b = place(f->worker, 2, 2000);
		uint32_t c = place(f->worker, 3, 10);

		command_slot(f->worker, b)->handle = 0x0100000200000003;
		command_slot(f->worker, b)->number = 4711;
		become(f, a, (struct command_life){0});
		become(f, b, (struct command_life){.state = COMMAND_SENT, .sends = 1});
		become(f, c,
			(struct command_life){.state = COMMAND_OWED, .reason = HEARTH_EXPIRED});
		become(f, b,
			(struct command_life){
				.state = COMMAND_SENT, .sends = 2, .sequence = 65535});
		f->worker->changed_count = stored; /* killed after so many stores */
		command_commit(f->worker);
		restart(f);
		attach(f);
		assert_int_equal(f->visits, stored ? 2 : 3);
		for (uint32_t i = 0; i < f->visits; i++) {
			struct command_slot *slot = command_slot(f->worker, f->visited[i]);
			struct command_text text;

			command_text_of(f->worker, f->visited[i], &text);
			assert_int_equal(text.request, i + 1 + !!stored);
			switch (text.request) {
			case 1:
				assert_int_equal(slot->life.state, COMMAND_PLACED);
				break;
			case 2:
				assert_int_equal(slot->life.state,
					stored > 1 ? COMMAND_SENT : COMMAND_PLACED);
				if (stored < 2)
					break;
				assert_int_equal(slot->life.sends, 2);
				assert_int_equal(slot->life.sequence, 65535);
				assert_int_equal(slot->handle, 0x0100000200000003);
				assert_int_equal(slot->number, 4711);
				break;
			case 3:
				assert_int_equal(slot->life.state,
					stored > 2 ? COMMAND_OWED : COMMAND_PLACED);
				if (stored > 2)
					assert_int_equal(slot->life.reason, HEARTH_EXPIRED);
				break;
			}
		}
		for (uint32_t i = 0; i < f->visits; i++)
			become(f, f->visited[i], (struct command_life){0});
		command_commit(f->worker);
		assert_int_equal(command_pool_used(f->pool), 0);
	}
}

/* Killed while it was copied: nothing of it is left. */
static void test_half_a_command_is_none(void **state)
{
	struct fixture *f = *state;
	uint32_t index = place(f->worker, 1, 3000);

	command_block(f->pool, index)->life = 0; /* stored last */
	restart(f);
	attach(f);
	assert_int_equal(f->visits, 0);
	assert_int_equal(f->damaged, 0);
	assert_int_equal(command_pool_used(f->pool), 0);
}

/* Outcomes that were in a ring; told twice, and of commands that are not there. */
static void test_an_outcome_in_a_ring_frees_its_command(void **state)
{
	struct fixture *f = *state;

	for (uint64_t request = 1; request <= 9; request++)
		place(f->worker, request * 1000, request % 3 ? 20 : 2000);
	restart(f);
	for (uint64_t request = 1; request <= 12; request += 2) {
		command_forget(f->pool, request * 1000);
		command_forget(f->pool, request * 1000);
	}
	command_pool_close(f->pool); /* killed again before it was done */
	assert_int_equal(open_pool(f, BLOCKS), 0);
	command_forget(f->pool, 1000);
	attach(f);
	assert_int_equal(f->visits, 4);
	for (uint32_t i = 0; i < 4; i++)
		check(f->worker, f->visited[i], 2000 * (i + 1), 2 * (i + 1) % 3 ? 20 : 2000);
}

static bool visit_odd(void *context, uint32_t index)
{
	struct fixture *f = context;
	struct command_text text;

	command_text_of(f->worker, index, &text);
	return text.request % 2;
}

/* The ring has it still: it comes again from there. */
static void test_what_is_not_the_pools_is_freed(void **state)
{
	struct fixture *f = *state;

	for (uint64_t request = 1; request <= 9; request++)
		place(f->worker, request, 1500);
	restart(f);
	assert_int_equal(command_attach(f->pool, visit_odd, f, &f->damaged), 9);
	assert_int_equal(command_pool_used(f->pool), 5 * 2);
	restart(f);
	attach(f);
	assert_int_equal(f->visits, 5);
}

/* Also when blocks were freed and taken again in between. */
static void test_commands_come_back_in_the_order_in_which_they_were_taken(void **state)
{
	struct fixture *f = *state;
	uint32_t index[12];

	for (unsigned round = 0; round < 20; round++) {
		for (uint64_t i = 0; i < 12; i++)
			index[i] = place(f->worker, round * 100 + i, 20 + (i % 4) * 900);
		for (unsigned i = 0; i < 12; i += 1 + round % 3)
			become(f, index[i], (struct command_life){0});
		command_commit(f->worker);
		for (uint64_t i = 12; i < 15; i++)
			place(f->worker, round * 100 + i, 20);
		restart(f);
		attach(f);
		for (uint32_t i = 1; i < f->visits; i++)
			assert_true(command_block(f->pool, f->visited[i])->request >
				    command_block(f->pool, f->visited[i - 1])->request);
		for (uint32_t i = 0; i < f->visits; i++)
			become(f, f->visited[i], (struct command_life){0});
		command_commit(f->worker);
		assert_int_equal(command_pool_used(f->pool), 0);
	}
}

/* A block that was another session's says nothing of that to the next. */
static void test_a_session_is_forgotten_with_its_command(void **state)
{
	struct fixture *f = *state;
	uint32_t index = place(f->worker, 1, 10);

	command_slot(f->worker, index)->handle = 0x0100000200000003;
	command_slot(f->worker, index)->number = 4711;
	become(f, index, (struct command_life){.state = COMMAND_SENT});
	command_commit(f->worker);
	become(f, index, (struct command_life){0});
	command_commit(f->worker);
	assert_int_equal(place(f->worker, 2, 10), index);
	restart(f);
	attach(f);
	assert_int_equal(f->visits, 1);
	assert_int_equal(command_slot(f->worker, index)->handle, 0);
	assert_int_equal(command_slot(f->worker, index)->number, 0);
}

static void test_a_kept_response_comes_through(void **state)
{
	static uint8_t head[104], payload[5000], back[8192];
	struct fixture *f = *state;
	uint32_t index = place(f->worker, 9, 10), kept;

	memset(head, 7, sizeof(head));
	fill(payload, sizeof(payload), 5);
	kept = command_keep(
		f->worker, 9, head, sizeof(head), "device", 6, payload, sizeof(payload));
	assert_int_not_equal(kept, 0);
	become(f, index, (struct command_life){.state = COMMAND_OWED, .kept = kept});
	command_commit(f->worker);
	restart(f);
	attach(f);
	assert_int_equal(f->visits, 1);
	index = f->visited[0];
	kept = command_slot(f->worker, index)->life.kept;
	assert_int_equal(command_kept(f->worker, kept, back, sizeof(back)), 104 + 6 + 5000);
	assert_memory_equal(back, head, 104);
	assert_memory_equal(back + 104, "device", 6);
	assert_memory_equal(back + 110, payload, 5000);
	become(f, index, (struct command_life){0});
	command_commit(f->worker);
	assert_int_equal(command_pool_used(f->pool), 0);
	/* Killed before its command named it: it is free again. */
	index = place(f->worker, 10, 10);
	assert_int_not_equal(command_keep(f->worker, 10, head, 104, NULL, 0, payload, 5000), 0);
	restart(f);
	attach(f);
	assert_int_equal(command_pool_used(f->pool), 1);
	assert_int_equal(command_keep(f->worker, 10, head, 104, NULL, 0, payload, 63 * 936), 0);
	assert_int_equal(command_pool_used(f->pool), 1);
}

/* Every byte of every block of a chain, one at a time. */
static void test_damage_is_noticed_and_harms_nobody_else(void **state)
{
	struct fixture *f = *state;
	uint32_t first;

	place(f->worker, 1, 300);
	first = place(f->worker, 2, 2500);
	place(f->worker, 3, 300);
	for (unsigned at = 0; at < 3; at++) {
		uint32_t index = first;

		for (unsigned i = 0; i < at; i++)
			index = command_block(f->pool, index)->more - 1;
		for (uint32_t byte = offsetof(struct command_block, checksum);
			byte < sizeof(struct command_block) + command_block(f->pool, index)->used;
			byte++) {
			uint8_t *map = (uint8_t *)command_block(f->pool, index);
			struct command_life life = command_life_load(command_block(f->pool, first));

			map[byte] ^= 0x10;
			restart(f);
			attach(f);
			assert_int_equal(f->damaged, 1);
			assert_int_equal(f->visits, 2);
			check(f->worker, f->visited[0], 1, 300);
			check(f->worker, f->visited[1], 3, 300);
			assert_int_equal(command_pool_used(f->pool), 2);
			((uint8_t *)command_block(f->pool, index))[byte] ^= 0x10;
			command_life_store(command_block(f->pool, first), life);
			restart(f);
			attach(f);
			assert_int_equal(f->visits, 3);
		}
	}
}

/* A kept response that cannot be told any more: the device may have acted. */
static void test_a_damaged_response_is_unknown(void **state)
{
	struct fixture *f = *state;
	uint32_t index = place(f->worker, 9, 10), kept;

	kept = command_keep(f->worker, 9, "head", 4, NULL, 0, NULL, 0);
	become(f, index, (struct command_life){.state = COMMAND_OWED, .kept = kept});
	command_commit(f->worker);
	command_block(f->pool, kept - 1)->body[0] ^= 1;
	restart(f);
	attach(f);
	assert_int_equal(f->visits, 1);
	assert_int_equal(f->damaged, 1);
	assert_int_equal(command_slot(f->worker, index)->life.state, COMMAND_OWED);
	assert_int_equal(command_slot(f->worker, index)->life.reason, HEARTH_UNKNOWN);
	assert_int_equal(command_slot(f->worker, index)->life.kept, 0);
	become(f, index, (struct command_life){0});
	command_commit(f->worker);
	assert_int_equal(command_pool_used(f->pool), 0);
}

/* Chains that lead in a circle or out of the pool, lives that no broker writes. */
static void test_nonsense_is_freed(void **state)
{
	struct fixture *f = *state;

	for (unsigned kind = 0; kind < 5; kind++) {
		uint32_t index = place(f->worker, 1, 2000);
		struct command_block *block = command_block(f->pool, index);

		switch (kind) {
		case 0:
			block->more = index + 1;
			block->checksum = command_block_checksum(block);
			break;
		case 1:
			block->more = BLOCKS + 1;
			block->checksum = command_block_checksum(block);
			break;
		case 2:
			block->used = UINT32_MAX;
			break;
		case 3:
			block->life = 15;
			break;
		case 4:
			block->more = 0;
			block->checksum = command_block_checksum(block);
			break;
		}
		restart(f);
		attach(f);
		assert_int_equal(f->visits, 0);
		assert_int_equal(f->damaged, 1);
		assert_int_equal(command_pool_used(f->pool), 0);
	}
}

static void test_another_size_only_when_nothing_is_under_way(void **state)
{
	struct fixture *f = *state;
	uint32_t index = place(f->worker, 1, 10);

	command_pool_close(f->pool);
	f->pool = NULL;
	assert_int_equal(open_pool(f, BLOCKS * 2), -EEXIST);
	assert_non_null(strstr(f->error, "limits.commands is 128: put it back"));
	assert_int_equal(open_pool(f, BLOCKS), 0);
	attach(f);
	assert_int_equal(f->visits, 1);
	become(f, index, (struct command_life){0});
	command_commit(f->worker);
	command_pool_close(f->pool);
	assert_int_equal(open_pool(f, BLOCKS * 2), 0);
	assert_false(command_pool_attached(f->pool));
	assert_int_equal(command_pool_limit(f->pool), BLOCKS * 2);
	attach(f);
	assert_int_equal(f->visits, 0);
}

static void overwrite(struct fixture *f, const struct command_pool_header *header)
{
	struct command_pool_header sealed = *header;
	int fd = open(f->path, O_RDWR);

	sealed.checksum = feed_crc32c(&sealed, offsetof(struct command_pool_header, checksum));
	assert_int_equal(pwrite(fd, &sealed, sizeof(sealed), 0), sizeof(sealed));
	close(fd);
}

static void test_another_layout_or_what_is_no_pool_is_refused(void **state)
{
	const struct command_pool_header newer = {
		.magic = COMMAND_POOL_MAGIC, .layout = 2, .block_bytes = 1024, .blocks = BLOCKS};
	struct fixture *f = *state;
	int fd;

	place(f->worker, 1, 10);
	command_pool_close(f->pool);
	overwrite(f, &newer);
	assert_int_equal(open_pool(f, BLOCKS), -EEXIST);
	assert_non_null(
		strstr(f->error, "layout version 2, this broker writes 1: start the broker"));
	fd = open(f->path, O_RDWR); /* nothing is under way in it any more */
	assert_int_equal(pwrite(fd, &(uint64_t){0}, 8, COMMAND_POOL_HEADER), 8);
	close(fd);
	assert_int_equal(open_pool(f, BLOCKS), 0);
	assert_false(command_pool_attached(f->pool));
	command_pool_close(f->pool);
	assert_int_equal(truncate(f->path, 8192), 0);
	assert_int_equal(open_pool(f, BLOCKS), -EPROTO);
	assert_int_equal(truncate(f->path, 3), 0);
	assert_int_equal(open_pool(f, BLOCKS), -EPROTO);
	assert_non_null(strstr(f->error, "remove it"));
	assert_int_equal(chmod(f->path, 0644), 0);
	assert_int_equal(open_pool(f, BLOCKS), -EPERM);
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(symlink("/etc/passwd", f->path), 0);
	assert_int_equal(open_pool(f, BLOCKS), -EPERM);
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(open_pool(f, BLOCKS), 0);
}

/* ---- lists ---- */

static void test_those_that_arrive_are_served_in_order(void **state)
{
	struct fixture *f = *state;
	uint32_t a = place(f->worker, 1, 1), b = place(f->worker, 2, 1), c = place(f->worker, 3, 1);

	assert_int_equal(command_first(f->worker), COMMAND_NONE);
	command_arrive(f->worker, a);
	command_arrive(f->worker, b);
	assert_int_equal(command_first(f->worker), a);
	command_return(f->worker, a);
	command_arrive(f->worker, c);
	assert_int_equal(command_arrived(f->worker), 3);
	assert_int_equal(command_first(f->worker), a);
	assert_int_equal(command_first(f->worker), b);
	assert_int_equal(command_first(f->worker), c);
	assert_int_equal(command_first(f->worker), COMMAND_NONE);
	command_return(f->worker, c);
	command_arrive(f->worker, a);
	assert_int_equal(command_first(f->worker), c);
	assert_int_equal(command_first(f->worker), a);
	assert_int_equal(command_arrived(f->worker), 0);
}

static unsigned seen[BLOCKS];
static struct command_worker *sweeping;
static uint32_t releasing;

static bool see(void *context, uint32_t index)
{
	seen[index]++;
	if (index == releasing)
		command_release(sweeping, index);
	return true;
}

static void test_a_sweep_sees_all_that_are_held(void **state)
{
	struct fixture *f = *state;
	uint32_t index[20];

	sweeping = f->worker;
	releasing = COMMAND_NONE;
	memset(seen, 0, sizeof(seen));
	command_sweep(f->worker, 10, see, NULL);
	for (unsigned i = 0; i < 20; i++) {
		index[i] = place(f->worker, i, 1);
		command_hold(f->worker, index[i]);
		command_hold(f->worker, index[i]);
	}
	assert_int_equal(command_held(f->worker), 20);
	for (unsigned i = 0; i < 10; i++)
		command_sweep(f->worker, 4, see, NULL);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(seen[index[i]], 2);
	command_sweep(f->worker, 1000, see, NULL); /* each once at most */
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(seen[index[i]], 3);
	for (unsigned i = 0; i < 20; i++) { /* released while it is looked at, in any place */
		releasing = index[(i * 7) % 20];
		for (unsigned j = 0; j < 2; j++)
			command_sweep(f->worker, 1000, see, NULL);
		assert_int_equal(command_held(f->worker), 19 - i);
	}
	command_release(f->worker, index[0]);
	assert_int_equal(command_held(f->worker), 0);
}

/* ---- two workers ---- */

static void *churn(void *context)
{
	struct command_worker *worker = context;
	const uint64_t base = worker == worker->pool->workers[0] ? 1000000 : 2000000;
	uint32_t index[8], lengths[8], count = 0;

	for (uint64_t i = 0; i < 20000; i++) {
		lengths[count] = (uint32_t)((i * 37) % 3000);
		index[count] = place(worker, base + count, lengths[count]);
		count += index[count] != COMMAND_NONE;
		if (count < 8)
			continue;
		while (count > 0) {
			count--;
			check(worker, index[count], base + count, lengths[count]);
			command_change(worker, index[count], (struct command_life){0});
		}
		command_commit(worker);
	}
	while (count-- > 0)
		command_change(worker, index[count], (struct command_life){0});
	command_commit(worker);
	return NULL;
}

static void test_two_workers_share_the_blocks(void **state)
{
	struct fixture *f = *state;
	pthread_t other;

	assert_int_equal(pthread_create(&other, NULL, churn, command_worker(f->pool, 1)), 0);
	churn(f->worker);
	assert_int_equal(pthread_join(other, NULL), 0);
	assert_int_equal(command_pool_used(f->pool), 0);
	for (uint32_t i = 0; i < BLOCKS; i++)
		assert_int_not_equal(place(f->worker, i, 1), COMMAND_NONE);
	assert_int_equal(place(f->worker, 1, 1), COMMAND_NONE);
}

/* ---- the default size ---- */

static bool any(void *context, uint32_t index)
{
	return true;
}

static void test_a_full_pool_of_the_default_size_attaches(void **state)
{
	struct fixture *f = *state;
	struct timespec from, to;

	command_pool_close(f->pool);
	assert_int_equal(open_pool(f, 16384), 0);
	for (uint64_t i = 0; i < 16384; i++)
		assert_int_not_equal(place(f->worker, i, 900), COMMAND_NONE);
	command_pool_close(f->pool);
	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(open_pool(f, 16384), 0);
	for (uint64_t i = 0; i < 16384; i += 2)
		command_forget(f->pool, i);
	assert_int_equal(command_attach(f->pool, any, f, &f->damaged), 8192);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_int_equal(command_pool_used(f->pool), 8192);
	print_message("16384 commands attached in %.1f ms\n",
		(double)(to.tv_sec - from.tv_sec) * 1e3 +
			(double)(to.tv_nsec - from.tv_nsec) / 1e6);
}

#define row(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		row(test_payloads_of_all_lengths_come_back_whole),
		row(test_a_full_pool_takes_nothing),
		row(test_a_turn_is_stored_at_its_commit),
		row(test_half_a_command_is_none),
		row(test_an_outcome_in_a_ring_frees_its_command),
		row(test_what_is_not_the_pools_is_freed),
		row(test_commands_come_back_in_the_order_in_which_they_were_taken),
		row(test_a_session_is_forgotten_with_its_command),
		row(test_a_kept_response_comes_through),
		row(test_damage_is_noticed_and_harms_nobody_else),
		row(test_a_damaged_response_is_unknown),
		row(test_nonsense_is_freed),
		row(test_another_size_only_when_nothing_is_under_way),
		row(test_another_layout_or_what_is_no_pool_is_refused),
		row(test_those_that_arrive_are_served_in_order),
		row(test_a_sweep_sees_all_that_are_held),
		row(test_two_workers_share_the_blocks),
		row(test_a_full_pool_of_the_default_size_attaches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
