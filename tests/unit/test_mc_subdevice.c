/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_subdevice.c - gateways and sub-devices: authenticated, bound, on-line, gone (sections
 * 5.4.3.9 to 5.4.3.13) */
#include "mc_ring.h"
#include "mc_subdevices.h"

#include <signal.h>
#include <sys/resource.h>

/* ---- 2012 ---- */

static void a_binding_is_answered_when_it_is_durable(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct event event;

	live_udp(w, &a, 1);
	send_auth(w, &a, ++a.sequence, "sub-1", PIN_SUB);
	expect_silence(w);
	expect_no_event(w);
	assert_false(is_bound(w, "sub-1", &a));
	/* it is asked again while the job runs, and others go on beside it */
	send_auth(w, &a, a.sequence, "sub-1", PIN_SUB);
	expect_silence(w);
	assert_int_equal(counted(w, MC_DROP_WAITING), 1);
	good_request(w, &a, 2006, 0);
	assert_int_equal(expect_event(w, &a, HEARTH_UPLINK, 2006).record.count, 2);
	slice(w);
	expect_auth(w, &a, "0");
	event = expect_auth_event(w, &a, "0");
	assert_int_equal(event.record.count, 1);
	assert_int_equal(event.record.sequence, a.sequence - 1);
	assert_non_null(strstr(event.payload, "\"subDeviceId\":\"sub-1\""));
	assert_true(is_bound(w, "sub-1", &a));
	/* the same again */
	send_auth(w, &a, a.sequence - 1, "sub-1", PIN_SUB);
	expect_auth(w, &a, "0");
	/* and once more, with another number: nothing to be made durable */
	send_auth(w, &a, ++a.sequence, "sub-1", PIN_SUB);
	expect_auth(w, &a, "0");
	expect_auth_event(w, &a, "0");
	expect_no_event(w);
	world_restart(w);
	assert_true(is_bound(w, "sub-1", &a));
}

static void refusals_look_alike(void **state)
{
	static const struct {
		const char *id, *pin;
	} wrong[] = {{"sub-1", WRONG_PIN}, {"nobody", PIN_SUB}, {"sub-1", "short"}, {"sub-1", ""},
		{DEVICE_A, PIN_A}, {"sub-of-b", PIN_SUB}, {"sub-1", PIN_SUB "x"}};
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_tcp(w, &a);
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		send_auth(w, &a, ++a.sequence, wrong[i].id, wrong[i].pin);
		slice(w);
		expect_auth(w, &a, "1");
		expect_auth_event(w, &a, "1");
		/* a repeat, whatever was wrong */
		send_auth(w, &a, a.sequence, wrong[i].id, wrong[i].pin);
		slice(w);
		expect_auth(w, &a, "1");
		expect_no_event(w);
	}
	about(w, &a, 2012, "sub-1", "\"pin\":12345678,", 0); /* no string: no PIN */
	expect_auth_event(w, &a, "1");
	about(w, &a, 2012, "sub-1", "", 100001);
	about(w, &a, 2012, "sub-1", "\"pin\":[],", 100001);
	expect_no_event(w);
	assert_int_equal(binding_count(w->bindings), 0);
	assert_int_equal(counted(w, MC_SUBDEVICE_REFUSED), 8);
	bound(w, &a, "sub-of-a");
}

static void a_pin_may_be_written_with_escapes(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_tcp(w, &a);
	send_auth(w, &a, ++a.sequence, "sub\\u002d1", "\\u0074he-pin-of-every-sub-device-here");
	slice(w);
	expect_auth(w, &a, "0");
	expect_auth_event(w, &a, "0");
	assert_true(is_bound(w, "sub-1", &a));
}

static void a_request_of_somebody_elses_is_refused(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	char plain[512];

	live_tcp(w, &a);
	bound(w, &a, "sub-1");
	for (uint32_t code = 2012; code <= 2020; code += 4) {
		snprintf(plain, sizeof(plain),
			"{\"sequence\":%u,\"deviceId\":\"sub-1\",\"subDeviceId\":\"sub-1\","
			"\"pin\":\"" PIN_SUB "\",\"onLine\":1,\"time\":%u}",
			++a.sequence, now_of(w));
		send_plain(w, &a, a.peer, code, plain);
		expect_answer(w, &a, code + 1, 200001);
	}
	expect_no_event(w);
}

/* What is not durable is not acknowledged, and a repeat is tried anew. */
static void a_full_disk_is_no_refusal(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct rlimit before, limit;

	live_udp(w, &a, 1);
	bound(w, &a, "sub-2");
	signal(SIGXFSZ, SIG_IGN);
	send_auth(w, &a, ++a.sequence, "sub-1", PIN_SUB);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = (struct rlimit){.rlim_cur = 4096, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	binding_serve(w->bindings);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	world_turn(w);
	expect_answer(w, &a, 2013, 999999);
	expect_no_event(w);
	assert_false(is_bound(w, "sub-1", &a));
	assert_true(is_bound(w, "sub-2", &a));
	world_restart(w); /* after an error of the disk the registry is opened anew */
	store_close(w->store);
	char path[128], error[256];
	path_in(w, path, sizeof(path), "registry");
	world_detach(w);
	w->store = store_open(path, 0, error, sizeof(error));
	assert_non_null(w->store);
	world_attach(w);
	send_auth(w, &a, a.sequence, "sub-1", PIN_SUB);
	slice(w);
	expect_auth(w, &a, "0");
	assert_int_equal(expect_auth_event(w, &a, "0").record.count, 2);
	expect_no_event(w);
}

static void the_gateway_is_gone_when_the_job_is_done(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_tcp(w, &a);
	send_auth(w, &a, ++a.sequence, "sub-1", PIN_SUB);
	tcp_drop(w, a.peer.connection);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_CLOSED);
	slice(w);
	expect_silence(w);
	expect_no_event(w);
	assert_int_equal(counted(w, MC_WAIT_GONE), 1);
	assert_true(is_bound(w, "sub-1", &a));
	log_in(w, &a);
	connected(w, &a, on_tcp(tcp_open(w)));
	bound(w, &a, "sub-1");
}

/* A 2018 that is done and not told would be lost to the backend: its repeat finds nothing bound. */
static void nothing_is_begun_that_has_no_room_to_be_told(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_tcp(w, &a);
	bound(w, &a, "sub-1");
	fill_ring(w, false);
	send_auth(w, &a, ++a.sequence, "sub-2", PIN_SUB);
	expect_answer(w, &a, 2013, 999999);
	send_about(w, &a, 2018, ++a.sequence, "sub-1", "");
	expect_answer(w, &a, 2019, 999999);
	slice(w);
	assert_true(is_bound(w, "sub-1", &a));
	assert_false(is_bound(w, "sub-2", &a));
	drain_ring(w);
	send_about(w, &a, 2018, a.sequence, "sub-1", "");
	slice(w);
	expect_answer(w, &a, 2019, 0);
	expect_event(w, &a, HEARTH_UPLINK, 2018);
	assert_false(is_bound(w, "sub-1", &a));
	send_auth(w, &a, a.sequence - 1, "sub-2", PIN_SUB);
	slice(w);
	expect_auth(w, &a, "0");
	expect_auth_event(w, &a, "0");
	assert_true(is_bound(w, "sub-2", &a));
	expect_no_event(w);
}

static void so_many_wait_and_no_more(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	char id[32];

	live_tcp(w, &a);
	for (unsigned i = 0; i < 40; i++) {
		snprintf(id, sizeof(id), "many-%u", i);
		add_device(w, id, PIN_SUB, "");
		send_auth(w, &a, ++a.sequence, id, PIN_SUB);
		if (i < MC_WAITS_PER_SESSION)
			expect_silence(w);
		else
			expect_answer(w, &a, 2013, 999999);
	}
	slice(w);
	for (unsigned i = 0; i < MC_WAITS_PER_SESSION; i++) {
		expect_auth(w, &a, "0");
		assert_int_equal(expect_auth_event(w, &a, "0").record.count, i + 1);
	}
	expect_no_event(w);
	/* all of them accepted, but what is further behind than the window is forgotten */
	send_auth(w, &a, a.sequence - 30, "many-9", PIN_SUB);
	expect_auth(w, &a, "0");
	expect_no_event(w);
	assert_int_equal(binding_count(w->bindings), MC_WAITS_PER_SESSION);
}

/* acknowledge: commit: durable in the registry, and then at the consumer's. */
static void a_binding_waits_for_the_commit(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_udp(w, &a, 1);
	send_auth(w, &a, ++a.sequence, "sub-1", PIN_SUB);
	slice(w);
	world_turn(w);
	expect_silence(w);
	send_auth(w, &a, a.sequence, "sub-1", PIN_SUB);
	expect_silence(w);
	expect_auth_event(w, &a, "0"); /* read, and committed */
	world_turn(w);
	expect_auth(w, &a, "0");
	expect_silence(w);
	send_auth(w, &a, a.sequence, "sub-1", PIN_SUB);
	expect_auth(w, &a, "0");
	send_auth(w, &a, ++a.sequence, "sub-1", WRONG_PIN);
	expect_silence(w);
	expect_auth_event(w, &a, "1");
	world_turn(w);
	expect_auth(w, &a, "1");
	expect_no_event(w);
}

static int commit_setup(void **state)
{
	int rc;

	world_acknowledge = ACKNOWLEDGE_COMMIT;
	rc = subdevices_setup(state);
	world_acknowledge = ACKNOWLEDGE_RING;
	return rc;
}

/* ---- the others ---- */

static void bound_ones_come_and_go(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct event event;

	live_udp(w, &a, 1);
	bound(w, &a, "sub-1");
	assert_false(is_online(w, "sub-1"));
	about(w, &a, 2016, "sub-1", "", 0);
	expect_event(w, &a, HEARTH_UPLINK, 2016);
	about(w, &a, 2016, "sub-2", "", 200001);
	about(w, &a, 2016, "nobody", "", 200001);
	about(w, &a, 2020, "sub-2", "\"onLine\":\"1\",", 200001);
	about(w, &a, 2020, "sub-1", "\"onLine\":\"2\",", 100001);
	expect_no_event(w);
	about(w, &a, 2020, "sub-1", "\"onLine\":\"1\",", 0);
	event = expect_subdevice(w, "sub-1", &a, HEARTH_ONLINE, 0);
	assert_int_equal(event.record.session, 1001);
	assert_string_equal(event.payload, "{}");
	assert_int_equal(event.record.via, HEARTH_VIA_UDP);
	expect_event(w, &a, HEARTH_UPLINK, 2020);
	about(w, &a, 2020, "sub-1", "\"onLine\":1,", 0); /* it is already */
	expect_event(w, &a, HEARTH_UPLINK, 2020);
	about(w, &a, 2020, "sub-1", "\"onLine\":0,", 0);
	expect_subdevice(w, "sub-1", &a, HEARTH_OFFLINE, HEARTH_CLOSED);
	expect_event(w, &a, HEARTH_UPLINK, 2020);
	/* repeats of what was accepted change nothing, whatever came since */
	send_about(w, &a, 2020, a.sequence - 1, "sub-1", "\"onLine\":1,");
	expect_answer(w, &a, 2021, 0);
	assert_false(is_online(w, "sub-1"));
	/* a report brings it on-line again */
	send_report(w, &a, ++a.sequence, "sub-1");
	expect_answer(w, &a, 2007, 0);
	expect_subdevice(w, "sub-1", &a, HEARTH_ONLINE, 0);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	/* unbound, durably, and only then told */
	send_about(w, &a, 2018, ++a.sequence, "sub-1", "");
	expect_silence(w);
	slice(w);
	expect_subdevice(w, "sub-1", &a, HEARTH_OFFLINE, HEARTH_CLOSED);
	send_about(w, &a, 2018, a.sequence, "sub-1", "");
	expect_silence(w);
	slice(w);
	expect_answer(w, &a, 2019, 0);
	expect_event(w, &a, HEARTH_UPLINK, 2018);
	send_about(w, &a, 2018, a.sequence, "sub-1", "");
	expect_answer(w, &a, 2019, 0);
	about(w, &a, 2018, "sub-1", "", 200001);
	send_report(w, &a, ++a.sequence, "sub-1");
	expect_answer(w, &a, 2007, 200001);
	expect_no_event(w);
	world_restart(w);
	assert_int_equal(binding_count(w->bindings), 0);
}

/* Every code that a sub-device's report may have, voice included: it speaks for itself. */
static void reports_of_all_codes_are_taken(void **state)
{
	static const uint32_t codes[] = {2006, 2008, 2010, 2022, 2026, 2028, 2032, 3000, 3002};
	struct world *w = *state;
	struct device_side a = SIDE_A, spoken_for = SIDE_A;

	live_tcp(w, &a);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
			const bool voice = codes[i] >= 3000;
			char plain[1024];

			spoken_for.id = "sub-1";
			request_text(&spoken_for, codes[i], ++a.sequence, now_of(w), plain,
				sizeof(plain));
			send_plain(w, &a, a.peer, codes[i], plain);
			expect_answer(w, &a, codes[i] + 1, !round ? 200001 : voice ? 400004 : 0);
			if (round && !i)
				expect_subdevice(w, "sub-1", &a, HEARTH_ONLINE, 0);
			if (round && !voice)
				assert_non_null(
					strstr(expect_event(w, &a, HEARTH_UPLINK, codes[i]).payload,
						"\"deviceId\":\"sub-1\""));
		}
		expect_no_event(w);
		if (!round)
			bound(w, &a, "sub-1");
	}
}

static void an_unbound_one_is_told_by_the_backend(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct session_turn turn;

	live_tcp(w, &a);
	bound(w, &a, "sub-1");
	came_online(w, &a, "sub-1");
	turn = entry_now(w, &a);
	assert_int_equal(mc_subdevice_unbind(w->mc, &turn, "sub-2", 5), -ENOENT);
	assert_int_equal(mc_subdevice_unbind(w->mc, &turn, "sub-1", 5), 0);
	slice(w);
	expect_subdevice(w, "sub-1", &a, HEARTH_OFFLINE, HEARTH_KICKED);
	send_report(w, &a, ++a.sequence, "sub-1");
	expect_answer(w, &a, 2007, 200001); /* at once */
	slice(w);
	expect_silence(w);
	expect_no_event(w);
	assert_false(is_bound(w, "sub-1", &a));
	assert_int_equal(mc_subdevice_unbind(w->mc, &turn, "sub-1", 5), -ENOENT);
}

/* ---- moves and logins ---- */

static void it_moves_to_another_gateway(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;

	live_tcp(w, &a);
	live_udp(w, &b, 2);
	bound(w, &a, "sub-1");
	came_online(w, &a, "sub-1");
	send_auth(w, &b, ++b.sequence, "sub-1", PIN_SUB);
	slice(w); /* withdrawn: it goes off-line first */
	expect_silence(w);
	expect_subdevice(w, "sub-1", &a, HEARTH_OFFLINE, HEARTH_REPLACED);
	expect_no_event(w);
	send_report(w, &a, ++a.sequence, "sub-1");
	expect_answer(w, &a, 2007, 200001);
	slice(w);
	expect_auth(w, &b, "0");
	expect_auth_event(w, &b, "0");
	assert_true(is_bound(w, "sub-1", &b));
	came_online(w, &b, "sub-1");
	/* a repeat of the old gateway's 2012 is told what it was told, and moves nothing */
	send_auth(w, &a, a.sequence - 2, "sub-1", PIN_SUB);
	expect_silence(w);
	slice(w);
	expect_auth(w, &a, "0");
	expect_no_event(w);
	assert_true(is_bound(w, "sub-1", &b));
	assert_true(is_online(w, "sub-1"));
}

static void a_new_login_takes_them_offline(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	w->config.mc.subdevices_strict = true;
	live_tcp(w, &a);
	bound(w, &a, "sub-1");
	came_online(w, &a, "sub-1");
	tcp_drop(w, a.peer.connection);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_CLOSED);
	expect_subdevice(w, "sub-1", &a, HEARTH_OFFLINE, HEARTH_CLOSED);
	/* the same token: its PIN was shown in this login */
	w->host.clock.unix_ms += 1000;
	connected(w, &a, on_tcp(tcp_open(w)));
	send_report(w, &a, ++a.sequence, "sub-1");
	expect_answer(w, &a, 2007, 0);
	expect_subdevice(w, "sub-1", &a, HEARTH_ONLINE, 0);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	assert_int_equal(counted(w, MC_SUBDEVICE_EARLY), 0);
	/* another login: it has to be shown again */
	log_in(w, &a);
	a.peer = on_tcp(tcp_open(w));
	send_connect(w, &a, a.peer, a.sequence, now_of(w));
	expect_answer(w, &a, 1005, 0);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_REPLACED);
	expect_event(w, &a, HEARTH_ONLINE, MC_CONNECT);
	expect_subdevice(w, "sub-1", &a, HEARTH_OFFLINE, HEARTH_REPLACED);
	send_report(w, &a, ++a.sequence, "sub-1");
	expect_answer(w, &a, 2007, 200003);
	assert_int_equal(entry_now(w, &a).state, SESSION_LIVE);
	w->config.mc.subdevices_strict = false;
	send_report(w, &a, ++a.sequence, "sub-1");
	expect_answer(w, &a, 2007, 0);
	expect_subdevice(w, "sub-1", &a, HEARTH_ONLINE, 0);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	assert_int_equal(counted(w, MC_SUBDEVICE_EARLY), 2);
	w->config.mc.subdevices_strict = true;
	bound(w, &a, "sub-1");
	world_restart(w); /* a restart is no login */
	a.peer = on_tcp(tcp_open(w));
	w->host.clock.unix_ms += 1000;
	send_connect(w, &a, a.peer, a.sequence, now_of(w));
	expect_answer(w, &a, 1005, 0);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_REPLACED);
	expect_subdevice(w, "sub-1", &a, HEARTH_OFFLINE, HEARTH_REPLACED);
	expect_event(w, &a, HEARTH_ONLINE, MC_CONNECT);
	send_report(w, &a, ++a.sequence, "sub-1");
	expect_answer(w, &a, 2007, 0);
}

static void the_gateways_end_is_theirs(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_udp(w, &a, 1);
	bound(w, &a, "sub-1");
	bound(w, &a, "sub-2");
	came_online(w, &a, "sub-1");
	came_online(w, &a, "sub-2");
	world_pass(w, 146);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_TIMEOUT);
	world_turn(w);
	expect_subdevice(w, "sub-2", &a, HEARTH_OFFLINE, HEARTH_TIMEOUT);
	expect_subdevice(w, "sub-1", &a, HEARTH_OFFLINE, HEARTH_TIMEOUT);
	expect_no_event(w);
	assert_true(is_bound(w, "sub-1", &a));
	assert_int_equal(binding_online(w->bindings), 0);
	w->host.clock.unix_ms += 1000;
	connected(w, &a, on_udp(1));
	came_online(w, &a, "sub-1");
	mc_protocol.control(w->mc, CONTROL_KICK,
		session_handle_of(
			w->host.sessions, session_touch(w->host.sessions, entry_of(w, &a))));
	world_turn(w);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_KICKED);
	world_turn(w);
	expect_subdevice(w, "sub-1", &a, HEARTH_OFFLINE, HEARTH_KICKED);
	world_turn(w);
	assert_int_equal(entry_of(w, &a), SESSION_NONE); /* its entry is free */
}

/* ---- every state and every event ---- */

enum where { NOT_BOUND, OFF_LINE, ON_LINE };

struct pair {
	enum where from;
	uint32_t code; /* 0: a report */
	const char *members;
	int64_t result;
	const char *auth; /* authResult */
	enum where to;
	unsigned came, went; /* events */
};

/* K20: the table of mc_subdevice.c. A backend's, another gateway's and the gateway's own doing
 * have tests of their own. */
static void every_state_and_every_request(void **state)
{
	static const struct pair pairs[] = {
		{NOT_BOUND, 2012, "\"pin\":\"" PIN_SUB "\",", 0, "0", OFF_LINE, 0, 0},
		{OFF_LINE, 2012, "\"pin\":\"" PIN_SUB "\",", 0, "0", OFF_LINE, 0, 0},
		{ON_LINE, 2012, "\"pin\":\"" PIN_SUB "\",", 0, "0", ON_LINE, 0, 0},
		{NOT_BOUND, 2012, "\"pin\":\"" WRONG_PIN "\",", 0, "1", NOT_BOUND, 0, 0},
		{OFF_LINE, 2012, "\"pin\":\"" WRONG_PIN "\",", 0, "1", OFF_LINE, 0, 0},
		{ON_LINE, 2012, "\"pin\":\"" WRONG_PIN "\",", 0, "1", ON_LINE, 0, 0},
		{NOT_BOUND, 2016, "", 200001, NULL, NOT_BOUND, 0, 0},
		{OFF_LINE, 2016, "", 0, NULL, OFF_LINE, 0, 0},
		{ON_LINE, 2016, "", 0, NULL, ON_LINE, 0, 0},
		{NOT_BOUND, 2018, "", 200001, NULL, NOT_BOUND, 0, 0},
		{OFF_LINE, 2018, "", 0, NULL, NOT_BOUND, 0, 0},
		{ON_LINE, 2018, "", 0, NULL, NOT_BOUND, 0, 1},
		{NOT_BOUND, 2020, "\"onLine\":1,", 200001, NULL, NOT_BOUND, 0, 0},
		{OFF_LINE, 2020, "\"onLine\":1,", 0, NULL, ON_LINE, 1, 0},
		{ON_LINE, 2020, "\"onLine\":1,", 0, NULL, ON_LINE, 0, 0},
		{NOT_BOUND, 2020, "\"onLine\":0,", 200001, NULL, NOT_BOUND, 0, 0},
		{OFF_LINE, 2020, "\"onLine\":0,", 0, NULL, OFF_LINE, 0, 0},
		{ON_LINE, 2020, "\"onLine\":0,", 0, NULL, OFF_LINE, 0, 1},
		{NOT_BOUND, 0, "", 200001, NULL, NOT_BOUND, 0, 0},
		{OFF_LINE, 0, "", 0, NULL, ON_LINE, 1, 0},
		{ON_LINE, 0, "", 0, NULL, ON_LINE, 0, 0},
	};

	for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		const struct pair *pair = &pairs[i];
		const uint32_t code = pair->code ? pair->code : 2006;
		struct world *w = *state;
		struct device_side a = SIDE_A;
		unsigned came = 0, went = 0, uplinks = 0;
		struct answer answer;
		struct event event;
		char auth[8];

		live_tcp(w, &a);
		if (pair->from != NOT_BOUND)
			bound(w, &a, "sub-1");
		if (pair->from == ON_LINE)
			came_online(w, &a, "sub-1");
		if (pair->code)
			send_about(w, &a, code, ++a.sequence, "sub-1", pair->members);
		else
			send_report(w, &a, ++a.sequence, "sub-1");
		slice(w);
		slice(w);
		answer = answer_of(w, &a);
		assert_int_equal(answer.code, code + 1);
		assert_int_equal(answer.result, pair->result);
		if (pair->auth) {
			assert_true(member_text(answer.plain, "authResult", auth, sizeof(auth)));
			assert_string_equal(auth, pair->auth);
		}
		while ((event = next_event(w)).there) {
			came += event.record.event == HEARTH_ONLINE;
			went += event.record.event == HEARTH_OFFLINE;
			uplinks += event.record.event == HEARTH_UPLINK;
			assert_int_equal(event.record.session, entry_now(w, &a).number);
		}
		assert_int_equal(uplinks, pair->result == 0);
		assert_int_equal(came, pair->came);
		assert_int_equal(went, pair->went);
		assert_int_equal(is_bound(w, "sub-1", &a), pair->to != NOT_BOUND);
		assert_int_equal(is_online(w, "sub-1"), pair->to == ON_LINE);
		world_free(w);
		subdevices_setup(state);
	}
}

/* ---- devices that are removed ---- */

static void a_removed_one_goes_offline(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct device_record removed;
	struct device *device = device_named(w, "sub-1");

	live_tcp(w, &a);
	bound(w, &a, "sub-1");
	bound(w, &a, "sub-2");
	came_online(w, &a, "sub-1");
	came_online(w, &a, "sub-2");
	assert_int_equal(store_remove(w->store, "sub-1", &removed), 0);
	assert_true(binding_withdraw(w->bindings, device->number, device->serial));
	assert_false(binding_withdrawn(w->bindings));
	world_turn(w);
	expect_subdevice(w, "sub-1", &a, HEARTH_OFFLINE, HEARTH_REMOVED);
	assert_true(binding_withdrawn(w->bindings));
	registry_remove(w->host.registry, "sub-1");
	registry_reclaim(w->host.registry);
	send_report(w, &a, ++a.sequence, "sub-1");
	expect_answer(w, &a, 2007, 200001);
	expect_no_event(w);
	assert_int_equal(binding_count(w->bindings), 1);
	assert_true(is_online(w, "sub-2"));
	tcp_drop(w, a.peer.connection);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_CLOSED);
	expect_subdevice(w, "sub-2", &a, HEARTH_OFFLINE, HEARTH_CLOSED);
	expect_no_event(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		row(a_binding_is_answered_when_it_is_durable),
		row(refusals_look_alike),
		row(a_pin_may_be_written_with_escapes),
		row(a_request_of_somebody_elses_is_refused),
		row(a_full_disk_is_no_refusal),
		row(the_gateway_is_gone_when_the_job_is_done),
		row(nothing_is_begun_that_has_no_room_to_be_told),
		row(so_many_wait_and_no_more),
		cmocka_unit_test_setup_teardown(
			a_binding_waits_for_the_commit, commit_setup, world_teardown),
		row(bound_ones_come_and_go),
		row(reports_of_all_codes_are_taken),
		row(an_unbound_one_is_told_by_the_backend),
		row(it_moves_to_another_gateway),
		row(a_new_login_takes_them_offline),
		row(the_gateways_end_is_theirs),
		row(every_state_and_every_request),
		row(a_removed_one_goes_offline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
