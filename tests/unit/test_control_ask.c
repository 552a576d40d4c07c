/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_control_ask.c - verbs that other threads hand to the control thread */
#include "control/control_ask.h"
#include "control_fixture.h"

static const struct control_actor actor = {.surface = "http", .who = "127.0.0.1:40112"};

static json_t *verb(const char *name)
{
	return json_pack("{s:s}", "verb", name);
}

static void assert_busy(json_t *answer, const char *words)
{
	assert_string_equal(text_at(answer, "why"), "busy");
	assert_refused(answer, words);
}

/* ---- answers ---- */

static void test_answers(void **state)
{
	json_t *answer;

	fixture_start();
	answer = control_ask(fx.control, &actor, verb("status"), 10000);
	assert_int_equal(number_at(answer, "started"), 1700000000);
	assert_done(answer);
	assert_refused(control_ask(fx.control, &actor, verb("dance"), 10000), "unknown verb");
	assert_refused(control_ask(fx.control, &actor, json_array(), 10000), "not a JSON object");
	/* what answers with a stream or a descriptor needs a socket */
	assert_refused(control_ask(fx.control, &actor, verb("follow"), 10000), "socket only");
	assert_refused(control_ask(fx.control, &actor, verb("commands"), 10000), "socket only");
}

#define ASKERS 32
#define ROUNDS 50

static void *ask_many(void *context)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		json_t *request = json_pack("{s:s, s:s}", "verb", "session", "id", context);
		json_t *answer = control_ask(fx.control, &actor, request, 60000);
		const char *error = json_string_value(json_object_get(answer, "error"));

		/* each gets the answer to its own question */
		if (!error || !strstr(error, context))
			return "another's answer";
		json_decref(answer);
	}
	return NULL;
}

static void test_many_at_once(void **state)
{
	pthread_t threads[ASKERS];
	char ids[ASKERS][16];
	void *wrong;

	fixture_start();
	for (unsigned i = 0; i < ASKERS; i++) {
		snprintf(ids[i], sizeof(ids[i]), "device-%02u.", i);
		assert_int_equal(pthread_create(&threads[i], NULL, ask_many, ids[i]), 0);
	}
	assert_done(ask("{\"verb\":\"status\"}")); /* the socket's clients have their turn */
	for (unsigned i = 0; i < ASKERS; i++) {
		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
}

/* ---- nobody serves ---- */

static void open_only(void)
{
	char error[256];

	fx.control = control_open(&fx.view, error, sizeof(error));
	if (!fx.control)
		fail_msg("%s", error);
}

/* What was given up before it began is never done. */
static void test_time_out(void **state)
{
	json_t *request =
		json_pack("{s:s, s:s, s:s}", "verb", "device add", "id", "late", "pin", PIN);

	open_only();
	assert_busy(control_ask(fx.control, &actor, request, 20), "busy with other requests");
	for (unsigned i = 0; i < 5; i++)
		control_serve(fx.control, 1);
	assert_null(registry_find(fx.view.registry, "late", 4));
}

struct late {
	pthread_t thread;
	json_t *answer;
};

static void *ask_late(void *context)
{
	struct late *late = context;

	/* until there is room: whoever watches the queue takes a place in it now and then */
	for (;;) {
		late->answer = control_ask(fx.control, &actor, verb("status"), 60000);
		if (json_is_true(json_object_get(late->answer, "ok")) ||
			!strstr(text_at(late->answer, "error"), "too many"))
			break;
		json_decref(late->answer);
	}
	return NULL;
}

/* So many wait that there is no room; all others are served later, in their order. */
static void test_full_queue(void **state)
{
	struct late late[CONTROL_ASKS_MAX];
	json_t *answer;
	unsigned full;

	open_only();
	for (unsigned i = 0; i < CONTROL_ASKS_MAX; i++)
		assert_int_equal(pthread_create(&late[i].thread, NULL, ask_late, &late[i]), 0);
	/* "busy" until all of them are in, then "too many" */
	do {
		answer = control_ask(fx.control, &actor, verb("status"), 1);
		full = strstr(text_at(answer, "error"), "too many requests wait") != NULL;
		json_decref(answer);
	} while (!full);
	fixture_stop();
	fx.running = true;
	assert_int_equal(pthread_create(&fx.worker, NULL, worker_main, NULL), 0);
	assert_int_equal(pthread_create(&fx.server, NULL, server_main, NULL), 0);
	urcu_qsbr_thread_offline();
	for (unsigned i = 0; i < CONTROL_ASKS_MAX; i++) {
		pthread_join(late[i].thread, NULL);
		assert_done(late[i].answer);
	}
}

/* ---- the end ---- */

static void test_end(void **state)
{
	struct late late[4];

	open_only();
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&late[i].thread, NULL, ask_late, &late[i]), 0);
	control_ask_end(fx.control);
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(late[i].thread, NULL);
		assert_busy(late[i].answer, "the broker is ending");
	}
	assert_busy(control_ask(fx.control, &actor, verb("status"), 60000), "is ending");
	control_ask_end(fx.control); /* once more does no harm */
}

/* ---- whoever gives up while it runs ---- */

static void test_given_up_while_it_runs(void **state)
{
	json_t *answer;

	fixture_device("stays", PIN);
	fixture_session("stays", 0, SESSION_LIVE, SESSION_VIA_TCP);
	__atomic_store_n(&fx.stuck, true, __ATOMIC_RELAXED);
	fixture_start();
	/* a removal waits for the worker, which takes no mail: up to a second */
	answer = control_ask(fx.control, &actor,
		json_pack("{s:s, s:s}", "verb", "device remove", "id", "stays"), 200);
	/* on a machine that stood still it may be over by then, refused by itself */
	assert_true(json_is_false(json_object_get(answer, "ok")));
	json_decref(answer);
	__atomic_store_n(&fx.stuck, false, __ATOMIC_RELAXED);
	assert_done(control_ask(fx.control, &actor, verb("status"), 60000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_answers),
		TEST(test_many_at_once),
		TEST(test_time_out),
		TEST(test_full_queue),
		TEST(test_end),
		TEST(test_given_up_while_it_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
