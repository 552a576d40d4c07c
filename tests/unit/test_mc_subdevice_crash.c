/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_subdevice_crash.c - sub-devices over kills at every step of a turn, full rings and
 * gateways with hundreds of them: each comes and goes once */
#include "mc_subdevices.h"

/* Steps of a turn's end, and the process is killed behind so many of them. */
#define STEPS 5

static void crash_behind(struct world *w, unsigned steps)
{
	world_decide(w);
	world_jobs(w);
	mc_protocol.finish(w->mc);
	if (steps > 0)
		feed_publish(w->host.feed);
	if (steps > 1)
		session_commit(w->host.sessions);
	if (steps > 2)
		binding_commit(w->host.bindings);
	if (steps > 3)
		feed_applied(w->host.feed);
	w->sent_next = w->sent_count; /* no answer has left */
	world_restart(w);
}

struct tally {
	unsigned online, offline, uplink, gateway_offline, reason;
};

/* All events that are there; those of the gateway's session apart. */
static struct tally count_events(struct world *w, const char *id)
{
	struct tally tally = {0};
	struct event event;

	while ((event = next_event(w)).there) {
		tally.uplink += event.record.event == HEARTH_UPLINK;
		if (event.record.event == HEARTH_OFFLINE && !event.record.gateway_length)
			tally.gateway_offline++;
		if (!event.record.gateway_length || (id && strcmp(event.device, id) != 0))
			continue;
		tally.online += event.record.event == HEARTH_ONLINE;
		tally.offline += event.record.event == HEARTH_OFFLINE;
		if (event.record.event == HEARTH_OFFLINE)
			tally.reason = event.record.reason;
	}
	return tally;
}

static void queue_state(struct world *w, struct device_side *d, const char *id, int on_line)
{
	char plain[512];

	snprintf(plain, sizeof(plain),
		"{\"sequence\":\"%u\",\"deviceId\":\"%s\",\"subDeviceId\":\"%s\",\"onLine\":%d,"
		"\"time\":%u}",
		d->sequence, d->id, id, on_line, now_of(w));
	queue_plain(w, d, d->peer, 2020, plain);
}

static void fresh_world(void **state)
{
	world_free(*state);
	subdevices_setup(state);
}

static void one_event_whenever_it_is_killed(void **state)
{
	for (unsigned i = 0; i < 2 * (STEPS + 1); i++) {
		const unsigned steps = i / 2;
		const int on_line = i % 2;
		struct world *w = *state;
		struct device_side a = SIDE_A;
		struct tally tally;

		live_udp(w, &a, 1);
		bound(w, &a, "sub-1");
		if (!on_line)
			came_online(w, &a, "sub-1");
		a.sequence++;
		queue_state(w, &a, "sub-1", on_line);
		crash_behind(w, steps);
		/* its answer is lost: it is asked again */
		queue_state(w, &a, "sub-1", on_line);
		world_turn(w);
		expect_answer(w, &a, 2021, 0);
		tally = count_events(w, "sub-1");
		assert_int_equal(tally.uplink, 1);
		assert_int_equal(tally.online, on_line);
		assert_int_equal(tally.offline, !on_line);
		assert_int_equal(is_online(w, "sub-1"), on_line);
		assert_int_equal(binding_online(w->bindings), on_line);
		fresh_world(state);
	}
}

static void the_gateway_ends_and_it_is_killed(void **state)
{
	for (unsigned steps = 0; steps <= STEPS; steps++) {
		struct world *w = *state;
		struct device_side a = SIDE_A;
		struct tally one, two;

		live_udp(w, &a, 1);
		bound(w, &a, "sub-1");
		bound(w, &a, "sub-2");
		came_online(w, &a, "sub-1");
		came_online(w, &a, "sub-2");
		expect_no_event(w);
		mc_protocol.control(w->mc, CONTROL_KICK,
			session_handle_of(w->host.sessions,
				session_touch(w->host.sessions, entry_of(w, &a))));
		crash_behind(w, steps);
		if (!steps) /* nobody heard of it: the operator asks again */
			mc_protocol.control(w->mc, CONTROL_KICK,
				session_handle_of(w->host.sessions,
					session_touch(w->host.sessions, entry_of(w, &a))));
		for (unsigned i = 0; i < 3; i++)
			world_pass(w, 1);
		one = count_events(w, NULL);
		two = count_events(w, NULL);
		assert_int_equal(one.offline, 2);
		assert_int_equal(one.gateway_offline, 1);
		assert_int_equal(one.reason, HEARTH_KICKED);
		assert_int_equal(two.offline, 0);
		assert_int_equal(binding_online(w->bindings), 0);
		assert_int_equal(entry_of(w, &a), SESSION_NONE); /* its entry is free */
		fresh_world(state);
	}
}

/* 2012: killed before its job, behind it, and at every step of the turn that answers. */
static void a_binding_is_told_once_whenever_it_is_killed(void **state)
{
	for (unsigned at = 0; at < STEPS + 3; at++) {
		struct world *w = *state;
		struct device_side a = SIDE_A;
		struct tally tally;

		w->config.mc.subdevices_strict = true;
		live_udp(w, &a, 1);
		send_auth(w, &a, ++a.sequence, "sub-1", PIN_SUB);
		if (at > 0)
			binding_serve(w->bindings);
		if (at > 1)
			crash_behind(w, at - 2);
		else
			world_restart(w);
		assert_int_equal(is_bound(w, "sub-1", &a), at > 0);
		send_auth(w, &a, a.sequence, "sub-1", PIN_SUB);
		slice(w);
		expect_auth(w, &a, "0");
		tally = count_events(w, NULL);
		assert_int_equal(tally.uplink, 1);
		assert_true(is_bound(w, "sub-1", &a));
		/* the PIN was shown in this login, whichever process heard it */
		send_report(w, &a, ++a.sequence, "sub-1");
		expect_answer(w, &a, 2007, 0);
		fresh_world(state);
	}
}

static void a_move_is_finished_or_not_begun(void **state)
{
	for (unsigned at = 0; at < STEPS + 4; at++) {
		struct world *w = *state;
		struct device_side a = SIDE_A, b = SIDE_B;
		struct tally tally;

		live_udp(w, &a, 1);
		live_udp(w, &b, 2);
		bound(w, &a, "sub-1");
		came_online(w, &a, "sub-1");
		send_auth(w, &b, ++b.sequence, "sub-1", PIN_SUB);
		binding_serve(w->bindings);
		if (at > STEPS)
			world_turn(w);
		if (at > STEPS + 1)
			binding_serve(w->bindings); /* durable */
		if (at > STEPS + 2)
			world_turn(w);
		w->sent_next = w->sent_count;
		if (at > STEPS)
			world_restart(w);
		else
			crash_behind(w, at);
		assert_int_equal(is_bound(w, "sub-1", &b), at > STEPS + 1);
		send_auth(w, &b, b.sequence, "sub-1", PIN_SUB);
		for (unsigned i = 0; i < 3; i++)
			slice(w);
		expect_auth(w, &b, "0");
		assert_true(is_bound(w, "sub-1", &b));
		assert_false(is_online(w, "sub-1"));
		tally = count_events(w, "sub-1");
		assert_int_equal(tally.offline, 1);
		assert_int_equal(tally.reason, HEARTH_REPLACED);
		assert_int_equal(tally.uplink, 1);
		fresh_world(state);
	}
}

/* ---- many ---- */

#define MANY 300

/* A gateway with so many sub-devices on-line. */
static void many_online(struct world *w, struct device_side *a)
{
	const struct device *gateway = device_of(w, a);
	struct job job = {
		.kind = JOB_BIND, .gateway = gateway->number, .gateway_serial = gateway->serial};
	char id[32];

	for (unsigned i = 0; i < MANY; i++) {
		const struct device *device;

		snprintf(id, sizeof(id), "many-%u", i);
		add_device(w, id, PIN_SUB, "");
		device = device_named(w, id);
		job.device = device->number;
		job.serial = device->serial;
		assert_true(binding_ask(w->host.bindings, &job));
		if (i % 100 == 99)
			slice(w);
	}
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(id, sizeof(id), "many-%u", i);
		send_report(w, a, ++a->sequence, id);
		expect_answer(w, a, 2007, 0);
	}
	assert_int_equal(count_events(w, NULL).online, MANY);
	assert_int_equal(binding_online(w->bindings), MANY);
}

static void many_leave_a_turn_at_a_time(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	unsigned left = 0, turns = 0;

	live_tcp(w, &a);
	many_online(w, &a);
	w->connections[a.peer.connection].open = false;
	mc_protocol.closed(w->mc, a.peer.connection, w->connections[a.peer.connection].handle);
	while (left < MANY) {
		struct tally tally;

		world_turn(w);
		tally = count_events(w, NULL);
		assert_int_equal(tally.gateway_offline, !turns);
		assert_true(tally.offline <= MC_LEAVE_TURN && tally.offline > 0);
		assert_int_equal(tally.reason, HEARTH_CLOSED);
		left += tally.offline;
		turns++;
		if (turns == 2)
			world_restart(w); /* the rest is owed: the sweep finds it */
		if (turns >= 2)
			world_pass(w, 1), left += count_events(w, NULL).offline;
	}
	assert_int_equal(left, MANY);
	assert_int_equal(binding_online(w->bindings), 0);
	assert_int_equal(entry_now(w, &a).flags & ~SESSION_REPORTED, 0);
	assert_int_equal(entry_now(w, &a).state, SESSION_RESTING);
}

/* More than a turn takes off-line: the connect comes again, and its token is as good as before. */
static void a_connect_waits_for_many_to_leave(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	uint32_t old, connection;

	live_tcp(w, &a);
	many_online(w, &a);
	old = a.peer.connection;
	connection = tcp_open(w);
	w->host.clock.unix_ms += 1000;
	send_connect(w, &a, on_tcp(connection), a.sequence, now_of(w));
	expect_silence(w);
	assert_true(tcp_closed(w, connection) && tcp_closed(w, old));
	assert_int_equal(counted(w, MC_DROP_OWED), 1);
	assert_int_equal(entry_now(w, &a).state, SESSION_RESTING);
	while (entry_now(w, &a).flags & SESSION_OWED_SUBDEVICES)
		world_turn(w);
	assert_int_equal(count_events(w, NULL).offline, MANY);
	connected(w, &a, on_tcp(tcp_open(w)));
	send_report(w, &a, ++a.sequence, "many-7");
	expect_answer(w, &a, 2007, 0);
	assert_int_equal(count_events(w, NULL).online, 1);
}

/* ---- a full ring ---- */

/* Nobody reads: until no report finds room any more. Return: how many did. */
static unsigned fill_ring(struct world *w, struct device_side *d)
{
	unsigned taken = 0;

	for (;;) {
		struct answer answer;

		send_request(w, d, 2006, ++d->sequence);
		answer = answer_of(w, d);
		if (answer.result == 999999)
			return taken;
		assert_int_equal(answer.result, 0);
		taken++;
	}
}

static void nothing_comes_or_goes_without_room(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct tally tally;
	unsigned reports, changed = 0;
	bool was;

	live_udp(w, &a, 1);
	bound(w, &a, "sub-1");
	bound(w, &a, "sub-2");
	came_online(w, &a, "sub-1");
	reports = fill_ring(w, &a);
	/* their events are shorter than the request's: one or the other may find room still */
	do {
		was = is_online(w, "sub-2");
		about(w, &a, 2020, "sub-2", was ? "\"onLine\":0," : "\"onLine\":1,", 999999);
		changed += was != is_online(w, "sub-2");
	} while (was != is_online(w, "sub-2"));
	about(w, &a, 2020, "sub-1", "\"onLine\":0,", 999999);
	assert_true(is_online(w, "sub-1"));
	send_auth(w, &a, ++a.sequence, "sub-of-a", PIN_SUB);
	expect_answer(w, &a, 2013, 999999); /* nobody could be told of it: not begun */
	slice(w);
	assert_false(is_bound(w, "sub-of-a", &a));
	mc_protocol.control(w->mc, CONTROL_KICK,
		session_handle_of(
			w->host.sessions, session_touch(w->host.sessions, entry_of(w, &a))));
	world_turn(w);
	world_restart(w);
	for (unsigned i = 0; i < 3; i++)
		world_pass(w, 1);
	assert_true(is_online(w, "sub-1")); /* owed */
	tally = count_events(w, NULL);
	assert_int_equal(tally.uplink, reports);
	assert_int_equal(tally.gateway_offline, 1); /* the reserve is the sessions' */
	assert_int_equal(tally.offline + tally.online, changed);
	for (unsigned i = 0; i < 3; i++)
		world_pass(w, 1);
	tally = count_events(w, "sub-1");
	assert_int_equal(tally.offline, 1);
	assert_int_equal(tally.reason, HEARTH_KICKED);
	assert_false(is_online(w, "sub-1"));
	assert_int_equal(entry_of(w, &a), SESSION_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		row(one_event_whenever_it_is_killed),
		row(the_gateway_ends_and_it_is_killed),
		row(a_binding_is_told_once_whenever_it_is_killed),
		row(a_move_is_finished_or_not_begun),
		row(many_leave_a_turn_at_a_time),
		row(a_connect_waits_for_many_to_leave),
		row(nothing_comes_or_goes_without_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
