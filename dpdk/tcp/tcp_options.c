/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_options.c - TCP options, read and written (RFC 9293 3.2, RFC 7323, RFC 2018) */

#include "tcp_state.h"

#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_MSS 2
#define OPTION_SCALE 3
#define OPTION_SACK_PERMITTED 4
#define OPTION_SACK 5
#define OPTION_TIMESTAMPS 8

#define LENGTH_MSS 4
#define LENGTH_SCALE 3
#define LENGTH_SACK_PERMITTED 2
#define LENGTH_TIMESTAMPS 10
#define LENGTH_SACK_BLOCK 8

#define OPTIONS_MAX 40

#define PAWS_AGE_MAX (24u * 24 * 3600 * 1000) /* ms */

static uint32_t load32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return __builtin_bswap32(value);
}

static uint8_t *store32(uint8_t *at, uint32_t value)
{
	value = __builtin_bswap32(value);
	memcpy(at, &value, sizeof(value));
	return at + sizeof(value);
}
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are swapped on the way");

static bool sack_read(const uint8_t *at, unsigned length, struct tcp_options *options)
{
	unsigned count = (length - 2) / LENGTH_SACK_BLOCK;

	if ((length - 2) % LENGTH_SACK_BLOCK != 0 || count == 0 || count > TCP_SACK_BLOCKS)
		return false;
	for (unsigned i = 0; i < count; i++) {
		options->sack[i].start = load32(at + 2 + LENGTH_SACK_BLOCK * i);
		options->sack[i].end = load32(at + 6 + LENGTH_SACK_BLOCK * i);
	}
	options->sack_count = (uint8_t)count;
	return true;
}

/* One option with kind and length; @length is within the header. Return: false: malformed. */
static bool option_read(const uint8_t *at, unsigned length, struct tcp_options *options)
{
	switch (at[0]) {
	case OPTION_MSS:
		if (length != LENGTH_MSS)
			return false;
		options->mss = (uint16_t)(at[2] << 8 | at[3]);
		options->has_mss = true;
		return true;
	case OPTION_SCALE:
		if (length != LENGTH_SCALE)
			return false;
		options->scale = at[2] < TCP_SCALE_MAX ? at[2] : TCP_SCALE_MAX;
		options->has_scale = true;
		return true;
	case OPTION_SACK_PERMITTED:
		if (length != LENGTH_SACK_PERMITTED)
			return false;
		options->sack_permitted = true;
		return true;
	case OPTION_SACK:
		return sack_read(at, length, options);
	case OPTION_TIMESTAMPS:
		if (length != LENGTH_TIMESTAMPS)
			return false;
		options->value = load32(at + 2);
		options->echo = load32(at + 6);
		options->has_timestamps = true;
		return true;
	default:
		return true;
	}
}

/*
 * Every step goes at least one byte forward or ends the walk: a length of 0 or 1, or one past the
 * end, ends it, and so does a known option of a wrong length. What was understood up to there
 * counts, of an option that comes twice the later; the segment itself is judged by nothing that
 * stands in its options.
 */
static void options_walk(const uint8_t *bytes, unsigned length, struct tcp_options *options)
{
	unsigned at = 0;

	while (at < length && bytes[at] != OPTION_END) {
		unsigned option_length;

		if (bytes[at] == OPTION_NOP) {
			at++;
			continue;
		}
		if (at + 1 >= length)
			return;
		option_length = bytes[at + 1];
		if (option_length < 2 || option_length > length - at)
			return;
		if (!option_read(bytes + at, option_length, options))
			return;
		at += option_length;
	}
}

void tcp_options_read(const uint8_t *bytes, unsigned length, struct tcp_options *options)
{
	static const uint8_t usual[4] = {
		OPTION_NOP, OPTION_NOP, OPTION_TIMESTAMPS, LENGTH_TIMESTAMPS};

	options->has_mss = options->has_scale = options->sack_permitted = false;
	options->sack_count = 0;
	/* What nearly every segment with options has, and nothing else (RFC 7323 appendix A). */
	options->has_timestamps = length == TCP_TIMESTAMPS_BYTES && memcmp(bytes, usual, 4) == 0;
	if (options->has_timestamps) {
		options->value = load32(bytes + 4);
		options->echo = load32(bytes + 8);
		return;
	}
	options_walk(bytes, length, options);
}

uint16_t tcp_mss(const struct tcp *tcp, bool ipv6, uint16_t peer)
{
	uint16_t most = tcp->config.mss;

	/* The configured one is what links carry over IPv4, whose header is 20 bytes shorter. */
	if (ipv6)
		most = most - 20 > TCP_MSS_DEFAULT ? most - 20 : TCP_MSS_DEFAULT;
	if (peer < TCP_MSS_DEFAULT)
		peer = TCP_MSS_DEFAULT;
	return peer < most ? peer : most;
}

enum tcp_paws tcp_paws(const struct tcp_options *options, uint32_t recent, uint32_t age)
{
	if (!options->has_timestamps)
		return TCP_PAWS_ABSENT;
	if (tcp_timestamp_old(options->value, recent) && age < PAWS_AGE_MAX)
		return TCP_PAWS_OLD;
	return TCP_PAWS_GOOD;
}

uint32_t tcp_timestamp(const struct tcp *tcp, const struct tcp_flow *flow)
{
	/* Bit 63 keeps it apart from the hash that makes the ISN of the same flow. */
	uint64_t start = siphash_16(&tcp->config.isn_key,
		(uint64_t)flow->remote | (uint64_t)flow->local << 32,
		(uint64_t)flow->remote_port | (uint64_t)flow->local_port << 16 | 1ull << 63);

	return (uint32_t)start + tcp_ms(tcp->now);
}

uint8_t tcp_scale(const struct tcp *tcp)
{
	uint8_t scale = 0;

	while (tcp->config.receive_window >> scale > UINT16_MAX)
		scale++;
	return scale;
}

uint8_t tcp_timestamps_write(uint8_t *bytes, uint32_t value, uint32_t echo)
{
	bytes[0] = bytes[1] = OPTION_NOP;
	bytes[2] = OPTION_TIMESTAMPS;
	bytes[3] = LENGTH_TIMESTAMPS;
	store32(store32(bytes + 4, value), echo);
	return TCP_TIMESTAMPS_BYTES;
}

uint8_t tcp_syn_options_write(const struct tcp_syn_options *options, uint8_t *bytes)
{
	uint8_t *at = bytes;

	*at++ = OPTION_MSS;
	*at++ = LENGTH_MSS;
	*at++ = (uint8_t)(options->mss >> 8);
	*at++ = (uint8_t)options->mss;
	if (options->timestamps)
		tcp_timestamps_write(at, options->value, options->echo);
	if (options->sack) {
		/* In the place of the two NOPs, where there are timestamps. */
		at[0] = options->timestamps ? OPTION_SACK_PERMITTED : OPTION_NOP;
		at[1] = options->timestamps ? LENGTH_SACK_PERMITTED : OPTION_NOP;
		if (!options->timestamps) {
			at[2] = OPTION_SACK_PERMITTED;
			at[3] = LENGTH_SACK_PERMITTED;
			at += 4;
		}
	}
	if (options->timestamps)
		at += TCP_TIMESTAMPS_BYTES;
	if (options->has_scale) {
		*at++ = OPTION_NOP;
		*at++ = OPTION_SCALE;
		*at++ = LENGTH_SCALE;
		*at++ = options->scale;
	}
	return (uint8_t)(at - bytes);
}

uint8_t tcp_options_write(
	struct tcp *tcp, struct tcp_connection *c, uint32_t length, uint8_t *bytes)
{
	struct tcp_range blocks[TCP_SACK_BLOCKS];
	uint32_t room = OPTIONS_MAX;
	unsigned count, used = 0;
	uint8_t *at;

	if (c->flags & TCP_TIMESTAMPS)
		used = tcp_timestamps_write(bytes, tcp_timestamp_of(tcp, c), c->ts_recent);
	if (!c->side || !(c->flags & TCP_SACK))
		return (uint8_t)used;
	/* Beside text, what its segment leaves free; the timestamps' room is taken off already. */
	room -= used;
	if (room > c->mss - length)
		room = c->mss - length;
	if (room < 4 + LENGTH_SACK_BLOCK)
		return (uint8_t)used;
	count = tcp_sack_blocks(tcp, c, blocks, (room - 4) / LENGTH_SACK_BLOCK);
	if (count == 0)
		return (uint8_t)used;
	at = bytes + used;
	*at++ = OPTION_NOP;
	*at++ = OPTION_NOP;
	*at++ = OPTION_SACK;
	*at++ = (uint8_t)(2 + LENGTH_SACK_BLOCK * count);
	for (unsigned i = 0; i < count; i++)
		at = store32(store32(at, blocks[i].start), blocks[i].end);
	return (uint8_t)(at - bytes);
}
