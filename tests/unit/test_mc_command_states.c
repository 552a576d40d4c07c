/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_command_states.c - platform requests: every state and every event (K23) */
#include "mc_command.h"
#include "mc_ring.h"

enum where { WAITING, SENT, SENT_LAST, WHERES };

enum what {
	ANSWERED,
	WRONG_SEQUENCE,
	WRONG_CODE,
	NO_RESULT,
	TEN_SECONDS,
	EXPIRES,
	CLOSES,
	RECONNECTS,
	NEW_LOGIN_CONNECTS,
	KICKED,
	REMOVED,
	TIMES_OUT,
	OUT_OF_SEQUENCE,
	RESTARTS,
	WHATS
};

/* What the request's outcome is then: 0 none yet, RESPONSE, or a reason. */
#define RESPONSE 1
static const uint8_t outcomes[WHATS][WHERES] = {
	[ANSWERED] = {0, RESPONSE, RESPONSE},
	[WRONG_SEQUENCE] = {0, 0, 0},
	[WRONG_CODE] = {0, 0, 0},
	[NO_RESULT] = {0, 0, 0},
	[TEN_SECONDS] = {0, 0, HEARTH_NO_ANSWER},
	[EXPIRES] = {HEARTH_EXPIRED, 0, 0},
	[CLOSES] = {HEARTH_WAS_OFFLINE, HEARTH_UNKNOWN, HEARTH_UNKNOWN},
	[RECONNECTS] = {HEARTH_WAS_OFFLINE, HEARTH_UNKNOWN, HEARTH_UNKNOWN},
	[NEW_LOGIN_CONNECTS] = {HEARTH_WAS_OFFLINE, HEARTH_UNKNOWN, HEARTH_UNKNOWN},
	[KICKED] = {HEARTH_WAS_OFFLINE, HEARTH_UNKNOWN, HEARTH_UNKNOWN},
	[REMOVED] = {HEARTH_WAS_OFFLINE, HEARTH_UNKNOWN, HEARTH_UNKNOWN},
	[TIMES_OUT] = {HEARTH_WAS_OFFLINE, HEARTH_UNKNOWN, HEARTH_UNKNOWN},
	[OUT_OF_SEQUENCE] = {HEARTH_WAS_OFFLINE, HEARTH_UNKNOWN, HEARTH_UNKNOWN},
	[RESTARTS] = {0, 0, 0},
};

/* The outcomes of a request among the events that are there. Return: the last; how many in
 * @seen. */
static unsigned outcome_of(struct world *w, uint64_t request, unsigned *seen)
{
	unsigned outcome = 0;
	struct event event;

	while ((event = next_event(w)).there) {
		if (event.record.request != request)
			continue;
		assert_true(event.record.event == HEARTH_RESPONSE ||
			    event.record.event == HEARTH_UNDELIVERED);
		outcome = event.record.event == HEARTH_RESPONSE ? RESPONSE : event.record.reason;
		(*seen)++;
	}
	return outcome;
}

static void take_frames(struct world *w)
{
	w->sent_next = w->sent_count;
}

static void kick(struct world *w, const struct device_side *d)
{
	struct session_turn turn = entry_now(w, d);

	mc_protocol.control(w->mc, CONTROL_KICK, session_handle_of(w->host.sessions, &turn));
	world_turn(w);
}

static void happens(struct world *w, struct device_side *a, enum what what, uint16_t sequence)
{
	struct session_turn turn = entry_now(w, a);
	struct device_record removed;

	switch (what) {
	case ANSWERED:
		respond(w, a, 2002, sequence);
		break;
	case WRONG_SEQUENCE:
		respond(w, a, 2002, (uint16_t)(sequence + 2));
		break;
	case WRONG_CODE:
		respond(w, a, 2004, sequence);
		break;
	case NO_RESULT:
		queue_response(w, a, a->peer, 2002, sequence, "");
		world_turn(w);
		break;
	case TEN_SECONDS:
		seconds_pass(w, 10);
		break;
	case EXPIRES:
		seconds_pass(w, 5);
		break;
	case CLOSES:
		tcp_drop(w, a->peer.connection);
		break;
	case RECONNECTS:
	case NEW_LOGIN_CONNECTS:
		seconds_pass(w, 1);
		take_frames(w);
		if (what == NEW_LOGIN_CONNECTS)
			log_in(w, a);
		a->peer = a->peer.via == SESSION_VIA_TCP ? on_tcp(tcp_open(w)) : on_udp(7);
		send_connect(w, a, a->peer, ++a->sequence, now_of(w));
		break;
	case KICKED:
		kick(w, a);
		break;
	case REMOVED:
		assert_int_equal(store_remove(w->store, a->id, &removed), 0);
		registry_remove(w->host.registry, a->id);
		mc_protocol.control(
			w->mc, CONTROL_REMOVED, session_handle_of(w->host.sessions, &turn));
		world_turn(w);
		break;
	case TIMES_OUT:
		seconds_pass(w, 6);
		break;
	case OUT_OF_SEQUENCE:
		send_request(w, a, 2006, (uint16_t)(a->sequence + 100));
		break;
	case RESTARTS:
		world_restart(w);
		seconds_pass(w, 1);
		break;
	case WHATS:
		break;
	}
}

static void play(enum where where, enum what what, bool tcp)
{
	struct world *w = world_new();
	struct device_side a = SIDE_A;
	struct command_text text = {.code = 2003,
		.device = DEVICE_A,
		.device_length = strlen(DEVICE_A),
		.payload = bytes_of(BODY),
		.payload_length = strlen(BODY)};
	unsigned seen = 0, outcome;
	uint16_t sequence;
	uint64_t request;

	w->config.mc.unanswered = UNANSWERED_NEVER;
	if (tcp)
		live_tcp(w, &a);
	else
		live_udp(w, &a, 1);
	if (what == TIMES_OUT) /* so that there are 5 s left */
		seconds_pass(w, where == SENT_LAST ? 120 : 140);
	if (where == WAITING) {
		ask(w, &a);
		world_turn(w);
	}
	text.expires = w->host.clock.unix_ms + (where == WAITING && what == EXPIRES ? 5000 : 60000);
	request = ask_with(w, &text);
	world_turn(w);
	sequence = expect_asked(w, &a, 2003);
	if (where == SENT_LAST)
		seconds_pass(w, 20);
	take_frames(w);
	happens(w, &a, what, sequence);
	outcome = outcome_of(w, request, &seen);
	assert_int_equal(outcome, outcomes[what][where]);
	assert_int_equal(seen, outcome != 0);
	/* Whatever else comes: it has one. */
	take_frames(w);
	if (what != REMOVED && entry_of(w, &a) != SESSION_NONE)
		respond(w, &a, 2002, sequence);
	seconds_pass(w, 31);
	take_frames(w);
	if (what != REMOVED && entry_of(w, &a) != SESSION_NONE)
		kick(w, &a);
	seconds_pass(w, 60);
	outcome_of(w, request, &seen);
	assert_int_equal(seen, 1);
	expect_pool_empty(w);
	world_free(w);
}

static void k23_every_event_in_every_state_has_its_outcome(void **state)
{
	for (enum what what = 0; what < WHATS; what++) {
		for (enum where where = 0; where < WHERES; where++) {
			for (unsigned tcp = 0; tcp < 2; tcp++) {
				if (what == CLOSES && !tcp)
					continue; /* there is nothing to close */
				play(where, what, tcp);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(k23_every_event_in_every_state_has_its_outcome),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
