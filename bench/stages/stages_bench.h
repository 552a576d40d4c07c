/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stages_bench.h - each stage of a report's way through a worker, alone: their sum is the floor
 * under what the whole can cost */
#pragma once

#include "order.h"
#include "traffic.h"

#include <stdbool.h>
#include <stdint.h>
#include <x86intrin.h>

/*
 * id, name, how often it happens for a report over TCP and over UDP (0 and 0: it is part of
 * another, or of no sum), help
 */
#define PARTS(X)                                                                                   \
	X(PART_PORT_RX, "port_rx", 2, 1, "a frame received: port burst, link, buffer given back")  \
	X(PART_PARSE_TCP, "parse_tcp", 1, 0, "a report's headers and checksum: IPv4, TCP")         \
	X(PART_PARSE_ACK, "parse_ack", 1, 0, "the same of an ACK without bytes")                   \
	X(PART_PARSE_UDP, "parse_udp", 0, 1, "a report's headers and checksum: IPv4, UDP")         \
	X(PART_TCP_IN, "tcp_in", 1, 0, "TCP input of a report: flow, connection, bytes taken")     \
	X(PART_TCP_ACK, "tcp_ack", 1, 0, "TCP input of the answer's ACK")                          \
	X(PART_FRAMING, "framing", 1, 0, "the stream cut into frames")                             \
	X(PART_ENVELOPE, "envelope", 1, 1, "CTS, JSON of the envelope, code, token, data")         \
	X(PART_LOOKUP, "lookup", 1, 1, "token to session, its key")                                \
	X(PART_EXPAND, "aes_expand", 1, 1, "the session's key expanded")                           \
	X(PART_BASE64_IN, "base64_decode", 1, 1, "the report's Base64")                            \
	X(PART_AES_IN, "aes_decrypt", 1, 1, "the report decrypted, a burst at a time")             \
	X(PART_JSON, "json", 1, 1, "padding, UTF-8, JSON, the members that count")                 \
	X(PART_DECIDE, "decide", 1, 1, "the session's turn, event record, the answer's text")      \
	X(PART_EVENT, "event", 0, 0, "of decide: a record of that size written alone")             \
	X(PART_PUBLISH, "publish", 1, 1, "ring head, sessions committed, applied")                 \
	X(PART_AES_OUT, "aes_encrypt", 1, 1, "the answer encrypted, a burst at a time")            \
	X(PART_BASE64_OUT, "base64_encode", 1, 1, "the answer's Base64")                           \
	X(PART_TCP_QUEUE, "tcp_queue", 1, 0, "room for the answer in the connection")              \
	X(PART_TCP_OUT, "tcp_out", 1, 0, "TCP output of the answer")                               \
	X(PART_HEADERS_TCP, "headers_tcp", 1, 0, "the answer's headers, copy and checksum: TCP")   \
	X(PART_HEADERS_UDP, "headers_udp", 0, 1, "the answer's headers and checksum: UDP")         \
	X(PART_PORT_TX, "port_tx", 1, 1, "a frame sent: buffer, link, port burst")
#define PART_ID(id, name, tcp, udp, help) id,
enum part_id { PARTS(PART_ID) PART_COUNT };
#undef PART_ID

/** struct part_info - @tcp, @udp: times for one report */
struct part_info {
	const char *name, *help;
	unsigned tcp, udp;
};
extern const struct part_info part_info[PART_COUNT];

/** Rounds that are kept, at most. */
#define PART_ROUNDS_MAX 4096

/**
 * struct part - what was measured of one
 * @cycles: for each time, a round after the other
 * @read, @written: bytes of a time's input and output
 */
struct part {
	double cycles[PART_ROUNDS_MAX];
	unsigned rounds;
	uint32_t read, written;
};

/** A stage is a function of its own, and unlike any other: instructions are counted by it. */
#if __has_attribute(noipa)
#define STAGE __attribute__((noipa))
#else
#define STAGE __attribute__((noinline))
#endif

/** Items that are worked on at once, as by a worker. */
#define STAGE_BATCH 64
/* Of them, segments with a report: the others are ACKs. */
#define STAGE_SEGMENTS (STAGE_BATCH / 2)

/**
 * struct stages_options
 * @sessions: devices, of which each round takes @group others
 * @seed: see struct traffic_options
 */
struct stages_options {
	uint32_t sessions, report_bytes;
	unsigned group, rounds;
	uint64_t seed;
};

/** part_took() - one more round: @cycles for @times of it. */
void part_took(struct part *part, uint64_t cycles, uint64_t times);

/**
 * stages_mc() - all of Mc: frames of sessions over UDP, as a worker hands them over
 * @parts: receives the rounds
 * @frame_bytes, @answer_bytes: receive what a report and its answer take above UDP
 * @whole: receives whole turns over UDP, of the same devices
 */
int stages_mc(const struct stages_options *options, struct part *parts, uint32_t *frame_bytes,
	uint32_t *answer_bytes, struct part *whole, char *error, size_t size);

/** stages_net() - all of the stack but its queues: connections that carry such frames. */
int stages_net(const struct stages_options *options, struct part *parts, uint32_t frame_bytes,
	uint32_t answer_bytes, char *error, size_t size);

/** stages_whole_tcp() - whole turns over TCP. */
int stages_whole_tcp(
	const struct stages_options *options, struct part *whole, char *error, size_t size);

/**
 * struct port_cost - a frame's cost at a memif
 * @role: "server", "client", "client, zero-copy", "server of a client with zero-copy"
 */
struct port_cost {
	const char *role;
	uint32_t bytes;
	struct figure receive, send;
};
#define PORT_COSTS_MAX 16

/** stages_ports() - pairs of memif in this process; starts DPDK, once. Return: figures filled in,
 * at most PORT_COSTS_MAX, or -errno. */
int stages_ports(const struct stages_options *options, uint32_t frame_bytes,
	struct port_cost *costs, char *error, size_t size);
