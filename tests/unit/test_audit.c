/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_audit.c - the audit log: chained, durable, found out when it was touched */
#include "log/audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINES 6

static char directory[64], path[128], other[128];
static struct audit *audit;
static char error[256];
static uint64_t recovered;

static int setup(void **state)
{
	strcpy(directory, "/tmp/hearth-audit-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/audit.log", directory);
	snprintf(other, sizeof(other), "%s/audit.log.1", directory);
	error[0] = '\0';
	recovered = 0;
	return 0;
}

static int teardown(void **state)
{
	audit_close(audit);
	audit = NULL;
	unlink(path);
	unlink(other);
	return rmdir(directory);
}

static void open_log(void)
{
	if (audit_open(&audit, path, &recovered, error, sizeof(error)))
		fail_msg("%s", error);
}

static void close_log(void)
{
	audit_close(audit);
	audit = NULL;
}

static int64_t act(const char *verb)
{
	json_t *what = json_pack("{s:s}", "id", "000000000000000000000001");
	const struct audit_record record = {.surface = "socket",
		.who = "uid 0, pid 1",
		.verb = verb,
		.what = what,
		.outcome = "asked"};
	int64_t n = audit_write(audit, &record);

	json_decref(what);
	return n;
}

static void acts(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_true(act("kick") > 0);
}

static void put_file(const char *name, const char *bytes, size_t length)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, length, file), length);
	fclose(file);
}

static size_t get_file(const char *name, char *bytes, size_t size)
{
	FILE *file = fopen(name, "r");
	size_t length;

	assert_non_null(file);
	length = fread(bytes, 1, size - 1, file);
	bytes[length] = '\0';
	fclose(file);
	return length;
}

static struct audit_verdict verify(const char *name, const char *from)
{
	struct audit_verdict verdict;
	FILE *file = fopen(name, "r");

	assert_non_null(file);
	assert_int_equal(audit_verify(file, from, &verdict), 0);
	fclose(file);
	return verdict;
}

static void assert_wrong(const char *name, uint64_t line, const char *words)
{
	struct audit_verdict verdict = verify(name, NULL);

	if (verdict.wrong != line || !strstr(verdict.why, words))
		fail_msg("got line %llu: %s; want line %llu: %s", (unsigned long long)verdict.wrong,
			verdict.why, (unsigned long long)line, words);
	assert_int_equal(verdict.lines, line - 1);
}

static void test_chain(void **state)
{
	struct audit_verdict verdict;
	struct audit_head head;
	struct stat about;
	json_t *line;
	char text[65536];

	open_log();
	assert_int_equal(audit_head(audit).n, 0);
	acts(3);
	close_log();
	open_log();
	assert_int_equal(act("drain"), 4);
	head = audit_head(audit);
	verdict = verify(path, NULL);
	assert_int_equal(verdict.wrong, 0);
	assert_int_equal(verdict.lines, 4);
	assert_int_equal(verdict.first_n, 1);
	assert_int_equal(verdict.last_n, 4);
	assert_string_equal(verdict.head, head.hash);
	assert_int_equal(strspn(verdict.before, "0"), AUDIT_HASH_CHARS);
	assert_false(head.changed);
	assert_int_equal(stat(path, &about), 0);
	assert_int_equal(about.st_mode & 07777, 0600);
	get_file(path, text, sizeof(text));
	line = json_loadb(text, strcspn(text, "\n"), JSON_REJECT_DUPLICATES, NULL);
	assert_string_equal(json_string_value(json_object_get(line, "surface")), "socket");
	assert_string_equal(json_string_value(json_object_get(line, "who")), "uid 0, pid 1");
	assert_string_equal(json_string_value(json_object_get(line, "verb")), "kick");
	assert_string_equal(json_string_value(json_object_get(line, "outcome")), "asked");
	assert_string_equal(json_string_value(json_object_get(json_object_get(line, "what"), "id")),
		"000000000000000000000001");
	json_decref(line);
}

/* The hash is what audit.h says: anybody can compute it with a tool of his own. */
static void test_hash(void **state)
{
	char text[65536], command[512], prev[65], hash[65];
	size_t record;
	FILE *tool;

	open_log();
	acts(1);
	get_file(path, text, sizeof(text));
	record = (size_t)(strstr(text, ",\"hash\":\"") - text);
	memcpy(prev, strstr(text, "\"prev\":\"") + 8, 64);
	prev[64] = '\0';
	memmove(text + 64, text, record);
	memcpy(text, prev, 64);
	put_file(other, text, 64 + record);
	snprintf(command, sizeof(command), "sha256sum <%s", other);
	tool = popen(command, "r");
	assert_non_null(tool);
	assert_int_equal(fread(hash, 1, 64, tool), 64);
	hash[64] = '\0';
	pclose(tool);
	assert_string_equal(hash, audit_head(audit).hash);
}

/* Cut the log into lines. */
static void split(char *text, char *lines[LINES])
{
	for (unsigned i = 0; i < LINES; i++) {
		lines[i] = text;
		text += strcspn(text, "\n") + 1;
	}
	assert_int_equal(*text, '\0');
}

static void put_lines(char *lines[LINES], const char *order)
{
	FILE *file = fopen(other, "w");

	assert_non_null(file);
	for (; *order; order++)
		fwrite(lines[*order - '1'], 1, strcspn(lines[*order - '1'], "\n") + 1, file);
	fclose(file);
}

static void test_moved_lines(void **state)
{
	static const struct {
		const char *order;
		unsigned wrong;
	} rows[] = {{"123456", 0}, {"13456", 2}, {"12456", 3}, {"12346", 5}, {"213456", 2},
		{"124356", 3}, {"1123456", 2}, {"1234566", 7}, {"1231456", 4}, {"123465", 5},
		/* what is missing at either end is shown by the hashes there */
		{"23456", 0}, {"12345", 0}, {"", 0}};
	char text[65536], *lines[LINES];

	open_log();
	acts(LINES);
	get_file(path, text, sizeof(text));
	split(text, lines);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put_lines(lines, rows[i].order);
		if (rows[i].wrong)
			assert_wrong(other, rows[i].wrong, "does not follow");
		else
			assert_int_equal(verify(other, NULL).wrong, 0);
	}
	put_lines(lines, "23456");
	assert_int_equal(verify(other, verify(path, NULL).before).wrong, 1);
	put_lines(lines, "12345");
	assert_string_not_equal(verify(other, NULL).head, audit_head(audit).hash);
}

/* A line that was made anew, hash and all, does not fit between its neighbours. */
static void test_forged_line(void **state)
{
	char text[65536], *lines[LINES], forged[AUDIT_LINE_MAX], hash[65], prev[65], *at;
	struct audit_line line;
	FILE *file;

	open_log();
	acts(LINES);
	get_file(path, text, sizeof(text));
	split(text, lines);
	snprintf(forged, sizeof(forged), "%.*s", (int)strcspn(lines[2], "\n"), lines[2]);
	assert_true(audit_parse(forged, strlen(forged), &line));
	strcpy(prev, line.prev);
	at = strstr(forged, "kick");
	memcpy(at, "sick", 4);
	audit_hash(prev, forged, line.record, hash);
	memcpy(forged + line.record + 9, hash, 64);
	file = fopen(other, "w");
	for (unsigned i = 0; i < LINES; i++)
		fprintf(file, "%.*s\n", (int)strcspn(i == 2 ? forged : lines[i], "\n"),
			i == 2 ? forged : lines[i]);
	fclose(file);
	assert_wrong(other, 4, "does not follow");
}

/* Any byte, changed to any other: its line is named. */
static void test_changed_bytes(void **state)
{
	char text[65536];
	size_t length;
	unsigned line = 1;

	open_log();
	acts(3);
	length = get_file(path, text, sizeof(text));
	for (size_t i = 0; i < length; i++) {
		struct audit_verdict verdict;
		char was = text[i];

		text[i] = was == 'x' ? 'y' : 'x';
		put_file(other, text, length);
		verdict = verify(other, NULL);
		if (verdict.wrong != line)
			fail_msg("byte %zu of line %u: found %llu", i, line,
				(unsigned long long)verdict.wrong);
		text[i] = was;
		line += was == '\n';
	}
	/* and cut anywhere but behind a line */
	for (size_t i = 1; i < length; i++) {
		put_file(other, text, i);
		if (text[i - 1] != '\n')
			assert_true(strstr(verify(other, NULL).why, "cut off"));
	}
}

/* A crash in the middle of a line: it is taken away and the chain goes on, wherever it was cut. */
static void test_torn(void **state)
{
	char text[65536];
	size_t length, two;

	open_log();
	acts(3);
	close_log();
	length = get_file(path, text, sizeof(text));
	two = (size_t)(strchr(strchr(text, '\n') + 1, '\n') + 1 - text);
	for (size_t cut = two; cut < length; cut++) {
		put_file(path, text, cut);
		open_log();
		assert_int_equal(recovered, cut - two);
		assert_int_equal(audit_head(audit).n, 2);
		assert_int_equal(act("kick"), 3);
		assert_int_equal(verify(path, NULL).lines, 3);
		assert_int_equal(verify(path, NULL).wrong, 0);
		close_log();
	}
	/* the very first */
	put_file(path, text, 20);
	open_log();
	assert_int_equal(recovered, 20);
	assert_int_equal(act("kick"), 1);
}

/* What is none of ours is not touched. */
static void test_not_ours(void **state)
{
	static const char *const others[] = {"root:x:0:0\n", "no line end", "\n", "{\"n\":1}\n"};
	char text[256];

	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		put_file(path, others[i], strlen(others[i]));
		assert_int_equal(
			audit_open(&audit, path, &recovered, error, sizeof(error)), -EBADMSG);
		assert_non_null(strstr(error, path));
		get_file(path, text, sizeof(text));
		assert_string_equal(text, others[i]);
	}
	assert_int_equal(audit_open(&audit, "/dev/null", NULL, error, sizeof(error)), -EINVAL);
	assert_int_equal(audit_open(&audit, "/nowhere/x", NULL, error, sizeof(error)), -ENOENT);
	audit = NULL;
}

static void test_one_writer(void **state)
{
	struct audit *second;

	open_log();
	assert_int_equal(audit_open(&second, path, NULL, error, sizeof(error)), -EBUSY);
	assert_non_null(strstr(error, "another process"));
}

static void test_rename(void **state)
{
	struct audit_verdict old, new;

	open_log();
	acts(3);
	assert_int_equal(rename(path, other), 0);
	acts(2);
	old = verify(other, NULL);
	new = verify(path, old.head);
	assert_int_equal(old.lines, 3);
	assert_int_equal(new.wrong, 0);
	assert_int_equal(new.lines, 2);
	assert_int_equal(new.first_n, 4);
	assert_string_equal(new.before, old.head);
	assert_int_equal(verify(path, old.before).wrong, 1);
	assert_false(audit_head(audit).changed);
}

/* Others that write to it, or cut it, are found out at the next line. */
static void test_touched(void **state)
{
	FILE *file;

	open_log();
	acts(2);
	file = fopen(path, "a");
	fprintf(file, "{}\n");
	fclose(file);
	acts(1);
	assert_true(audit_head(audit).changed);
	assert_wrong(path, 3, "no line of an audit log");
	close_log();
	unlink(path);
	open_log();
	acts(2);
	assert_int_equal(truncate(path, 0), 0);
	acts(1);
	assert_true(audit_head(audit).changed);
	assert_int_equal(verify(path, NULL).first_n, 3);
}

/* A full disk: nothing of the line stays, and it goes on when there is room. */
static void test_full(void **state)
{
	struct rlimit whole, little;
	struct stat before, after;

	open_log();
	acts(2);
	stat(path, &before);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &whole);
	for (unsigned room = 0; room < 200; room += 50) {
		little = whole;
		little.rlim_cur = (rlim_t)before.st_size + room;
		setrlimit(RLIMIT_FSIZE, &little);
		assert_true(act("kick") < 0);
		setrlimit(RLIMIT_FSIZE, &whole);
		stat(path, &after);
		assert_int_equal(after.st_size, before.st_size);
		assert_int_equal(audit_head(audit).n, 2);
	}
	assert_int_equal(audit_head(audit).failed, 4);
	assert_true(audit_head(audit).error < 0);
	assert_int_equal(act("kick"), 3);
	assert_int_equal(audit_head(audit).error, 0);
	assert_int_equal(verify(path, NULL).lines, 3);
	assert_false(audit_head(audit).changed);
}

/* What is asked may be of any length; a line is not. */
static void test_long(void **state)
{
	static char huge[20000];
	json_t *what;
	struct audit_record record = {
		.surface = huge, .who = huge, .verb = "kick", .outcome = huge};

	open_log();
	memset(huge, 'a', sizeof(huge) - 1);
	what = json_pack("{s:s}", "id", huge);
	record.surface = record.who = "x\n\xff\"";
	record.what = what;
	assert_int_equal(audit_write(audit, &record), 1);
	memset(huge, '"', sizeof(huge) - 1);
	assert_int_equal(audit_write(audit, &record), 2);
	json_decref(what);
	assert_int_equal(verify(path, NULL).lines, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_chain),
		TEST(test_hash),
		TEST(test_moved_lines),
		TEST(test_forged_line),
		TEST(test_changed_bytes),
		TEST(test_torn),
		TEST(test_not_ours),
		TEST(test_one_writer),
		TEST(test_rename),
		TEST(test_touched),
		TEST(test_full),
		TEST(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
