/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_hearthctl.c - the operator's command line, run as operators run it */
#include "hearthctl_fixture.h"
#include "log/audit.h"

static void test_usage(void **state)
{
	assert_int_equal(ctl("--help"), 0);
	assert_out("device add ID PIN");
	assert_out("kick ID");
	assert_int_equal(ctl("status --help"), 0);
	assert_out("Shows workers, ports, sessions");
	assert_int_equal(ctl("%s", ""), 2);
	assert_err("no verb");
	assert_int_equal(ctl("dance"), 2);
	assert_err("unknown verb dance");
	assert_int_equal(ctl("device"), 2);
	assert_err("device wants add, import, show, list or remove");
	assert_int_equal(ctl("kick"), 2);
	assert_err("something is missing after kick");
	assert_int_equal(ctl("kick a b"), 2);
	assert_err("too much stands after kick");
	assert_int_equal(ctl("kick a --secrets"), 2);
	assert_err("this verb does not take --secrets");
	assert_int_equal(ctl("--nonsense"), 2);
	assert_int_equal(ctl("sessions --limit 0"), 2);
	assert_int_equal(ctl("sessions --limit -1"), 2);
	assert_int_equal(ctl("sessions --limit 1x"), 2);
	assert_int_equal(ctl("--registry x status"), 2);
	assert_err("--registry is for device verbs, not for status");
	assert_int_equal(ctl("--registry x --socket y device list"), 2);
	assert_int_equal(ctl("send x much '{}'"), 2);
	assert_err("CODE is a number");
	assert_int_equal(ctl("send x 2003 '{}' --wait long"), 2);
	assert_err("--wait takes whole seconds");
	assert_int_equal(ctl("send x 3001 '{}' --event 7"), 2);
	assert_err("--event takes the id of an uplink");
	assert_int_equal(ctl("send x 3001 '{}' --event 256-7"), 2);
	assert_int_equal(ctl("send x 3001 '{}' --event 0-0"), 2);
	assert_int_equal(ctl("kick x --event 0-16"), 2);
	assert_int_equal(ctl("send x"), 2);
	assert_err("something is missing after send");
	assert_int_equal(ctl("drain --deadline soon"), 2);
	assert_int_equal(ctl("drain --deadline 5 --cancel"), 2);
	assert_int_equal(ctl("drain --help"), 0);
	assert_int_equal(ctl("top"), 1);
	assert_err("top is not available in this version");
	assert_int_equal(ctl("status --wait 5"), 2);
	assert_int_equal(ctl("lan-key a"), 2);
	assert_int_equal(ctl("kick x --quiet"), 2);
	assert_int_equal(ctl("kick x --follow"), 2);
	assert_err("this verb does not take --follow");
}

static void test_no_broker(void **state)
{
	json_t *answer;

	assert_int_equal(ctl("--socket %s status", fx.socket), 1);
	assert_err("no broker answers at");
	assert_err("control.sock: is hearthd running?");
	assert_string_equal(out, "");
	assert_int_equal(ctl("--socket %s --json status", fx.socket), 1);
	answer = out_json();
	assert_true(json_is_false(json_object_get(answer, "ok")));
	json_decref(answer);
	/* the registry is the running broker's: this test's */
	assert_int_equal(ctl("--registry %s/registry device list", fx.directory), 1);
	assert_err("let the broker do it");
}

static void test_registry_alone(void **state)
{
	char registry[96];

	snprintf(registry, sizeof(registry), "%s/other", fx.directory);
	assert_int_equal(ctl("--registry %s device list", registry), 1);
	assert_err("no registry at");
	assert_int_equal(access(registry, F_OK), -1);
	assert_int_equal(
		ctl("--registry %s device add lamp-1 " PIN " --model M --gateway gw", registry), 0);
	assert_out("added lamp-1 (1 in all)");
	assert_int_equal(ctl("--registry %s device add lamp-1 " PIN, registry), 1);
	assert_err("provisioned already");
	assert_int_equal(ctl("--registry %s device show lamp-1 --json", registry), 0);
	assert_null(strstr(out, PIN));
	assert_int_equal(ctl("--registry %s device show lamp-1 --secrets", registry), 0);
	assert_out(PIN);
	assert_int_equal(ctl("--registry %s device remove lamp-1", registry), 0);
	assert_int_equal(ctl("--registry %s device remove lamp-1", registry), 1);
	assert_err("no device \"lamp-1\"");
}

static void test_devices(void **state)
{
	char path[96];
	json_t *answer;
	FILE *file;

	fixture_start();
	/* the PIN from standard input: in no process list, and never told again */
	strcpy(input, "echo " PIN " | ");
	assert_int_equal(ctl("--socket %s device add lamp-1 - --bind abcdefgh", fx.socket), 0);
	assert_out("added lamp-1 (1 in all)\n");
	assert_int_equal(ctl("--socket %s device add lamp-2 - </dev/null", fx.socket), 1);
	assert_err("no PIN came on standard input");
	assert_int_equal(ctl("--socket %s device add lamp-2 123", fx.socket), 1);
	assert_err("the PIN is not 32 bytes long");
	snprintf(path, sizeof(path), "%s/new.csv", fx.directory);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "device_id,pin,bind_password,model,gateway\n");
	for (unsigned i = 0; i < 2500; i++)
		fprintf(file, "bulk-%04u," OTHER_PIN ",,Model,\n", i);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(
		ctl("--socket %s device import %s/absent.csv", fx.socket, fx.directory), 1);
	assert_err("absent.csv cannot be read: No such file");
	assert_int_equal(ctl("--socket %s device import %s", fx.socket, path), 0);
	assert_out("added 2500 devices (2501 in all)");
	assert_string_equal(err, ""); /* no terminal: only what takes long is told of */
	/* out of a pipe: the first row is there already, so none is added */
	snprintf(input, sizeof(input), "cat %s | ", path);
	assert_int_equal(ctl("--socket %s device import -", fx.socket), 1);
	assert_err(":2: device \"bulk-0000\" is provisioned already");
	/* more than one answer holds: page after page */
	assert_int_equal(ctl("--socket %s device list --limit 2400 --json", fx.socket), 0);
	assert_true(strlen(out) > 0);
	assert_int_equal(ctl("--socket %s device list --after bulk-2497", fx.socket), 0);
	assert_out("DEVICE     MODEL  GATEWAY  BIND  NUMBER  CONNECTED\n");
	assert_out("bulk-2498  Model  -        no ");
	assert_out("lamp-1     -      -        yes ");
	assert_out("3 of 2501");
	assert_null(strstr(out, PIN));
	assert_int_equal(ctl("--socket %s device list --limit 2", fx.socket), 0);
	assert_out("2 of 2501; go on with --after bulk-0001");
	assert_int_equal(ctl("device show lamp-1 --json --socket %s", fx.socket), 0);
	answer = out_json();
	assert_string_equal(text_at(json_object_get(answer, "device"), "id"), "lamp-1");
	json_decref(answer);
	assert_int_equal(ctl("--socket %s device remove lamp-1", fx.socket), 0);
	assert_out("removed lamp-1 (2500 in all)");
}

/* On a terminal (script(1) makes one) the first line is there at once. */
static void test_import_shows_progress(void **state)
{
	char path[96], command[1536], wrote[8192];
	static const char *const silent[] = {"--quiet", "--json"};
	FILE *file;

	fixture_start();
	snprintf(path, sizeof(path), "%s/few.csv", fx.directory);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "device_id,pin\nlamp-1," PIN "\n");
	assert_int_equal(fclose(file), 0);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(command, sizeof(command),
			"script -qec '%s --socket %s device import %s %s' /dev/null >%s/out "
			"</dev/null",
			program, fx.socket, path, i ? silent[i - 1] : "", fx.directory);
		assert_int_equal(system(command) == 0, i == 0); /* then it is there already */
		snprintf(command, sizeof(command), "%s/out", fx.directory);
		read_file(command, wrote, sizeof(wrote));
		assert_int_equal(strstr(wrote, "few.csv: 0 % read, ") ||
					 strstr(wrote, "few.csv: all read, going to the disk, "),
			i == 0);
		if (i == 0)
			assert_non_null(strstr(wrote, "\r\033[Kadded 1 devices (1 in all)"));
	}
}

/* Pages are put together in one object. */
static void test_pages(void **state)
{
	char id[16], command[768];
	json_t *answer;

	for (unsigned i = 0; i < 2100; i++) {
		snprintf(id, sizeof(id), "d%04u", i);
		fixture_device(id, PIN);
	}
	fixture_start();
	snprintf(command, sizeof(command), "%s --socket %s --json device list --limit 2050",
		program, fx.socket);
	FILE *in = popen(command, "r");
	assert_non_null(in);
	answer = json_loadf(in, 0, NULL);
	assert_int_equal(pclose(in), 0);
	assert_int_equal(json_array_size(json_object_get(answer, "devices")), 2050);
	for (unsigned i = 0; i < 2050; i++) {
		snprintf(id, sizeof(id), "d%04u", i);
		assert_string_equal(
			text_at(json_array_get(json_object_get(answer, "devices"), i), "id"), id);
	}
	assert_string_equal(text_at(answer, "next"), "d2049");
	json_decref(answer);
}

static void test_sessions(void **state)
{
	json_t *answer;

	fixture_device("tcp", PIN);
	fixture_device("udp", PIN);
	fixture_session("tcp", 1, SESSION_LIVE, SESSION_VIA_TCP);
	fixture_session("udp", 0, SESSION_LIVE, SESSION_VIA_UDP);
	fx.counters[1][FAKE_DROP] = 5;
	fx.counters[0][FAKE_DROP] = 4;
	fx.counters[1][FAKE_FULL] = 10;
	fixture_start();
	assert_int_equal(ctl("--socket %s sessions", fx.socket), 0);
	assert_out("2 live sessions\n");
	assert_out("198.18.0.9:5353");
	assert_int_equal(ctl("--socket %s session udp", fx.socket), 0);
	assert_out("connected (UTC)  2023-11-14 22:13:21\n");
	assert_int_equal(ctl("--socket %s status", fx.socket), 0);
	assert_out("live 1 over TCP, 1 over UDP");
	assert_out("\ndrops\n            11  port.port_rx_missed: frames it dropped\n"
		   "            10  fake.table_full: frames that found no room\n"
		   "             9  fake.drop_padding: frames whose padding is wrong\n");
	assert_null(strstr(out, "fake.rx_frames"));
	assert_out("fake_records    21   2000  2.0  records of a fake\n");
	assert_out("fake_slots    -         6  1.0  slots of a fake\n");
	assert_out("fd77::1/64 via 198.18.0.254 fe80::1 02:00:00:00:ab:01 vlan 7  net_tap0");
	assert_int_equal(ctl("--socket %s status --json", fx.socket), 0);
	answer = out_json();
	assert_int_equal(number_at(json_object_get(answer, "sessions"), "live_udp"), 1);
	json_decref(answer);
	assert_int_equal(ctl("--socket %s kick nobody", fx.socket), 1);
	assert_err("no device \"nobody\"");
	assert_int_equal(ctl("--socket %s kick udp", fx.socket), 0);
	assert_out("session 17 of udp is being ended");
	assert_int_equal(ctl("--socket %s device remove tcp", fx.socket), 0);
	assert_string_equal(err, "");
	fixture_stop();
	assert_int_equal(fx.ended[CONTROL_KICK], 1);
	assert_int_equal(fx.ended[CONTROL_REMOVED], 1);
}

/* audit verify and tail: the running broker's log, and a file without a broker. */
static void test_audit(void **state)
{
	char path[96], copy[128], head[65], command[512];
	struct audit *audit;
	json_t *answer;
	FILE *file;

	snprintf(path, sizeof(path), "%s/audit.log", fx.directory);
	snprintf(copy, sizeof(copy), "%s/copy", fx.directory);
	assert_int_equal(audit_open(&audit, path, NULL, err, sizeof(err)), 0);
	fx.view.audit = audit;
	fixture_start();
	assert_int_equal(ctl("--socket %s audit verify", fx.socket), 0);
	assert_out("empty");
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(ctl("--socket %s kick nobody", fx.socket), 1);
	assert_int_equal(ctl("--socket %s audit verify", fx.socket), 0);
	assert_out("good, 6 lines, 1 to 6 of the chain, to the broker's last");
	assert_int_equal(ctl("audit verify %s --json", path), 0);
	answer = out_json();
	snprintf(head, sizeof(head), "%s", text_at(answer, "head"));
	json_decref(answer);
	assert_int_equal(ctl("--socket %s audit tail --limit 2", fx.socket), 0);
	assert_out("socket (uid ");
	assert_out(") kick {\"id\":\"nobody\"}: asked\n6 ");
	assert_out(") kick {\"asked\":5}: refused: no device \"nobody\"\n");
	/* its last line is missing: the file alone does not say so, the broker does */
	snprintf(command, sizeof(command), "cp %s %s; head -n 5 %s >%s; ", path, copy, copy, path);
	assert_int_equal(system(command), 0);
	assert_int_equal(ctl("audit verify %s", path), 0);
	assert_out("good, 5 lines");
	assert_int_equal(ctl("--socket %s audit verify", fx.socket), 1);
	assert_err("the broker's last line, 6, is not its last one");
	snprintf(command, sizeof(command), "sed 3s/nobody/nobodi/ %s >%s; ", copy, path);
	assert_int_equal(system(command), 0);
	assert_int_equal(ctl("audit verify %s", path), 1);
	assert_err("audit.log:3: it was changed");
	assert_int_equal(ctl("audit verify %s --from %s", copy, head), 1);
	assert_err("copy:1: it does not follow");
	assert_int_equal(ctl("audit verify %s --from %064d", copy, 0), 0);
	assert_int_equal(ctl("audit verify %s --from 17", copy), 2);
	assert_int_equal(ctl("audit verify a b"), 2);
	assert_int_equal(ctl("audit verify /nowhere/x"), 1);
	/* what a forger put in moves no cursor */
	file = fopen(copy, "w");
	fprintf(file, "{\"verb\":\"\\u001b[2J\",\"what\":{\"\\u001b\":\"\\n\"}}\n\033[2J\n");
	fclose(file);
	assert_int_equal(ctl("audit tail %s", copy), 0);
	assert_null(strchr(out, '\033'));
	assert_out("(no line of an audit log)");
	fixture_stop();
	audit_close(audit);
	fx.view.audit = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_usage),
		TEST(test_no_broker),
		TEST(test_registry_alone),
		TEST(test_devices),
		TEST(test_import_shows_progress),
		TEST(test_pages),
		TEST(test_sessions),
		TEST(test_audit),
	};

	if (!find_program()) {
		printf("skipped: %s is not built\n", program);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
