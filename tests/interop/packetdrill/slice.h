/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* slice.h - TCP packets longer than the MTU: cut as a NIC would cut them, and put together again */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** struct slice_view - where the parts of an IP packet with TCP in it lie, in bytes */
struct slice_view {
	size_t ip;     /* length of the IP header */
	size_t header; /* of IP and TCP headers */
	size_t length; /* of all */
	bool v6;
};

/** slice_parse() - false: no unfragmented TCP packet directly behind an IP header. */
bool slice_parse(const uint8_t *packet, size_t length, struct slice_view *view);

/**
 * slice_cut() - one segment of a long packet, with its own lengths, number, flags and checksums
 * @at: bytes of payload before it
 * @count: bytes of payload in it
 * Return: bytes written to @out.
 */
size_t slice_cut(const uint8_t *packet, const struct slice_view *view, size_t at, size_t count,
	uint8_t *out);

/**
 * slice_join() - append @next to @packet where it continues it: same flow, same headers, the number
 * that follows, and no PSH at the end of what is there
 * Return: the new length, 0 if it does not.
 */
size_t slice_join(
	uint8_t *packet, size_t length, size_t room, const uint8_t *next, size_t next_length);

/** slice_syn() - a SYN without options over IPv4; ports in network byte order. Return: its length.
 */
size_t slice_syn(uint8_t out[40], uint32_t from, uint32_t to, uint16_t from_port, uint16_t to_port);

/** slice_sum() - the Internet checksum (RFC 1071) of @data on top of @sum, not yet inverted. */
uint32_t slice_sum(uint32_t sum, const uint8_t *data, size_t length);
