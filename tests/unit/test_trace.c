/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_trace.c - who is followed, and the rings that it is told by: bounded, in order, never
 * waiting */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "trace.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void add(struct trace_side *side, unsigned slot, uint64_t us, const char *payload)
{
	struct trace_record *record = trace_add(side, slot, (uint32_t)strlen(payload) * 2);

	if (!record)
		return;
	record->us = us;
	record->payload_length = (uint32_t)strlen(payload);
	memcpy(trace_payload(record), payload, record->payload_length);
	trace_added(side, record);
	trace_publish(side);
}

static void expect(struct trace *trace, const char *payload)
{
	const struct trace_record *record = trace_next(trace);

	assert_non_null(record);
	assert_int_equal(record->payload_length, strlen(payload));
	assert_memory_equal(trace_payload(record), payload, strlen(payload));
	trace_done(trace);
}

static void test_four_devices_and_no_fifth(void **state)
{
	struct trace *trace = trace_new(1);
	struct trace_side *side = trace_side(trace, 0);
	uint32_t following;

	assert_int_equal(trace_turn(side), 0);
	assert_int_equal(trace_follow(trace, "a", 1), 0);
	assert_int_equal(trace_follow(trace, "bb", 2), 1);
	assert_int_equal(trace_follow(trace, "a", 1), 0); /* a second one who looks at it */
	assert_int_equal(trace_follow(trace, "c", 1), 2);
	assert_int_equal(trace_follow(trace, "d", 1), 3);
	assert_int_equal(trace_follow(trace, "e", 1), -ENOSPC);
	assert_int_equal(trace_follow(trace, "", 0), -EINVAL);
	following = trace_turn(side);
	assert_int_equal(following, 0xf);
	assert_int_equal(trace_match(side, following, "bb", 2), 1);
	assert_int_equal(trace_match(side, following, "b", 1), -1);
	assert_int_equal(trace_match(side, following, "e", 1), -1);
	trace_leave(trace, 0);
	assert_int_equal(trace_turn(side), 0xf); /* the other one still does */
	trace_leave(trace, 0);
	/* its slot is for nobody until the worker has seen that */
	assert_int_equal(trace_follow(trace, "e", 1), -EAGAIN);
	assert_int_equal(trace_turn(side), 0xe);
	assert_int_equal(trace_follow(trace, "e", 1), 0);
	trace_free(trace);
	trace_free(NULL);
}

static void test_a_worker_that_is_late_keeps_a_slot(void **state)
{
	struct trace *trace = trace_new(2);

	assert_int_equal(trace_follow(trace, "a", 1), 0);
	trace_turn(trace_side(trace, 0));
	trace_leave(trace, 0); /* worker 1 may have begun a turn with it, and not said so yet */
	trace_turn(trace_side(trace, 0));
	assert_int_equal(trace_follow(trace, "b", 1), 1);
	trace_turn(trace_side(trace, 1));
	assert_int_equal(trace_follow(trace, "c", 1), 0);
	trace_free(trace);
}

static void test_records_in_order_of_time_over_all_workers(void **state)
{
	struct trace *trace = trace_new(2);

	trace_follow(trace, "a", 1);
	add(trace_side(trace, 0), 0, 10, "{\"n\":1}");
	add(trace_side(trace, 1), 0, 15, "{\"n\":2}");
	add(trace_side(trace, 0), 0, 20, "{\"n\":3}");
	add(trace_side(trace, 1), 0, 25, "");
	expect(trace, "{\"n\":1}");
	expect(trace, "{\"n\":2}");
	expect(trace, "{\"n\":3}");
	assert_int_equal(trace_next(trace)->worker, 1);
	expect(trace, "");
	assert_null(trace_next(trace));
	trace_free(trace);
}

static void test_what_was_added_is_seen_when_published(void **state)
{
	struct trace *trace = trace_new(1);
	struct trace_side *side = trace_side(trace, 0);
	struct trace_record *first;

	trace_follow(trace, "a", 1);
	first = trace_add(side, 0, 0);
	trace_added(side, first);
	trace_added(side, trace_add(side, 0, 0));
	assert_null(trace_next(trace));
	first->code = 2006; /* known only when what came of it is */
	trace_publish(side);
	assert_int_equal(trace_next(trace)->code, 2006);
	trace_free(trace);
}

static void test_a_full_ring_loses_and_counts(void **state)
{
	static char payload[5000];
	struct trace *trace = trace_new(1);
	struct trace_side *side = trace_side(trace, 0);
	unsigned kept = 0;

	memset(payload, 'x', sizeof(payload) - 1);
	trace_follow(trace, "a", 1);
	for (unsigned i = 0; i < 1000; i++)
		add(side, 0, i, payload);
	for (; trace_next(trace); kept++) {
		assert_int_equal(trace_next(trace)->us, kept);
		expect(trace, payload);
	}
	assert_true(kept > 50 && kept < 110);
	assert_int_equal(trace_lost(trace, 0), 1000 - kept);
	assert_int_equal(trace_lost(trace, 0), 0);
	assert_null(trace_add(side, 0, TRACE_RING_BYTES)); /* never fits */
	assert_int_equal(trace_lost(trace, 0), 1);
	/* it works on, many times around */
	for (unsigned i = 0; i < 3000; i++) {
		add(side, 0, i, payload + i % 4999);
		expect(trace, payload + i % 4999);
	}
	assert_int_equal(trace_lost(trace, 0), 0);
	trace_free(trace);
}

static void test_records_of_those_who_left_are_nobodys(void **state)
{
	struct trace *trace = trace_new(1);
	struct trace_side *side = trace_side(trace, 0);

	trace_follow(trace, "a", 1);
	trace_follow(trace, "b", 1);
	add(side, 0, 1, "a");
	add(side, 1, 2, "b");
	add(side, 0, 3, "a");
	trace_leave(trace, 0);
	trace_turn(side);
	assert_int_equal(trace_follow(trace, "c", 1), 0);
	add(side, 0, 4, "c");
	expect(trace, "b");
	expect(trace, "c");
	assert_null(trace_next(trace));
	trace_free(trace);
}

static void test_addresses(void **state)
{
	static const uint8_t here[16] = {[10] = 255, [11] = 255, 198, 18, 0, 2}, nowhere[16];
	uint8_t there[16];
	struct trace *trace = trace_new(1);
	struct trace_side *side = trace_side(trace, 0);

	memcpy(there, here, sizeof(there));
	there[15] = 3;
	trace_follow(trace, "a", 1);
	assert_int_equal(trace_match_at(side, 1, nowhere), -1);
	assert_int_equal(trace_match_at(side, 1, here), -1);
	trace_at(side, 0, here);
	assert_int_equal(trace_match_at(side, 1, here), 0);
	assert_int_equal(trace_match_at(side, 0, here), -1);
	assert_int_equal(trace_match_at(side, 1, there), -1);
	trace_free(trace);
}

#define MANY 200000

static void *write_many(void *argument)
{
	struct trace *trace = argument;
	struct trace_side *side = trace_side(trace, 0);

	for (uint64_t i = 0; i < MANY; i++) {
		struct trace_record *record;

		if (!(trace_turn(side) & 1))
			break;
		record = trace_add(side, 0, 64);
		if (!record)
			continue;
		record->us = i;
		record->payload_length = (uint32_t)(i % 64);
		memset(trace_payload(record), (int)(i & 0xff), record->payload_length);
		trace_added(side, record);
		trace_publish(side);
	}
	return NULL;
}

static void test_a_worker_and_a_reader_at_once(void **state)
{
	struct trace *trace = trace_new(1);
	const struct trace_record *record;
	uint64_t got = 0, next = 0;
	bool over = false;
	pthread_t thread;

	trace_follow(trace, "a", 1);
	assert_int_equal(pthread_create(&thread, NULL, write_many, trace), 0);
	for (;;) {
		record = trace_next(trace);
		if (!record && over)
			break;
		if (!record) {
			over = pthread_tryjoin_np(thread, NULL) == 0;
			continue;
		}
		assert_true(record->us >= next);
		next = record->us + 1;
		for (uint32_t i = 0; i < record->payload_length; i++)
			assert_int_equal(trace_payload(record)[i], record->us & 0xff);
		got++;
		trace_done(trace);
	}
	assert_int_equal(got + trace_lost(trace, 0), MANY);
	trace_free(trace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_four_devices_and_no_fifth),
		cmocka_unit_test(test_a_worker_that_is_late_keeps_a_slot),
		cmocka_unit_test(test_records_in_order_of_time_over_all_workers),
		cmocka_unit_test(test_what_was_added_is_seen_when_published),
		cmocka_unit_test(test_a_full_ring_loses_and_counts),
		cmocka_unit_test(test_records_of_those_who_left_are_nobodys),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_a_worker_and_a_reader_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
