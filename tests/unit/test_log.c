/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_log.c - lines to the operator: formats, forgery, floods, outputs that fail */
#include "log/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int out[2], err[2];
static uint64_t now_us;
static char text[1 << 20];

static uint64_t fake_clock(void)
{
	return now_us;
}

static void open_as(enum config_log_format format, enum config_log_level level)
{
	const struct log_setup setup = {.format = format,
		.level = level,
		.out = out[1],
		.err = err[1],
		.clock_us = fake_clock};

	log_open(&setup);
}

static int setup(void **state)
{
	now_us = 1000000;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);
	unsetenv("JOURNAL_STREAM");
	return 0;
}

static int teardown(void **state)
{
	log_close();
	for (unsigned i = 0; i < 2; i++) {
		close(out[i]);
		close(err[i]);
	}
	return 0;
}

/* What has come by then. */
static const char *read_from(int fd)
{
	size_t used = 0;
	ssize_t n;

	while ((n = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	text[used] = '\0';
	return text;
}

static void assert_has(const char *words)
{
	if (!strstr(text, words))
		fail_msg("want: %s\ngot: %s", words, text);
}

static unsigned count_lines(const char *words)
{
	unsigned count = 0;

	for (const char *at = text; (at = strstr(at, words)); at++)
		count++;
	return count;
}

/* Programs read these lines: they stay as they are. */
static void test_text(void **state)
{
	open_as(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	log_info("ready: %u ports", 2);
	log_warning("limits.%s has no effect", "x");
	log_error("cannot go on");
	log_debug("nobody hears this");
	assert_string_equal(read_from(out[0]), "hearthd: ready: 2 ports\n");
	assert_string_equal(read_from(err[0]),
		"hearthd: warning: limits.x has no effect\nhearthd: cannot go on\n");
}

static void test_level(void **state)
{
	open_as(LOG_FORMAT_TEXT, LOG_LEVEL_ERROR);
	log_warning("one");
	log_info("two");
	log_error("three");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("four");
	assert_string_equal(read_from(err[0]), "hearthd: three\n");
	assert_string_equal(read_from(out[0]), "hearthd: debug: four\n");
}

static void test_journald(void **state)
{
	struct stat about;
	char stream[64];

	/* sd-daemon(3), systemd.exec(5) */
	fstat(err[1], &about);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)about.st_dev,
		(unsigned long long)about.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	open_as(LOG_FORMAT_AUTO, LOG_LEVEL_DEBUG);
	log_error("a");
	log_warning("b");
	log_info("c");
	log_debug("d");
	assert_string_equal(read_from(err[0]), "<3>hearthd: a\n<4>hearthd: warning: b\n"
					       "<6>hearthd: c\n<7>hearthd: debug: d\n");
	assert_string_equal(read_from(out[0]), "");
	/* inherited by somebody whose output goes elsewhere */
	setenv("JOURNAL_STREAM", "1:2", 1);
	open_as(LOG_FORMAT_AUTO, LOG_LEVEL_INFO);
	log_info("e");
	assert_string_equal(read_from(out[0]), "hearthd: e\n");
}

static void test_json(void **state)
{
	static const char hostile[] = "\"},\n{\"level\":\"error\" \\ \x1b[2J \xff\xc3\xa9";
	json_t *line, *fields;

	open_as(LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	log_with(LOG_LEVEL_WARNING, "device", hostile, "said: %s", hostile);
	read_from(out[0]);
	assert_int_equal(strcspn(text, "\n"), strlen(text) - 1);
	line = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(line);
	assert_true(json_integer_value(json_object_get(line, "time")) > 1600000000000);
	assert_string_equal(json_string_value(json_object_get(line, "level")), "warning");
	assert_non_null(strstr(json_string_value(json_object_get(line, "site")), "test_log.c:"));
	assert_string_equal(json_string_value(json_object_get(line, "message")),
		"said: \"},\\x0a{\"level\":\"error\" \\ \\x1b[2J \\xff\xc3\xa9");
	fields = json_object_get(line, "fields");
	assert_string_equal(json_string_value(json_object_get(fields, "device")),
		"\"},\\x0a{\"level\":\"error\" \\ \\x1b[2J \\xff\xc3\xa9");
	json_decref(line);
	assert_string_equal(read_from(err[0]), "");
}

/* Nothing that a peer chose begins a line, moves a cursor or turns text around. */
static void test_escape(void **state)
{
	static const struct {
		const char *from, *to;
	} rows[] = {
		{"plain text, \xe4\xb8\xad\xe6\x96\x87, \xf0\x9f\x94\xa5",
			"plain text, \xe4\xb8\xad\xe6\x96\x87, \xf0\x9f\x94\xa5"},
		{"a\nhearthd: ready", "a\\x0ahearthd: ready"},
		{"a\r\tb", "a\\x0d\\x09b"},
		{"\x1b[31mred\x7f", "\\x1b[31mred\\x7f"},
		{"\xc2\x9b"
		 "31m",
			"\\xc2\\x9b31m"}, /* CSI in one character */
		{"\xe2\x80\xae"
		 "evil",
			"\\xe2\\x80\\xaeevil"},               /* right to left from here */
		{"\xe2\x80\xa8next", "\\xe2\\x80\\xa8next"},  /* LINE SEPARATOR */
		{"\xff\xfe", "\\xff\\xfe"},                   /* never in UTF-8 */
		{"\xc0\x8a", "\\xc0\\x8a"},                   /* LF in two bytes */
		{"\xe0\x80\x8a", "\\xe0\\x80\\x8a"},          /* in three */
		{"\xed\xa0\x80", "\\xed\\xa0\\x80"},          /* half of a pair */
		{"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* past the last */
		{"cut \xe4\xb8", "cut \\xe4\\xb8"},
		{"cut \xf0", "cut \\xf0"},
	};
	char to[256], small[8];

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(log_escape(to, sizeof(to), rows[i].from), strlen(rows[i].to));
		assert_string_equal(to, rows[i].to);
	}
	assert_int_equal(log_escape(small, sizeof(small), "abc\n\n"), 7);
	assert_string_equal(small, "abc\\x0a");
	assert_int_equal(log_escape(small, sizeof(small), "abcd\nx"), 4);
	open_as(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	log_info("id %s", "a\nhearthd: warning: forged");
	log_with(LOG_LEVEL_INFO, "peer", "x\ny", "left");
	assert_string_equal(read_from(out[0]), "hearthd: id a\\x0ahearthd: warning: forged\n"
					       "hearthd: left (peer x\\x0ay)\n");
}

/* Every text of every length makes one line, in JSON an object. */
static void test_long(void **state)
{
	static char message[3 * LOG_LINE_MAX];
	static const char *const pieces[] = {"x", "\n", "\"", "\xe4\xb8\xad", "\xff\\\""};

	for (unsigned i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		for (unsigned format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
			json_t *line;

			message[0] = '\0';
			while (strlen(message) < 2 * LOG_LINE_MAX)
				strcat(message, pieces[i]);
			open_as(format, LOG_LEVEL_INFO);
			log_with(LOG_LEVEL_INFO, "field", message, "%s", message);
			read_from(format == LOG_FORMAT_JOURNALD ? err[0] : out[0]);
			assert_in_range(strlen(text), 2000, LOG_LINE_MAX);
			assert_int_equal(strcspn(text, "\n"), strlen(text) - 1);
			assert_has("...");
			if (format != LOG_FORMAT_JSON)
				continue;
			line = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
			assert_non_null(line);
			json_decref(line);
		}
	}
}

static void flood(unsigned lines)
{
	for (unsigned i = 0; i < lines; i++)
		log_info("flood");
}

static void test_rate(void **state)
{
	struct log_counts before = log_counts(), after;

	open_as(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	flood(LOG_BURST + 50);
	log_info("another site is heard");
	read_from(out[0]);
	assert_int_equal(count_lines("hearthd: flood\n"), LOG_BURST);
	assert_int_equal(count_lines("another site"), 1);
	after = log_counts();
	assert_int_equal(after.held - before.held, 50);
	/* Less than a second later there is no room yet. */
	now_us += 999999;
	log_tick();
	flood(1);
	assert_string_equal(read_from(out[0]), "");
	now_us += 1;
	flood(1);
	read_from(out[0]);
	assert_has("hearthd: 51 lines like the last one of test_log.c:");
	assert_has(" were held back\nhearthd: flood\n");
	/* Nobody floods any more: it is told all the same. */
	flood(7);
	log_tick();
	assert_string_equal(read_from(out[0]), "");
	now_us += 1000000;
	log_tick();
	read_from(out[0]);
	assert_has("hearthd: 7 lines like the last one of test_log.c:");
	log_tick();
	assert_string_equal(read_from(out[0]), "");
	/* After a long time the whole burst is there again, and no more. */
	now_us += 100000000000;
	flood(LOG_BURST + 1);
	read_from(out[0]);
	assert_int_equal(count_lines("hearthd: flood\n"), LOG_BURST);
}

static void say_many(unsigned lines)
{
	for (unsigned i = 0; i < lines; i++) {
		now_us += 1000000; /* each may be said */
		log_info(
			"line %u %s", i, "0123456789012345678901234567890123456789012345678901234");
	}
}

/* Nobody reads: we go on, and how much is missing is told where it is missing. */
static void test_blocked(void **state)
{
	struct log_counts before = log_counts(), after;
	char missing[64];

	open_as(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	say_many(5000);
	after = log_counts();
	assert_true(after.lost - before.lost > 1000);
	assert_int_equal(after.said - before.said + after.lost - before.lost, 5000);
	read_from(out[0]);
	assert_int_equal(count_lines("hearthd: line "), after.said - before.said);
	log_info("it works again");
	read_from(out[0]);
	snprintf(missing, sizeof(missing), "hearthd: warning: %llu lines of this log are missing",
		(unsigned long long)(after.lost - before.lost));
	assert_has(missing);
	assert_has("Resource temporarily unavailable");
	assert_has("\nhearthd: it works again\n");
	assert_true(text[strlen(text) - 1] == '\n');
	log_info("once");
	assert_string_equal(read_from(out[0]), "hearthd: once\n");
}

/* Whoever shares the pipe with us does not find it changed. */
static void test_shared(void **state)
{
	open_as(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	log_info("x");
	assert_false(fcntl(out[1], F_GETFL) & O_NONBLOCK);
}

static void test_reader_gone(void **state)
{
	struct log_counts before = log_counts();

	open_as(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	close(out[0]);
	log_info("nobody");
	assert_int_equal(log_counts().lost - before.lost, 1);
	log_warning("the other output works");
	assert_string_equal(read_from(err[0]), "hearthd: warning: the other output works\n");
	out[0] = dup(out[1]);
}

/* A socket, as journald's stream is one. */
static void test_socket(void **state)
{
	int pair[2];
	const struct log_setup made = {.format = LOG_FORMAT_JOURNALD, .level = LOG_LEVEL_INFO};
	struct log_setup to = made;
	struct log_counts before = log_counts();

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	to.out = to.err = pair[1];
	to.clock_us = fake_clock;
	log_open(&to);
	say_many(10000);
	assert_true(log_counts().lost > before.lost);
	read_from(pair[0]);
	assert_has("<6>hearthd: line 0 ");
	now_us += 1000000;
	log_tick();
	read_from(pair[0]);
	assert_has("lines of this log are missing here");
	close(pair[0]);
	close(pair[1]);
	log_open(&made);
}

/* A disk that is full takes a part of a line: what comes later begins a line of its own. */
static void test_full(void **state)
{
	struct rlimit whole, little;
	struct log_setup to = {
		.format = LOG_FORMAT_TEXT, .level = LOG_LEVEL_INFO, .clock_us = fake_clock};
	struct log_counts before = log_counts();
	FILE *file = tmpfile();
	ssize_t n;

	assert_non_null(file);
	to.out = to.err = fileno(file);
	log_open(&to);
	log_info("first");
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &whole);
	little = whole;
	little.rlim_cur = 25;
	setrlimit(RLIMIT_FSIZE, &little);
	log_info("second");
	log_info("third");
	setrlimit(RLIMIT_FSIZE, &whole);
	assert_int_equal(log_counts().lost - before.lost, 2);
	log_info("fourth");
	n = pread(to.out, text, sizeof(text) - 1, 0);
	assert_true(n > 0);
	text[n] = '\0';
	assert_has("hearthd: first\nhearthd: s\n"
		   "hearthd: warning: 2 lines of this log are missing here");
	assert_has("\nhearthd: fourth\n");
	open_as(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_text),
		TEST(test_level),
		TEST(test_journald),
		TEST(test_json),
		TEST(test_escape),
		TEST(test_long),
		TEST(test_rate),
		TEST(test_blocked),
		TEST(test_shared),
		TEST(test_reader_gone),
		TEST(test_socket),
		TEST(test_full),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
