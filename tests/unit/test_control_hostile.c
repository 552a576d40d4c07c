/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_control_hostile.c - clients that mean no good, and a canary that keeps working */
#include "control_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/time.h>

static void canary(void)
{
	assert_done(ask("{\"verb\":\"device show\",\"id\":\"canary\"}"));
}

static void start(void)
{
	fixture_device("canary", PIN);
	fixture_start();
	canary();
}

/* What a client that sent @text, and nothing more, is told. */
static json_t *told(const void *text, size_t length)
{
	int fd = client_connect();
	json_t *answer;

	client_write(fd, text, length);
	shutdown(fd, SHUT_WR);
	answer = client_answer(fd);
	close(fd);
	return answer;
}

static void test_garbage(void **state)
{
	static const struct {
		const char *text;
		size_t length;
		const char *words;
	} rows[] = {
#define ROW(text, words) {text, sizeof(text) - 1, words}
		ROW("\n", "not a JSON object"),
		ROW("hello\n", "not a JSON object"),
		ROW("[]\n", "not a JSON object"),
		ROW("{\"verb\":\"status\"\n", "not a JSON object"),
		ROW("{\"verb\":\"status\"}}\n", "not a JSON object"),
		ROW("{\"verb\":\"status\",\"verb\":\"kick\"}\n", "not a JSON object"),
		ROW("{\"verb\":\"\\u0000\"}\n", "not a JSON object"),
		ROW("{\"verb\":\"st\0atus\"}\n", "not a JSON object"),
		ROW("\xff\xfe{}\n", "not a JSON object"),
		ROW("\0\0\0\n", "not a JSON object"),
		ROW("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "not a JSON object"),
		ROW("{}\n", "has no verb"),
		ROW("{\"verb\":7}\n", "has no verb"),
		ROW("{\"verb\":\"shutdown\"}\n", "unknown verb \"shutdown\""),
		ROW("{\"verb\":\"device \"}\n", "unknown verb \"device \""),
		ROW("{\"verb\":\"\\u001b[2J\\n\"}\n", "unknown verb \"?[2J?\""),
		ROW("{\"verb\":\"status\",\"help\":1}\n", "bad request"),
		ROW("{\"verb\":\"kick\"}\n", "bad request"),
		ROW("{\"verb\":\"kick\",\"id\":[\"a\"]}\n", "bad request"),
		ROW("{\"verb\":\"kick\",\"id\":\"\"}\n", "no device \"\""),
		ROW("{\"verb\":\"device remove\",\"id\":\"\"}\n", "no device \"\""),
		ROW("{\"verb\":\"device list\",\"limit\":1e3}\n", "bad request"),
		ROW("{\"verb\":\"device list\",\"limit\":99999999999999999999}\n",
			"not a JSON object"),
		ROW("{\"verb\":\"status\"}", "has no line end"),
#undef ROW
	};

	start();
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_refused(told(rows[i].text, rows[i].length), rows[i].words);
		canary();
	}
}

/* What was sent is not told again: it may hold a PIN. */
static void test_no_echo(void **state)
{
	static const char *const lines[] = {
		"{\"verb\":\"device add\",\"id\":\"x\",\"pin\":\"" OTHER_PIN "\n",
		"{\"verb\":\"device add\",\"id\":\"x\",\"pin\":[\"" OTHER_PIN "\"]}\n",
		"{\"verb\":\"device add\",\"id\":\"x\",\"pin\":\"" OTHER_PIN "!\"}\n",
		"{\"verb\":\"device add\",\"id\":\"canary\",\"pin\":\"" OTHER_PIN "\"}\n",
		OTHER_PIN "\n",
	};
	char line[4096];

	start();
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		int fd = client_connect();

		client_write(fd, lines[i], strlen(lines[i]));
		assert_true(client_read(fd, line, sizeof(line)));
		assert_non_null(strstr(line, "\"ok\":false"));
		assert_null(strstr(line, OTHER_PIN));
		close(fd);
	}
	canary();
}

static void test_long_lines(void **state)
{
	size_t length = CONTROL_LINE_MAX + 2;
	char *line = malloc(length), c;
	int fd;

	start();
	/* the longest line that is taken, an id of 65 thousand characters in it */
	memset(line, 'a', length);
	memcpy(line, "{\"verb\":\"kick\",\"id\":\"", 21);
	memcpy(line + CONTROL_LINE_MAX - 2, "\"}\n", 3);
	assert_refused(told(line, CONTROL_LINE_MAX + 1), "no device \"aaaa");
	/* one more is too long, whether its end comes or not; the connection ends */
	memset(line, ' ', length);
	line[length - 1] = '\n';
	assert_refused(told(line, length), "longer than 65536 bytes");
	fd = client_connect();
	client_write(fd, line, length - 1);
	assert_refused(client_answer(fd), "longer than 65536 bytes");
	assert_int_equal(recv(fd, &c, 1, 0), 0);
	close(fd);
	/* deep nesting */
	memset(line, '[', CONTROL_LINE_MAX);
	line[CONTROL_LINE_MAX - 1] = '\n';
	assert_refused(told(line, CONTROL_LINE_MAX), "not a JSON object");
	free(line);
	canary();
}

/* Bytes one by one, lines in one write, halves with other clients' requests between them. */
static void test_pieces(void **state)
{
	static const char line[] = "{\"verb\":\"device show\",\"id\":\"canary\"}\n";
	char many[50 * sizeof(line)] = "";
	int fd, half;

	start();
	fd = client_connect();
	for (unsigned i = 0; i < sizeof(line) - 1; i++)
		client_write(fd, line + i, 1);
	assert_done(client_answer(fd));
	for (unsigned i = 0; i < 50; i++)
		strcat(many, i % 2 ? line : "{\"verb\":\"kick\",\"id\":\"x\"}\n");
	client_write(fd, many, strlen(many));
	for (unsigned i = 0; i < 50; i++) {
		if (i % 2)
			assert_done(client_answer(fd));
		else
			assert_refused(client_answer(fd), "no device \"x\"");
	}
	half = client_connect();
	client_write(half, line, 10);
	canary();
	client_write(half, line + 10, sizeof(line) - 11);
	assert_done(client_answer(half));
	/* one that leaves in the middle of a line */
	client_write(half, line, 10);
	close(half);
	close(fd);
	canary();
}

/* A hundred at once: as many as there are slots are served, the others are told why not. */
static void test_many_clients(void **state)
{
	unsigned served = 0, refused = 0;
	char line[4096];
	int fds[100];

	start();
	for (unsigned i = 0; i < 100; i++) {
		fds[i] = client_connect();
		send(fds[i], "{\"verb\":\"kick\",\"id\":\"x\"}\n", 25, MSG_NOSIGNAL);
	}
	for (unsigned i = 0; i < 100; i++) {
		assert_true(client_read(fds[i], line, sizeof(line)));
		served += strstr(line, "no device") != NULL;
		refused += strstr(line, "\"why\":\"busy\",\"error\":\"too many clients\"") != NULL;
	}
	assert_int_equal(served, CONTROL_CLIENTS_MAX);
	assert_int_equal(refused, 100 - CONTROL_CLIENTS_MAX);
	for (unsigned i = 0; i < 100; i++)
		close(fds[i]);
	/* they are gone once the server has looked: from then on there is room again */
	for (unsigned i = 0; i < 100; i++) {
		json_t *answer = ask("{\"verb\":\"device show\",\"id\":\"canary\"}");
		bool ok = json_is_true(json_object_get(answer, "ok"));

		json_decref(answer);
		if (ok)
			return;
		usleep(10000);
	}
	fail_msg("clients that left still take up room");
}

/* Ask until there is room; whoever is turned away may find the connection closed already. */
static void ask_until_served(void)
{
	static const char request[] = "{\"verb\":\"device show\",\"id\":\"canary\"}\n";
	char line[4096];
	bool served = false;

	while (!served) {
		int fd = client_connect();

		send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
		served = client_read(fd, line, sizeof(line)) && strstr(line, "\"ok\":true");
		close(fd);
		if (!served)
			usleep(20000);
	}
}

/* Every slot held by half a line for ever: the one that has said nothing for longest makes room. */
static void test_half_lines(void **state)
{
	static const char rest[] = "\"device show\",\"id\":\"canary\"}\n";
	int fds[CONTROL_CLIENTS_MAX];
	char byte;

	start();
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		fds[i] = client_connect();
		client_write(fds[i], "{\"verb\":", 8);
	}
	ask_until_served();
	ask_until_served();
	assert_int_equal(recv(fds[0], &byte, 1, 0), 0);
	/* the last to come may go on where it was */
	client_write(fds[CONTROL_CLIENTS_MAX - 1], rest, sizeof(rest) - 1);
	assert_done(client_answer(fds[CONTROL_CLIENTS_MAX - 1]));
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++)
		close(fds[i]);
}

static unsigned open_files(void);

/* Thousands come and go, some in the middle of a line, some without taking their answer. */
static void test_thousands(void **state)
{
	static const char *const said[] = {"", "{", "{\"verb\":\"status\"}\n", "\n", "\n\n{"};
	unsigned before;

	start();
	ask_until_served();
	before = open_files();
	for (unsigned i = 0; i < 3000; i++) {
		const char *words = said[i % 5];
		int fd = client_connect();

		send(fd, words, strlen(words), MSG_NOSIGNAL);
		if (i % 7 == 0) {
			struct linger reset = {.l_onoff = 1};

			setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		}
		close(fd);
	}
	ask_until_served();
	/* the server takes notice of the last ones when it comes to them */
	while (open_files() > before)
		usleep(5000);
}

/* An import whose client dies: all rows or none, and nobody else notices. */
static void test_dying_import(void **state)
{
	static const char request[] = "{\"verb\":\"device import\",\"name\":\"x.csv\"}\n";
	char path[128], id[32];
	unsigned there = 0;
	FILE *file;
	int fd, copy;

	start();
	snprintf(path, sizeof(path), "%s/import.csv", fx.directory);
	file = fopen(path, "w");
	fprintf(file, "device_id,pin,bind_password,model,gateway\n");
	for (unsigned i = 0; i < 2000; i++)
		fprintf(file, "import-%u," PIN ",,,\n", i);
	fclose(file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	copy = client_connect();
	client_write_files(copy, request, &fd, 1);
	close(copy); /* at once */
	close(fd);
	/* half of a request with its file, and gone */
	fd = open(path, O_RDONLY | O_CLOEXEC);
	copy = client_connect();
	client_write_files(copy, "{\"verb\":\"device import\"", &fd, 1);
	close(copy);
	close(fd);
	ask_until_served();
	for (unsigned i = 0; i < 2000; i++) {
		struct device_record record;

		snprintf(id, sizeof(id), "import-%u", i);
		there += store_get(fx.view.store, id, &record) == 0;
	}
	assert_true(there == 0 || there == 2000);
	canary();
}

/* One that asks and asks and never reads; another that asks and leaves. */
static void test_no_reader(void **state)
{
	static const char request[] = "{\"verb\":\"status\",\"help\":true}\n";
	struct timeval moment = {.tv_usec = 20000};
	unsigned sent = 0;
	int fd, flood;

	start();
	flood = client_connect();
	setsockopt(flood, SOL_SOCKET, SO_SNDTIMEO, &moment, sizeof(moment));
	while (sent < 100000 && send(flood, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0)
		sent++;
	assert_in_range(sent, 100, 99999); /* the broker stopped taking: it holds no more for it */
	for (unsigned i = 0; i < 100; i++) {
		fd = client_connect();
		send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
		close(fd);
	}
	usleep(50000);
	canary();
	close(flood);
	canary();
}

static unsigned open_files(void)
{
	DIR *files = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(files);
	while (readdir(files))
		count++;
	closedir(files);
	return count;
}

/* Descriptors that nobody asked for are closed, used or not. */
static void test_descriptors(void **state)
{
	static const char line[] = "{\"verb\":\"device show\",\"id\":\"canary\"}\n";
	int files[16], fd;
	unsigned before;

	start();
	for (unsigned i = 0; i < 16; i++)
		files[i] = open("/dev/null", O_RDONLY);
	fd = client_connect();
	client_write(fd, line, sizeof(line) - 1);
	assert_done(client_answer(fd));
	before = open_files();
	for (unsigned i = 1; i <= 16; i++) {
		client_write_files(fd, line, files, i);
		assert_done(client_answer(fd));
	}
	assert_int_equal(open_files(), before);
	/* with half a line, and then the client leaves: the server's end takes one descriptor too */
	client_write_files(fd, "{", files, 4);
	close(fd);
	for (unsigned i = 0; i < 200 && open_files() > before - 2; i++)
		usleep(5000);
	assert_int_equal(open_files(), before - 2);
	for (unsigned i = 0; i < 16; i++)
		close(files[i]);
	canary();
}

/* Random bytes, split at random: a refusal for each line, and the canary lives. */
static void test_random(void **state)
{
	uint32_t seed = 7;
	char bytes[512];

	start();
	for (unsigned i = 0; i < 300; i++) {
		int fd = client_connect();
		size_t length;

		seed = seed * 1664525 + 1013904223;
		length = 1 + (seed >> 8) % sizeof(bytes);
		for (size_t j = 0; j < length; j++) {
			seed = seed * 1664525 + 1013904223;
			bytes[j] = (char)(seed >> 24);
		}
		send(fd, bytes, length / 2, MSG_NOSIGNAL);
		send(fd, bytes + length / 2, length - length / 2, MSG_NOSIGNAL);
		send(fd, "\n", 1, MSG_NOSIGNAL);
		assert_refused(client_answer(fd), "");
		close(fd);
	}
	canary();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_garbage),
		TEST(test_no_echo),
		TEST(test_long_lines),
		TEST(test_pieces),
		TEST(test_many_clients),
		TEST(test_half_lines),
		TEST(test_thousands),
		TEST(test_dying_import),
		TEST(test_no_reader),
		TEST(test_descriptors),
		TEST(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
