/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_control.c - the control socket, sessions and status on real registry, slab and rings */
#include "control_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>

/* ---- the socket file ---- */

static void test_socket_file(void **state)
{
	struct control *second;
	struct stat about;
	char error[256];
	int fd;

	/* its directory is made; nobody else may use it */
	fx.control = control_open(&fx.view, error, sizeof(error));
	assert_non_null(fx.control);
	assert_int_equal(lstat(fx.socket, &about), 0);
	assert_true(S_ISSOCK(about.st_mode));
	assert_int_equal(about.st_mode & 07777, 0600);
	/* one that answers is another broker's */
	second = control_open(&fx.view, error, sizeof(error));
	assert_null(second);
	assert_int_equal(errno, EADDRINUSE);
	assert_non_null(strstr(error, "another broker answers at"));
	control_close(fx.control);
	assert_int_equal(lstat(fx.socket, &about), -1);
	/* one that does not is a killed broker's */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	strcpy(address.sun_path, fx.socket);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	assert_int_equal(lstat(fx.socket, &about), 0);
	fx.control = control_open(&fx.view, error, sizeof(error));
	assert_non_null(fx.control);
	/* only our own file is removed at the end */
	assert_int_equal(unlink(fx.socket), 0);
	fd = open(fx.socket, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	control_close(fx.control);
	assert_int_equal(lstat(fx.socket, &about), 0);
	/* and what is no socket is left alone */
	fx.control = control_open(&fx.view, error, sizeof(error));
	assert_null(fx.control);
	assert_int_equal(errno, EEXIST);
	assert_non_null(strstr(error, "is there and is no socket: remove it"));
	assert_int_equal(lstat(fx.socket, &about), 0);
	fx.config.control_socket = (char *)"/proc/absent/deeper/control.sock";
	fx.control = control_open(&fx.view, error, sizeof(error));
	assert_null(fx.control);
	assert_non_null(strstr(error, "/proc/absent/deeper: No such file or directory"));
}

/* ---- sessions ---- */

static void assert_no_secrets(json_t *answer)
{
	char *text = json_dumps(answer, 0), secret[SESSION_TOKEN_CHARS + 1] = "";

	for (unsigned i = 0; i < fx.secret_count; i++) {
		memcpy(secret, fx.secrets[i].key, SESSION_KEY_BYTES);
		assert_null(strstr(text, secret));
		memcpy(secret, fx.secrets[i].token, SESSION_TOKEN_CHARS);
		assert_null(strstr(text, secret));
	}
	assert_null(strstr(text, PIN));
	free(text);
}

static void test_sessions(void **state)
{
	json_t *answer, *session;
	uint32_t tcp;

	fixture_device("tcp", PIN);
	fixture_device("udp", PIN);
	fixture_device("login", PIN);
	fixture_device("rest", PIN);
	tcp = fixture_session("tcp", 1, SESSION_LIVE, SESSION_VIA_TCP);
	fixture_session("udp", 0, SESSION_LIVE, SESSION_VIA_UDP);
	fixture_session("login", 0, SESSION_LOGIN, SESSION_VIA_NONE);
	fixture_session("rest", 0, SESSION_RESTING, SESSION_VIA_TCP);
	fixture_start();
	answer = ask("{\"verb\":\"session\",\"id\":\"tcp\"}");
	assert_no_secrets(answer);
	session = json_object_get(answer, "session");
	char peer[32];
	snprintf(peer, sizeof(peer), "198.18.0.2:%u", 40000 + tcp);
	assert_string_equal(text_at(session, "device"), "tcp");
	assert_string_equal(text_at(session, "state"), "live");
	assert_string_equal(text_at(session, "via"), "tcp");
	assert_string_equal(text_at(session, "peer"), peer);
	assert_int_equal(number_at(session, "session"), 17);
	assert_int_equal(number_at(session, "count"), 1000);
	assert_int_equal(number_at(session, "sequence"), (65000 + 1000) % 65536);
	assert_in_range(number_at(session, "seconds_since_heard"), 7, 20);
	assert_int_equal(number_at(session, "connect_time"), 1700000001);
	assert_int_equal(number_at(session, "worker"), 1);
	assert_true(json_is_true(json_object_get(session, "synchronised")));
	assert_null(json_object_get(answer, "login"));
	assert_done(answer);
	answer = ask("{\"verb\":\"session\",\"id\":\"udp\"}");
	assert_string_equal(text_at(json_object_get(answer, "session"), "peer"), "198.18.0.9:5353");
	assert_done(answer);
	answer = ask("{\"verb\":\"session\",\"id\":\"login\"}");
	assert_no_secrets(answer);
	assert_null(json_object_get(answer, "session"));
	assert_string_equal(text_at(json_object_get(answer, "login"), "state"), "login");
	assert_done(answer);
	answer = ask("{\"verb\":\"session\",\"id\":\"rest\"}");
	assert_string_equal(text_at(json_object_get(answer, "session"), "state"), "resting");
	assert_string_equal(text_at(json_object_get(answer, "session"), "peer"), "");
	assert_done(answer);
	/* the list has the live ones, page by page */
	answer = ask("{\"verb\":\"sessions\"}");
	assert_no_secrets(answer);
	assert_int_equal(json_array_size(json_object_get(answer, "sessions")), 2);
	assert_true(json_is_null(json_object_get(answer, "next")));
	assert_done(answer);
	answer = ask("{\"verb\":\"sessions\",\"limit\":1}");
	assert_int_equal(json_array_size(json_object_get(answer, "sessions")), 1);
	char request[64];
	snprintf(request, sizeof(request), "{\"verb\":\"sessions\",\"from\":%lld}",
		number_at(answer, "next"));
	assert_done(answer);
	answer = ask(request);
	assert_int_equal(json_array_size(json_object_get(answer, "sessions")), 1);
	assert_done(answer);
	answer = ask("{\"verb\":\"sessions\",\"from\":9223372036854775807}");
	assert_int_equal(json_array_size(json_object_get(answer, "sessions")), 0);
	assert_done(answer);
	assert_refused(ask("{\"verb\":\"sessions\",\"from\":-1}"), "from at least 0");
	assert_refused(ask("{\"verb\":\"session\",\"id\":\"other\"}"), "no device \"other\"");
}

static void test_kick(void **state)
{
	json_t *answer;

	fixture_device("tcp", PIN);
	fixture_device("rest", PIN);
	fixture_session("tcp", 1, SESSION_LIVE, SESSION_VIA_TCP);
	fixture_session("rest", 0, SESSION_RESTING, SESSION_VIA_TCP);
	fx.stuck = true;
	fixture_start();
	assert_refused(ask("{\"verb\":\"kick\",\"id\":\"other\"}"), "no device \"other\"");
	assert_refused(ask("{\"verb\":\"kick\",\"id\":\"rest\"}"), "\"rest\" is not connected");
	/* a worker that takes no mail: as many as its box holds, then a reason */
	for (unsigned i = 0; i < MAILBOX_SLOTS; i++)
		assert_done(ask("{\"verb\":\"kick\",\"id\":\"tcp\"}"));
	assert_refused(ask("{\"verb\":\"kick\",\"id\":\"tcp\"}"), "takes no more requests now");
	__atomic_store_n(&fx.stuck, false, __ATOMIC_RELAXED);
	for (unsigned i = 0;
		i < 1000 && !__atomic_load_n(&fx.ended[CONTROL_KICK], __ATOMIC_RELAXED); i++)
		usleep(5000);
	answer = ask("{\"verb\":\"device show\",\"id\":\"tcp\"}");
	assert_true(json_is_false(json_object_get(json_object_get(answer, "device"), "connected")));
	assert_done(answer);
	assert_refused(ask("{\"verb\":\"kick\",\"id\":\"tcp\"}"), "\"tcp\" is not connected");
	fixture_stop();
	assert_int_equal(fx.ended[CONTROL_KICK], 1); /* later ones named a session that was gone */
}

static void test_remove_ends_sessions(void **state)
{
	struct session_turn turn;
	uint32_t live, login, other;
	json_t *answer;

	fixture_device("tcp", PIN);
	fixture_device("other", PIN);
	live = fixture_session("tcp", 1, SESSION_LIVE, SESSION_VIA_TCP);
	login = fixture_session("tcp", 0, SESSION_LOGIN, SESSION_VIA_NONE);
	other = fixture_session("other", 0, SESSION_LIVE, SESSION_VIA_UDP);
	fixture_start();
	answer = ask("{\"verb\":\"device remove\",\"id\":\"tcp\"}");
	assert_null(json_object_get(answer, "warning"));
	assert_done(answer);
	assert_refused(ask("{\"verb\":\"session\",\"id\":\"tcp\"}"), "no device \"tcp\"");
	fixture_stop();
	assert_false(session_peek(fx.view.table, live, &turn));
	assert_false(session_peek(fx.view.table, login, &turn));
	assert_true(session_peek(fx.view.table, other, &turn));
	assert_int_equal(fx.ended[CONTROL_REMOVED], 2);
	assert_int_equal(fx.named, 2); /* the worker could name the device in its events */
	assert_null(registry_find(fx.view.registry, "tcp", 3));
	assert_non_null(registry_find(fx.view.registry, "other", 5));
}

/* A worker that does not answer: a second, then the operator is told. */
static void test_remove_stuck(void **state)
{
	json_t *answer;

	fixture_device("tcp", PIN);
	fixture_session("tcp", 1, SESSION_LIVE, SESSION_VIA_TCP);
	fx.stuck = true;
	fixture_start();
	answer = ask("{\"verb\":\"device remove\",\"id\":\"tcp\"}");
	assert_non_null(strstr(text_at(answer, "warning"), "had not ended after a second"));
	assert_done(answer);
	fixture_stop();
	assert_null(registry_find(fx.view.registry, "tcp", 3));
}

/* ---- status ---- */

static void test_status(void **state)
{
	static const char payload[] = "{\"deviceId\":\"udp\"}";
	struct hearth_record record = {
		.event = HEARTH_ONLINE, .device_length = 3, .payload_length = sizeof(payload) - 1};
	json_t *answer, *worker, *ring, *part;
	uint64_t head;

	fixture_device("udp", PIN);
	fixture_device("tcp", PIN);
	fixture_session("udp", 0, SESSION_LIVE, SESSION_VIA_UDP);
	fixture_session("tcp", 1, SESSION_LOGIN, SESSION_VIA_NONE);
	assert_int_equal(feed_write(feed_ring(fx.view.feed, 1), FEED_LIFECYCLE, &record, "udp",
				 NULL, payload),
		0);
	feed_publish(feed_ring(fx.view.feed, 1));
	head = feed_fill(feed_ring(fx.view.feed, 1)).head;
	fx.counters[0][FAKE_FRAMES] = 7;
	fx.counters[1][FAKE_FRAMES] = 5;
	fx.counters[1][FAKE_DROP] = 9;
	fixture_start();
	answer = ask("{\"verb\":\"status\"}");
	assert_string_equal(text_at(answer, "memory"), "memory: little");
	assert_true(number_at(answer, "uptime") > 0);
	assert_int_equal(json_array_size(json_object_get(answer, "workers")), 2);
	worker = json_array_get(json_object_get(answer, "workers"), 0);
	assert_int_equal(number_at(worker, "cpu"), 3);
	assert_int_equal(number_at(worker, "turns"), 100);
	assert_float_equal(json_number_value(json_object_get(worker, "busy")), 0.25, 1e-6);
	assert_int_equal(number_at(worker, "busy_cycles"), 1000);
	assert_int_equal(number_at(worker, "idle_cycles"), 3000);
	assert_int_equal(number_at(worker, "tsc_hz"), 1000000000);
	part = json_object_get(answer, "process");
	assert_true(number_at(part, "anonymous") > 0);
	assert_true(number_at(part, "file") > 0);
	assert_true(json_is_integer(json_object_get(part, "huge")));
	part = json_object_get(worker, "stages");
	assert_int_equal(json_object_size(part), STAGE_COUNT);
	assert_float_equal(json_number_value(json_object_get(part, "aes")), 100, 1e-6);
	assert_float_equal(json_number_value(json_object_get(worker, "gap_us")), 60, 1e-6);
	part = json_object_get(json_object_get(worker, "counters"), "fake");
	assert_int_equal(number_at(part, "rx_frames"), 7);
	assert_int_equal(number_at(part, "drop_padding"), 0);
	assert_null(json_object_get(answer, "help"));
	part = json_object_get(json_object_get(answer, "counters"), "fake");
	assert_int_equal(number_at(part, "rx_frames"), 7 + 5);
	part = json_object_get(json_object_get(worker, "pools"), "fake_records");
	assert_int_equal(number_at(part, "limit"), 1000);
	assert_int_equal(number_at(part, "used"), 10);
	assert_int_equal(number_at(part, "bytes"), 1 << 20);
	part = json_object_get(json_object_get(worker, "pools"), "fake_slots");
	assert_true(json_is_null(json_object_get(part, "used")));
	part = json_object_get(answer, "sessions");
	assert_int_equal(number_at(part, "live_udp"), 1);
	assert_int_equal(number_at(part, "live_tcp"), 0);
	assert_int_equal(number_at(part, "login"), 1);
	assert_int_equal(number_at(part, "entries"), 64);
	assert_int_equal(number_at(part, "limit"), 50);
	part = json_object_get(answer, "registry");
	assert_int_equal(number_at(part, "devices"), 2);
	assert_int_equal(number_at(part, "limit"), 5000);
	ring = json_array_get(json_object_get(answer, "feed"), 1);
	assert_int_equal(number_at(ring, "head"), head);
	assert_int_equal(number_at(ring, "lag"), head - number_at(ring, "commit"));
	assert_true(number_at(ring, "lag") > 0);
	part = json_array_get(json_object_get(answer, "ports"), 0);
	assert_string_equal(text_at(part, "device"), "net_tap0");
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(part, "addresses"), 0)),
		"198.18.0.1/24");
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(part, "addresses"), 1)),
		"fd77::1/64");
	assert_string_equal(json_string_value(json_array_get(json_object_get(part, "gateways"), 0)),
		"198.18.0.254");
	assert_string_equal(json_string_value(json_array_get(json_object_get(part, "gateways"), 1)),
		"fe80::1 02:00:00:00:ab:01");
	assert_int_equal(number_at(part, "vlan"), 7);
	assert_string_equal(text_at(part, "line"), "net_tap0: a port");
	assert_string_equal(text_at(part, "state"), "up");
	assert_int_equal(number_at(json_object_get(part, "counters"), "port_rx_missed"), 11);
	assert_done(answer);
	answer = ask("{\"verb\":\"status\",\"help\":true}");
	part = json_object_get(json_object_get(answer, "help"), "fake");
	assert_string_equal(text_at(part, "drop_padding"), "frames whose padding is wrong");
	part = json_object_get(answer, "pools_help");
	assert_string_equal(text_at(part, "fake_slots"), "slots of a fake");
	assert_done(answer);
	/* asked for only: cycles of the counter, to the last one */
	answer = ask("{\"verb\":\"status\",\"gaps\":true}");
	part = json_array_get(json_object_get(answer, "workers"), 1);
	part = json_object_get(part, "gap_log");
	assert_int_equal(number_at(part, "count"), 1001);
	part = json_array_get(json_object_get(part, "log"), 0);
	assert_int_equal(json_integer_value(json_array_get(part, 0)), 82000000000000001);
	assert_int_equal(json_integer_value(json_array_get(part, 1)), 82000000000000777);
	assert_done(answer);
}

/* Growth per second, from samples a second apart. */
static void test_rates(void **state)
{
	double rate = 0;

	fixture_start();
	for (unsigned i = 0; i < 60 && !rate; i++) {
		json_t *answer;

		__atomic_fetch_add(&fx.counters[0][FAKE_LOGINS], 10, __ATOMIC_RELAXED);
		__atomic_fetch_add(&fx.counters[1][FAKE_LOGINS], 10, __ATOMIC_RELAXED);
		usleep(50000);
		answer = ask("{\"verb\":\"status\"}");
		rate = json_number_value(
			json_object_get(json_object_get(answer, "rates"), "logins"));
		assert_done(answer);
	}
	/* 20 each 50 ms are 400 a second; a slow machine makes it fewer */
	assert_true(rate > 0 && rate < 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_socket_file),
		TEST(test_sessions),
		TEST(test_kick),
		TEST(test_remove_ends_sessions),
		TEST(test_remove_stuck),
		TEST(test_status),
		TEST(test_rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
