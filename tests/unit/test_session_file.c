/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_session_file.c - the slab file: ownership, damage, attaching, sizes, crashes */

#include "session_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void test_file(void **state)
{
	struct fixture *f = *state;
	struct stat status;

	assert_int_equal(open_with(f, 100, 3), 0);
	assert_false(session_table_attached(f->table));
	assert_int_equal(stat(f->path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(status.st_size % 4096, 0);
	uint32_t per_worker;
	assert_int_equal(session_entries(f->table, &per_worker), 102);
	assert_int_equal(per_worker, 34);
	for (unsigned i = 0; i < 3; i++)
		check_lists(session_worker(f->table, i));

	/* a second broker on it, in whatever shape */
	struct fixture second = *f;
	assert_int_equal(open_with(&second, 100, 3), -EBUSY);
	assert_non_null(strstr(second.error, "another broker"));
	assert_int_equal(open_with(&second, 10, 1), -EBUSY);
	assert_null(second.table);
	close_table(f);
	assert_int_equal(open_with(f, 100, 3), 0);
	assert_true(session_table_attached(f->table));
}

/* Huge pages or none: what was there stays, nothing more of the file takes room. */
static void test_huge_pages(void **state)
{
	struct fixture *f = *state;
	const struct session_config config = {.path = f->path,
		.entries = 50000,
		.workers = 1,
		.huge = true,
		.random = &source.random};
	struct login logins[3];
	struct stat before, after;

	assert_int_equal(open_with(f, config.entries, 1), 0);
	for (uint32_t i = 0; i < 3; i++)
		logins[i] = log_in(f, i, 1);
	become(f, logins[1].index, SESSION_LIVE, SESSION_VIA_UDP, 1, 0);
	assert_int_equal(stat(f->path, &before), 0);
	for (unsigned round = 0; round < 2; round++) {
		close_table(f);
		assert_int_equal(
			session_table_open(&f->table, &config, f->error, sizeof(f->error)), 0);
		f->worker = session_worker(f->table, 0);
		assert_int_equal(((uintptr_t)f->table->header) % (2 << 20), 0);
		assert_int_equal(session_worker_attach(f->worker, 1, NULL, NULL), 3);
		for (uint32_t i = 0; i < 3; i++)
			assert_int_equal(find(f, logins[i].token), logins[i].index);
		check_lists(f->worker);
	}
	assert_int_equal(stat(f->path, &after), 0);
	assert_int_equal(after.st_size, before.st_size);
	assert_in_range(after.st_blocks, before.st_blocks - 8, before.st_blocks + 8);
}

static void test_refused_sizes(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(open_with(f, 0, 1), -EINVAL);
	assert_int_equal(open_with(f, 1, 0), -EINVAL);
	assert_int_equal(open_with(f, 1000, 257), -EINVAL);
	assert_int_equal(open_with(f, (1u << 30) + 1, 1), -EINVAL);
	assert_int_equal(open_with(f, UINT32_MAX, 2), -EINVAL);
	assert_int_equal(access(f->path, F_OK), -1);
}

/* A file that someone else could read or has put there is not used. */
static void test_foreign_file(void **state)
{
	struct fixture *f = *state;
	char target[96];

	assert_int_equal(open_with(f, 10, 1), 0);
	close_table(f);
	assert_int_equal(chmod(f->path, 0640), 0);
	assert_int_equal(open_with(f, 10, 1), -EPERM);
	assert_int_equal(chmod(f->path, 0600), 0);
	snprintf(target, sizeof(target), "%s/target", f->directory);
	assert_int_equal(rename(f->path, target), 0);
	assert_int_equal(symlink(target, f->path), 0);
	assert_int_equal(open_with(f, 10, 1), -EPERM);
	assert_non_null(strstr(f->error, "remove it"));
	unlink(target);
	unlink(f->path);
	const int fd = open(f->path, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, "hello", 5), 5);
	close(fd);
	assert_int_equal(open_with(f, 10, 1), -EPROTO);
}

/* Any single damaged byte of the header is noticed. */
static void test_damaged_header(void **state)
{
	struct fixture *f = *state;
	const size_t bytes = offsetof(struct slab_header, state) + sizeof(uint32_t);

	assert_int_equal(open_with(f, 10, 1), 0);
	close_table(f);
	for (size_t i = 0; i < bytes; i++) {
		const int fd = open(f->path, O_RDWR);
		uint8_t byte;

		assert_int_equal(pread(fd, &byte, 1, (off_t)i), 1);
		byte ^= 0x20;
		assert_int_equal(pwrite(fd, &byte, 1, (off_t)i), 1);
		assert_int_equal(open_with(f, 10, 1), -EPROTO);
		assert_non_null(strstr(f->error, "remove"));
		byte ^= 0x20;
		assert_int_equal(pwrite(fd, &byte, 1, (off_t)i), 1);
		close(fd);
	}
	assert_int_equal(truncate(f->path, 4096), 0);
	assert_int_equal(open_with(f, 10, 1), -EPROTO);
	assert_int_equal(truncate(f->path, 0), 0);
	assert_int_equal(open_with(f, 10, 1), -EPROTO);
}

/* All of the file's room is taken at once, or there is no file and no broker. */
static void test_no_room(void **state)
{
	struct fixture *f = *state;
	struct rlimit before, limit;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = (struct rlimit){.rlim_cur = 1 << 20, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	const int rc = open_with(f, 100000, 1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(rc, -EFBIG);
	assert_null(f->table);
	assert_non_null(strstr(f->error, f->path));
	assert_int_equal(access(f->path, F_OK), -1);
	assert_int_equal(open_with(f, 100000, 1), 0);
}

/* The predecessor's devices: the odd ones are gone, every fourth number has a new device. */
static bool keep_some(void *context, uint32_t index, uint32_t device, uint32_t serial)
{
	struct fixture *f = context;
	struct session_turn copy;

	assert_true(session_peek(f->table, index, &copy));
	assert_int_equal(copy.device, device);
	assert_int_equal(copy.serial, serial);
	return !(device & 1) && serial == device + (device % 4 == 0 ? 1000 : 2000);
}

static void test_attach(void **state)
{
	struct fixture *f = *state;
	struct login logins[40];
	struct session_turn copy;

	assert_int_equal(open_with(f, 50, 1), 0);
	for (uint32_t i = 0; i < 40; i++) {
		logins[i] = log_in(f, i, 1);
		if (i >= 10)
			become(f, logins[i].index, SESSION_LIVE,
				i & 8 ? SESSION_VIA_TCP : SESSION_VIA_UDP, 1000 + i, 0);
		if (i >= 20)
			become(f, logins[i].index, SESSION_RESTING, SESSION_VIA_NONE,
				1000 + i * 17 % 40, 0);
	}
	close_table(f);
	assert_int_equal(open_with(f, 50, 1), 0);
	assert_int_equal(log_in(f, 1, 1).index, SESSION_NONE); /* not before it is attached */
	assert_int_equal(session_worker_attach(f->worker, 1030, keep_some, f), 10);
	check_lists(f->worker);
	for (uint32_t i = 0; i < 40; i++) {
		const bool kept = i % 4 == 0;

		assert_int_equal(find(f, logins[i].token), kept ? logins[i].index : SESSION_NONE);
		assert_int_equal(session_peek(f->table, logins[i].index, &copy), kept);
		if (!kept)
			continue;
		assert_memory_equal(session_key(f->table, logins[i].index), logins[i].key, 16);
		assert_true(copy.heard <= 1030);
		assert_int_equal(copy.connection, 0);
	}
	/* the last heard rest longest, up to the ones heard "later than now" */
	uint32_t heard = 0, resting = 0;
	for (uint32_t i = f->worker->resting_head; i != SESSION_NONE;
		i = (uint32_t)f->table->entries[i].place, resting++) {
		assert_true(f->table->entries[i].heard >= heard);
		heard = f->table->entries[i].heard;
	}
	assert_int_equal(resting, 5);
}

/* Any damaged byte of an entry's immutable part frees it; the others stay. */
static void test_damaged_entry(void **state)
{
	struct fixture *f = *state;
	const size_t first = offsetof(struct slab_entry, key);
	const unsigned bytes = sizeof(struct slab_entry) - first;

	assert_int_equal(open_with(f, bytes + 2, 1), 0);
	for (unsigned i = 0; i < bytes + 2; i++)
		become(f, log_in(f, i, 1).index, SESSION_LIVE, SESSION_VIA_UDP, 1, 0);
	for (unsigned i = 0; i < bytes; i++)
		((uint8_t *)&f->table->entries[i])[first + i] ^= 0x01;
	f->table->entries[bytes].life |= 0xfull << 36; /* a state that there is not */
	close_table(f);
	assert_int_equal(open_with(f, bytes + 2, 1), 0);
	assert_int_equal(session_worker_attach(f->worker, 1, NULL, NULL), 1);
	check_lists(f->worker);
	assert_int_equal(session_counts(f->worker).live_udp, 1);
}

static void test_other_size(void **state)
{
	struct fixture *f = *state;
	struct login logins[10];

	assert_int_equal(open_with(f, 10, 1), 0);
	for (uint32_t i = 0; i < 10; i++)
		logins[i] = log_in(f, i, 1);
	become(f, logins[9].index, SESSION_FREE, SESSION_VIA_NONE, 1, 0);
	const uint32_t generation = life_generation(f->table->entries[9].life);
	close_table(f);
	/* larger: the same indexes, so the same tokens */
	assert_int_equal(open_with(f, 100000, 1), 0);
	assert_true(session_table_attached(f->table));
	assert_int_equal(session_worker_attach(f->worker, 1, NULL, NULL), 9);
	check_lists(f->worker);
	for (uint32_t i = 0; i < 9; i++)
		assert_int_equal(find(f, logins[i].token), logins[i].index);
	assert_true(life_generation(f->table->entries[9].life) >= generation);
	close_table(f);
	/* smaller, as long as nothing is lost */
	assert_int_equal(open_with(f, 8, 1), -EEXIST);
	assert_non_null(strstr(f->error, "drain"));
	assert_int_equal(open_with(f, 9, 1), 0);
	assert_int_equal(session_worker_attach(f->worker, 1, NULL, NULL), 9);
	close_table(f);
	/* two workers: their places are the first one's as long as its range reaches */
	assert_int_equal(open_with(f, 16, 2), -EEXIST);
	assert_int_equal(open_with(f, 18, 2), 0);
	assert_int_equal(session_worker_attach(f->worker, 1, NULL, NULL), 9);
	f->worker = session_worker(f->table, 1);
	assert_int_equal(session_worker_attach(f->worker, 1, NULL, NULL), 0);
	for (uint32_t i = 0; i < 9; i++)
		assert_int_equal(find(f, logins[i].token), logins[i].index);
	assert_in_range(log_in(f, 50, 1).index, 9, 17);
	close_table(f);
	assert_int_equal(open_with(f, 18, 1), -EEXIST); /* one is the second worker's */
}

/*
 * Crash order. The child decides, commits and logs in as fast as it can until it is killed. Its
 * words hang together (window with count, flags with generation, serial with device), so that half
 * a store would show.
 */
static uint32_t tied(uint32_t value)
{
	return value * 2654435761u ^ 0x5bd1e995;
}

/* Every third IPv4, the others IPv6: all of an address and its port hang together. */
static struct session_peer tied_peer(uint16_t port)
{
	const uint32_t low = tied(port);

	if (port % 3 == 0)
		return (struct session_peer){.address = ip_from_v4(low), .port = port};
	return (struct session_peer){
		.address = {{0x77fd, tied(low), tied(low + 1), low}}, .port = port};
}

static void crash_child(struct fixture *f, uint64_t seed, int ready)
{
	if (open_with(f, 256, 1) < 0)
		_exit(1);
	session_worker_attach(f->worker, 1, NULL, NULL);
	if (write(ready, "r", 1) != 1)
		_exit(1);
	for (;;) {
		const unsigned touches = next_random(&seed) % 20;
		const uint32_t device = (uint32_t)next_random(&seed);
		uint8_t key[SESSION_KEY_BYTES];
		char token[SESSION_TOKEN_CHARS];

		session_login(f->worker, device, tied(device), 1, device + 3, key, token);
		for (unsigned i = 0; i < touches; i++) {
			const uint64_t draw = next_random(&seed);
			struct session_turn *turn = session_touch(f->worker, draw % 256);

			turn->state = (enum session_state)(draw >> 8 & 3);
			turn->via =
				turn->state == SESSION_LIVE ? SESSION_VIA_UDP : SESSION_VIA_NONE;
			turn->generation++;
			turn->flags = (uint16_t)(turn->generation << 8);
			if ((draw >> 16) % 8 == 0)
				turn->flags |= SESSION_OWED_OFFLINE;
			turn->progress.count = (draw >> 20) & 0xffffff;
			turn->progress.window = tied(turn->progress.count);
			turn->peer = tied_peer((uint16_t)(draw >> 44));
		}
		session_commit(f->worker);
	}
}

/* What every kept entry has to be before anything mends it; returns how many there are. */
static uint32_t check_entries(const struct fixture *f)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < 256; i++) {
		const struct slab_entry *entry = &f->table->entries[i];
		const struct session_peer none = {.port = 0};
		struct session_progress progress;
		struct session_turn turn;

		if (life_list(entry->life) == LIST_FREE)
			continue;
		kept++;
		assert_int_equal(entry->serial, tied(entry->device));
		assert_int_equal(entry->login_time, entry->device + 3);
		assert_int_equal(entry->seal, slab_seal(f->table->header, entry, entry->seal & 3));
		if (life_state(entry->life) == SESSION_LOGIN)
			continue;
		memcpy(&progress, &entry->progress, sizeof(progress));
		if (progress.count)
			assert_int_equal(progress.window, tied(progress.count));
		assert_int_equal(life_flags(entry->life) >> 8, life_generation(entry->life) & 0xff);
		if (life_via(entry->life) != SESSION_VIA_UDP || life_list(entry->life) != LIST_NONE)
			continue;
		slab_load(f->worker, i, &turn);
		if (!memcmp(&turn.peer, &none, sizeof(none)))
			continue; /* killed while it ended: "life" goes last */
		const struct session_peer peer = tied_peer(turn.peer.port);
		assert_memory_equal(&turn.peer, &peer, sizeof(peer));
	}
	return kept;
}

static void test_crash(void **state)
{
	struct fixture *f = *state;
	uint64_t seed = 7, kept_in_all = 0;

	for (unsigned round = 0; round < 60; round++) {
		int ready[2], status;
		char byte;

		assert_int_equal(pipe(ready), 0);
		source.seed = seed + round;
		const pid_t child = fork();
		if (child == 0)
			crash_child(f, seed + round, ready[1]);
		close(ready[1]);
		assert_int_equal(read(ready[0], &byte, 1), 1);
		close(ready[0]);
		usleep((useconds_t)(next_random(&seed) % 8000));
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

		assert_int_equal(open_with(f, 256, 1), 0);
		assert_true(session_table_attached(f->table));
		const uint32_t kept = check_entries(f);
		assert_int_equal(session_worker_attach(f->worker, 1, NULL, NULL), kept);
		check_lists(f->worker);
		kept_in_all += kept;
		close_table(f);
	}
	assert_true(kept_in_all > 60);
}

/* A killed start leaves at most a temporary file, and that stands in nobody's way. */
static void test_killed_start(void **state)
{
	struct fixture *f = *state;
	char name[96];

	snprintf(name, sizeof(name), "%s.new", f->path);
	const int fd = open(name, O_CREAT | O_RDWR, 0600);
	assert_int_equal(ftruncate(fd, 123456), 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(open_with(f, 20, 1), -EBUSY); /* while that start goes on */
	close(fd);
	assert_int_equal(open_with(f, 20, 1), 0);
	assert_false(session_table_attached(f->table));
	assert_int_equal(access(name, F_OK), -1);
	check_lists(f->worker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		row(test_file),
		row(test_huge_pages),
		row(test_refused_sizes),
		row(test_foreign_file),
		row(test_damaged_header),
		row(test_no_room),
		row(test_attach),
		row(test_damaged_entry),
		row(test_other_size),
		row(test_crash),
		row(test_killed_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
