/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_command_ring.c - commands from a backend's ring to the worker that takes them */
#include "command_fixture.h"
#include "feed_fixture.h"

#include <time.h>

static const char device[] = "000000000000000000000001";

static int teardown(void **state)
{
	char name[32];

	for (unsigned n = 0; n < COMMAND_RINGS_MAX; n++) {
		snprintf(name, sizeof(name), ".commands.%u", n);
		fixture_remove(name);
	}
	return fixture_teardown(state);
}

static bool there(unsigned number)
{
	char path[128];

	snprintf(path, sizeof(path), "%s.commands.%u", fixture_path, number);
	return access(path, F_OK) == 0;
}

static uint64_t counter(const struct command_rings *rings, enum command_ring_counter which)
{
	return command_ring_counters(rings, 0)[which];
}

static void test_one(void **state)
{
	struct command_rings *rings = command_fixture_rings(fixture_path);
	struct command_item item;
	unsigned number = 99;
	struct hearth_commands *commands =
		command_fixture_writer_of(rings, 0, COMMAND_FIXTURE_FIRST, 1 << 20, &number);
	uint64_t request;

	assert_int_equal(number, 0);
	assert_string_equal(hearth_commands_feed(commands), "feed");
	assert_false(command_ring_next(rings, 0, 1, &item));
	request = command_fixture_send(commands, device, 2003, "{\"a\":1}", 0);
	assert_int_equal(request, COMMAND_FIXTURE_FIRST);
	assert_int_equal(hearth_commands_waiting(commands), 1);
	assert_true(command_ring_next(rings, 0, 1, &item));
	assert_true(command_fixture_is(&item, request, device, 2003, "{\"a\":1}"));
	assert_int_equal(item.kind, COMMAND_REQUEST);
	assert_int_equal(item.expires, 0);
	assert_false(command_ring_next(rings, 0, 1, &item));
	/* staged is not taken */
	assert_int_equal(hearth_commands_waiting(commands), 1);
	command_rings_taken(rings, 0, 1);
	assert_int_equal(hearth_commands_waiting(commands), 0);
	assert_int_equal(counter(rings, COMMAND_TAKEN), 1);
	hearth_commands_close(commands);
	command_rings_close(rings);
}

static void test_expiry_is_absolute(void **state)
{
	struct command_rings *rings = command_fixture_rings(fixture_path);
	struct hearth_commands *commands = command_fixture_writer(rings, 0, 0);
	struct command_item item;
	struct timespec before, after;

	clock_gettime(CLOCK_REALTIME, &before);
	command_fixture_send(commands, device, 2001, "{}", 5000);
	clock_gettime(CLOCK_REALTIME, &after);
	assert_true(command_ring_next(rings, 0, 1, &item));
	assert_true(item.expires >= (uint64_t)before.tv_sec * 1000 + 5000);
	assert_true(item.expires <= (uint64_t)after.tv_sec * 1000 + 6000);
	hearth_commands_close(commands);
	command_rings_close(rings);
}

static void test_answer(void **state)
{
	struct command_rings *rings = command_fixture_rings(fixture_path);
	struct hearth_commands *commands =
		command_fixture_writer(rings, HEARTH_COMMANDS_BACKEND, 0);
	struct hearth_record record = {.event = HEARTH_UPLINK,
		.code = 3002,
		.id = 18448,
		.device_length = sizeof(device) - 1};
	struct hearth_item asked = {.record = &record, .device = device, .worker = 3};
	static const char body[] = "{\"result\":0,\"ctrlResult\":{}}";
	struct command_item item;

	assert_int_equal(hearth_command_answer(commands, &asked, body, sizeof(body) - 1), 0);
	record.code = 3000;
	assert_int_equal(hearth_command_answer(commands, &asked, body, sizeof(body) - 1), 0);
	record.code = 2006;
	assert_int_equal(hearth_command_answer(commands, &asked, body, sizeof(body) - 1), -EINVAL);
	record.code = 3000;
	record.event = HEARTH_RESPONSE;
	assert_int_equal(hearth_command_answer(commands, &asked, body, sizeof(body) - 1), -EINVAL);
	assert_true(command_ring_next(rings, 0, 1, &item));
	assert_true(command_fixture_is(&item, COMMAND_FIXTURE_FIRST, device, 3003, body));
	assert_int_equal(item.kind, COMMAND_ANSWER);
	assert_int_equal(item.event, 18448);
	assert_int_equal(item.worker, 3);
	assert_true(command_ring_next(rings, 0, 1, &item));
	assert_int_equal(item.code, 3001);
	assert_false(command_ring_next(rings, 0, 1, &item));
	hearth_commands_close(commands);
	command_rings_close(rings);
}

static void test_refused_before_it_is_sent(void **state)
{
	struct command_rings *rings = command_fixture_rings(fixture_path);
	struct hearth_commands *commands = command_fixture_writer(rings, 0, 0);
	static char large[HEARTH_COMMAND_PAYLOAD_MAX + 2];
	struct hearth_command good = {.device = device,
		.device_length = sizeof(device) - 1,
		.code = 2003,
		.payload = "{}",
		.payload_length = 2};
	struct hearth_command command = good;
	struct command_item item;
	uint64_t request = 7;

	command.device_length = 0;
	assert_int_equal(hearth_command_send(commands, &command, &request), -EINVAL);
	command.device_length = COMMAND_DEVICE_MAX + 1;
	assert_int_equal(hearth_command_send(commands, &command, &request), -EINVAL);
	command = good;
	command.payload_length = 0;
	assert_int_equal(hearth_command_send(commands, &command, &request), -EINVAL);
	command.payload = "[]";
	command.payload_length = 2;
	assert_int_equal(hearth_command_send(commands, &command, &request), -EINVAL);
	command.payload = "  ";
	assert_int_equal(hearth_command_send(commands, &command, &request), -EINVAL);
	memset(large, ' ', sizeof(large));
	large[0] = '{';
	large[HEARTH_COMMAND_PAYLOAD_MAX] = '}';
	command.payload = large;
	command.payload_length = HEARTH_COMMAND_PAYLOAD_MAX + 1;
	assert_int_equal(hearth_command_send(commands, &command, &request), -EMSGSIZE);
	assert_int_equal(request, 7);
	assert_false(command_ring_next(rings, 0, 1, &item));
	/* the longest of all goes, with the longest id */
	large[HEARTH_COMMAND_PAYLOAD_MAX - 1] = '}';
	command.payload_length = HEARTH_COMMAND_PAYLOAD_MAX;
	command.device = "0123456789012345678901234567890123456789012345678901234567890123";
	command.device_length = COMMAND_DEVICE_MAX;
	assert_int_equal(hearth_command_send(commands, &command, &request), 0);
	assert_int_equal(hearth_command_send(commands, &command, NULL), 0);
	assert_true(command_ring_next(rings, 0, 1, &item));
	assert_int_equal(item.payload_length, HEARTH_COMMAND_PAYLOAD_MAX);
	assert_memory_equal(item.payload, large, HEARTH_COMMAND_PAYLOAD_MAX);
	assert_memory_equal(item.device, command.device, COMMAND_DEVICE_MAX);
	hearth_commands_close(commands);
	command_rings_close(rings);
}

/* A payload whose length and bytes follow from @n. */
static size_t body_of(uint64_t n, char *out, size_t longest)
{
	size_t length = 2 + fixture_mix(n) % (longest - 1);

	memset(out, 'a' + (int)(n % 26), length);
	out[0] = '{';
	out[length - 1] = '}';
	return length;
}

/* Every fill from empty to full, and many times round: what comes out is what went in, in order. */
static void test_wrap(void **state)
{
	enum { ROUNDS = 20000, LONGEST = 9000 };
	struct command_rings *rings = command_fixture_rings(fixture_path);
	struct hearth_commands *commands = command_fixture_writer(rings, 0, 0);
	static char body[LONGEST];
	uint64_t sent = 0, got = 0, full = 0, empty = 0;
	struct command_item item;

	for (uint64_t round = 0; round < ROUNDS; round++) {
		uint64_t dice = fixture_mix(round * 3);
		/* now more goes in, now more comes out */
		bool filling = round / 200 % 2;

		for (uint64_t i = dice % (filling ? 8 : 4); i; i--) {
			struct hearth_command command = {.device = device,
				.device_length = 1 + sent % (sizeof(device) - 1),
				.code = 2003,
				.payload = body,
				.payload_length = body_of(sent, body, LONGEST)};
			uint64_t request;
			int rc = hearth_command_send(commands, &command, &request);

			if (rc == -EAGAIN) {
				full++;
				break;
			}
			assert_int_equal(rc, 0);
			assert_int_equal(request, COMMAND_FIXTURE_FIRST + sent);
			sent++;
		}
		for (uint64_t i = (dice >> 8) % (filling ? 4 : 8); i; i--) {
			if (!command_ring_next(rings, 0, 1, &item)) {
				empty++;
				break;
			}
			if ((dice >> 16) % 5 == 0) {
				command_ring_back(rings, 0, 1);
				break;
			}
			assert_int_equal(item.request, COMMAND_FIXTURE_FIRST + got);
			assert_int_equal(item.payload_length, body_of(got, body, LONGEST));
			assert_memory_equal(item.payload, body, item.payload_length);
			assert_int_equal(item.device_length, 1 + got % (sizeof(device) - 1));
			got++;
		}
		command_rings_taken(rings, 0, 1);
		assert_int_equal(hearth_commands_waiting(commands), sent - got);
	}
	assert_true(full > 100 && empty > 100);
	assert_int_equal(counter(rings, COMMAND_TAKEN), got);
	assert_true(counter(rings, COMMAND_BYTES) > 50 * 2 * COMMAND_RECORD_MAX);
	hearth_commands_close(commands);
	command_rings_close(rings);
}

/* Until the space of what is staged is the writer's, it cannot be written over. */
static void test_full_until_taken(void **state)
{
	struct command_rings *rings = command_fixture_rings(fixture_path);
	struct hearth_commands *commands = command_fixture_writer(rings, 0, 0);
	struct hearth_command command = {.device = device,
		.device_length = sizeof(device) - 1,
		.code = 2003,
		.payload = "{}",
		.payload_length = 2};
	struct command_item item;
	unsigned sent = 0, staged = 0;

	while (hearth_command_send(commands, &command, NULL) == 0)
		sent++;
	assert_true(sent > 1000);
	assert_int_equal(hearth_command_send(commands, &command, NULL), -EAGAIN);
	while (command_ring_next(rings, 0, 1, &item))
		staged++;
	assert_int_equal(staged, sent);
	assert_int_equal(hearth_command_send(commands, &command, NULL), -EAGAIN);
	command_rings_taken(rings, 0, 1);
	assert_int_equal(hearth_command_send(commands, &command, NULL), 0);
	assert_true(command_ring_next(rings, 0, 1, &item));
	assert_int_equal(item.request, COMMAND_FIXTURE_FIRST + sent);
	hearth_commands_close(commands);
	command_rings_close(rings);
}

static void test_back(void **state)
{
	struct command_rings *rings = command_fixture_rings(fixture_path);
	struct hearth_commands *first = command_fixture_writer(rings, 0, 0);
	struct hearth_commands *second = command_fixture_writer(rings, 0, 1);
	struct command_item item, again;

	command_ring_back(rings, 0, 1); /* of nothing */
	command_fixture_send(first, device, 2003, "{}", 0);
	command_fixture_send(first, device, 2005, "{}", 0);
	command_fixture_send(second, device, 2031, "{}", 0);
	assert_true(command_ring_next(rings, 0, 1, &item));
	command_ring_back(rings, 0, 1);
	command_ring_back(rings, 0, 1); /* only the last can be given back */
	command_rings_taken(rings, 0, 1);
	assert_int_equal(hearth_commands_waiting(first), 2);
	assert_true(command_ring_next(rings, 0, 1, &again));
	assert_int_equal(again.request, item.request);
	assert_true(command_ring_next(rings, 0, 1, &item));
	assert_int_equal(item.code, 2031);
	assert_true(command_ring_next(rings, 0, 1, &item));
	assert_int_equal(item.code, 2005);
	command_ring_back(rings, 0, 1);
	command_rings_taken(rings, 0, 1);
	assert_int_equal(hearth_commands_waiting(first), 1);
	assert_int_equal(hearth_commands_waiting(second), 0);
	assert_int_equal(counter(rings, COMMAND_BACK), 2);
	hearth_commands_close(first);
	hearth_commands_close(second);
	command_rings_close(rings);
}

/* One that sends much does not keep others waiting. */
static void test_rings_in_turn(void **state)
{
	struct command_rings *rings = command_fixture_rings(fixture_path);
	struct hearth_commands *writers[3];
	struct command_item item;

	for (unsigned n = 0; n < 3; n++)
		writers[n] = command_fixture_writer(rings, 0, n);
	for (unsigned i = 0; i < 100; i++)
		command_fixture_send(writers[0], device, 2003, "{}", 0);
	command_fixture_send(writers[1], device, 2003, "{}", 0);
	command_fixture_send(writers[2], device, 2003, "{}", 0);
	for (unsigned n = 0; n < 3; n++) {
		assert_true(command_ring_next(rings, 0, 1, &item));
		assert_int_equal(item.request / COMMAND_REQUESTS, n + 1);
	}
	for (unsigned n = 0; n < 3; n++)
		hearth_commands_close(writers[n]);
	command_rings_close(rings);
}

/* Ring N is worker N % workers', whatever the number of workers. */
static void test_workers_share_rings(void **state)
{
	struct command_rings *rings = command_fixture_rings(fixture_path);
	struct hearth_commands *writers[COMMAND_RINGS_MAX];
	struct command_item item;

	for (unsigned n = 0; n < COMMAND_RINGS_MAX; n++)
		writers[n] = command_fixture_writer(rings, 0, n);
	for (unsigned workers = 1; workers <= 40; workers++) {
		unsigned seen = 0;

		for (unsigned n = 0; n < COMMAND_RINGS_MAX; n++)
			command_fixture_send(writers[n], device, 2003, "{}", 0);
		for (unsigned worker = 0; worker < workers; worker++) {
			while (command_ring_next(rings, worker, workers, &item)) {
				unsigned n = (unsigned)(item.request / COMMAND_REQUESTS - 1);

				assert_int_equal(n % workers, worker);
				seen |= 1u << n;
			}
			command_rings_taken(rings, worker, workers);
		}
		assert_int_equal(seen, (1u << COMMAND_RINGS_MAX) - 1);
	}
	/* a worker that has no ring has counters, too */
	assert_int_equal(command_ring_counters(rings, 39)[COMMAND_TAKEN], 0);
	for (unsigned n = 0; n < COMMAND_RINGS_MAX; n++)
		hearth_commands_close(writers[n]);
	command_rings_close(rings);
}

/* ---- registering and reaping ---- */

static void test_all_slots(void **state)
{
	struct command_rings *rings = command_fixture_rings(fixture_path);
	struct hearth_commands *writers[COMMAND_RINGS_MAX];
	char error[256] = "";
	unsigned number;

	for (unsigned n = 0; n < COMMAND_RINGS_MAX; n++)
		writers[n] = command_fixture_writer(rings, n % 2 ? HEARTH_COMMANDS_BACKEND : 0, n);
	assert_int_equal(command_rings_backends(rings), COMMAND_RINGS_MAX / 2);
	assert_int_equal(command_rings_register(rings, 0, 99 * (uint64_t)COMMAND_REQUESTS, 1 << 20,
				 &number, error, sizeof(error)),
		-EBUSY);
	assert_non_null(strstr(error, "16 processes"));
	/* the one that has gone makes room at once, not when it is reaped next */
	hearth_commands_close(writers[5]);
	writers[5] = command_fixture_writer_of(
		rings, 0, 99 * (uint64_t)COMMAND_REQUESTS, 1 << 20, &number);
	assert_int_equal(number, 5);
	assert_int_equal(command_rings_backends(rings), COMMAND_RINGS_MAX / 2 - 1);
	for (unsigned n = 0; n < COMMAND_RINGS_MAX; n++)
		hearth_commands_close(writers[n]);
	command_rings_reap(rings);
	for (unsigned n = 0; n < COMMAND_RINGS_MAX; n++)
		assert_false(there(n));
	assert_int_equal(command_rings_backends(rings), 0);
	command_rings_close(rings);
}

static unsigned waited;

static void count_wait(void *context)
{
	assert_ptr_equal(context, &waited);
	waited++;
	/* what workers may still look at is there until this returns */
	assert_true(there(0));
}

static void test_reap(void **state)
{
	struct command_rings *rings = command_fixture_rings(fixture_path);
	struct hearth_commands *commands =
		command_fixture_writer(rings, HEARTH_COMMANDS_BACKEND, 0);
	struct command_ring_view view;
	struct command_item item;

	waited = 0;
	command_rings_grace(rings, count_wait, &waited);
	command_fixture_send(commands, device, 2003, "{}", 0);
	command_rings_reap(rings);
	assert_true(command_rings_view(rings, 0, &view));
	assert_true(view.alive);
	assert_int_equal(view.flags, HEARTH_COMMANDS_BACKEND);
	assert_int_equal(view.waiting, 80);
	assert_int_equal(view.first_request, COMMAND_FIXTURE_FIRST);
	hearth_commands_close(commands);
	/* gone, but what it sent is not lost */
	command_rings_reap(rings);
	assert_int_equal(command_rings_backends(rings), 0);
	assert_true(command_rings_view(rings, 0, &view));
	assert_false(view.alive);
	assert_true(command_ring_next(rings, 0, 1, &item));
	command_rings_reap(rings); /* staged is not taken */
	assert_true(there(0));
	assert_int_equal(waited, 0);
	command_rings_taken(rings, 0, 1);
	assert_true(command_rings_view(rings, 0, &view));
	assert_int_equal(view.taken, 1);
	assert_int_equal(view.waiting, 0);
	command_rings_reap(rings);
	assert_false(there(0));
	assert_int_equal(waited, 1);
	assert_false(command_rings_view(rings, 0, &view));
	command_rings_reap(rings);
	assert_int_equal(waited, 1);
	command_rings_close(rings);
}

/* A ring whose writer never came for its descriptor is not taken for abandoned; one whose
 * descriptor was lost on the way is. */
static void test_reap_before_it_is_handed(void **state)
{
	struct command_rings *rings = command_fixture_rings(fixture_path);
	char error[256];
	unsigned number;

	assert_int_equal(command_rings_register(rings, 0, COMMAND_FIXTURE_FIRST, 1 << 20, &number,
				 error, sizeof(error)),
		0);
	command_rings_reap(rings);
	assert_true(there(0));
	close(command_rings_hand(rings, number));
	command_rings_reap(rings);
	assert_false(there(0));
	command_rings_close(rings);
}

static void test_ids_run_out(void **state)
{
	struct command_rings *rings = command_fixture_rings(fixture_path);
	char error[256];
	unsigned number;
	uint64_t last = COMMAND_REQUEST_LIMIT - COMMAND_REQUESTS;

	assert_int_equal(
		command_rings_register(rings, 0, last + 1, 1 << 20, &number, error, sizeof(error)),
		-EINVAL);
	assert_int_equal(
		command_rings_register(rings, 0, 0, 1 << 20, &number, error, sizeof(error)),
		-EINVAL);
	assert_int_equal(command_rings_register(rings, 0, COMMAND_FIXTURE_FIRST,
				 COMMAND_BYTES_MAX + 1, &number, error, sizeof(error)),
		-EINVAL);
	hearth_commands_close(command_fixture_writer_of(rings, 0, last, 1, &number));
	assert_int_equal(command_rings_highest(rings), COMMAND_REQUEST_LIMIT);
	command_rings_close(rings);
}

#define RING_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RING_TEST(test_one),
		RING_TEST(test_expiry_is_absolute),
		RING_TEST(test_answer),
		RING_TEST(test_refused_before_it_is_sent),
		RING_TEST(test_wrap),
		RING_TEST(test_full_until_taken),
		RING_TEST(test_back),
		RING_TEST(test_rings_in_turn),
		RING_TEST(test_workers_share_rings),
		RING_TEST(test_all_slots),
		RING_TEST(test_reap),
		RING_TEST(test_reap_before_it_is_handed),
		RING_TEST(test_ids_run_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
