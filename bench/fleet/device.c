/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* device.c - a device's life: login, connect, and what it does when something fails (5.3) */
#include "journal.h"
#include "side.h"
#include "transport.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_WAIT 10.0
#define LOGIN_SENDS 3
#define LOGIN_WAIT 60.0       /* after each of the first three failures */
#define LOGIN_WAIT_LONG 600.0 /* after that, unless the platform named an authInterval */
#define LOGINS_BEFORE_TCP 3

uint64_t device_scaled(const struct fleet *fleet, double seconds)
{
	return (uint64_t)(seconds * fleet->options.time_scale * (double)SECOND) + 1;
}

/* What keeps a whole fleet from coming back in the same instant. */
static uint64_t moment(struct fleet *fleet)
{
	return fleet_random(fleet, device_scaled(fleet, 1));
}

static void enter(struct fleet *fleet, struct device *device, enum state state)
{
	unsigned *live = device->tcp ? &fleet->live_tcp : &fleet->live_udp;
	bool was = device->state != STATE_WAIT && device->state != STATE_LIVE;
	bool is = state != STATE_WAIT && state != STATE_LIVE;

	if (device->state == STATE_LIVE && state != STATE_LIVE)
		--*live;
	else if (device->state != STATE_LIVE && state == STATE_LIVE)
		++*live;
	fleet->logging_in += is - was;
	device->state = state;
}

void device_rearm(struct fleet *fleet, struct device *device)
{
	if (device->state == STATE_CONNECT || device->state == STATE_LIVE)
		timer_set(fleet, device, duty_wake(fleet, device));
}

void device_start(struct fleet *fleet, struct device *device, uint64_t when)
{
	enter(fleet, device, STATE_WAIT);
	timer_set(fleet, device, when);
}

void device_login(struct fleet *fleet, struct device *device, uint64_t wait)
{
	transport_close(fleet, device);
	request_forget(fleet, device);
	command_forget(device);
	device->sends = 0;
	device->missed = 0;
	device->resume = false;
	device_start(fleet, device, fleet->now + wait);
}

static void login_failed(struct fleet *fleet, struct device *device)
{
	double wait = LOGIN_WAIT;

	fleet->figures.login_failures++;
	device->failures += device->failures < UINT8_MAX;
	if (device->auth_interval)
		wait = device->auth_interval;
	else if (device->failures > 3)
		wait = LOGIN_WAIT_LONG;
	device_login(fleet, device, device_scaled(fleet, wait) + moment(fleet));
}

static void login_open(struct fleet *fleet, struct device *device)
{
	request_forget(fleet, device);
	enter(fleet, device, STATE_LOGIN);
	device->sends++;
	timer_set(fleet, device, fleet->now + device_scaled(fleet, ANSWER_WAIT));
	if (transport_open(fleet, device, fleet->login, true))
		device_lost(fleet, device);
}

static void connect_open(struct fleet *fleet, struct device *device)
{
	peer_id peer = device->tcp ? device->tcp_peer : device->udp_peer;

	enter(fleet, device, STATE_CONNECTING);
	timer_set(fleet, device, fleet->now + device_scaled(fleet, ANSWER_WAIT));
	if (transport_open(fleet, device, peer, device->tcp))
		device_lost(fleet, device);
	else if (!device->tcp)
		device_opened(fleet, device);
}

void device_opened(struct fleet *fleet, struct device *device)
{
	if (device->state == STATE_LOGIN) {
		request_send(fleet, device, 1002, NULL, fleet->now, false);
	} else if (device->state == STATE_CONNECTING) {
		enter(fleet, device, STATE_CONNECT);
		request_send(fleet, device, 1004, NULL, fleet->now, false);
		device_rearm(fleet, device);
	}
}

void device_lost(struct fleet *fleet, struct device *device)
{
	bool was_live = device->state == STATE_LIVE;

	if (device->state == STATE_LOGIN) {
		login_failed(fleet, device);
		return;
	}
	fleet->figures.lost_connections++;
	device_login(fleet, device, moment(fleet));
	/* The token is tried once: a connect that fails with it leads to a login. */
	device->resume = was_live && device->tcp && fleet->options.use_token;
}

void device_granted(struct fleet *fleet, struct device *device, const json_t *answer)
{
	const char *key = json_string_value(json_object_get(answer, "sessionKey"));
	const char *token = json_string_value(json_object_get(answer, "token"));
	const char *tcp = json_string_value(json_object_get(answer, "tcpHost"));
	const char *udp = json_string_value(json_object_get(answer, "udpHost"));
	struct figures *figures = &fleet->figures;

	device->tcp_peer = tcp ? peer_find(fleet, tcp) : 0;
	device->udp_peer = udp ? peer_find(fleet, udp) : 0;
	/* What is missing has been counted as a wrong answer; there is no going on without it. */
	if (!key || strlen(key) != KEY_BYTES || !token || strlen(token) != TOKEN_CHARS ||
		(!device->tcp_peer && !device->udp_peer)) {
		login_failed(fleet, device);
		return;
	}
	memcpy(device->key, key, KEY_BYTES);
	memcpy(device->token, token, TOKEN_CHARS);
	figures->logins++;
	if (device->logins == 0)
		figures->first_logins++;
	else if (device->tcp)
		figures->relogins_tcp++;
	else
		figures->relogins_udp++;
	device->logins += device->logins < UINT8_MAX;
	device->failures = 0;
	device->sends = 0;
	device->tcp = device->tcp_always || device->logins >= LOGINS_BEFORE_TCP;
	if (!device->udp_peer)
		device->tcp = true;
	else if (!device->tcp_peer)
		device->tcp = false;
	transport_close(fleet, device);
	connect_open(fleet, device);
}

void device_live(struct fleet *fleet, struct device *device, const json_t *answer)
{
	json_int_t heartbeat = json_integer_value(json_object_get(answer, "heartBeat"));
	json_int_t interval = json_integer_value(json_object_get(answer, "authInterval"));

	enter(fleet, device, STATE_LIVE);
	device->heartbeat = heartbeat > 0 && heartbeat <= 3600 ? (uint16_t)heartbeat : 45;
	if (fleet->options.heartbeat)
		device->heartbeat = (uint16_t)fleet->options.heartbeat;
	device->auth_interval = interval > 0 && interval < 86400 ? (unsigned)interval : 0;
	if (device->tcp)
		fleet->figures.connects_tcp++;
	else
		fleet->figures.connects_udp++;
	device->connects++;
	journal_connect(fleet, device);
	device->step = 0;
	device->missed = 0;
	device->heartbeat_due = fleet->now + device->heartbeat * SECOND;
	if (!device->report_due || device->report_due < fleet->now)
		device->report_due = fleet->now + fleet_random(fleet, fleet->interval + 1);
	duty_next(fleet, device);
	device_rearm(fleet, device);
}

/* Its timer is out of the wheel: the link is free for the queue. */
static void queue_up(struct fleet *fleet, struct device *device)
{
	uint32_t number = (uint32_t)(device - fleet->devices) + 1;

	device->next = 0;
	if (fleet->queue_tail)
		fleet->devices[fleet->queue_tail - 1].next = number;
	else
		fleet->queue_head = number;
	fleet->queue_tail = number;
}

void device_next_logins(struct fleet *fleet)
{
	while (fleet->queue_head && fleet->logging_in < fleet->options.logins_at_once) {
		struct device *device = &fleet->devices[fleet->queue_head - 1];

		fleet->queue_head = device->next;
		if (!fleet->queue_head)
			fleet->queue_tail = 0;
		if (device->resume) {
			device->resume = false;
			connect_open(fleet, device);
		} else {
			login_open(fleet, device);
		}
	}
}

void device_timer(struct fleet *fleet, struct device *device)
{
	switch (device->state) {
	case STATE_WAIT:
		queue_up(fleet, device);
		break;
	case STATE_LOGIN:
		transport_close(fleet, device);
		if (device->sends < LOGIN_SENDS)
			login_open(fleet, device);
		else
			login_failed(fleet, device);
		break;
	case STATE_CONNECTING:
		device_lost(fleet, device);
		break;
	case STATE_CONNECT:
	case STATE_LIVE:
		if (!request_timer(fleet, device))
			break;
		if (device->state == STATE_LIVE) {
			command_timer(fleet, device);
			duty_next(fleet, device);
		}
		device_rearm(fleet, device);
		break;
	}
}

bool device_waits(const struct fleet *fleet, const struct device *device)
{
	bool connected = device->state == STATE_LIVE || device->state == STATE_CONNECT;

	if (device->is_subdevice)
		return true;
	if (fleet->draining)
		return !connected || device->outstanding == 0;
	return device->state == STATE_LIVE && device->outstanding == 0 && fleet->options.reports &&
	       device->reports >= fleet->options.reports && duty_idle(device);
}
