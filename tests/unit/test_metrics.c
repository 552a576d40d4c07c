/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_metrics.c - the status document as metrics: the text to the letter, every figure of a whole
 * document in it, what a name or a label may hold */
#include "control_fixture.h"

#include "http/metrics_write.h"

#include <ctype.h>

/* ---- to the letter ---- */

static const char small[] =
	"{\"ok\":true,\"started\":1700000000,\"process\":{\"anonymous\":4096,\"huge\":0},"
	"\"sessions\":{\"live_tcp\":1,\"live_udp\":2,\"login\":3,\"resting\":4,\"limit\":50},"
	"\"drain\":{\"state\":\"sessions\"},\"registry\":{\"devices\":2,\"grace_periods\":"
	"9007199254740993},"
	"\"workers\":[{\"worker\":0,\"cpu\":3,\"turns\":100,\"busy_cycles\":1500000000,"
	"\"idle_cycles\":3000,\"tsc_hz\":1000000000,\"gap_us\":60.5,"
	"\"sessions\":{\"live_tcp\":1},\"stage_cycles\":{\"aes\":1000},"
	"\"pools\":{\"records\":{\"limit\":10,\"used\":null,\"bytes\":512}},"
	"\"histograms\":{\"answer_seconds\":{\"buckets\":[1,2,3],\"sum\":2500,\"count\":6}},"
	"\"counters\":{\"mc\":{\"logins\":7,\"drop_token\":5},\"tcp\":{\"tcp_opened\":4},"
	"\"stack\":{\"rx_bytes\":99}}}],"
	"\"histograms\":{\"answer_seconds\":{\"bounds\":[1000,1500],\"divisor\":1000000000,"
	"\"help\":\"how soon\"}},"
	"\"ports\":[{\"device\":\"net_tap0,iface=a\\\"b\",\"state\":\"up\","
	"\"counters\":{\"port_rx_missed\":11},\"help\":{\"port_rx_missed\":\"it \\\\ dropped\"},"
	"\"queues\":[{\"queue\":0,\"worker\":0,\"counters\":{\"port_rx_frames\":70}}]}],"
	"\"feed\":[{\"worker\":0,\"lag\":208,\"lag_seconds\":1.25,\"fill\":0.1}],"
	"\"commands\":[],\"outcomes\":{\"answered\":8},\"drops\":{\"mc\":{\"drop_token\":5}},"
	"\"help\":{\"mc\":{\"logins\":\"logins answered\"}}}";

static const char golden[] =
	"# TYPE hearth_start_time_seconds gauge\n"
	"# UNIT hearth_start_time_seconds seconds\n"
	"# HELP hearth_start_time_seconds when the broker was started, Unix time\n"
	"hearth_start_time_seconds 1700000000\n"
	"# TYPE hearth_draining gauge\n"
	"# HELP hearth_draining does the node leave for good\n"
	"hearth_draining 1\n"
	"# TYPE hearth_process_memory_bytes gauge\n"
	"# UNIT hearth_process_memory_bytes bytes\n"
	"# HELP hearth_process_memory_bytes what the process occupies: pages of its own, of files, "
	"shared, huge\n"
	"hearth_process_memory_bytes{kind=\"anonymous\"} 4096\n"
	"hearth_process_memory_bytes{kind=\"huge\"} 0\n"
	"# TYPE hearth_sessions gauge\n"
	"# HELP hearth_sessions sessions by state and transport: live, logged in and not "
	"connected, resting\n"
	"hearth_sessions{state=\"live\",transport=\"tcp\"} 1\n"
	"hearth_sessions{state=\"live\",transport=\"udp\"} 2\n"
	"hearth_sessions{state=\"login\",transport=\"none\"} 3\n"
	"hearth_sessions{state=\"resting\",transport=\"none\"} 4\n"
	"# TYPE hearth_worker_sessions gauge\n"
	"# HELP hearth_worker_sessions sessions that a worker owns, by state and transport\n"
	"hearth_worker_sessions{worker=\"0\",state=\"live\",transport=\"tcp\"} 1\n"
	"# TYPE hearth_sessions_limit gauge\n"
	"# HELP hearth_sessions_limit live sessions that the configuration allows\n"
	"hearth_sessions_limit 50\n"
	"# TYPE hearth_registry_devices gauge\n"
	"# HELP hearth_registry_devices devices that are provisioned\n"
	"hearth_registry_devices 2\n"
	"# TYPE hearth_registry_grace_periods counter\n"
	"# HELP hearth_registry_grace_periods times that a change waited for all workers\n"
	"hearth_registry_grace_periods_total 9007199254740993\n"
	"# TYPE hearth_ring_uncommitted_bytes gauge\n"
	"# UNIT hearth_ring_uncommitted_bytes bytes\n"
	"# HELP hearth_ring_uncommitted_bytes events that the consumer has not committed\n"
	"hearth_ring_uncommitted_bytes{worker=\"0\"} 208\n"
	"# TYPE hearth_ring_uncommitted_age_seconds gauge\n"
	"# UNIT hearth_ring_uncommitted_age_seconds seconds\n"
	"# HELP hearth_ring_uncommitted_age_seconds age of the oldest event that the consumer has "
	"not committed\n"
	"hearth_ring_uncommitted_age_seconds{worker=\"0\"} 1.25\n"
	"# TYPE hearth_ring_fill_ratio gauge\n"
	"# UNIT hearth_ring_fill_ratio ratio\n"
	"# HELP hearth_ring_fill_ratio share of the ring that is not committed\n"
	"hearth_ring_fill_ratio{worker=\"0\"} 0.1\n"
	"# TYPE hearth_commands_ended counter\n"
	"# HELP hearth_commands_ended platform requests by what became of them\n"
	"hearth_commands_ended_total{outcome=\"answered\"} 8\n"
	"# TYPE hearth_worker info\n"
	"# HELP hearth_worker the CPU that a worker has\n"
	"hearth_worker_info{worker=\"0\",cpu=\"3\"} 1\n"
	"# TYPE hearth_worker_turns counter\n"
	"# HELP hearth_worker_turns turns of the poll loop\n"
	"hearth_worker_turns_total{worker=\"0\"} 100\n"
	"# TYPE hearth_worker_busy_cycles counter\n"
	"# UNIT hearth_worker_busy_cycles cycles\n"
	"# HELP hearth_worker_busy_cycles cycles of turns that found something to do\n"
	"hearth_worker_busy_cycles_total{worker=\"0\"} 1500000000\n"
	"# TYPE hearth_worker_idle_cycles counter\n"
	"# UNIT hearth_worker_idle_cycles cycles\n"
	"# HELP hearth_worker_idle_cycles cycles of turns that found nothing to do\n"
	"hearth_worker_idle_cycles_total{worker=\"0\"} 3000\n"
	"# TYPE hearth_worker_tsc_hertz gauge\n"
	"# UNIT hearth_worker_tsc_hertz hertz\n"
	"# HELP hearth_worker_tsc_hertz cycles in a second\n"
	"hearth_worker_tsc_hertz{worker=\"0\"} 1000000000\n"
	"# TYPE hearth_worker_gap_seconds counter\n"
	"# UNIT hearth_worker_gap_seconds seconds\n"
	"# HELP hearth_worker_gap_seconds time in those gaps\n"
	"hearth_worker_gap_seconds_total{worker=\"0\"} 6.05e-05\n"
	"# TYPE hearth_worker_busy_seconds counter\n"
	"# UNIT hearth_worker_busy_seconds seconds\n"
	"# HELP hearth_worker_busy_seconds time of turns that found something to do\n"
	"hearth_worker_busy_seconds_total{worker=\"0\"} 1.5\n"
	"# TYPE hearth_worker_idle_seconds counter\n"
	"# UNIT hearth_worker_idle_seconds seconds\n"
	"# HELP hearth_worker_idle_seconds time of turns that found nothing to do\n"
	"hearth_worker_idle_seconds_total{worker=\"0\"} 3e-06\n"
	"# TYPE hearth_worker_stage_cycles counter\n"
	"# UNIT hearth_worker_stage_cycles cycles\n"
	"# HELP hearth_worker_stage_cycles cycles of turns that found something to do, by stage\n"
	"hearth_worker_stage_cycles_total{worker=\"0\",stage=\"aes\"} 1000\n"
	"# TYPE hearth_pool_limit_records gauge\n"
	"# UNIT hearth_pool_limit_records records\n"
	"# HELP hearth_pool_limit_records records that a worker's pool has\n"
	"hearth_pool_limit_records{worker=\"0\",pool=\"records\"} 10\n"
	"# TYPE hearth_pool_used_records gauge\n"
	"# UNIT hearth_pool_used_records records\n"
	"# HELP hearth_pool_used_records records of a worker's pool in use; not of pools that do "
	"not count\n"
	"# TYPE hearth_pool_memory_bytes gauge\n"
	"# UNIT hearth_pool_memory_bytes bytes\n"
	"# HELP hearth_pool_memory_bytes memory of all records of a worker's pool\n"
	"hearth_pool_memory_bytes{worker=\"0\",pool=\"records\"} 512\n"
	"# TYPE hearth_worker_answer_seconds histogram\n"
	"# UNIT hearth_worker_answer_seconds seconds\n"
	"# HELP hearth_worker_answer_seconds how soon\n"
	"hearth_worker_answer_seconds_bucket{worker=\"0\",le=\"1e-06\"} 1\n"
	"hearth_worker_answer_seconds_bucket{worker=\"0\",le=\"1.5e-06\"} 3\n"
	"hearth_worker_answer_seconds_bucket{worker=\"0\",le=\"+Inf\"} 6\n"
	"hearth_worker_answer_seconds_count{worker=\"0\"} 6\n"
	"hearth_worker_answer_seconds_sum{worker=\"0\"} 2.5e-06\n"
	"# TYPE hearth_port_up gauge\n"
	"# HELP hearth_port_up has the port's link a carrier\n"
	"hearth_port_up{port=\"net_tap0\"} 1\n"
	"# TYPE hearth_port_rx_missed counter\n"
	"# HELP hearth_port_rx_missed it \\\\ dropped\n"
	"hearth_port_rx_missed_total{port=\"net_tap0\"} 11\n"
	"# TYPE hearth_port_queue_rx_frames counter\n"
	"hearth_port_queue_rx_frames_total{port=\"net_tap0\",queue=\"0\",worker=\"0\"} 70\n"
	"# TYPE hearth_drops counter\n"
	"# HELP hearth_drops what was not taken, of all workers and ports: the reason's own family "
	"says more\n"
	"hearth_drops_total{layer=\"mc\",reason=\"drop_token\"} 5\n"
	"# TYPE hearth_mc_logins counter\n"
	"# HELP hearth_mc_logins logins answered\n"
	"hearth_mc_logins_total{worker=\"0\"} 7\n"
	"# TYPE hearth_mc_drop_token counter\n"
	"hearth_mc_drop_token_total{worker=\"0\"} 5\n"
	"# TYPE hearth_tcp_opened counter\n"
	"hearth_tcp_opened_total{worker=\"0\"} 4\n"
	"# TYPE hearth_stack_rx_bytes counter\n"
	"# UNIT hearth_stack_rx_bytes bytes\n"
	"hearth_stack_rx_bytes_total{worker=\"0\"} 99\n"
	"# EOF\n";

/* The first line that differs, where a whole text would be no help. */
static void assert_text(const char *text, const char *wanted)
{
	while (*text && *wanted) {
		size_t length = strcspn(text, "\n"), other = strcspn(wanted, "\n");

		if (length != other || memcmp(text, wanted, length))
			fail_msg("got  %.*s\nwant %.*s", (int)length, text, (int)other, wanted);
		text += length + (text[length] == '\n');
		wanted += other + (wanted[other] == '\n');
	}
	assert_string_equal(text, wanted);
}

static void test_to_the_letter(void **state)
{
	json_t *status = json_loads(small, 0, NULL), *before;
	size_t length;
	char *text;

	assert_non_null(status);
	before = json_deep_copy(status);
	text = metrics_text(status, &length);
	assert_text(text, golden);
	assert_int_equal(length, strlen(golden));
	assert_true(json_equal(status, before));
	free(text);
	json_decref(before);
	json_decref(status);
}

/* What a document lacks is left out; nothing is made up. */
static void test_of_nothing(void **state)
{
	json_t *status = json_object();
	size_t length;
	char *text = metrics_text(status, &length);

	assert_null(strstr(text, "\nhearth_"));
	assert_string_equal(text + length - 6, "# EOF\n");
	free(text);
	json_decref(status);
}

static void test_the_older_format(void **state)
{
	json_t *status = json_loads(small, 0, NULL);
	size_t length;
	char *text = metrics_text_in(status, METRICS_PLAIN, &length);

	assert_null(strstr(text, "# EOF"));
	assert_null(strstr(text, "# UNIT"));
	assert_non_null(strstr(text, "# TYPE hearth_mc_logins_total counter\n"
				     "# HELP hearth_mc_logins_total logins answered\n"
				     "hearth_mc_logins_total{worker=\"0\"} 7\n"));
	assert_non_null(strstr(text, "# TYPE hearth_worker_info gauge\n"));
	free(text);
	json_decref(status);
	assert_int_equal(metrics_format_of(NULL), METRICS_PLAIN);
	assert_int_equal(metrics_format_of("text/html,*/*;q=0.8"), METRICS_PLAIN);
	assert_int_equal(metrics_format_of("application/openmetrics-text;version=1.0.0,"
					   "text/plain;version=0.0.4;q=0.5"),
		METRICS_OPENMETRICS);
	assert_non_null(strstr(metrics_content_type(METRICS_OPENMETRICS), "openmetrics-text"));
	assert_non_null(strstr(metrics_content_type(METRICS_PLAIN), "version=0.0.4"));
}

static void test_labels(void **state)
{
	char text[METRICS_LABELS], longer[2 * METRICS_LABELS];

	assert_string_equal(metrics_labels(text, NULL), "");
	assert_string_equal(metrics_labels(text, "a", "b", "c", "d\"e\\f\ng", NULL),
		"a=\"b\",c=\"d\\\"e\\\\f\\ng\"");
	assert_string_equal(metrics_labels(text, "a", "\x01\x1f", NULL), "a=\"??\"");
	/* a value that does not fit is cut, between characters, and closed */
	for (unsigned shift = 0; shift < 3; shift++) {
		size_t length;

		memset(longer, 'x', shift);
		for (size_t i = shift; i + 3 < sizeof(longer); i += 3)
			memcpy(&longer[i], "\xe4\xb8\xad", 4);
		metrics_labels(text, "a", longer, "b", "c", NULL);
		length = strlen(text);
		assert_true(length < METRICS_LABELS);
		assert_true(text[length - 1] == '"');
		assert_memory_equal(&text[length - 4], "\xe4\xb8\xad", 3);
	}
}

/* ---- a whole document ---- */

static json_t *whole_status(void)
{
	json_t *status;

	for (unsigned i = 0; i < WORKERS; i++) {
		for (unsigned j = 0; j < FAKE_COUNTER_COUNT; j++)
			fx.counters[i][j] = 1000 * i + 17 * j + 3;
		fx.histograms[i] = (struct turn_histogram){.sum = 77, .buckets = {i, 2, 3, 4}};
	}
	fixture_device("udp", PIN);
	fixture_session("udp", 0, SESSION_LIVE, SESSION_VIA_UDP);
	fixture_start();
	status = ask("{\"verb\":\"status\",\"help\":true}");
	assert_true(json_is_true(json_object_get(status, "ok")));
	return status;
}

static void assert_line(const char *text, const char *sample, long long value)
{
	char line[256];

	snprintf(line, sizeof(line), "\n%s %lld\n", sample, value);
	if (!strstr(text, line))
		fail_msg("there is no line%s", line);
}

/* Every counter of the document is in the text, with its value and its help. */
static void test_every_counter(void **state)
{
	json_t *status = whole_status(), *layers, *counters, *value;
	json_t *help = json_object_get(status, "help");
	const char *layer, *name;
	unsigned lines = 0;
	char sample[128];
	size_t length;
	char *text = metrics_text(status, &length);

	for (unsigned i = 0; i < WORKERS; i++) {
		layers = json_object_get(
			json_array_get(json_object_get(status, "workers"), i), "counters");
		json_object_foreach(layers, layer, counters)
		{
			json_object_foreach(counters, name, value)
			{
				snprintf(sample, sizeof(sample),
					"hearth_%s_%s_total{worker=\"%u\"}", layer, name, i);
				assert_line(text, sample, json_integer_value(value));
				snprintf(sample, sizeof(sample), "\n# HELP hearth_%s_%s %s\n",
					layer, name, text_at(json_object_get(help, layer), name));
				assert_non_null(strstr(text, sample));
				lines++;
			}
		}
	}
	assert_int_equal(lines, WORKERS * FAKE_COUNTER_COUNT);
	json_object_foreach(json_object_get(status, "drops"), layer, counters)
	{
		json_object_foreach(counters, name, value)
		{
			snprintf(sample, sizeof(sample),
				"hearth_drops_total{layer=\"%s\",reason=\"%s\"}", layer, name);
			assert_line(text, sample, json_integer_value(value));
		}
	}
	assert_line(text, "hearth_port_rx_missed_total{port=\"net_tap0\"}", 11);
	assert_line(text,
		"hearth_port_queue_rx_frames_total{port=\"net_tap0\",queue=\"0\",worker=\"1\"}",
		50);
	assert_line(text, "hearth_sessions{state=\"live\",transport=\"udp\"}", 1);
	assert_line(text, "hearth_worker_stage_cycles_total{worker=\"1\",stage=\"aes\"}", 1000);
	assert_line(text, "hearth_worker_answer_seconds_bucket{worker=\"1\",le=\"+Inf\"}", 10);
	free(text);
	json_decref(status);
}

static bool is_name(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!islower((unsigned char)text[i]) && !isdigit((unsigned char)text[i]) &&
			text[i] != '_')
			return false;
	return length > 7 && !memcmp(text, "hearth_", 7);
}

/* The grammar as far as it is used: each family once, its samples behind it, none twice, every
 * counter's ending in _total. */
static void test_grammar(void **state)
{
	json_t *status = whole_status(), *seen = json_object();
	char family[128] = "", type[32] = "", key[512];
	size_t length;
	char *text = metrics_text(status, &length), *again = metrics_text(status, &length);

	assert_string_equal(text, again);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		size_t name = strcspn(line, "{ ");

		if (!strcmp(line, "# EOF"))
			continue;
		if (!strncmp(line, "# TYPE ", 7)) {
			assert_int_equal(sscanf(line, "# TYPE %127s %31s", family, type), 2);
			assert_true(is_name(family, strlen(family)));
			if (json_object_get(seen, family))
				fail_msg("%s comes twice", family);
			json_object_set_new(seen, family, json_true());
			continue;
		}
		if (line[0] == '#') {
			assert_true(!strncmp(line, "# UNIT ", 7) || !strncmp(line, "# HELP ", 7));
			assert_int_equal(strncmp(line + 7, family, strlen(family)), 0);
			continue;
		}
		assert_true(is_name(line, name));
		assert_int_equal(strncmp(line, family, strlen(family)), 0);
		if (!strcmp(type, "counter"))
			assert_true(name == strlen(family) + 6 &&
				    !strncmp(line + name - 6, "_total", 6));
		if (!strcmp(type, "gauge"))
			assert_true(name == strlen(family));
		snprintf(key, sizeof(key), "%.*s", (int)(strrchr(line, ' ') - line), line);
		if (json_object_get(seen, key) && strcmp(key, family))
			fail_msg("%s comes twice", key);
		json_object_set_new(seen, key, json_true());
	}
	free(text);
	free(again);
	json_decref(seen);
	json_decref(status);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_to_the_letter),
		cmocka_unit_test(test_of_nothing),
		cmocka_unit_test(test_the_older_format),
		cmocka_unit_test(test_labels),
		TEST(test_every_counter),
		TEST(test_grammar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
