/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* strangers.h - a link on which others than our devices send, too: floods, garbage, replays */
#pragma once

#include "address.h"
#include "counter.h"
#include "link.h"

#include <stdbool.h>

/*
 * Between our stack and its port: strangers' frames leave behind our own, from addresses that the
 * stack does not have. Whoever asks by ARP for those is told our port; what is then sent to them is
 * counted and goes no further - a stranger never completes a handshake. The broker is heard only
 * where it must not speak: a datagram to a stranger that is no repeat's answer would tell him that
 * there is somebody.
 */

/** Addresses that strangers have, the last of the subnet before its broadcast address. */
#define STRANGERS_ADDRESSES 64
#define STRANGERS_KEPT 64

#define STRANGERS_COUNTERS(X)                                                                      \
	X(STRANGERS_SYN, "stranger_syns", "SYNs to the login port that nobody will complete")      \
	X(STRANGERS_GARBAGE, "stranger_garbage", "datagrams that are no frames")                   \
	X(STRANGERS_TOKEN, "stranger_tokens", "datagrams with a token that nobody has")            \
	X(STRANGERS_SEGMENT, "stranger_segments", "TCP segments of no connection")                 \
	X(STRANGERS_REPLAY_UDP, "stranger_replays_udp",                                            \
		"recorded datagrams sent again from another address")                              \
	X(STRANGERS_REPLAY_TCP, "stranger_replays_tcp",                                            \
		"recorded segments sent again from another address")                               \
	X(STRANGERS_NOT_SENT, "stranger_not_sent", "strangers' frames that the port did not take") \
	X(STRANGERS_ARP, "stranger_arp_answers", "questions for strangers' addresses answered")    \
	X(STRANGERS_SEGMENTS_IN, "stranger_segments_in", "TCP segments sent to strangers")         \
	X(STRANGERS_DATAGRAMS_IN, "stranger_datagrams_in", "datagrams sent to strangers")
COUNTER_ENUM(strangers_counter, STRANGERS_COUNTERS, STRANGERS_COUNTER_COUNT);
extern const struct counter_info strangers_counter_info[STRANGERS_COUNTER_COUNT];

/** struct strangers_kept - a frame of ours, to be sent again by somebody else */
struct strangers_kept {
	uint16_t length;
	uint8_t data[LINK_FRAME_MAX];
};

/**
 * struct strangers - in front of @below
 * @credit: strangers' frames that are owed, by @share of all
 * @first: of their addresses, host order
 * @to: the broker's address; @mac: its next hop's; @known: both, from a frame of ours
 * @login, @connect: its ports; all of them in network order
 * @asked: an ARP request to be answered behind the next frames that leave
 */
struct strangers {
	struct link link;
	struct link *below;
	double share, credit;
	uint32_t first, to;
	uint16_t login, connect;
	uint8_t mac[6];
	bool known, asked;
	uint8_t question[28];
	uint64_t random;
	unsigned turn, kept_next, kept_count, kept_skip;
	struct strangers_kept kept[STRANGERS_KEPT];
	uint64_t counters[STRANGERS_COUNTER_COUNT];
};

/**
 * strangers_link() - @below with strangers, silent until strangers_share()
 * @address, @prefix: of our side, IPv4
 * @login, @connect: the broker's ports, network order
 */
struct link *strangers_link(struct strangers *strangers, struct link *below,
	const struct ip_address *address, uint8_t prefix, uint16_t login, uint16_t connect,
	uint64_t seed);

/** strangers_share() - from now on this share (0..1) of all frames that leave is theirs. */
void strangers_share(struct strangers *strangers, double share);
