/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_command_subdevice.c - platform requests for sub-devices go to their gateway's session
 * (specs, Mc, Platform requests, Sub-devices) */
#include "mc_command.h"
#include "mc_subdevices.h"

static void a_request_for_a_sub_device_goes_to_its_gateway(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct answer got;
	uint64_t request;

	live_udp(w, &a, 1);
	bound(w, &a, "sub-1");
	request = ask_id(w, "sub-1", 2003, BODY);
	world_turn(w);
	got = answer_of(w, &a);
	assert_int_equal(got.code, 2003);
	assert_non_null(strstr(got.plain, "\"deviceId\":\"sub-1\""));
	respond(w, &a, 2002, (uint16_t)(entry_now(w, &a).platform_sequence - 1));
	expect_response(w, &a, request);
	/* Asked of the gateway, for its sub-device. */
	request = ask_id(w, a.id, 2003, "{\"deviceId\":\"sub-1\"}");
	world_turn(w);
	got = answer_of(w, &a);
	assert_non_null(strstr(got.plain, "\"deviceId\":\"sub-1\""));
	respond(w, &a, 2002, (uint16_t)(entry_now(w, &a).platform_sequence - 1));
	expect_response(w, &a, request);
	expect_no_event(w);
}

static void what_is_bound_elsewhere_or_nowhere_is_refused_or_offline(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;
	uint64_t request;

	live_udp(w, &a, 1);
	live_udp(w, &b, 2);
	bound(w, &b, "sub-1");
	request = ask_id(w, a.id, 2003, "{\"deviceId\":\"sub-1\"}");
	world_turn(w);
	expect_undelivered(w, &a, request, HEARTH_REFUSED);
	request = ask_id(w, a.id, 2003, "{\"deviceId\":\"sub-2\"}");
	world_turn(w);
	expect_undelivered(w, &a, request, HEARTH_REFUSED);
	request = ask_id(w, "sub-2", 2003, BODY);
	world_turn(w);
	expect_undelivered_to(w, "sub-2", request, HEARTH_WAS_OFFLINE);
	/* Its gateway has gone. */
	w->config.mc.heartbeat = 10;
	world_pass(w, 41);
	while (next_event(w).there)
		;
	request = ask_id(w, "sub-1", 2003, BODY);
	world_turn(w);
	expect_undelivered_to(w, "sub-1", request, HEARTH_WAS_OFFLINE);
	expect_silence(w);
	expect_pool_empty(w);
}

/* Whatever the gateway answers, or does not; one that is bound elsewhere stays so. */
static void a_2015_unbinds_at_once(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;
	uint64_t request;

	live_udp(w, &a, 1);
	live_udp(w, &b, 2);
	bound(w, &a, "sub-1");
	bound(w, &b, "sub-2");
	request = ask_id(w, a.id, 2015, "{\"subDeviceId\":\"sub-1\"}");
	world_turn(w);
	slice(w);
	slice(w);
	assert_false(is_bound(w, "sub-1", &a));
	queue_response(w, &a, a.peer, 2014, expect_asked(w, &a, 2015), ",\"result\":200001");
	world_turn(w);
	assert_int_equal(expect_response(w, &a, request).record.result, 200001);
	request = ask_id(w, a.id, 2015, "{\"subDeviceId\":\"sub-2\"}");
	world_turn(w);
	slice(w);
	slice(w);
	expect_asked(w, &a, 2015);
	assert_true(is_bound(w, "sub-2", &b));
}

/* Killed between the send and the registry's write: what was sent is done after the restart. */
static void a_2015_unbinds_across_a_kill(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	uint64_t request;
	uint16_t number;

	live_udp(w, &a, 1);
	bound(w, &a, "sub-1");
	request = ask_id(w, a.id, 2015, "{\"subDeviceId\":\"sub-1\"}");
	world_turn(w);
	number = expect_asked(w, &a, 2015);
	world_restart(w); /* the control thread has had no slice since */
	assert_true(is_bound(w, "sub-1", &a));
	slice(w);
	slice(w);
	assert_false(is_bound(w, "sub-1", &a));
	respond(w, &a, 2014, number);
	expect_response(w, &a, request);
	world_restart(w);
	assert_false(is_bound(w, "sub-1", &a));
	expect_pool_empty(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		row(a_request_for_a_sub_device_goes_to_its_gateway),
		row(what_is_bound_elsewhere_or_nowhere_is_refused_or_offline),
		row(a_2015_unbinds_at_once),
		row(a_2015_unbinds_across_a_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
