/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_control_device.c - the control socket's device verbs on a real registry */
#include "control_fixture.h"

#include <fcntl.h>

static void test_device_verbs(void **state)
{
	json_t *answer, *device;
	char *text;

	fixture_start();
	answer =
		ask("{\"verb\":\"device add\",\"id\":\"lamp-1\",\"pin\":\"" PIN "\","
		    "\"model\":\"L\xc3\xa4mp\",\"bind_password\":\"abcdefgh\",\"gateway\":\"gw\"}");
	assert_int_equal(number_at(answer, "devices"), 1);
	assert_done(answer);
	assert_refused(ask("{\"verb\":\"device add\",\"id\":\"lamp-1\",\"pin\":\"" PIN "\"}"),
		"device \"lamp-1\" is provisioned already");
	assert_refused(ask("{\"verb\":\"device add\",\"id\":\"lamp-2\",\"pin\":\"short\"}"),
		"the PIN is not 32 bytes long");
	assert_refused(ask("{\"verb\":\"device add\",\"id\":\"a\\\\b\",\"pin\":\"" PIN "\"}"),
		"device not added: ");
	assert_refused(ask("{\"verb\":\"device add\",\"id\":\"lamp-2\"}"), "bad request: ");
	assert_refused(
		ask("{\"verb\":\"device add\",\"id\":7,\"pin\":\"" PIN "\"}"), "bad request: ");
	assert_refused(
		ask("{\"verb\":\"device add\",\"id\":\"x\",\"pin\":\"" PIN "\",\"modell\":\"M\"}"),
		"bad request: ");
	/* the workers' table has it, the others are nowhere */
	answer = ask("{\"verb\":\"device show\",\"id\":\"lamp-1\"}");
	device = json_object_get(answer, "device");
	assert_string_equal(text_at(device, "model"), "L\xc3\xa4mp");
	assert_string_equal(text_at(device, "gateway"), "gw");
	assert_true(json_is_true(json_object_get(device, "bind")));
	assert_true(json_is_false(json_object_get(device, "connected")));
	text = json_dumps(answer, 0);
	assert_null(strstr(text, PIN));
	assert_null(strstr(text, "abcdefgh"));
	free(text);
	assert_done(answer);
	answer = ask("{\"verb\":\"device show\",\"id\":\"lamp-1\",\"secrets\":true}");
	device = json_object_get(answer, "device");
	assert_string_equal(text_at(device, "pin"), PIN);
	assert_string_equal(text_at(device, "bind_password"), "abcdefgh");
	assert_done(answer);
	assert_refused(ask("{\"verb\":\"device show\",\"id\":\"lamp-2\"}"), "no device \"lamp-2\"");
	assert_refused(ask("{\"verb\":\"session\",\"id\":\"lamp-1\"}"), "has no session");
	answer = ask("{\"verb\":\"status\"}");
	assert_int_equal(number_at(json_object_get(answer, "registry"), "devices"), 1);
	assert_done(answer);
	/* gone, at once and for good */
	assert_done(ask("{\"verb\":\"device remove\",\"id\":\"lamp-1\"}"));
	assert_refused(
		ask("{\"verb\":\"device remove\",\"id\":\"lamp-1\"}"), "no device \"lamp-1\"");
	answer = ask("{\"verb\":\"status\"}");
	assert_int_equal(number_at(json_object_get(answer, "registry"), "devices"), 0);
	assert_done(answer);
	assert_done(ask("{\"verb\":\"device add\",\"id\":\"lamp-1\",\"pin\":\"" PIN "\"}"));
	fixture_stop();
	assert_int_equal(registry_count(fx.view.registry), 1);
	assert_non_null(registry_find(fx.view.registry, "lamp-1", 6));
}

static void test_device_list(void **state)
{
	json_t *answer, *devices;
	char id[16], request[128];

	for (unsigned i = 0; i < 250; i++) {
		snprintf(id, sizeof(id), "d%03u", i);
		fixture_device(id, PIN);
	}
	fixture_start();
	answer = ask("{\"verb\":\"device list\"}");
	devices = json_object_get(answer, "devices");
	assert_int_equal(json_array_size(devices), 100);
	assert_string_equal(text_at(json_array_get(devices, 0), "id"), "d000");
	assert_string_equal(text_at(answer, "next"), "d099");
	assert_int_equal(number_at(answer, "total"), 250);
	assert_done(answer);
	snprintf(request, sizeof(request),
		"{\"verb\":\"device list\",\"after\":\"d099\",\"limit\":150}");
	answer = ask(request);
	devices = json_object_get(answer, "devices");
	assert_int_equal(json_array_size(devices), 150);
	assert_string_equal(text_at(json_array_get(devices, 149), "id"), "d249");
	assert_true(json_is_null(json_object_get(answer, "next")));
	assert_done(answer);
	assert_refused(ask("{\"verb\":\"device list\",\"limit\":0}"), "limit must be 1..1000");
	assert_refused(ask("{\"verb\":\"device list\",\"limit\":1001}"), "limit must be 1..1000");
}

/* One import request with a file's descriptor. */
static json_t *import(int file)
{
	int fd = client_connect();
	json_t *answer;

	client_write_files(fd, "{\"verb\":\"device import\",\"name\":\"new.csv\"}\n", &file, 1);
	answer = client_answer(fd);
	close(fd);
	return answer;
}

static int csv(const char *text, int flags)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "%s/new.csv", fx.directory);
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	fd = open(path, flags);
	assert_true(fd >= 0);
	return fd;
}

static void test_device_import(void **state)
{
	static const char good[] = "device_id,pin,bind_password,model,gateway\n"
				   "a," PIN ",12345678,M,\n"
				   "b," OTHER_PIN ",,,a\n";
	static const char bad[] = "device_id,pin,bind_password,model,gateway\n"
				  "c," PIN ",,,\n"
				  "d,short,,,\n";
	static const char twice[] = "device_id,pin,bind_password,model,gateway\n"
				    "e," PIN ",,,\n"
				    "a," PIN ",,,\n";
	int fd, pipes[2];
	json_t *answer;

	fixture_start();
	fd = csv(good, O_RDONLY);
	answer = import(fd);
	assert_int_equal(number_at(answer, "added"), 2);
	assert_done(answer);
	close(fd);
	fd = csv(bad, O_RDONLY);
	answer = import(fd);
	assert_null(strstr(text_at(answer, "error"), "short"));
	assert_refused(answer, "new.csv:3");
	close(fd);
	fd = csv(twice, O_RDONLY);
	assert_refused(import(fd), "new.csv:3: device \"a\" is provisioned already");
	close(fd);
	fd = csv("device_id,pin\n", O_RDONLY);
	assert_refused(import(fd), "there is no device in it");
	close(fd);
	/* all rows or none: neither c nor e is there */
	answer = ask("{\"verb\":\"device list\"}");
	assert_int_equal(number_at(answer, "total"), 2);
	assert_done(answer);
	/* nothing that could make the broker wait */
	assert_refused(ask("{\"verb\":\"device import\"}"), "no file came with the request");
	assert_int_equal(pipe(pipes), 0);
	assert_refused(import(pipes[0]), "takes a plain, readable file");
	close(pipes[0]);
	close(pipes[1]);
	fd = open(fx.directory, O_RDONLY);
	assert_refused(import(fd), "takes a plain, readable file");
	close(fd);
	fd = csv(good, O_WRONLY);
	assert_refused(import(fd), "takes a plain, readable file");
	close(fd);
	fixture_stop();
	assert_int_equal(registry_count(fx.view.registry), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_device_verbs),
		TEST(test_device_list),
		TEST(test_device_import),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
