/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_batch.c - a batch of frames, stage by stage: envelopes, keys, Base64, AES, JSON, decisions */
#include "mc.h"

#include "codec/base64.h"

#include <string.h>

/* Arena bytes that a frame may need: its data without escapes, decoded, two resolved ids, a PIN. */
#define ARENA_NEED(length) (2u * (length) + 4 * DEVICE_ID_MAX)
_Static_assert(ARENA_NEED(MC_FRAME_MAX) <= MC_ARENA, "the longest frame fits the arena");

/* Names of keys: session entries by index, devices by number, and those that find nothing. */
#define KEY_OF_DEVICE (1ull << 32)
#define KEY_OF_NOBODY (1ull << 33)

/* ---- look-ups ---- */

/* The slot of a key of that name; @made tells that it has to be filled in. */
static struct mc_key *key_slot(struct mc *mc, uint64_t name, bool *made)
{
	uint32_t at = (name * 0x9e3779b97f4a7c15ull) >> 55;
	struct mc_key *key;

	_Static_assert(MC_KEY_MAP == 512, "55 bits are shifted out");
	*made = true;
	for (; mc->key_map[at]; at = (at + 1) % MC_KEY_MAP) {
		key = &mc->keys[mc->key_map[at] - 1];
		if (key->name == name) {
			*made = false;
			return key;
		}
	}
	key = &mc->keys[mc->key_count++];
	key->name = name;
	mc->key_map[at] = mc->key_count;
	return key;
}

/* A frame whose sender is unknown is decrypted all the same, with a key that nobody has. */
static void find_key(struct mc *mc, struct mc_frame *frame)
{
	const uint8_t *secret = mc->dummy, *iv = mc->dummy;
	uint8_t copy[SESSION_KEY_BYTES]; /* another worker may be about to wipe the entry's */
	uint64_t name = KEY_OF_NOBODY | mc->key_count; /* each has its own */
	struct mc_key *key;
	bool made;

	if (frame->known) {
		name = KEY_OF_DEVICE | frame->known->number;
		secret = registry_pin(mc->host->registry, frame->known);
		iv = secret + AES_BLOCK;
	} else if (frame->index != SESSION_NONE) {
		name = frame->index;
		session_key_copy(mc->host->table, frame->index, copy);
		secret = iv = copy;
	}
	key = key_slot(mc, name, &made);
	if (made) {
		memcpy(key->iv, iv, AES_BLOCK);
		aes_expand(mc->host->aes, secret, &key->schedule);
	}
	frame->slot = key - mc->keys;
}

static bool is_login(const struct mc_frame *frame)
{
	return frame->code == MC_LOGIN;
}

/* First pass: where their entries and devices lie; that memory is brought near. */
static void seek(struct mc *mc, struct session_seek *seeks)
{
	const uint8_t *tokens[PROTOCOL_BATCH];
	struct host *host = mc->host;
	unsigned count = 0;

	for (unsigned i = 0; i < mc->frame_count; i++) {
		struct mc_frame *frame = &mc->frames[i];

		if (!frame->sealed)
			continue;
		if (!is_login(frame)) {
			tokens[count++] = frame->name;
			continue;
		}
		frame->index = SESSION_NONE;
		frame->hash = registry_hash(host->registry, frame->name, frame->name_length);
		registry_prefetch(host->registry, frame->hash);
	}
	session_seek(host->table, tokens, count, seeks);
}

/* Second pass: the entries, and their devices brought near. */
static void find_session(struct mc *mc, struct mc_frame *frame, const struct session_seek *seek)
{
	struct host *host = mc->host;
	uint32_t at;
	bool ours;

	frame->index = session_sought(host->table, seek);
	/* a token that names nothing is looked after as if it named entry 0 */
	at = frame->index == SESSION_NONE ? 0 : frame->index;
	ours = session_take(host->sessions, at);
	registry_prefetch_at(host->registry, session_device(host->table, at));
	if (frame->index == SESSION_NONE) {
		mc_fault(frame, MC_DROP_TOKEN);
	} else if (!ours && !mc_over_tcp(frame)) {
		frame->handed = true;
		frame->sealed = false;
	}
}

static void find_device(struct mc *mc, struct mc_frame *frame)
{
	frame->known = registry_find_hashed(
		mc->host->registry, frame->hash, frame->name, frame->name_length);
	if (!frame->known)
		mc_fault(frame, MC_DROP_DEVICE);
}

static void look_up_all(struct mc *mc)
{
	struct session_seek seeks[PROTOCOL_BATCH];
	unsigned sought = 0;

	mc->key_count = 0;
	memset(mc->key_map, 0, sizeof(mc->key_map));
	seek(mc, seeks);
	for (unsigned i = 0; i < mc->frame_count; i++) {
		struct mc_frame *frame = &mc->frames[i];

		if (frame->sealed && is_login(frame))
			registry_prefetch_device(mc->host->registry, frame->hash);
		else if (frame->sealed)
			find_session(mc, frame, &seeks[sought++]);
	}
	for (unsigned i = 0; i < mc->frame_count; i++) {
		struct mc_frame *frame = &mc->frames[i];

		if (frame->sealed && is_login(frame))
			find_device(mc, frame);
		if (frame->sealed)
			find_key(mc, frame);
	}
}

/* ---- decryption ---- */

/*
 * What does not decode to whole blocks is decrypted as far as it goes, so that it costs what a good
 * frame costs.
 */
static void decode(struct mc *mc, struct mc_frame *frame)
{
	const uint32_t most = BASE64_DECODED_MAX(frame->data.length + 3);
	int32_t length;

	frame->plain = mc_take(mc, most + 1);
	length = base64_decode(frame->plain, frame->data.at, frame->data.length);
	if (length < 0) {
		mc_fault(frame, MC_DROP_BASE64);
		length = (int32_t)most;
	}
	if (!length || length % AES_BLOCK)
		mc_fault(frame, MC_DROP_BLOCKS);
	frame->plain_length = length & ~(AES_BLOCK - 1);
}

static void decrypt_all(struct mc *mc)
{
	uint64_t blocks = 0;

	mc->job_count = 0;
	for (unsigned i = 0; i < mc->frame_count; i++) {
		struct mc_frame *frame = &mc->frames[i];
		const struct mc_key *key = &mc->keys[frame->slot];

		if (!frame->sealed || !frame->plain_length)
			continue;
		mc->jobs[mc->job_count++] = (struct aes_job){.schedule = &key->schedule,
			.iv = key->iv,
			.in = frame->plain,
			.out = frame->plain,
			.length = frame->plain_length};
		blocks += frame->plain_length / AES_BLOCK;
	}
	aes_cbc_decrypt(mc->host->aes, mc->jobs, mc->job_count);
	counter_add(&mc->counters[MC_WORK_BLOCKS], blocks);
}

/* ---- decisions ---- */

void mc_close(struct mc *mc, uint32_t connection)
{
	if (!mc->deciding) {
		host_close(mc->host, connection);
		return;
	}
	mc->closes[mc->close_count++] = connection;
	for (unsigned i = mc->current + 1; i < mc->frame_count; i++) {
		const struct peer *peer = &mc->frames[i].message->peer;

		if (peer->via == SESSION_VIA_TCP && peer->connection == connection)
			mc->frames[i].dead = true;
	}
}

static void decide(struct mc *mc, struct mc_frame *frame)
{
	if (frame->dead)
		mc_count(mc, MC_DROP_CLOSING);
	else if (mc->host->waiting && host_keep(mc->host, frame->message))
		; /* comes again behind its connect */
	else if (frame->handed)
		host_hand(mc->host, frame->message, frame->index);
	else if (mc_over_tcp(frame) && frame->message->peer.listener == mc->login_listener)
		mc_login(mc, frame);
	else if (frame->code == MC_CONNECT)
		mc_connect(mc, frame);
	else if (frame->fault)
		mc_count(mc, frame->fault - 1);
	else
		mc_request(mc, frame);
}

static void decide_all(struct mc *mc)
{
	mc->deciding = true;
	mc->granted = false;
	for (mc->current = 0; mc->current < mc->frame_count; mc->current++) {
		struct mc_frame *frame = &mc->frames[mc->current];

		if (mc_followed(mc))
			mc_trace_before(mc, frame);
		decide(mc, frame);
		if (mc_followed(mc))
			mc_trace_after(mc, frame);
	}
	mc->deciding = false;
}

/* ---- the batch ---- */

static void batch(struct mc *mc, const struct message *messages, unsigned count)
{
	struct host *host = mc->host;
	uint64_t scans = 0;

	mc->frame_count = count;
	mc->arena_used = 0;
	mc->close_count = 0;
	host_stage(host, STAGE_FRAME);
	for (unsigned i = 0; i < count; i++) {
		struct mc_frame *frame = &mc->frames[i];

		memset(frame, 0, sizeof(*frame));
		frame->message = &messages[i];
		mc_envelope(mc, frame);
	}
	host_stage(host, STAGE_LOOKUP);
	look_up_all(mc);
	host_stage(host, STAGE_BASE64);
	for (unsigned i = 0; i < count; i++) {
		if (mc->frames[i].sealed)
			decode(mc, &mc->frames[i]);
	}
	host_stage(host, STAGE_AES);
	decrypt_all(mc);
	host_stage(host, STAGE_JSON);
	for (unsigned i = 0; i < count; i++) {
		if (mc->frames[i].sealed) {
			mc_content_read(mc, &mc->frames[i]);
			scans++;
		}
	}
	counter_add(&mc->counters[MC_WORK_SCANS], scans);
	host_stage(host, STAGE_DECIDE);
	decide_all(mc);
	mc_out_send(mc);
	for (unsigned i = 0; i < mc->close_count; i++)
		host_close(host, mc->closes[i]);
}

/* As many messages as the arena holds. */
static unsigned batch_size(const struct message *messages, unsigned count)
{
	uint32_t need = 0;
	unsigned n;

	for (n = 0; n < count && n < PROTOCOL_BATCH; n++) {
		if (messages[n].length > MC_FRAME_MAX)
			continue; /* refused before it takes anything */
		need += ARENA_NEED(messages[n].length);
		if (need > MC_ARENA)
			break;
	}
	return n;
}

void mc_messages(void *state, const struct message *messages, unsigned count)
{
	struct mc *mc = state;
	unsigned n;

	counter_add(&mc->counters[MC_FRAMES], count);
	for (; count; messages += n, count -= n) {
		n = batch_size(messages, count);
		batch(mc, messages, n);
	}
}
