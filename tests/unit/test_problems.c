/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_problems.c - what is wrong, from documents of figures */
#include "control/problems.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

/* A broker at rest: one worker, one port, room everywhere. */
static json_t *at_rest(void)
{
	json_t *status = json_loads(
		"{\"workers\":[{\"cpu\":3,\"turns\":1000,\"busy_cycles\":500,\"idle_cycles\":5000,"
		"\"gap_us\":10,\"pools\":{\"chunks\":{\"limit\":100,\"used\":5,\"bytes\":1}}}],"
		"\"ports\":[{\"device\":\"net_tap0\",\"state\":\"up\",\"counters\":"
		"{\"port_rx_missed\":7,\"port_rx_no_buffer\":0,\"port_tx_refused\":1}}],"
		"\"feed\":[{\"fill\":0.1,\"lag\":100,\"commit\":5000}],"
		"\"sessions\":{\"live_tcp\":1,\"live_udp\":2,\"limit\":100},"
		"\"registry\":{\"devices\":3,\"limit\":100},"
		"\"watch\":{\"devices\":{\"held\":0},\"failed_logins\":{\"spent\":0}},"
		"\"commands\":[{\"ring\":2,\"damaged\":false}],"
		"\"counters\":{\"mc\":{\"result_999999\":4,\"clones\":0,\"drop_frame\":10},"
		"\"worker\":{\"drop_batch\":0},\"stack\":{\"drop_udp_port\":10}},"
		"\"help\":{\"stack\":{\"drop_udp_port\":\"no such port\"}}}",
		0, NULL);

	assert_non_null(status);
	return status;
}

static json_t *at(json_t *status, const char *table)
{
	return json_array_get(json_object_get(status, table), 0);
}

static void set(json_t *object, const char *key, double value)
{
	assert_non_null(object);
	json_object_set_new(object, key, json_real(value));
}

static json_t *counters(json_t *status, const char *layer)
{
	return json_object_get(json_object_get(status, "counters"), layer);
}

/* Figures of 10 and of 60 seconds ago: the worker turned, the consumer read, nothing else. */
static json_t *found(json_t *status)
{
	json_t *before = at_rest(), *lately = at_rest(), *samples[2], *problems;

	set(at(before, "workers"), "turns", 10);
	set(at(lately, "workers"), "turns", 500);
	set(at(lately, "workers"), "idle_cycles", 4000);
	set(at(before, "workers"), "idle_cycles", 1000);
	set(at(lately, "feed"), "commit", 4000);
	samples[0] = problems_sample(lately, 990);
	samples[1] = problems_sample(before, 940);
	problems = problems_find(status, samples[0], samples[1], 1000);
	json_decref(before);
	json_decref(lately);
	json_decref(samples[0]);
	json_decref(samples[1]);
	json_decref(status);
	return problems;
}

static void assert_one(json_t *problems, const char *id, const char *severity, const char *words)
{
	json_t *problem = json_array_get(problems, 0);

	if (json_array_size(problems) != 1)
		fail_msg("%zu problems, want %s alone: %s", json_array_size(problems), id,
			json_dumps(problems, 0));
	assert_string_equal(json_string_value(json_object_get(problem, "id")), id);
	assert_string_equal(json_string_value(json_object_get(problem, "severity")), severity);
	if (!strstr(json_string_value(json_object_get(problem, "text")), words))
		fail_msg("\"%s\" is not in \"%s\"", words,
			json_string_value(json_object_get(problem, "text")));
	assert_true(json_string_length(json_object_get(problem, "remedy")) > 10);
	json_decref(problems);
}

static void test_nothing_is_wrong(void **state)
{
	json_t *status = at_rest(), *problems;

	/* at the start there are no samples yet */
	problems = problems_find(status, NULL, NULL, 5);
	assert_int_equal(json_array_size(problems), 0);
	assert_string_equal(problems_state(problems), "good");
	json_decref(problems);
	problems = found(status);
	assert_int_equal(json_array_size(problems), 0);
	json_decref(problems);
	/* and a document without anything is none to fall over */
	status = json_object();
	problems = problems_find(status, NULL, NULL, 5);
	assert_int_equal(json_array_size(problems), 0);
	json_decref(problems);
	json_decref(status);
}

static void test_workers(void **state)
{
	json_t *status = at_rest();

	set(at(status, "workers"), "turns", 500);
	assert_one(found(status), "worker-stalled", "critical", "Worker 0 on CPU 3");
	status = at_rest();
	set(at(status, "workers"), "busy_cycles", 200000);
	assert_one(found(status), "worker-busy", "warning", "98 %");
	status = at_rest();
	set(at(status, "workers"), "gap_us", 10 + 1.5e6); /* of 60 s */
	assert_one(found(status), "gaps", "warning", "2.5 %");
	status = at_rest();
	set(json_object_get(json_object_get(at(status, "workers"), "pools"), "chunks"), "used", 90);
	assert_one(found(status), "pool-full", "warning", "90 of its 100 chunks");
}

static void test_rings(void **state)
{
	json_t *status = at_rest();

	set(at(status, "feed"), "fill", 0.5);
	assert_one(found(status), "ring-filling", "warning", "50 % full");
	status = at_rest();
	set(at(status, "feed"), "fill", 0.95);
	assert_one(found(status), "ring-full", "critical", "95 % full");
	status = at_rest();
	set(at(status, "feed"), "commit", 4000);
	assert_one(found(status), "consumer-stopped", "warning", "100 bytes wait");
	/* a consumer that has read all of it is not away */
	status = at_rest();
	set(at(status, "feed"), "commit", 4000);
	set(at(status, "feed"), "lag", 0);
	assert_int_equal(json_array_size(status = found(status)), 0);
	json_decref(status);
	status = at_rest();
	set(counters(status, "mc"), "result_999999", 9);
	assert_one(found(status), "no-room", "critical", "5 requests");
}

static void test_ports(void **state)
{
	json_t *status = at_rest();

	json_object_set_new(at(status, "ports"), "state", json_string("down"));
	assert_one(found(status), "port-down", "critical", "net_tap0");
	status = at_rest();
	set(json_object_get(at(status, "ports"), "counters"), "port_rx_missed", 10);
	assert_one(found(status), "port-missed", "critical", "dropped 3 frames");
	status = at_rest();
	set(json_object_get(at(status, "ports"), "counters"), "port_tx_refused", 3);
	assert_one(found(status), "port-send", "warning", "2 frames");
}

static void test_devices(void **state)
{
	json_t *status = at_rest();

	set(json_object_get(status, "sessions"), "live_tcp", 88);
	assert_one(found(status), "sessions-full", "warning", "90 of 100");
	status = at_rest();
	set(json_object_get(status, "registry"), "devices", 90);
	assert_one(found(status), "devices-full", "notice", "90 of 100");
	status = at_rest();
	set(json_object_get(json_object_get(status, "watch"), "devices"), "held", 2);
	assert_one(found(status), "flapping", "notice", "2 devices");
	status = at_rest();
	set(json_object_get(json_object_get(status, "watch"), "failed_logins"), "spent", 2);
	assert_one(found(status), "guessing", "warning", "2 ids or addresses");
	status = at_rest();
	set(counters(status, "mc"), "clones", 1);
	assert_one(found(status), "clones", "notice", "1 times");
	status = at_rest();
	json_object_set_new(at(status, "commands"), "damaged", json_true());
	assert_one(found(status), "commands-damaged", "warning", "command ring 2");
	/* 20,000 in ten seconds */
	status = at_rest();
	set(counters(status, "stack"), "drop_udp_port", 15010);
	set(counters(status, "mc"), "drop_frame", 5010);
	assert_one(found(status), "flood", "warning",
		"2000 frames a second are turned away, most of them by drop_udp_port: no such "
		"port");
}

static void test_worst_first_and_loss(void **state)
{
	json_t *status = at_rest(), *before, *loss, *problems;

	set(json_object_get(json_object_get(status, "watch"), "devices"), "held", 2);
	set(at(status, "feed"), "fill", 0.6);
	set(json_object_get(at(status, "ports"), "counters"), "port_rx_missed", 10);
	before = at_rest();
	loss = problems_loss(status, before);
	assert_int_equal(json_integer_value(json_object_get(loss, "total")), 14);
	assert_int_equal(json_integer_value(json_object_get(loss, "minute")), 3);
	json_decref(loss);
	json_decref(before);
	problems = found(status);
	assert_int_equal(json_array_size(problems), 3);
	assert_string_equal(problems_state(problems), "trouble");
	json_array_remove(problems, 0);
	assert_string_equal(problems_state(problems), "attention");
	json_array_remove(problems, 0);
	assert_string_equal(problems_state(problems), "good"); /* a notice is no alarm */
	json_decref(problems);
}

/* Each language has words of its own, and what they are about stands in all of them. */
static void test_words(void **state)
{
	char text[2][512], remedy[2][512];
	json_t *status = at_rest(), *problems;

	set(at(status, "feed"), "fill", 0.95);
	problems = found(status);
	for (unsigned i = 0; i < PROBLEMS_LANGUAGES; i++) {
		problems_words(json_array_get(problems, 0), i, text[i], sizeof(text[i]), remedy[i],
			sizeof(remedy[i]));
		assert_non_null(strstr(text[i], "95 %"));
		assert_null(strstr(text[i], "%2"));
	}
	assert_string_not_equal(text[0], text[1]);
	assert_string_not_equal(remedy[0], remedy[1]);
	/* too long for its place: cut, not written past */
	problems_words(json_array_get(problems, 0), PROBLEMS_ENGLISH, text[0], 10, remedy[0], 10);
	assert_true(strlen(text[0]) < 10 && strlen(remedy[0]) < 10);
	json_decref(problems);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_wrong),
		cmocka_unit_test(test_workers),
		cmocka_unit_test(test_rings),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_worst_first_and_loss),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
