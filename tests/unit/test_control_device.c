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
	static const char again[] = "device_id,pin,bind_password,model,gateway\n"
				    "f," PIN ",,,\n"
				    "g," PIN ",,,\n\n"
				    "f," PIN ",,,\n";
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
	fd = csv(again, O_RDONLY);
	assert_refused(import(fd), "new.csv:5: the device of line 2 stands here again");
	close(fd);
	/* all rows or none: nor are those that stood before the bad line, here or in the table */
	assert_refused(ask("{\"verb\":\"device show\",\"id\":\"f\"}"), "no device \"f\"");
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

/* More rows than there may be devices: the one that is too many is named, none is added. */
static void test_device_import_too_many(void **state)
{
	const unsigned rows = fx.config.limits.devices + 1;
	char *text = malloc(rows * 64 + 64), says[64];
	size_t length = (size_t)sprintf(text, "device_id,pin\n");
	json_t *answer;
	int fd;

	for (unsigned i = 0; i < rows; i++)
		length += (size_t)sprintf(text + length, "device-%06u," PIN "\n", i);
	fixture_start();
	fd = csv(text, O_RDONLY);
	snprintf(says, sizeof(says), "new.csv:%u: more than %u devices", rows + 1, rows - 1);
	assert_refused(import(fd), says);
	close(fd);
	answer = ask("{\"verb\":\"device list\"}");
	assert_int_equal(number_at(answer, "total"), 0);
	assert_done(answer);
	/* one less has room, in the store and in the table, where the others were */
	*strrchr(text, 'd') = '\0';
	fd = csv(text, O_RDONLY);
	answer = import(fd);
	assert_int_equal(number_at(answer, "added"), rows - 1);
	assert_done(answer);
	/* whoever gave the file knows how far it is by its offset */
	assert_int_equal(lseek(fd, 0, SEEK_CUR), strlen(text));
	close(fd);
	fixture_stop();
	assert_int_equal(registry_count(fx.view.registry), rows - 1);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_device_verbs),
		TEST(test_device_list),
		TEST(test_device_import),
		TEST(test_device_import_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
