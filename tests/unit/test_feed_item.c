/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_feed_item.c - events as JSON, to the byte */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "feed/hearth_feed.h"

static struct hearth_record record;
static struct hearth_item item;

/* The contract's example. */
static int setup(void **state)
{
	memset(&record, 0, sizeof(record));
	record.id = 18446;
	record.time = 1700000000123;
	record.session = 17;
	record.count = 482;
	record.sequence = 12346;
	record.code = 2006;
	record.event = HEARTH_UPLINK;
	record.protocol = HEARTH_MC;
	record.via = HEARTH_VIA_TCP;
	inet_pton(AF_INET6, "::ffff:198.18.0.2", record.peer);
	record.peer_port = 40112;
	record.device_length = 24;
	item.record = &record;
	item.device = "000000000000000000000001";
	item.gateway = "";
	item.payload = "{\"deviceId\":\"...\",\"statusSerials\":[]}";
	record.payload_length = (uint32_t)strlen(item.payload);
	item.worker = 0;
	return 0;
}

#define HEAD(event)                                                                                \
	"{\"id\":\"0-18446\",\"time\":1700000000123,\"event\":\"" event "\",\"protocol\":\"mc\","  \
	"\"device\":\"000000000000000000000001\",\"via\":\"tcp\",\"peer\":\"198.18.0.2:40112\","   \
	"\"session\":17"

/* At every size: whole or nothing, and never a byte past the end. */
static void expect(const char *line)
{
	size_t length = strlen(line);
	char out[5000];

	assert_true(length + 1 < sizeof(out));
	for (size_t size = 0; size <= length + 1; size++) {
		memset(out, '?', sizeof(out));
		assert_int_equal(hearth_item_json(&item, out, size), length);
		for (size_t i = size < length ? 0 : length; i < sizeof(out); i++)
			assert_int_equal(out[i], '?');
	}
	assert_int_equal(memcmp(out, line, length), 0);
	assert_int_equal(hearth_item_json(&item, NULL, 0), length);
}

static void payload(const char *text, size_t length)
{
	item.payload = text;
	record.payload_length = (uint32_t)length;
}

static void test_events(void **state)
{
	expect(HEAD("uplink") ",\"count\":482,\"sequence\":12346,\"code\":2006,"
			      "\"payload\":{\"deviceId\":\"...\",\"statusSerials\":[]}}");
	record.flags = HEARTH_SEQUENCE_WAS_NUMBER; /* makes no difference to a backend */
	record.result = 100001;
	expect(HEAD("uplink") ",\"count\":482,\"sequence\":12346,\"code\":2006,"
			      "\"payload\":{\"deviceId\":\"...\",\"statusSerials\":[]}}");
	record.event = HEARTH_ONLINE;
	payload("{\"model\":\"m\"}", 13);
	expect(HEAD("online") ",\"payload\":{\"model\":\"m\"}}");
	record.event = HEARTH_RESPONSE;
	record.code = 2004;
	record.request = UINT64_MAX;
	expect(HEAD("response") ",\"code\":2004,\"request\":18446744073709551615,"
				"\"payload\":{\"model\":\"m\"}}");
	payload(NULL, 0);
	record.event = HEARTH_UNDELIVERED;
	record.request = 5;
	record.reason = HEARTH_QUEUE_FULL;
	expect(HEAD("undelivered") ",\"code\":2004,\"request\":5,\"reason\":\"queue-full\"}");
	record.event = HEARTH_OFFLINE;
	record.reason = HEARTH_TIMEOUT;
	expect(HEAD("offline") ",\"reason\":\"timeout\"}");
	record.event = HEARTH_ALERT;
	record.reason = HEARTH_FLAPPING;
	expect(HEAD("alert") ",\"reason\":\"flapping\"}");
}

static void test_peers(void **state)
{
	record.event = HEARTH_OFFLINE;
	record.reason = HEARTH_CLOSED;
	record.device_length = 1;
	payload(NULL, 0);
	record.id = UINT64_MAX;
	item.worker = 255;
	record.time = 0;
	record.session = 0;
#define SHORT                                                                                      \
	"{\"id\":\"255-18446744073709551615\",\"time\":0,\"event\":\"offline\","                   \
	"\"protocol\":\"mc\",\"device\":\"0\""
#define END ",\"session\":0,\"reason\":\"closed\"}"
	record.via = HEARTH_VIA_UDP;
	expect(SHORT ",\"via\":\"udp\",\"peer\":\"198.18.0.2:40112\"" END);
	inet_pton(AF_INET6, "fd77::1", record.peer);
	record.peer_port = 65535;
	expect(SHORT ",\"via\":\"udp\",\"peer\":\"[fd77::1]:65535\"" END);
	inet_pton(AF_INET6, "2001:db8:1111:2222:3333:4444:5555:6666", record.peer);
	expect(SHORT ",\"via\":\"udp\",\"peer\":\"[2001:db8:1111:2222:3333:4444:5555:6666]:65535"
		     "\"" END);
	/* Unknown: left out. */
	memset(record.peer, 0, sizeof(record.peer));
	record.peer_port = 0;
	record.via = HEARTH_VIA_NONE;
	expect(SHORT END);
	item.gateway = "gw";
	record.gateway_length = 2;
	expect(SHORT ",\"gateway\":\"gw\"" END);
}

/* Values that no broker of today writes: still a line of JSON. */
static void test_K25_hostile_names(void **state)
{
	static char names[255];
	char line[5000];
	char *at = line;

	record.event = 77;
	record.protocol = 99;
	record.via = 3;
	record.reason = 200;
	record.session = UINT64_MAX;
	record.device_length = 9;
	item.device = "a\"\\\n\r\x01\x7f\xffz";
	payload(NULL, 0);
	expect("{\"id\":\"0-18446\",\"time\":1700000000123,"
	       "\"device\":\"a\\\"\\\\\\u000a\\u000d\\u0001\\u007f\\u00ffz\","
	       "\"peer\":\"198.18.0.2:40112\",\"session\":18446744073709551615}");

	/* The longest names, all of them escaped. */
	memset(names, 0x1f, sizeof(names));
	item.device = item.gateway = names;
	record.device_length = record.gateway_length = 255;
	at += sprintf(at, "{\"id\":\"0-18446\",\"time\":1700000000123,\"device\":\"");
	for (unsigned i = 0; i < 255; i++)
		at += sprintf(at, "\\u001f");
	at += sprintf(at, "\",\"gateway\":\"");
	for (unsigned i = 0; i < 255; i++)
		at += sprintf(at, "\\u001f");
	sprintf(at, "\",\"peer\":\"198.18.0.2:40112\",\"session\":18446744073709551615}");
	expect(line);
}

static void test_K25_line_breaks(void **state)
{
	static const char text[] = "{\r\n\t\"a\":\n[1,\r2]\n}";

	record.event = HEARTH_ONLINE;
	payload(text, sizeof(text) - 1);
	expect(HEAD("online") ",\"payload\":{  \t\"a\": [1, 2] }}");
}

static void test_names(void **state)
{
	static const char *const events[] = {
		"", "online", "offline", "uplink", "response", "undelivered", "alert", "", "", ""};
	static const struct {
		unsigned reason;
		const char *name;
	} reasons[] = {{0, ""}, {1, "timeout"}, {2, "closed"}, {3, "replaced"}, {4, "sequence"},
		{5, "unanswered"}, {6, "kicked"}, {7, "removed"}, {8, "shutdown"}, {9, ""},
		{15, ""}, {16, "no-answer"}, {17, "offline"}, {18, "unknown"}, {19, "expired"},
		{20, "queue-full"}, {21, "too-large"}, {22, "refused"}, {23, ""}, {31, ""},
		{32, "flapping"}, {33, "clone"}, {34, ""}, {255, ""}, {UINT32_MAX, ""}};

	for (unsigned i = 0; i < 10; i++)
		assert_string_equal(hearth_event_name(i), events[i]);
	for (unsigned i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		assert_string_equal(hearth_reason_name(reasons[i].reason), reasons[i].name);
	assert_string_equal(hearth_event_name(UINT32_MAX), "");
	assert_string_equal(hearth_via_name(HEARTH_VIA_NONE), "");
	assert_string_equal(hearth_via_name(HEARTH_VIA_TCP), "tcp");
	assert_string_equal(hearth_via_name(HEARTH_VIA_UDP), "udp");
	assert_string_equal(hearth_protocol_name(HEARTH_MC), "mc");
	assert_string_equal(hearth_protocol_name(0), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_events, setup),
		cmocka_unit_test_setup(test_peers, setup),
		cmocka_unit_test_setup(test_K25_hostile_names, setup),
		cmocka_unit_test_setup(test_K25_line_breaks, setup),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
