/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_commit_subdevice.c - acknowledge: commit, gateways: an answer leaves once the binding is
 * durable and the event is committed */
#include "mc_subdevices.h"

static void expect_late(struct world *w, const struct device_side *d, uint32_t code,
	const char *device, const char *subdevice)
{
	struct answer answer = answer_of(w, d);
	char text[DEVICE_ID_MAX + 1];

	assert_true(answer.there);
	assert_int_equal(answer.code, code);
	assert_int_equal(answer.result, 0);
	assert_true(member_text(answer.plain, "deviceId", text, sizeof(text)));
	assert_string_equal(text, device);
	assert_int_equal(
		member_text(answer.plain, "subDeviceId", text, sizeof(text)), subdevice != NULL);
	if (subdevice)
		assert_string_equal(text, subdevice);
}

/* The consumer commits the next event, and the turn that sees it passes. */
static void commit_auth(struct world *w, const struct device_side *d, const char *result)
{
	expect_auth_event(w, d, result);
	expect_silence(w);
	world_turn(w);
}

static void bound_late(struct world *w, struct device_side *d, const char *id)
{
	send_auth(w, d, ++d->sequence, id, PIN_SUB);
	slice(w);
	commit_auth(w, d, "0");
	expect_auth(w, d, "0");
}

static void a_binding_waits_for_the_disk_and_for_the_commit(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_udp(w, &a, 1);
	send_auth(w, &a, ++a.sequence, "sub-1", PIN_SUB);
	expect_silence(w);
	expect_no_event(w);
	slice(w); /* durable, its event is written */
	assert_true(is_bound(w, "sub-1", &a));
	expect_silence(w);
	for (unsigned i = 0; i < 2; i++) {
		send_auth(w, &a, a.sequence, "sub-1", PIN_SUB);
		slice(w);
		expect_silence(w);
	}
	commit_auth(w, &a, "0");
	expect_auth(w, &a, "0");
	expect_silence(w);
	send_auth(w, &a, a.sequence, "sub-1", PIN_SUB);
	slice(w);
	expect_auth(w, &a, "0");
	expect_no_event(w);
	/* Nothing to be made durable: only the commit is waited for. */
	send_auth(w, &a, ++a.sequence, "sub-1", PIN_SUB);
	slice(w);
	commit_auth(w, &a, "0");
	expect_auth(w, &a, "0");
}

static void a_refusal_waits_too(void **state)
{
	static const struct {
		const char *id, *pin;
	} wrong[] = {{"sub-1", WRONG_PIN}, {"nobody", PIN_SUB}, {"sub-of-b", PIN_SUB}};
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_tcp(w, &a);
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		send_auth(w, &a, ++a.sequence, wrong[i].id, wrong[i].pin);
		slice(w);
		expect_silence(w);
		commit_auth(w, &a, "1");
		expect_auth(w, &a, "1");
		expect_silence(w);
	}
}

/* While the registry is asked, the gateway goes on for longer than the window remembers. */
static void a_number_of_long_ago_waits_as_well(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	uint16_t sequence;

	live_udp(w, &a, 1);
	send_auth(w, &a, sequence = ++a.sequence, "sub-1", PIN_SUB);
	for (unsigned i = 0; i < 40; i++) {
		send_request(w, &a, 2006, ++a.sequence);
		expect_event(w, &a, HEARTH_UPLINK, 2006);
		world_turn(w);
		expect_answer(w, &a, 2007, 0);
	}
	send_request(w, &a, 2006, ++a.sequence);
	slice(w);
	expect_silence(w);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	assert_int_equal(expect_auth_event(w, &a, "0").record.sequence, sequence);
	world_turn(w);
	expect_answer(w, &a, 2007, 0);
	expect_auth(w, &a, "0");
	expect_silence(w);
}

static void a_binding_waits_over_a_restart(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_udp(w, &a, 1);
	send_auth(w, &a, ++a.sequence, "sub-1", PIN_SUB);
	slice(w);
	world_restart(w);
	send_auth(w, &a, a.sequence, "sub-1", PIN_SUB);
	slice(w);
	expect_silence(w);
	commit_auth(w, &a, "0");
	expect_auth(w, &a, "0");
	/* Killed before the job was done: the gateway asks again, that is all. */
	send_auth(w, &a, ++a.sequence, "sub-2", PIN_SUB);
	world_restart(w);
	slice(w);
	expect_silence(w);
	expect_no_event(w);
	send_auth(w, &a, a.sequence, "sub-2", PIN_SUB);
	slice(w);
	commit_auth(w, &a, "0");
	expect_auth(w, &a, "0");
}

/* All that a gateway says of its sub-devices, and what they report. */
static void late_answers_name_the_sub_device(void **state)
{
	static const struct {
		uint32_t code;
		const char *more;
	} said[] = {{2016, ""}, {2020, "\"onLine\":1,"}, {2020, "\"onLine\":\"0\","}, {2018, ""}};
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct event event;

	live_tcp(w, &a);
	bound_late(w, &a, "sub-1");
	send_report(w, &a, ++a.sequence, "sub-1");
	expect_silence(w);
	do
		event = next_event(w);
	while (event.there && event.record.event != HEARTH_UPLINK);
	world_turn(w);
	expect_late(w, &a, 2007, "sub-1", NULL);
	for (unsigned i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		send_about(w, &a, said[i].code, ++a.sequence, "sub-1", said[i].more);
		slice(w);
		expect_silence(w);
		do
			event = next_event(w);
		while (event.there && event.record.event != HEARTH_UPLINK);
		assert_true(event.there);
		assert_int_equal(event.record.code, said[i].code);
		while (next_event(w).there)
			;
		world_turn(w);
		expect_late(w, &a, said[i].code + 1, a.id, "sub-1");
		expect_silence(w);
	}
	assert_false(is_bound(w, "sub-1", &a));
	/* What is refused makes no event and does not wait. */
	about(w, &a, 2016, "sub-1", "", 200001);
}

static int commit_setup(void **state)
{
	world_acknowledge = ACKNOWLEDGE_COMMIT;
	return subdevices_setup(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, commit_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_binding_waits_for_the_disk_and_for_the_commit),
		TEST(a_refusal_waits_too),
		TEST(a_number_of_long_ago_waits_as_well),
		TEST(a_binding_waits_over_a_restart),
		TEST(late_answers_name_the_sub_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
