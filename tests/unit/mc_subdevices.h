/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_subdevices.h - gateways and sub-devices for the Mc tests */
#pragma once

#include "mc_host.h"

#define PIN_SUB "the-pin-of-every-sub-device-here"
#define WRONG_PIN "not-the-pin-of-any-device-at-all"

/* Provision another device, as hearthctl device add does. */
static void add_device(struct world *w, const char *id, const char *pin, const char *gateway)
{
	struct device_record record = {0};
	size_t failed;

	snprintf(record.id, sizeof(record.id), "%s", id);
	snprintf(record.gateway, sizeof(record.gateway), "%s", gateway);
	memcpy(record.pin, pin, DEVICE_PIN_BYTES);
	assert_int_equal(store_add(w->store, &record, 1, &failed), 0);
	assert_int_equal(registry_add(w->host.registry, &record), 0);
}

static int subdevices_setup(void **state)
{
	struct world *w = world_new();

	add_device(w, "sub-1", PIN_SUB, "");
	add_device(w, "sub-2", PIN_SUB, "");
	add_device(w, "sub-of-a", PIN_SUB, DEVICE_A);
	add_device(w, "sub-of-b", PIN_SUB, DEVICE_B);
	*state = w;
	return 0;
}

static struct device *device_named(struct world *w, const char *id)
{
	return registry_find(w->host.registry, id, strlen(id));
}

static bool is_bound(struct world *w, const char *id, const struct device_side *gateway)
{
	const struct device *device = device_named(w, id);

	return binding_gateway(w->bindings, device->number, device->serial) ==
	       device_of(w, gateway)->number;
}

static bool is_online(struct world *w, const char *id)
{
	const struct device *device = device_named(w, id);

	return binding_is_online(w->bindings, device->number, device->serial);
}

/* Request @sequence about a sub-device, with members of its own. */
static void send_about(struct world *w, const struct device_side *d, uint32_t code,
	uint16_t sequence, const char *id, const char *members)
{
	char plain[512];

	snprintf(plain, sizeof(plain),
		"{\"sequence\":\"%u\",\"deviceId\":\"%s\",\"subDeviceId\":\"%s\",%s\"time\":%u}",
		sequence, d->id, id, members, now_of(w));
	send_plain(w, d, d->peer, code, plain);
}

static void send_auth(struct world *w, const struct device_side *d, uint16_t sequence,
	const char *id, const char *pin)
{
	char members[64];

	snprintf(members, sizeof(members), "\"pin\":\"%s\",", pin);
	send_about(w, d, 2012, sequence, id, members);
}

/* A report of a sub-device. */
static void send_report(
	struct world *w, const struct device_side *d, uint16_t sequence, const char *id)
{
	char plain[512];

	snprintf(plain, sizeof(plain),
		"{\"sequence\":\"%u\",\"deviceId\":\"%s\",\"statusSerials\":[],\"time\":%u}",
		sequence, id, now_of(w));
	send_plain(w, d, d->peer, 2006, plain);
}

/* The control thread's slice, and a turn that hears of it. */
static void slice(struct world *w)
{
	binding_serve(w->bindings);
	world_turn(w);
}

/* The answer to a 2012. */
static void expect_auth(struct world *w, const struct device_side *d, const char *result)
{
	struct answer answer = answer_of(w, d);
	char text[80];

	assert_true(answer.there);
	assert_int_equal(answer.code, 2013);
	assert_int_equal(answer.result, 0);
	assert_true(member_text(answer.plain, "authResult", text, sizeof(text)));
	assert_string_equal(text, result);
	assert_true(member_text(answer.plain, "deviceId", text, sizeof(text)));
	assert_string_equal(text, d->id);
	assert_null(strstr(answer.plain, "pin"));
}

static struct event expect_auth_event(
	struct world *w, const struct device_side *d, const char *result)
{
	struct event event = expect_event(w, d, HEARTH_UPLINK, 2012);
	char text[80];

	assert_true(member_text(event.payload, "authResult", text, sizeof(text)));
	assert_string_equal(text, result);
	assert_null(strstr(event.payload, "pin"));
	assert_null(strstr(event.payload, PIN_SUB));
	return event;
}

/* An online or offline of a sub-device. */
static struct event expect_subdevice(struct world *w, const char *id, const struct device_side *d,
	enum hearth_event kind, unsigned reason)
{
	struct event event = next_event(w);

	assert_true(event.there);
	assert_int_equal(event.record.event, kind);
	assert_string_equal(event.device, id);
	assert_int_equal(event.record.reason, reason);
	assert_int_equal(event.record.gateway_length, strlen(d->id));
	return event;
}

/* Authenticate with the next number; the job runs, answer and event are there. */
static void bound(struct world *w, struct device_side *d, const char *id)
{
	send_auth(w, d, ++d->sequence, id, PIN_SUB);
	slice(w);
	slice(w);
	expect_auth(w, d, "0");
	expect_auth_event(w, d, "0");
	assert_true(is_bound(w, id, d));
}

/* The next request about a sub-device, answered with @result. */
static void about(struct world *w, struct device_side *d, uint32_t code, const char *id,
	const char *members, int64_t result)
{
	send_about(w, d, code, ++d->sequence, id, members);
	expect_answer(w, d, code + 1, result);
}

static void came_online(struct world *w, struct device_side *d, const char *id)
{
	about(w, d, 2020, id, "\"onLine\":1,", 0);
	expect_subdevice(w, id, d, HEARTH_ONLINE, 0);
	expect_event(w, d, HEARTH_UPLINK, 2020);
	assert_true(is_online(w, id));
}

#define row(test) cmocka_unit_test_setup_teardown(test, subdevices_setup, world_teardown)
