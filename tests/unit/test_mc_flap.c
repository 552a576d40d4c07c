/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_flap.c - devices that reconnect too often, and two of one id (K18, K19, K22) */
#include "mc_ring.h"
#include "mc_watched.h"

/* The next event, which must be an alert. */
static void expect_alert(
	struct world *w, const struct device_side *d, enum hearth_reason reason, uint64_t session)
{
	struct event event = next_event(w);
	char line[1024];
	struct hearth_item item = {.record = &event.record, .device = event.device};

	assert_true(event.there);
	assert_int_equal(event.record.event, HEARTH_ALERT);
	assert_int_equal(event.record.reason, reason);
	assert_int_equal(event.record.session, session);
	assert_string_equal(event.device, d->id);
	assert_true(hearth_item_json(&item, line, sizeof(line)) < sizeof(line));
	assert_non_null(strstr(line, "\"event\":\"alert\""));
	assert_non_null(strstr(
		line, reason == HEARTH_CLONE ? "\"reason\":\"clone\"" : "\"reason\":\"flapping\""));
}

/* Connect with the old token over and over, as many times as are good: 10 in 60 s. */
static void connect_often(struct world *w, struct device_side *d)
{
	live_tcp(w, d);
	for (unsigned i = 1; i < 10; i++) {
		tcp_drop(w, d->peer.connection);
		expect_event(w, d, HEARTH_OFFLINE, HEARTH_CLOSED);
		w->host.clock.unix_ms += 1000;
		connected(w, d, on_tcp(tcp_open(w)));
	}
}

/* The connect too many: accepted, its device held down from then on. */
static void connect_too_often(struct world *w, struct device_side *d)
{
	connect_often(w, d);
	expect_no_event(w);
	tcp_drop(w, d->peer.connection);
	expect_event(w, d, HEARTH_OFFLINE, HEARTH_CLOSED);
	w->host.clock.unix_ms += 1000;
	connected(w, d, on_tcp(tcp_open(w)));
	expect_alert(w, d, HEARTH_FLAPPING, 1011);
	assert_int_equal(counted(w, MC_HELD), 1);
}

static void K19_flapping_device_is_held_down(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;
	uint32_t connection;

	connect_too_often(w, &a);
	/* its session goes on */
	good_request(w, &a, 2006, 0);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	/* its logins are closed like any that fails, its connects too, by UDP there is silence */
	expect_no_login(w, &a, HOME);
	tcp_drop(w, a.peer.connection);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_CLOSED);
	w->host.clock.unix_ms += 1000;
	connection = tcp_open(w);
	send_connect(w, &a, on_tcp(connection), a.sequence, now_of(w));
	assert_true(tcp_closed(w, connection));
	send_connect(w, &a, on_udp(77), a.sequence, now_of(w));
	expect_silence(w);
	expect_no_event(w);
	assert_int_equal(counted(w, MC_DROP_HELD), 3);
	/* others are not */
	live_udp(w, &b, 5);
	/* and then it is over */
	world_pass(w, 59);
	expect_no_login(w, &a, HOME);
	world_pass(w, 1);
	connected(w, &a, on_udp(77));
	expect_no_event(w);
}

static void K19_flapping_is_told_once_for_each_hold_down(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	connect_too_often(w, &a);
	for (unsigned i = 0; i < 50; i++)
		expect_no_login(w, &a, HOME);
	expect_no_event(w);
	assert_int_equal(counted(w, MC_HELD), 1);
}

/* What is not an accepted connect counts for nothing: nobody else can have a device held down. */
static void K19_strangers_cannot_have_a_device_held_down(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, stranger = SIDE_A;
	struct frame_text *old = malloc(sizeof(*old));
	char plain[256];

	connect_often(w, &a);
	stranger.pin = PIN_B;
	connect_text(&a, a.sequence, now_of(w), plain, sizeof(plain));
	session_frame(&a, old, MC_CONNECT, plain); /* a recorded connect */
	for (unsigned i = 0; i < 100; i++) {
		expect_no_login(w, &stranger, STRANGER);
		deliver(w, on_tcp(tcp_open_from(w, STRANGER)), old->text, old->length);
		deliver(w, on_udp_from(STRANGER, 9), old->text, old->length);
	}
	expect_silence(w);
	expect_no_event(w);
	assert_int_equal(counted(w, MC_DROP_REPLAY), 200);
	good_request(w, &a, 1000, 0);
	tcp_drop(w, a.peer.connection);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_CLOSED);
	log_in(w, &a); /* logins that come to nothing do not count */
	log_in(w, &a);
	expect_no_event(w);
	assert_int_equal(counted(w, MC_HELD), 0);
	free(old);
}

static void K19_repeats_of_a_connect_are_answered_while_it_is_held_down(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	connect_often(w, &a);
	tcp_drop(w, a.peer.connection);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_CLOSED);
	w->host.clock.unix_ms += 1000;
	connected(w, &a, on_udp(7)); /* one too many; its answer may be lost */
	expect_alert(w, &a, HEARTH_FLAPPING, 1011);
	for (unsigned i = 0; i < 20; i++) {
		send_connect(w, &a, a.peer, a.sequence, now_of(w));
		expect_answer(w, &a, 1005, 0);
	}
	assert_int_equal(counted(w, MC_REPEATS), 20);
	assert_int_equal(counted(w, MC_DROP_HELD), 0);
	good_request(w, &a, 1000, 0);
}

static void K19_alert_without_room_comes_with_the_next_refusal(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	connect_often(w, &a);
	tcp_drop(w, a.peer.connection);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_CLOSED);
	w->host.clock.unix_ms += 1000;
	fill_ring(w, true);
	a.peer = on_udp(7);
	send_connect(w, &a, a.peer, a.sequence, now_of(w));
	expect_answer(w, &a, 1005, 0);
	expect_no_login(w, &a, HOME); /* still no room */
	drain_ring(w);
	world_turn(w);
	expect_no_login(w, &a, HOME);
	expect_alert(w, &a, HEARTH_FLAPPING, 1011);
	expect_no_login(w, &a, HOME);
	world_pass(w, 1);
	expect_event(w, &a, HEARTH_ONLINE, MC_CONNECT); /* the sweep's */
	expect_no_event(w);
}

/* K22: hold-downs end by the monotonic clock; the wall's may go anywhere within the window. */
static void K22_hold_down_does_not_follow_the_clock(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	connect_too_often(w, &a);
	w->host.clock.unix_ms += 86400000ll * 3650;
	expect_no_login(w, &a, HOME);
	w->host.clock.unix_ms -= 86400000ll * 7300;
	expect_no_login(w, &a, HOME);
	world_pass(w, 60);
	log_in(w, &a);
}

static void hold_downs_do_not_come_through_a_restart(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	connect_too_often(w, &a);
	mc_watch_free(w->host.watch);
	w->host.watch = mc_watch_new(&watch_usual, &w->random);
	world_restart(w);
	w->host.clock.unix_ms += 1000;
	log_in(w, &a);
	reconnected(w, &a, on_udp(7));
	expect_no_event(w);
}

/* ---- clones ---- */

/* Log in and connect from there, and report; what it ended is replaced. */
static void push_out(struct world *w, struct device_side *d, struct peer peer, uint32_t from)
{
	if (peer.via == SESSION_VIA_TCP)
		peer = on_tcp(tcp_open_from(w, from));
	log_in_from(w, d, from);
	reconnected(w, d, peer);
	good_request(w, d, 2006, 0);
}

static void report_seen(struct world *w, const struct device_side *d)
{
	expect_event(w, d, HEARTH_UPLINK, 2006);
}

/* A and its clone push each other out until it is noticed. @hearing: seconds between two. */
static void clones_meet(struct world *w, struct device_side *a, struct peer at_a, uint32_t from_a,
	struct device_side *b, struct peer at_b, uint32_t from_b, uint32_t hearing)
{
	log_in_from(w, a, from_a);
	connected(w, a, at_a.via == SESSION_VIA_TCP ? on_tcp(tcp_open_from(w, from_a)) : at_a);
	good_request(w, a, 2006, 0);
	report_seen(w, a);
	for (unsigned i = 0; i < 3; i++) {
		world_pass(w, hearing);
		if (i % 2 == 0)
			push_out(w, b, at_b, from_b);
		else
			push_out(w, a, at_a, from_a);
		report_seen(w, a);
	}
	expect_no_event(w);
	assert_int_equal(counted(w, MC_CLONES), 0);
	world_pass(w, hearing);
	push_out(w, a, at_a, from_a);
	expect_alert(w, a, HEARTH_CLONE, 1005);
	report_seen(w, a);
	world_pass(w, hearing);
	push_out(w, b, at_b, from_b);
	report_seen(w, a);
	expect_no_event(w);
	assert_int_equal(counted(w, MC_CLONES), 1);
}

static void K19_clones_over_tcp(void **state)
{
	struct device_side a = SIDE_A, b = {.id = DEVICE_A, .pin = PIN_A, .sequence = 40000};

	clones_meet(*state, &a, on_tcp(0), HOME, &b, on_tcp(0), STRANGER, 30);
}

static void K19_clones_over_udp(void **state)
{
	struct device_side a = SIDE_A, b = {.id = DEVICE_A, .pin = PIN_A, .sequence = 40000};

	clones_meet(*state, &a, on_udp_from(HOME, 5000), HOME, &b, on_udp_from(STRANGER, 5000),
		STRANGER, 40);
}

static void K19_clones_over_both(void **state)
{
	struct device_side a = SIDE_A, b = {.id = DEVICE_A, .pin = PIN_A, .sequence = 40000};

	clones_meet(*state, &a, on_tcp(0), HOME, &b, on_udp_from(STRANGER, 5000), STRANGER, 55);
}

static void K19_clones_behind_one_address(void **state)
{
	struct device_side a = SIDE_A, b = {.id = DEVICE_A, .pin = PIN_A, .sequence = 40000};

	clones_meet(*state, &a, on_tcp(0), HOME, &b, on_tcp(0), HOME, 1);
}

/* Behind one address, with sequences that begin anywhere: each is heard until it is pushed out. */
static void K19_clones_in_a_hurry(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	log_in_from(w, &a, HOME);
	connected(w, &a, on_tcp(tcp_open_from(w, HOME)));
	good_request(w, &a, 2006, 0);
	report_seen(w, &a);
	for (unsigned i = 0; i < 4; i++) {
		expect_no_event(w);
		world_pass(w, 2);
		a.sequence += 9999;
		push_out(w, &a, on_tcp(0), HOME);
		if (i == 3)
			expect_alert(w, &a, HEARTH_CLONE, 1005);
		report_seen(w, &a);
	}
	expect_no_event(w);
}

/* The same at a slower pace: it may as well be one device that restarts. */
static void a_device_that_restarts_is_no_clone(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	log_in_from(w, &a, HOME);
	connected(w, &a, on_tcp(tcp_open_from(w, HOME)));
	good_request(w, &a, 2006, 0);
	report_seen(w, &a);
	for (unsigned i = 0; i < 30; i++) {
		world_pass(w, 8);
		a.sequence += 9999;
		push_out(w, &a, on_tcp(0), HOME);
		report_seen(w, &a);
	}
	expect_no_event(w);
}

static void one_device_that_moves_is_no_clone(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_udp(w, &a, 1000);
	good_request(w, &a, 2006, 0);
	report_seen(w, &a);
	for (uint16_t i = 0; i < 30; i++) { /* NAT rebinding under a session: no connect at all */
		a.peer = on_udp_from(HOME + i, 2000 + i);
		good_request(w, &a, 2006, 0);
		report_seen(w, &a);
	}
	for (unsigned i = 0; i < 30; i++) { /* new logins, UDP twice, then TCP */
		world_pass(w, 30);
		push_out(w, &a, i % 3 == 2 ? on_tcp(0) : on_udp_from(HOME, 5000), HOME);
		report_seen(w, &a);
	}
	expect_no_event(w);
	assert_int_equal(counted(w, MC_CLONES), 0);
}

/* It logs in anew while its session runs, over and over: one device, by its numbers. */
static void new_logins_beside_a_session_are_no_clone(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_tcp(w, &a);
	for (unsigned i = 0; i < 9; i++) {
		good_request(w, &a, 2006, 0);
		report_seen(w, &a);
		log_in(w, &a);
		reconnected(w, &a, on_tcp(tcp_open(w)));
	}
	expect_no_event(w);
}

/* Its 1005 is lost each time, so it says nothing and logs in anew; it counts from anywhere. */
static void a_device_that_hears_nothing_is_no_clone(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_tcp(w, &a);
	for (unsigned i = 0; i < 9; i++) {
		a.sequence += 7777;
		log_in(w, &a);
		reconnected(w, &a, on_tcp(tcp_open(w)));
	}
	expect_no_event(w);
	assert_int_equal(counted(w, MC_CLONES), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WATCHED(K19_flapping_device_is_held_down),
		WATCHED(K19_flapping_is_told_once_for_each_hold_down),
		WATCHED(K19_strangers_cannot_have_a_device_held_down),
		WATCHED(K19_repeats_of_a_connect_are_answered_while_it_is_held_down),
		WATCHED(K19_alert_without_room_comes_with_the_next_refusal),
		WATCHED(K22_hold_down_does_not_follow_the_clock),
		WATCHED(hold_downs_do_not_come_through_a_restart),
		WATCHED(K19_clones_over_tcp),
		WATCHED(K19_clones_over_udp),
		WATCHED(K19_clones_over_both),
		WATCHED(K19_clones_behind_one_address),
		WATCHED(K19_clones_in_a_hurry),
		WATCHED(a_device_that_restarts_is_no_clone),
		WATCHED(one_device_that_moves_is_no_clone),
		WATCHED(new_logins_beside_a_session_are_no_clone),
		WATCHED(a_device_that_hears_nothing_is_no_clone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
