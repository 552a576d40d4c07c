/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_out.c - frames to devices: padding, one AES burst, Base64, into the packet (section 5.2) */
#include "mc.h"

#include "mc_number.h"

#include "codec/base64.h"

#include <string.h>

/* CTS{"code":4294967295,"data":" */
#define HEAD "CTS{\"code\":"
#define DATA ",\"data\":\""
#define HEAD_MAX (sizeof(HEAD) - 1 + 10 + sizeof(DATA) - 1)
#define TAIL "\"}\r\n"
#define TAIL_BYTES (sizeof(TAIL) - 1)
_Static_assert(HEAD_MAX + BASE64_ENCODED(MC_OUT_PLAIN_MAX) + TAIL_BYTES <= MC_FRAME_MAX,
	"the longest plaintext makes a frame that TCP may carry");
_Static_assert(HEAD_MAX + TAIL_BYTES == MC_OUT_FRAMING, "what stands around the data");

uint32_t mc_out_frame_bytes(uint32_t length)
{
	return MC_OUT_FRAMING + BASE64_ENCODED((length / AES_BLOCK + 1) * AES_BLOCK);
}

uint8_t *mc_out_room(struct mc *mc, uint32_t bytes)
{
	if (bytes > MC_OUT_PLAIN_MAX)
		return NULL;
	if (mc->out_count == MC_OUT_MAX || mc->out_key_count == MC_OUT_KEYS ||
		mc->out_used + bytes + AES_BLOCK > MC_OUT_ARENA) {
		mc_out_send(mc);
		host_stage(mc->host, mc->deciding ? STAGE_DECIDE : STAGE_SLICES);
	}
	return &mc->out_arena[mc->out_used];
}

static void add(struct mc *mc, const struct peer *to, const struct mc_key *key, uint32_t code,
	uint32_t length)
{
	struct mc_out *out = &mc->out[mc->out_count++];
	uint8_t *plain = &mc->out_arena[mc->out_used];
	const uint32_t padding = AES_BLOCK - length % AES_BLOCK;

	memset(plain + length, (int)padding, padding); /* PKCS#7 */
	*out = (struct mc_out){
		.to = *to, .key = key, .code = code, .length = length + padding, .plain = plain};
	mc->out_used += out->length;
}

void mc_out_answer(struct mc *mc, const struct mc_frame *frame, uint32_t code, uint32_t length)
{
	if (mc_followed(mc))
		mc_trace_answer(mc, frame, code, &mc->out_arena[mc->out_used], length);
	add(mc, &frame->message->peer, &mc->keys[frame->slot], code, length);
}

void mc_out_session(struct mc *mc, const struct session_turn *turn, uint32_t code, uint32_t length)
{
	const struct peer to = mc_peer_of(mc, turn);
	struct mc_key *key = &mc->out_keys[mc->out_key_count++];
	const uint8_t *secret = session_key(mc->host->table, turn->index);

	if (mc_followed(mc))
		mc_trace_out(mc, turn, code, &mc->out_arena[mc->out_used], length);
	memcpy(key->iv, secret, AES_BLOCK);
	aes_expand(mc->host->aes, secret, &key->schedule);
	add(mc, &to, key, code, length);
}

uint32_t mc_frame_limit(const struct mc *mc, const struct session_turn *turn)
{
	const struct config *config = mc->host->config;

	if (turn->via == SESSION_VIA_TCP)
		return config->mc.frame_tcp;
	if (ip_is_v4(&turn->peer.address) || config->mc.frame_udp < MC_DATAGRAM_MAX_IPV6)
		return config->mc.frame_udp;
	return MC_DATAGRAM_MAX_IPV6;
}

struct peer mc_peer_of(const struct mc *mc, const struct session_turn *turn)
{
	const bool tcp = turn->via == SESSION_VIA_TCP;

	return (struct peer){.via = (uint8_t)turn->via,
		.listener = tcp ? mc->tcp_listener : mc->udp_listener,
		.connection = tcp ? turn->connection : 0,
		.udp = turn->peer};
}

static uint8_t *put(uint8_t *at, const char *text, size_t length)
{
	return (uint8_t *)mempcpy(at, text, length);
}

/* One frame into the room that its transport has for it. */
static void send(struct mc *mc, const struct mc_out *out)
{
	uint32_t bytes = MC_OUT_FRAMING + BASE64_ENCODED(out->length), ticket;
	uint8_t *room = host_reserve(mc->host, &out->to, bytes, &ticket), *at;

	if (!room)
		return; /* counted by the worker; whoever waits for it asks or is told again */
	at = put(room, HEAD, sizeof(HEAD) - 1);
	at = mc_put_number(at, out->code);
	at = put(at, DATA, sizeof(DATA) - 1);
	at += base64_encode(at, out->plain, out->length);
	at = put(at, TAIL, TAIL_BYTES);
	host_commit(mc->host, &out->to, ticket, (uint32_t)(at - room));
	mc_count(mc, MC_ANSWERS);
}

/*
 * How many frames of this turn have their answer now: all that left but those that have a session's
 * key for themselves, which answer nothing, or something that came earlier (mc_out_session()).
 */
static void count_answered(struct mc *mc, uint64_t before)
{
	const uint64_t left = mc->counters[MC_ANSWERS] - before;

	if (left > mc->out_key_count)
		mc->host->answered += (uint32_t)left - mc->out_key_count;
}

void mc_out_send(struct mc *mc)
{
	const uint64_t before = mc->counters[MC_ANSWERS];

	host_stage(mc->host, STAGE_AES);
	for (unsigned i = 0; i < mc->out_count; i++) {
		const struct mc_out *out = &mc->out[i];

		mc->jobs[i] = (struct aes_job){.schedule = &out->key->schedule,
			.iv = out->key->iv,
			.in = out->plain,
			.out = out->plain,
			.length = out->length};
	}
	aes_cbc_encrypt(mc->host->aes, mc->jobs, mc->out_count);
	host_stage(mc->host, STAGE_ANSWER);
	for (unsigned i = 0; i < mc->out_count; i++)
		send(mc, &mc->out[i]);
	count_answered(mc, before);
	mc->out_count = 0;
	mc->out_key_count = 0;
	mc->out_used = 0;
}

bool mc_finish(void *state)
{
	struct mc *mc = state;
	bool sliced = mc->leaving.count || mc->voices.used;

	mc_subdevices_turn(mc);
	mc_voice_time(mc);
	if (mc->out_count)
		mc_out_send(mc);
	return sliced;
}
