/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_control_audit.c - what the audit log tells of operators' acts, and what it must not */
#include "control_fixture.h"

#include "log/audit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

static char path[128], text[1 << 20];

static void start(void)
{
	char error[256];

	fixture_device("canary", PIN);
	fixture_session("canary", 0, SESSION_LIVE, SESSION_VIA_UDP);
	snprintf(path, sizeof(path), "%s/audit.log", fx.directory);
	if (audit_open(&fx.view.audit, path, NULL, error, sizeof(error)))
		fail_msg("%s", error);
	fixture_start();
}

static int teardown(void **state)
{
	struct audit *audit = fx.view.audit;
	int rc = fixture_teardown(state);

	audit_close(audit);
	return rc;
}

static void read_log(void)
{
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
}

/* Line @number of the log, from 1. */
static json_t *line(unsigned number)
{
	const char *at = text;
	json_t *object;

	for (unsigned i = 1; i < number; i++)
		at += strcspn(at, "\n") + 1;
	object = json_loadb(at, strcspn(at, "\n"), JSON_REJECT_DUPLICATES, NULL);
	if (!object)
		fail_msg("no line %u in %s", number, text);
	return object;
}

static void assert_member(json_t *object, const char *name, const char *want)
{
	const char *got = json_string_value(json_object_get(object, name));

	if (!got || strcmp(got, want))
		fail_msg("%s is \"%s\", want \"%s\"", name, got ? got : "not there", want);
}

static unsigned line_count(void)
{
	unsigned count = 0;

	read_log();
	for (const char *at = text; *at; at++)
		count += *at == '\n';
	return count;
}

/* Every act has its line before and its line behind; whoever asked, and how it ended. */
static void test_acts(void **state)
{
	static const struct {
		const char *request, *verb, *outcome;
	} rows[] = {
		{"{\"verb\":\"device add\",\"id\":\"new\",\"pin\":\"" PIN "\","
		 "\"bind_password\":\"Geheim42\"}",
			"device add", "done"},
		{"{\"verb\":\"device add\",\"id\":\"new\",\"pin\":\"" PIN "\"}", "device add",
			"refused: device \"new\" is provisioned already"},
		{"{\"verb\":\"device import\",\"name\":\"x.csv\"}", "device import",
			"refused: no file came with the request"},
		{"{\"verb\":\"device show\",\"id\":\"new\",\"secrets\":true}", "device show",
			"done"},
		{"{\"verb\":\"device remove\",\"id\":\"new\"}", "device remove", "done"},
		{"{\"verb\":\"kick\",\"id\":\"nobody\"}", "kick", "refused: no device \"nobody\""},
		{"{\"verb\":\"kick\",\"id\":\"canary\"}", "kick", "done"},
		{"{\"verb\":\"send\",\"id\":\"canary\",\"code\":2003,\"bytes\":17}", "send",
			"done"},
		{"{\"verb\":\"lan-key\",\"id\":\"canary\",\"random\":\"Zufall0123456789\"}",
			"lan-key", "done"},
		{"{\"verb\":\"commands\"}", "commands", "refused: this broker takes no commands"},
	};
	char who[64];
	json_t *asked, *done, *what;

	start();
	snprintf(who, sizeof(who), "uid %d, pid %d", (int)getuid(), (int)getpid());
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_decref(ask(rows[i].request));
		read_log(); /* it is there by the time that we have the answer */
		asked = line(2 * i + 1);
		done = line(2 * i + 2);
		assert_member(asked, "surface", "socket");
		assert_member(asked, "who", who);
		assert_member(asked, "verb", rows[i].verb);
		assert_member(asked, "outcome", "asked");
		assert_member(done, "who", who);
		assert_member(done, "verb", rows[i].verb);
		assert_member(done, "outcome", rows[i].outcome);
		what = json_object_get(done, "what");
		assert_int_equal(number_at(what, "asked"), number_at(asked, "n"));
		json_decref(asked);
		json_decref(done);
	}
	/* no secret is in it, whole or in part */
	assert_null(strstr(text, "PinPin"));
	assert_null(strstr(text, "Geheim"));
	assert_null(strstr(text, "Zufall"));
	assert_non_null(strstr(text, "\"pin\":\"(not told)\""));
	assert_non_null(strstr(text, "\"id\":\"canary\""));
}

/* Looking around is no act. */
static void test_questions(void **state)
{
	start();
	assert_done(ask("{\"verb\":\"status\"}"));
	assert_done(ask("{\"verb\":\"session\",\"id\":\"canary\"}"));
	assert_done(ask("{\"verb\":\"sessions\"}"));
	assert_done(ask("{\"verb\":\"device list\"}"));
	assert_done(ask("{\"verb\":\"device show\",\"id\":\"canary\"}"));
	assert_refused(ask("{\"verb\":\"nonsense\"}"), "unknown verb");
	assert_done(ask("{\"verb\":\"audit\"}"));
	assert_int_equal(line_count(), 0);
}

/* The head in status is the file's. */
static void test_head(void **state)
{
	struct audit_verdict verdict;
	json_t *status, *audit;
	FILE *file;

	start();
	assert_done(ask("{\"verb\":\"kick\",\"id\":\"canary\"}"));
	status = ask("{\"verb\":\"status\"}");
	audit = json_object_get(status, "audit");
	file = fopen(path, "r");
	assert_int_equal(audit_verify(file, NULL, &verdict), 0);
	fclose(file);
	assert_int_equal(verdict.wrong, 0);
	assert_member(audit, "head", verdict.head);
	assert_member(audit, "path", path);
	assert_member(audit, "error", "");
	assert_int_equal(number_at(audit, "lines"), 2);
	json_decref(status);
}

/* The log can grow by so many bytes. Return: what to put back. */
static struct rlimit leave_room(rlim_t bytes)
{
	struct rlimit whole, little;

	read_log();
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &whole);
	little = whole;
	little.rlim_cur = strlen(text) + bytes;
	setrlimit(RLIMIT_FSIZE, &little);
	return whole;
}

/* The disk fills up in the middle of an act: it has its first line, and who asked is told. */
static void test_full_between(void **state)
{
	struct rlimit whole;
	json_t *answer;

	start();
	assert_done(ask("{\"verb\":\"send\",\"id\":\"canary\",\"code\":2003,\"bytes\":17}"));
	whole = leave_room(500);
	answer = ask("{\"verb\":\"kick\",\"id\":\"canary\"}");
	setrlimit(RLIMIT_FSIZE, &whole);
	assert_non_null(strstr(text_at(answer, "warning"), "audit log"));
	assert_done(answer);
	assert_int_equal(line_count(), 3);
	answer = line(3);
	assert_member(answer, "outcome", "asked");
	json_decref(answer);
}

/* A full disk: acts are refused and do not happen, questions are answered, devices stay. */
static void test_full(void **state)
{
	struct rlimit whole;
	json_t *status;

	start();
	assert_done(ask("{\"verb\":\"send\",\"id\":\"canary\",\"code\":2003,\"bytes\":17}"));
	whole = leave_room(100);
	assert_refused(
		ask("{\"verb\":\"kick\",\"id\":\"canary\"}"), "the audit log cannot be written");
	assert_refused(ask("{\"verb\":\"device remove\",\"id\":\"canary\"}"), "audit log");
	assert_refused(
		ask("{\"verb\":\"device show\",\"id\":\"canary\",\"secrets\":true}"), "audit log");
	assert_done(ask("{\"verb\":\"session\",\"id\":\"canary\"}"));
	assert_int_equal(line_count(), 2);
	status = ask("{\"verb\":\"status\"}");
	assert_int_equal(number_at(json_object_get(status, "audit"), "failed"), 3);
	json_decref(status);
	setrlimit(RLIMIT_FSIZE, &whole);
	assert_done(ask("{\"verb\":\"kick\",\"id\":\"canary\"}"));
	assert_int_equal(line_count(), 4);
}

#define AUDIT_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		AUDIT_TEST(test_acts),
		AUDIT_TEST(test_questions),
		AUDIT_TEST(test_head),
		AUDIT_TEST(test_full),
		AUDIT_TEST(test_full_between),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
