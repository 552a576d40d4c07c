/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_watched.h - a worker that watches devices and addresses, and where its peers come from */
#pragma once

#include "mc_host.h"

#include "mc/mc_watch.h"

#define HOME 0xc6120101u     /* 198.18.1.1 */
#define STRANGER 0xc6120202u /* 198.18.2.2 */

static const struct mc_watch_config watch_usual = {.failures = 20,
	.per_seconds = 60,
	.connects = 10,
	.seconds = 60,
	.hold = 60,
	.devices = 1024,
	.buckets = 1024};

static inline int watched_setup(void **state)
{
	struct world *w = world_new();

	w->host.watch = mc_watch_new(&watch_usual, &w->random);
	assert_non_null(w->host.watch);
	*state = w;
	return 0;
}

static inline int watched_teardown(void **state)
{
	struct world *w = *state;

	mc_watch_free(w->host.watch);
	world_free(w);
	return 0;
}

static inline uint32_t tcp_open_from(struct world *w, uint32_t from)
{
	uint32_t connection = tcp_open(w);

	w->connections[connection].from = from;
	return connection;
}

static inline struct peer on_udp_from(uint32_t from, uint16_t port)
{
	struct peer peer = on_udp(port);

	peer.udp.address = ip_from_v4(htonl(from));
	return peer;
}

/* Send a login from an address. Return: its connection. */
static inline uint32_t try_login(struct world *w, const struct device_side *d, uint32_t from)
{
	struct frame_text *frame = malloc(sizeof(*frame));
	uint32_t connection = tcp_open_from(w, from);

	login_frame(w, d, frame);
	deliver(w, on_login(connection), frame->text, frame->length);
	free(frame);
	return connection;
}

static inline void log_in_from(struct world *w, struct device_side *d, uint32_t from)
{
	uint32_t connection = try_login(w, d, from);
	struct answer answer = next_answer(w, d->pin, d->pin + 16);

	assert_true(answer.there);
	assert_int_equal(answer.code, 1003);
	assert_false(tcp_closed(w, connection));
	assert_true(member_text(answer.plain, "sessionKey", d->key, sizeof(d->key)));
	assert_true(member_text(answer.plain, "token", d->token, sizeof(d->token)));
	d->sequence++;
}

/* A login that fails: closed, and nothing is sent. */
static inline void expect_no_login(struct world *w, const struct device_side *d, uint32_t from)
{
	assert_true(tcp_closed(w, try_login(w, d, from)));
	expect_silence(w);
}

/* Connections are made by the thousand: those that were closed are forgotten. */
static inline void forget_connections(struct world *w, uint32_t kept)
{
	w->connection_count = kept;
}

#define WATCHED(name) cmocka_unit_test_setup_teardown(name, watched_setup, watched_teardown)
