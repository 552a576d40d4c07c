/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_command_crash.c - either side of a command ring killed before any of its stores, and at
 * random: every command that was sent is taken once, in order, and no ring is left behind */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "feed_fixture.h"
#include "killed_child.h"

/* Both sides are compiled in here, each store and system call a step to be killed before. */
static void step(void);
#define FEED_STEP() step()
#include "command_fixture.h"
#include "feed/command_open.c"
#include "feed/command_ring.c"
#include "feed/hearth_commands.c"

enum { COMMANDS = 1 << 20, STEPS_MAX = 100000, BATCH = 3 };

/* What becomes of a command on the taking side. */
enum state { ABSENT, PUT_AWAY, DONE };

/**
 * struct journal - what the victims did, in memory that outlives them
 * @steps_left: the step that is not reached
 * @begun, @sent: commands that the writer began to send, and that it was told are sent
 * @state: what the broker put away, as its pool of commands does, and what it took for good
 * @again: how often a command came again that had been put away
 * @next: of the first that is not done, or a few before it
 */
struct journal {
	uint64_t steps_left;
	uint64_t begun, sent;
	uint64_t wrong, again;
	uint64_t next;
	uint8_t state[COMMANDS];
};

static struct journal *journal;
static const char device[] = "000000000000000000000001";

static void step(void)
{
	if (journal && journal->steps_left && --journal->steps_left == 0)
		kill(getpid(), SIGKILL);
}

static void forget(void)
{
	madvise(journal, sizeof(*journal), MADV_REMOVE);
	memset(journal, 0, offsetof(struct journal, state));
	memset(journal->state, 0, 4096);
}

static int setup(void **state)
{
	journal = mmap(NULL, sizeof(*journal), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (journal == MAP_FAILED)
		return -1;
	return fixture_setup(state);
}

static int teardown(void **state)
{
	munmap(journal, sizeof(*journal));
	journal = NULL;
	return fixture_teardown(state);
}

/* Command number @n: all of it follows from @n. Return: as hearth_command_send(). */
static int send_number(struct hearth_commands *commands, uint64_t n)
{
	char payload[400];
	struct hearth_command command = {.device = device,
		.device_length = 1 + fixture_mix(n) % (sizeof(device) - 1),
		.code = 2003,
		.payload = payload,
		.payload_length = 2 + fixture_mix(n) / 256 % (sizeof(payload) - 2)};

	memset(payload, 'a' + (int)(n % 26), sizeof(payload));
	payload[0] = '{';
	payload[command.payload_length - 1] = '}';
	return hearth_command_send(commands, &command, NULL);
}

static bool is_number(const struct command_item *item, uint64_t n)
{
	return item->request == COMMAND_FIXTURE_FIRST + n && item->code == 2003 &&
	       item->device_length == 1 + fixture_mix(n) % (sizeof(device) - 1) &&
	       item->payload_length == 2 + fixture_mix(n) / 256 % 398 &&
	       memcmp(item->device, device, item->device_length) == 0 && item->payload[0] == '{' &&
	       (item->payload_length < 3 || item->payload[1] == 'a' + n % 26) &&
	       item->payload[item->payload_length - 1] == '}';
}

/* ---- the taking side, as a worker with a pool does it ---- */

static void do_it(uint64_t n)
{
	/* Killed in here: done is done, by this one store. */
	if (journal->state[n] != PUT_AWAY || n != journal->next)
		journal->wrong++;
	journal->state[n] = DONE;
	journal->next = n + 1;
}

/* What a predecessor put away: either the ring still has it, or it has been taken. */
static void settle(const struct command_rings *rings)
{
	while (journal->state[journal->next] == DONE)
		journal->next++;
	for (uint64_t n = journal->next; n < COMMANDS && journal->state[n] == PUT_AWAY; n++) {
		if (command_rings_holds(rings, COMMAND_FIXTURE_FIRST + n)) {
			journal->state[n] = ABSENT;
			journal->again++;
		} else {
			do_it(n);
		}
	}
}

/* One turn. Return: commands taken. */
static unsigned turn(struct command_rings *rings, unsigned most)
{
	static uint64_t dice;
	uint64_t first = journal->next, n = first;
	struct command_item item;

	while (n < first + most && command_ring_next(rings, 0, 1, &item)) {
		if (fixture_mix(dice++) % 7 == 0) {
			command_ring_back(rings, 0, 1);
			break;
		}
		if (!is_number(&item, n) || journal->state[n] != ABSENT)
			journal->wrong++;
		journal->state[n++] = PUT_AWAY;
	}
	command_rings_taken(rings, 0, 1);
	while (journal->next < n)
		do_it(journal->next);
	return (unsigned)(n - first);
}

static struct command_rings *victim_open(void)
{
	struct command_rings *rings;
	char error[256];

	if (command_rings_open(&rings, fixture_path, error, sizeof(error)) < 0)
		_exit(3);
	if (error[0])
		journal->wrong++;
	settle(rings);
	return rings;
}

/* All that is there. */
static void take_rest(struct command_rings *rings)
{
	for (unsigned idle = 0; idle < 20; idle++) {
		if (turn(rings, 100))
			idle = 0;
	}
}

static void assert_gone(struct command_rings *rings)
{
	command_rings_reap(rings);
	command_rings_close(rings);
	/* rmdir() would fail for a file that is left, here or under a name for building */
	assert_int_equal(rmdir(fixture_dir), 0);
	assert_int_equal(mkdir(fixture_dir, 0700), 0);
}

/* ---- the writer killed ---- */

static void victim_writer(struct hearth_commands *commands)
{
	for (uint64_t n = 0; n < BATCH; n++) {
		journal->begun = n + 1;
		if (send_number(commands, n) < 0)
			_exit(4);
		journal->sent = n + 1;
	}
}

static void test_writer_at_every_step(void **state)
{
	unsigned killed = 0;
	bool done = false;

	for (uint64_t k = 1; !done; k++) {
		struct command_rings *rings = command_fixture_rings(fixture_path);
		struct hearth_commands *commands = command_fixture_writer(rings, 0, 0);
		pid_t child;

		assert_true(k < STEPS_MAX);
		forget();
		journal->steps_left = k;
		child = fork();
		if (child == 0) {
			victim_writer(commands);
			_exit(0);
		}
		/* from here on the lock goes with the child */
		hearth_commands_close(commands);
		command_rings_reap(rings);
		done = ended(child);
		killed += !done;
		journal->steps_left = 0;
		/* whole commands, all that it was told of, none that it did not begin */
		take_rest(rings);
		assert_true(journal->next == journal->sent || journal->next == journal->begun);
		assert_int_equal(journal->wrong, 0);
		/* half a command is not seen at all */
		assert_int_equal(command_ring_counters(rings, 0)[COMMAND_BAD_RECORD], 0);
		assert_int_equal(command_ring_counters(rings, 0)[COMMAND_BAD_CURSOR], 0);
		assert_gone(rings);
	}
	print_message("killed before each of %u steps\n", killed);
	assert_true(killed > BATCH * 10);
}

/* ---- the broker killed ---- */

static void victim_broker(void)
{
	struct command_rings *rings = victim_open();

	/* a turn that gives back all that it took stores nothing */
	for (unsigned turns = 0; turns < 4;)
		turns += turn(rings, BATCH) > 0;
	command_rings_reap(rings);
	command_rings_close(rings);
}

static void test_broker_at_every_step(void **state)
{
	enum { SENT = 12 };
	unsigned killed = 0, again = 0;
	bool done = false;

	for (uint64_t k = 1; !done; k++) {
		struct command_rings *rings = command_fixture_rings(fixture_path);
		struct hearth_commands *commands = command_fixture_writer(rings, 0, 0);
		pid_t child;

		assert_true(k < STEPS_MAX);
		command_rings_close(rings);
		forget();
		for (uint64_t n = 0; n < SENT; n++)
			assert_int_equal(send_number(commands, n), 0);
		journal->steps_left = k;
		child = fork();
		if (child == 0) {
			victim_broker();
			_exit(0);
		}
		done = ended(child);
		killed += !done;
		journal->steps_left = 0;
		rings = victim_open();
		take_rest(rings);
		assert_int_equal(journal->next, SENT);
		assert_int_equal(journal->wrong, 0);
		assert_int_equal(hearth_commands_waiting(commands), 0);
		again += journal->again;
		/* and the writer, which noticed nothing, goes on */
		assert_int_equal(send_number(commands, SENT), 0);
		take_rest(rings);
		assert_int_equal(journal->next, SENT + 1);
		hearth_commands_close(commands);
		assert_gone(rings);
	}
	print_message("killed before each of %u steps, %u commands came again\n", killed, again);
	assert_true(killed >= 8 && again > 0);
}

/* The same while a ring is made, and while one is removed. */
static void test_registering_at_every_step(void **state)
{
	unsigned killed = 0;
	bool done = false;

	for (uint64_t k = 1; !done; k++) {
		struct command_rings *rings;
		pid_t child;

		assert_true(k < STEPS_MAX);
		forget();
		journal->steps_left = k;
		child = fork();
		if (child == 0) {
			rings = victim_open();
			hearth_commands_close(command_fixture_writer(rings, 0, 0));
			command_rings_reap(rings);
			_exit(0);
		}
		done = ended(child);
		killed += !done;
		journal->steps_left = 0;
		rings = victim_open();
		assert_int_equal(journal->wrong, 0);
		command_rings_reap(rings);
		hearth_commands_close(command_fixture_writer(rings, 0, 1));
		assert_gone(rings);
	}
	print_message("killed before each of %u steps\n", killed);
	assert_true(killed >= 6);
}

/* A broker that goes on where its predecessor was killed, over and over, under a living writer. */
static pid_t start_broker(void)
{
	pid_t child = fork();

	if (child == 0) {
		struct command_rings *rings = victim_open();

		while (journal->next < COMMANDS - BATCH)
			turn(rings, 1 + (unsigned)(fixture_mix(journal->next) % 16));
		_exit(0);
	}
	return child;
}

static bool any_ended(void)
{
	siginfo_t info = {.si_pid = 0};

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid != 0;
}

static void test_stress(void **state)
{
	enum { KILLS = 300 };
	struct command_rings *rings = command_fixture_rings(fixture_path);
	struct hearth_commands *commands = command_fixture_writer(rings, 0, 0);
	uint64_t n = 0;

	command_rings_close(rings);
	forget();
	for (unsigned kills = 0; kills < KILLS; kills++) {
		pid_t broker = start_broker();
		/* Kills come after so much progress, not after so much time. */
		uint64_t until = __atomic_load_n(&journal->next, __ATOMIC_ACQUIRE) + 1 +
				 fixture_mix(kills) % 400;

		while (__atomic_load_n(&journal->next, __ATOMIC_ACQUIRE) < until && !any_ended()) {
			int rc = n < COMMANDS - BATCH ? send_number(commands, n) : -EAGAIN;

			if (rc == 0)
				journal->sent = ++n;
			else if (rc == -EAGAIN)
				usleep(20);
			else
				fail_msg("send: %d", rc);
		}
		kill(broker, SIGKILL);
		assert_false(ended(broker));
	}
	rings = victim_open();
	take_rest(rings);
	assert_int_equal(journal->wrong, 0);
	assert_int_equal(journal->next, n);
	for (uint64_t i = 0; i < COMMANDS; i++)
		assert_int_equal(journal->state[i], i < n ? DONE : ABSENT);
	print_message("%u kills, %lu commands, %lu came again\n", KILLS, (unsigned long)n,
		(unsigned long)journal->again);
	hearth_commands_close(commands);
	assert_gone(rings);
}

#define CRASH_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CRASH_TEST(test_writer_at_every_step),
		CRASH_TEST(test_broker_at_every_step),
		CRASH_TEST(test_registering_at_every_step),
		CRASH_TEST(test_stress),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
