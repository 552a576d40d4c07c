/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_hearthctl_send.c - hearthctl send and lan-key, against a worker that does as the device's id
 * says */
#include "hearthctl_fixture.h"

#include "feed/command_layout.h"
#include "feed/command_ring.h"

static char feed_path[96];
static pthread_t taker;

/* What the taker saw of the last command. */
static struct {
	uint64_t event;
	uint32_t code;
	unsigned kind, worker, count;
	bool expires;
	char payload[256];
} seen;

static void note(const struct command_item *item)
{
	uint32_t length = item->payload_length < 255 ? item->payload_length : 255;

	seen.event = item->event;
	seen.code = item->code;
	seen.kind = item->kind;
	seen.worker = item->worker;
	seen.expires = item->expires != 0;
	memcpy(seen.payload, item->payload, length);
	seen.payload[length] = '\0';
	seen.count++;
}

static void event(const struct command_item *item, enum hearth_event kind, unsigned reason,
	int result, const char *payload)
{
	struct hearth_record record = {.request = item->request,
		.code = item->code - 1,
		.result = result,
		.event = kind,
		.reason = reason,
		.protocol = HEARTH_MC,
		.device_length = item->device_length,
		.payload_length = payload ? (uint32_t)strlen(payload) : 0};

	assert_int_equal(feed_write(feed_ring(fx.view.feed, 1), FEED_LIFECYCLE, &record,
				 item->device, NULL, payload),
		0);
}

/* The outcome that the device's id asks for. */
static void outcome(const struct command_item *item)
{
	static const struct {
		const char *id;
		unsigned reason;
	} rows[] = {{"no-answer", HEARTH_NO_ANSWER}, {"offline", HEARTH_WAS_OFFLINE},
		{"unknown", HEARTH_UNKNOWN}, {"expired", HEARTH_EXPIRED},
		{"queue-full", HEARTH_QUEUE_FULL}, {"too-large", HEARTH_TOO_LARGE},
		{"refused", HEARTH_REFUSED}};
	/* somebody else's, before it */
	struct command_item other = *item;

	other.request = item->request - 1;
	event(&other, HEARTH_UNDELIVERED, HEARTH_REFUSED, 0, NULL);
	if (item->device_length == 4 && !memcmp(item->device, "lamp", 4))
		event(item, HEARTH_RESPONSE, 0, 0,
			"{\"result\":0,\r\n \"n\":123456789012345678901234567890,\"t\":\"\\n\"}");
	if (item->device_length == 4 && !memcmp(item->device, "says", 4))
		event(item, HEARTH_RESPONSE, 0, 100001, "{\"result\":100001}");
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (item->device_length == strlen(rows[i].id) &&
			!memcmp(item->device, rows[i].id, item->device_length))
			event(item, HEARTH_UNDELIVERED, rows[i].reason, 0, NULL);
	}
}

static void *taker_main(void *context)
{
	struct feed_ring *ring = feed_ring(fx.view.feed, 1);
	struct command_item item;

	urcu_qsbr_register_thread();
	while (!__atomic_load_n(&fx.stop, __ATOMIC_RELAXED)) {
		bool any = false;

		while (command_ring_next(fx.view.commands, 0, 1, &item)) {
			note(&item);
			if (item.kind == COMMAND_REQUEST)
				outcome(&item);
			any = true;
		}
		feed_publish(ring);
		feed_applied(ring);
		command_rings_taken(fx.view.commands, 0, 1);
		urcu_qsbr_thread_offline();
		if (!any)
			usleep(300);
		urcu_qsbr_thread_online();
	}
	urcu_qsbr_unregister_thread();
	return NULL;
}

static void wait_grace(void *context)
{
	registry_wait(fx.view.registry);
}

static int setup(void **state)
{
	char error[256];

	fixture_setup(state);
	snprintf(feed_path, sizeof(feed_path), "%s/ring", fx.directory);
	fx.config.feed.path = feed_path;
	if (command_rings_open(&fx.view.commands, feed_path, error, sizeof(error)) < 0)
		fail_msg("%s", error);
	command_rings_grace(fx.view.commands, wait_grace, NULL);
	fixture_device("lamp", PIN);
	memset(&seen, 0, sizeof(seen));
	fixture_start();
	return pthread_create(&taker, NULL, taker_main, NULL);
}

static int teardown(void **state)
{
	fixture_stop();
	pthread_join(taker, NULL);
	command_rings_close(fx.view.commands);
	return fixture_teardown(state);
}

static void test_answered(void **state)
{
	json_t *answer;

	assert_int_equal(ctl("--socket %s send lamp 2003 '{\"a\": 1}'", fx.socket), 0);
	/* the device's own words, in a line */
	assert_string_equal(out, "{\"result\":0,   \"n\":123456789012345678901234567890,\"t\":"
				 "\"\\n\"}\n");
	assert_string_equal(err, "");
	assert_string_equal(seen.payload, "{\"a\": 1}");
	assert_int_equal(seen.code, 2003);
	assert_true(seen.expires);
	assert_int_equal(ctl("--socket %s send lamp 2025 '{}' --json --wait 600", fx.socket), 0);
	answer = out_json();
	assert_true(json_is_true(json_object_get(answer, "ok")));
	assert_int_equal(json_integer_value(json_object_get(answer, "code")), 2024);
	assert_int_equal(json_integer_value(json_object_get(answer, "result")), 0);
	assert_true(json_integer_value(json_object_get(answer, "request")) >=
		    2 * (json_int_t)COMMAND_REQUESTS);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(answer, "payload"), "t")), "\n");
	json_decref(answer);
	/* what the device thinks of it is its answer */
	assert_int_equal(ctl("--socket %s send says 2001 '{}'", fx.socket), 0);
	assert_out("100001");
	strcpy(input, "printf '{\"b\":2}' | ");
	assert_int_equal(ctl("--socket %s send lamp 2031 -", fx.socket), 0);
	assert_string_equal(seen.payload, "{\"b\":2}");
	/* a number of any size passes as it is */
	assert_int_equal(
		ctl("--socket %s send lamp 2003 '{\"n\":99999999999999999999}'", fx.socket), 0);
	assert_string_equal(seen.payload, "{\"n\":99999999999999999999}");
}

static void test_undelivered(void **state)
{
	static const struct {
		const char *reason, *means;
	} rows[] = {{"no-answer", "three times"}, {"offline", "no session"},
		{"unknown", "may have acted"}, {"expired", "time was over"},
		{"queue-full", "too many requests"}, {"too-large", "transport"},
		{"refused", "no such device"}};
	json_t *answer;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char words[64];

		snprintf(words, sizeof(words), "hearthctl: undelivered: %s\n", rows[i].reason);
		assert_int_equal(
			ctl("--socket %s send %s 2005 '{}'", fx.socket, rows[i].reason), 1);
		assert_err(words);
		assert_err(rows[i].means);
		assert_string_equal(out, "");
	}
	assert_int_equal(ctl("--socket %s send offline 2005 '{}' --json", fx.socket), 1);
	answer = out_json();
	assert_true(json_is_false(json_object_get(answer, "ok")));
	assert_string_equal(json_string_value(json_object_get(answer, "reason")), "offline");
	assert_true(json_integer_value(json_object_get(answer, "request")) > 0);
	json_decref(answer);
}

static void test_no_outcome(void **state)
{
	assert_int_equal(ctl("--socket %s send silent 2005 '{}' --wait 1", fx.socket), 1);
	assert_err("has no outcome after 1 s\n");
	assert_err("the event response or undelivered");
	assert_int_equal(ctl("--socket %s send silent 2005 '{}' --wait 0", fx.socket), 0);
	assert_out("request ");
}

/* Those that wait for an answer keep nothing that others need: more wait than there are rings. */
static void test_many_wait_at_once(void **state)
{
	FILE *waiting[COMMAND_RINGS_MAX + 4];
	const unsigned many = sizeof(waiting) / sizeof(waiting[0]);
	char command[1024];

	snprintf(command, sizeof(command),
		"exec %s --socket %s send silent 2005 '{}' --wait 5 2>&1", program, fx.socket);
	for (unsigned i = 0; i < many; i++) {
		waiting[i] = popen(command, "r");
		assert_non_null(waiting[i]);
	}
	for (unsigned i = 0; i < many; i++) {
		size_t length = fread(err, 1, sizeof(err) - 1, waiting[i]);

		err[length] = '\0';
		assert_int_equal(WEXITSTATUS(pclose(waiting[i])), 1);
		assert_err("has no outcome after 5 s\n");
	}
	assert_int_equal(__atomic_load_n(&seen.count, __ATOMIC_RELAXED), many);
}

static void test_refused_before_it_is_sent(void **state)
{
	static const struct {
		const char *words, *error;
	} rows[] = {
		{"lamp 2003 '{\"sequence\":\"1\"}'", "the body has sequence"},
		{"lamp 2003 '{\"ti\\u006de\":1}'", "the body has time"},
		{"lamp 2003 '{'", "the body is not JSON"},
		{"lamp 2003 '{\"a\":1,\"a\":2}'", "the body is not JSON"},
		{"lamp 2003 '[]'", "the body is no JSON object"},
		{"lamp 2003 7", "the body is not JSON"},
		{"lamp 2003 ''", "the body is not JSON"},
		{"lamp 2006 '{}'", "2006 is no code that a platform sends"},
		{"lamp 2002 '{}'", "2002 is no code"},
		{"lamp 0 '{}'", "0 is no code"},
		{"lamp 2003 '{}' --event 0-16", "--event is for the answers"},
		{"'' 2003 '{}'", "the device's id is empty or too long"},
		{"''12345678901234567890123456789012345678901234567890123456789012345 2003 '{}'",
			"empty or too long"},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(ctl("--socket %s send %s", fx.socket, rows[i].words), 1);
		assert_err(rows[i].error);
	}
	strcpy(input, "head -c 70000 /dev/zero | tr '\\0' ' ' | ");
	assert_int_equal(ctl("--socket %s send lamp 2003 -", fx.socket), 1);
	assert_err("longer than 65536 bytes");
	strcpy(input, "printf 'a\\0b' | ");
	assert_int_equal(ctl("--socket %s send lamp 2003 -", fx.socket), 1);
	assert_err("cannot be read from standard input");
	assert_int_equal(seen.count, 0);
}

static void test_answer_to_voice(void **state)
{
	assert_int_equal(ctl("--socket %s send lamp 3001 '{\"result\":0}'", fx.socket), 0);
	assert_out("answered");
	assert_int_equal(seen.kind, COMMAND_ANSWER);
	assert_int_equal(seen.code, 3001);
	assert_int_equal(seen.event, 0);
	assert_int_equal(
		ctl("--socket %s send lamp 3003 '{\"result\":0}' --event 3-18448", fx.socket), 0);
	assert_int_equal(seen.code, 3003);
	assert_int_equal(seen.event, 18448);
	assert_int_equal(seen.worker, 3);
}

static void test_nobody_there(void **state)
{
	assert_int_equal(ctl("--socket %s/none send lamp 2003 '{}'", fx.directory), 1);
	assert_err("is hearthd running?");
	assert_int_equal(ctl("--socket %s/none lan-key lamp aZ09bY18cX27dW36", fx.directory), 1);
	assert_err("is hearthd running?");
	assert_int_equal(ctl("--registry %s/registry send lamp 2003 '{}'", fx.directory), 2);
}

static void test_lan_key(void **state)
{
	json_t *answer;

	assert_int_equal(ctl("--socket %s lan-key lamp aZ09bY18cX27dW36", fx.socket), 0);
	/* made with openssl enc -aes-128-cbc */
	assert_string_equal(out, "ofnltT4R4fJ7JclbomHkHqLG53nDBq5lk4l4VoUWdrg=\n");
	assert_int_equal(ctl("--socket %s --json lan-key lamp aZ09bY18cX27dW36", fx.socket), 0);
	answer = out_json();
	assert_int_equal(json_integer_value(json_object_get(answer, "liveTime")), 300);
	json_decref(answer);
	assert_int_equal(ctl("--socket %s lan-key lamp aZ09bY18cX27dW3", fx.socket), 1);
	assert_err("16 characters");
	assert_int_equal(ctl("--socket %s lan-key nobody aZ09bY18cX27dW36", fx.socket), 1);
	assert_err("no device \"nobody\"");
	assert_string_equal(out, "");
}

#define SEND_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SEND_TEST(test_answered),
		SEND_TEST(test_undelivered),
		SEND_TEST(test_no_outcome),
		SEND_TEST(test_many_wait_at_once),
		SEND_TEST(test_refused_before_it_is_sent),
		SEND_TEST(test_answer_to_voice),
		SEND_TEST(test_nobody_there),
		SEND_TEST(test_lan_key),
	};

	if (!find_program()) {
		printf("skipped: %s is not built\n", program);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
