/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_budget.c - logins of ids and addresses that fail often: one block first (mc_watch.h) */
#include "mc.h"

#include "codec/base64.h"
#include "mc/mc_watch.h"

/* Characters at the end of Base64 that hold its last two AES blocks, however it is padded. */
#define TAIL_CHARS 48
#define TAIL_BYTES BASE64_DECODED_MAX(TAIL_CHARS)

static uint64_t now_ms(const struct mc *mc)
{
	return mc->host->clock.us / 1000;
}

/* A connection that was reset behind its login has no address any more: all of these are one. */
static uint64_t address_of(const struct mc *mc, const struct mc_frame *frame)
{
	uint8_t address[16];
	uint16_t port;

	host_peer_address(mc->host, &frame->message->peer, address, &port);
	return mc_watch_address(mc->host->watch, address);
}

static bool is_spent(const struct mc *mc, const struct mc_frame *frame)
{
	const struct mc_watch *watch = mc->host->watch;

	return mc_watch_spent(watch, address_of(mc, frame), now_ms(mc)) ||
	       mc_watch_spent(watch, mc_watch_id(watch, frame->hash), now_ms(mc));
}

/*
 * The last block and what it was chained to. What is too short or does not decode costs the same:
 * its place is decrypted as it lies there.
 * Return: is there such a block?
 */
static bool last_block(
	struct mc *mc, const struct mc_frame *frame, const struct mc_key *key, struct aes_job *job)
{
	const uint32_t length = frame->data.length & ~3u;
	const uint32_t chars = length < TAIL_CHARS ? length : TAIL_CHARS;
	uint8_t *tail = mc_take(mc, TAIL_BYTES + AES_BLOCK);
	int32_t bytes = base64_decode(tail, frame->data.at + length - chars, chars);
	const bool whole =
		length == frame->data.length && bytes >= AES_BLOCK &&
		(BASE64_DECODED_MAX(length) - (BASE64_DECODED_MAX(chars) - bytes)) % AES_BLOCK == 0;

	if (!whole)
		bytes = AES_BLOCK;
	*job = (struct aes_job){.schedule = &key->schedule,
		.iv = bytes >= 2 * AES_BLOCK ? tail + bytes - 2 * AES_BLOCK : key->iv,
		.in = tail + bytes - AES_BLOCK,
		.out = tail + TAIL_BYTES,
		.length = AES_BLOCK};
	return whole;
}

void mc_budget_look(struct mc *mc)
{
	struct mc_frame *looked[PROTOCOL_BATCH];
	bool whole[PROTOCOL_BATCH];
	unsigned count = 0;

	if (!mc_watch_budgets(mc->host->watch))
		return;
	for (unsigned i = 0; i < mc->frame_count; i++) {
		struct mc_frame *frame = &mc->frames[i];

		if (!frame->sealed || frame->code != MC_LOGIN || !is_spent(mc, frame))
			continue;
		whole[count] = last_block(mc, frame, &mc->keys[frame->slot], &mc->jobs[count]);
		looked[count++] = frame;
	}
	if (!count)
		return;
	aes_cbc_decrypt(mc->host->aes, mc->jobs, count);
	counter_add(&mc->counters[MC_LOOKS], count);
	counter_add(&mc->counters[MC_WORK_BLOCKS], count);
	for (unsigned i = 0; i < count; i++) {
		if (mc_padding(mc->jobs[i].out) && whole[i])
			continue;
		/* whatever else is wrong with it: unknown ids and wrong PINs are told alike */
		looked[i]->fault = MC_DROP_BUDGET + 1;
		looked[i]->sealed = false;
	}
}

void mc_budget_failed(struct mc *mc, const struct mc_frame *frame)
{
	struct mc_watch *watch = mc->host->watch;

	if (!mc_watch_budgets(watch))
		return;
	mc_watch_failed(watch, address_of(mc, frame), now_ms(mc));
	if (frame->code == MC_LOGIN && frame->name_length)
		mc_watch_failed(watch, mc_watch_id(watch, frame->hash), now_ms(mc));
}
