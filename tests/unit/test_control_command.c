/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_control_command.c - backends register on the control socket and ask for lanKeys, through the
 * library and as strangers do */
#include "control_fixture.h"

#include "feed/command_ring.h"
#include "feed/hearth_feed.h"

#include <dirent.h>
#include <errno.h>

#define DEVICE "device-1"

static char feed_path[96];

static void wait_grace(void *context)
{
	registry_wait(fx.view.registry);
}

static void open_rings(void)
{
	char error[256];

	if (command_rings_open(&fx.view.commands, feed_path, error, sizeof(error)) < 0)
		fail_msg("%s", error);
	assert_string_equal(error, "");
	command_rings_grace(fx.view.commands, wait_grace, NULL);
}

static int setup(void **state)
{
	fixture_setup(state);
	snprintf(feed_path, sizeof(feed_path), "%s/ring", fx.directory);
	fx.config.feed.path = feed_path;
	open_rings();
	fixture_device(DEVICE, PIN);
	return 0;
}

static int teardown(void **state)
{
	fixture_stop();
	command_rings_close(fx.view.commands);
	return fixture_teardown(state);
}

/* Register, and fail the test with the broker's words if that fails. */
static struct hearth_commands *registered(unsigned flags)
{
	char error[512];
	struct hearth_commands *commands =
		hearth_commands_open(fx.socket, flags, error, sizeof(error));

	if (!commands)
		fail_msg("%s", error);
	return commands;
}

static uint64_t send_one(struct hearth_commands *commands)
{
	struct hearth_command command = {.device = DEVICE,
		.device_length = sizeof(DEVICE) - 1,
		.code = 2003,
		.payload = "{\"x\":1}",
		.payload_length = 7};
	uint64_t request;

	assert_int_equal(hearth_command_send(commands, &command, &request), 0);
	return request;
}

/* All that the rings have, as worker 0 of one. Return: how many; the last one's id. */
static unsigned take_all(uint64_t *request)
{
	struct command_item item;
	unsigned taken = 0;

	while (command_ring_next(fx.view.commands, 0, 1, &item)) {
		assert_int_equal(item.code, 2003);
		assert_memory_equal(item.payload, "{\"x\":1}", 7);
		*request = item.request;
		taken++;
	}
	command_rings_taken(fx.view.commands, 0, 1);
	return taken;
}

static void test_register(void **state)
{
	struct hearth_commands *commands;
	json_t *status, *rings, *ring;
	uint64_t request, got;

	fixture_start();
	commands = registered(HEARTH_COMMANDS_BACKEND);
	assert_string_equal(hearth_commands_feed(commands), feed_path);
	request = send_one(commands);
	assert_int_equal(request, COMMAND_REQUESTS);
	assert_int_equal(take_all(&got), 1);
	assert_true(got == request);
	assert_int_equal(hearth_commands_waiting(commands), 0);
	status = ask("{\"verb\":\"status\"}");
	rings = json_object_get(status, "commands");
	assert_int_equal(json_array_size(rings), 1);
	ring = json_array_get(rings, 0);
	assert_true(json_is_true(json_object_get(ring, "backend")));
	assert_true(json_is_true(json_object_get(ring, "alive")));
	assert_true(json_is_false(json_object_get(ring, "damaged")));
	assert_int_equal(json_integer_value(json_object_get(ring, "taken")), 1);
	json_decref(status);
	hearth_commands_close(commands);
}

/* No id is ever given away twice, whoever asks, whatever is started again, also when it was not
 * used. */
static void test_ids_over_restarts(void **state)
{
	uint64_t last = 0, got;
	char store[96], error[256];

	snprintf(store, sizeof(store), "%s/registry", fx.directory);
	for (unsigned round = 0; round < 3; round++) {
		fixture_start();
		for (unsigned i = 0; i < 2 * COMMAND_RINGS_MAX; i++) {
			struct hearth_commands *commands = registered(0);
			uint64_t request = send_one(commands);

			assert_true(request >= last + COMMAND_REQUESTS);
			assert_int_equal(request % COMMAND_REQUESTS, 0);
			last = request;
			hearth_commands_close(commands);
			assert_int_equal(take_all(&got), 1);
			assert_true(got == request);
		}
		fixture_stop();
		control_close(fx.control);
		fx.control = NULL;
		fx.stop = false;
		command_rings_close(fx.view.commands);
		registry_free(fx.view.registry);
		store_close(fx.view.store);
		fx.view.store = store_open(store, 5000, error, sizeof(error));
		assert_non_null(fx.view.store);
		fx.view.registry =
			registry_load(fx.view.store, 5000, false, 0, error, sizeof(error));
		assert_non_null(fx.view.registry);
		open_rings();
	}
}

static void test_all_slots(void **state)
{
	struct hearth_commands *writers[COMMAND_RINGS_MAX], *more;
	char error[512];

	fixture_start();
	for (unsigned n = 0; n < COMMAND_RINGS_MAX; n++)
		writers[n] = registered(HEARTH_COMMANDS_BACKEND);
	assert_int_equal(command_rings_backends(fx.view.commands), COMMAND_RINGS_MAX);
	assert_null(hearth_commands_open(fx.socket, 0, error, sizeof(error)));
	assert_int_equal(errno, EBUSY);
	assert_non_null(strstr(error, "16 processes that send commands are registered"));
	hearth_commands_close(writers[3]);
	more = registered(0);
	hearth_commands_close(more);
	for (unsigned n = 0; n < COMMAND_RINGS_MAX; n++) {
		if (n != 3)
			hearth_commands_close(writers[n]);
	}
}

/* A damaged ring says so in status, and to its writer. */
static void test_damaged_is_told(void **state)
{
	struct hearth_commands *commands;
	struct hearth_command command = {
		.device = "d", .device_length = 1, .payload = "{}", .payload_length = 2};
	char path[128];
	uint64_t head = 12345;
	json_t *status, *ring;
	uint64_t request;
	FILE *file;

	fixture_start();
	commands = registered(HEARTH_COMMANDS_BACKEND);
	snprintf(path, sizeof(path), "%s.commands.0", feed_path);
	file = fopen(path, "r+");
	assert_non_null(file);
	fseek(file, 4096, SEEK_SET);
	assert_int_equal(fwrite(&head, sizeof(head), 1, file), 1);
	fclose(file);
	assert_int_equal(take_all(&request), 0);
	status = ask("{\"verb\":\"status\"}");
	ring = json_array_get(json_object_get(status, "commands"), 0);
	assert_true(json_is_true(json_object_get(ring, "damaged")));
	json_decref(status);
	assert_int_equal(hearth_command_send(commands, &command, NULL), -ESTALE);
	hearth_commands_close(commands);
	/* and the next one is served */
	commands = registered(0);
	send_one(commands);
	assert_int_equal(take_all(&request), 1);
	hearth_commands_close(commands);
}

/* ---- who does not use the library ---- */

static unsigned open_files(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

/* Clients that do not wait for their answer, or take its text and not its descriptor: what was made
 * for them is abandoned, and nothing leaks. */
static void test_no_taker(void **state)
{
	static const char request[] = "{\"verb\":\"commands\"}\n";
	unsigned before;
	char line[2048];

	fixture_start();
	hearth_commands_close(registered(0));
	before = open_files();
	for (unsigned i = 0; i < 4 * COMMAND_RINGS_MAX; i++) {
		int fd = client_connect();

		client_write(fd, request, sizeof(request) - 1);
		/* recv() throws the descriptor away */
		if (i % 2)
			assert_true(client_read(fd, line, sizeof(line)));
		close(fd);
		json_decref(ask("{\"verb\":\"status\"}"));
	}
	fixture_stop();
	control_close(fx.control);
	fx.control = NULL;
	command_rings_reap(fx.view.commands);
	for (unsigned n = 0; n < COMMAND_RINGS_MAX; n++) {
		struct command_ring_view view;

		assert_false(command_rings_view(fx.view.commands, n, &view));
	}
	/* the listener and the first writer's ring, too, are closed by now */
	assert_true(open_files() <= before);
}

static void test_hostile_lines(void **state)
{
	fixture_start();
	assert_refused(ask("{\"verb\":\"commands\",\"backend\":1}"), "bad request");
	assert_refused(ask("{\"verb\":\"commands\",\"bytes\":99999999999}"), "bad request");
	assert_refused(
		ask("{\"verb\":\"commands\",\"backend\":true,\"first_request\":1}"), "bad request");
	assert_refused(ask("{\"verb\":\"lan-key\"}"), "bad request");
	assert_refused(ask("{\"verb\":\"lan-key\",\"id\":\"" DEVICE "\"}"), "bad request");
	assert_refused(
		ask("{\"verb\":\"lan-key\",\"id\":\"" DEVICE "\",\"random\":7}"), "bad request");
	/* nothing of it made a ring */
	assert_int_equal(command_rings_highest(fx.view.commands), 0);
}

static void test_not_whole(void **state)
{
	char error[256];

	fixture_start();
	command_rings_close(fx.view.commands);
	fx.view.commands = NULL;
	assert_null(hearth_commands_open(fx.socket, 0, error, sizeof(error)));
	assert_int_equal(errno, EREMOTEIO);
	assert_non_null(strstr(error, "takes no commands"));
}

/* ---- what the library makes of answers ---- */

static void test_no_broker(void **state)
{
	char error[256], key[45];
	char path[128];
	static char far[300];

	snprintf(path, sizeof(path), "%s/none", fx.directory);
	assert_null(hearth_commands_open(path, 0, error, sizeof(error)));
	assert_int_equal(errno, ENOENT);
	assert_non_null(strstr(error, "is a broker running?"));
	assert_int_equal(
		hearth_lan_key(path, DEVICE, "0123456789abcdef", key, NULL, NULL, 0), -ENOENT);
	memset(far, 'a', sizeof(far) - 1);
	assert_null(hearth_commands_open(far, 0, error, sizeof(error)));
	assert_int_equal(errno, ENAMETOOLONG);
}

struct stranger {
	int listener;
	const char *text;
};

static void *stranger_main(void *context)
{
	const struct stranger *stranger = context;
	char line[256];
	int fd = accept(stranger->listener, NULL, NULL);

	if (client_read(fd, line, sizeof(line)))
		send(fd, stranger->text, strlen(stranger->text), MSG_NOSIGNAL);
	close(fd);
	return NULL;
}

/* Whatever answers at that path: no crash, an error that can be read, and no descriptor lost. */
static void test_strange_answers(void **state)
{
	static const struct {
		const char *text;
		int error;
		const char *words;
	} rows[] = {
		{"", ECONNRESET, "reset"},
		{"{\"ok\":true", ECONNRESET, "reset"},
		{"\n", EPROTO, "no broker"},
		{"{}\n", EPROTO, "no broker"},
		{"[]\n", EPROTO, "no broker"},
		{"{\"ok\":\n", EPROTO, "no broker"},
		{"{\"ok\n", EPROTO, "no broker"},
		{"{\"ok\\\n", EPROTO, "no broker"},
		{"{\"ok\":\"true\"}\n", EPROTO, "no broker"},
		{"{\"x\":{\"ok\":true}}\n", EPROTO, "no broker"},
		{"{\"ok\":true}\n", EPROTO, "names no ring"},
		{"{\"ok\":true,\"path\":\"/x\",\"feed\":\"/y\"}\n", EPROTO, "names no ring"},
		{"{\"ok\":false,\"error\":\"a \\\"b\\\" \\u00e9\\u4e2d\\/\",\"remedy\":\"c\"}\n",
			EREMOTEIO, "a \"b\" \xc3\xa9\xe4\xb8\xad/: c"},
		{"{\"ok\":false,\"error\":\"\\u0000\"}\n", EPROTO, "no broker"},
		{"{\"ok\":false,\"error\":\"\\ud800\"}\n", EPROTO, "no broker"},
		{"{\"ok\":false,\"error\":\"\\q\"}\n", EPROTO, "no broker"},
		{"{\"ok\":false,\"error\":7}\n", EPROTO, "no broker"},
		{" { \"why\" : \"busy\" , \"error\" : \"full\" , \"ok\" : false } \n", EBUSY,
			"full"},
	};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stranger stranger = {.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	char error[512];
	pthread_t thread;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/strange", fx.directory);
	assert_int_equal(bind(stranger.listener, (void *)&address, sizeof(address)), 0);
	assert_int_equal(listen(stranger.listener, 1), 0);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hearth_commands *commands;
		int why;

		stranger.text = rows[i].text;
		assert_int_equal(pthread_create(&thread, NULL, stranger_main, &stranger), 0);
		commands = hearth_commands_open(address.sun_path, 0, error, sizeof(error));
		why = errno;
		pthread_join(thread, NULL);
		assert_null(commands);
		if (why != rows[i].error || !strstr(error, rows[i].words))
			fail_msg("%s: %s: %s", rows[i].text, strerror(why), error);
	}
	close(stranger.listener);
}

/* ---- lanKey (section 6.2.2) ---- */

static int lan_key(const char *id, const char *random, char key[45])
{
	char error[512];
	unsigned seconds = 0;
	int rc = hearth_lan_key(fx.socket, id, random, key, &seconds, error, sizeof(error));

	if (rc == 0)
		assert_int_equal(seconds, 300);
	else
		assert_true(error[0] && !strstr(error, PIN));
	return rc;
}

static void test_lan_key(void **state)
{
	char key[45];

	fixture_device("device-2", OTHER_PIN);
	fixture_start();
	/* made with openssl enc -aes-128-cbc */
	assert_int_equal(lan_key(DEVICE, "aZ09bY18cX27dW36", key), 0);
	assert_string_equal(key, "ofnltT4R4fJ7JclbomHkHqLG53nDBq5lk4l4VoUWdrg=");
	assert_int_equal(lan_key("device-2", "aZ09bY18cX27dW36", key), 0);
	assert_string_equal(key, "an4QUK8RNkHtCrfkExmKQH6/jbenWaEIFPHGLsZegWA=");
}

static void test_lan_key_refused(void **state)
{
	static const char *const randoms[] = {"", "aZ09bY18cX27dW3", "aZ09bY18cX27dW366",
		"aZ09bY18cX27dW3-", "aZ09bY18cX27dW3 ", "aZ09bY18cX27dW3\n", "{\"sequence\":\"1\"",
		"aZ09bY18cX27dW3\xc3\xa9", "aZ09bY18cX27d\xe4\xb8\xad"};
	char key[45];

	fixture_start();
	for (unsigned i = 0; i < sizeof(randoms) / sizeof(randoms[0]); i++) {
		memset(key, 'x', sizeof(key));
		assert_int_equal(lan_key(DEVICE, randoms[i], key), -EINVAL);
	}
	assert_int_equal(lan_key("device-9", "aZ09bY18cX27dW36", key), -ENOENT);
	assert_int_equal(lan_key("", "aZ09bY18cX27dW36", key), -ENOENT);
	assert_int_equal(lan_key("a\"b", "aZ09bY18cX27dW36", key), -ENOENT);
	/* as characters that JSON can hide, past the library */
	assert_refused(ask("{\"verb\":\"lan-key\",\"id\":\"" DEVICE
			   "\",\"random\":\"{\\u0022sequence\\u0022:1\"}"),
		"16 characters");
}

#define COMMAND_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		COMMAND_TEST(test_register),
		COMMAND_TEST(test_ids_over_restarts),
		COMMAND_TEST(test_all_slots),
		COMMAND_TEST(test_damaged_is_told),
		COMMAND_TEST(test_no_taker),
		COMMAND_TEST(test_hostile_lines),
		COMMAND_TEST(test_not_whole),
		COMMAND_TEST(test_no_broker),
		COMMAND_TEST(test_strange_answers),
		COMMAND_TEST(test_lan_key),
		COMMAND_TEST(test_lan_key_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
