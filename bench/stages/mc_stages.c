/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_stages.c - the stages of Mc alone, in a worker's own memory: its sessions, its ring; what they
 * decide is then sent, so that each answer can be looked at */
#include "stages_bench.h"

#include "codec/base64.h"
#include "mc/mc.h"
#include "traffic_state.h"
#include "worker_state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN_BYTES 1536
#define ANSWER_PLAIN 112 /* a 2007's text, padded */

/**
 * struct bench_mc
 * @mc: the worker's; its key slots are used, its batch is ours
 * @messages, @frames: of the group, with what is known of each so far
 * @plain, @keys, @schedules: of the batch that is worked on
 */
struct bench_mc {
	struct traffic *traffic;
	struct worker *worker;
	struct mc *mc;
	struct message *messages;
	struct mc_frame *frames;
	uint8_t (*plain)[PLAIN_BYTES];
	uint8_t (*keys)[SESSION_KEY_BYTES];
	struct aes_schedule *schedules;
	struct aes_job jobs[STAGE_BATCH];
	uint8_t answer[STAGE_BATCH][ANSWER_PLAIN];
	uint8_t text[STAGE_BATCH][BASE64_ENCODED(ANSWER_PLAIN)];
	uint32_t frame_bytes, answer_bytes, record_bytes;
	uint64_t wrong;
};

/* ---- the stages ---- */

static void no_frame(void *context, const uint8_t *data, uint32_t length, chunk_id chunk)
{
	struct bench_mc *b = context;

	b->wrong += chunk != 0 || length != b->frame_bytes;
}

static bool always_room(void *context, uint32_t frames)
{
	return true;
}

static STAGE void stage_framing(struct bench_mc *b, unsigned at, unsigned count)
{
	const struct stream_rules rules = {.frame_end = mc_protocol.frame_end,
		.shortest = WORKER_FRAME_SHORTEST,
		.longest = MC_FRAME_MAX};
	uint64_t counters[STREAM_COUNTER_COUNT] = {0};
	const struct stream_sink sink = {.chunks = b->worker->chunks,
		.counters = counters,
		.context = b,
		.room = always_room,
		.frame = no_frame};

	for (unsigned i = 0; i < count; i++) {
		const struct message *message = &b->messages[at + i];
		struct stream stream = {0};

		b->wrong += stream_input(&stream, &rules, &sink, message->data, message->length) !=
			    STREAM_TAKEN;
	}
}

static STAGE void stage_envelope(struct bench_mc *b, unsigned at, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct mc_frame *frame = &b->frames[at + i];

		memset(frame, 0, sizeof(*frame));
		frame->message = &b->messages[at + i];
		mc_envelope(b->mc, frame);
	}
}

/* As a batch does it: entries and devices are asked for before they are looked at. */
static STAGE void stage_lookup(struct bench_mc *b, unsigned at, unsigned count)
{
	struct session_table *table = b->worker->host.table;
	struct session_seek seeks[STAGE_BATCH];
	const uint8_t *tokens[STAGE_BATCH] = {NULL};

	for (unsigned i = 0; i < count; i++)
		tokens[i] = b->frames[at + i].name;
	session_seek(table, tokens, count, seeks);
	for (unsigned i = 0; i < count; i++) {
		struct mc_frame *frame = &b->frames[at + i];

		frame->index = session_sought(table, &seeks[i]);
		registry_prefetch_at(b->worker->host.registry, session_device(table, frame->index));
		session_key_copy(table, frame->index, b->keys[i]);
	}
}

static STAGE void stage_aes_expand(struct bench_mc *b, unsigned at, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		aes_expand(b->worker->host.aes, b->keys[i], &b->schedules[i]);
}

static STAGE void stage_base64_decode(struct bench_mc *b, unsigned at, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct mc_frame *frame = &b->frames[at + i];

		frame->plain = b->plain[i];
		frame->plain_length =
			(uint32_t)base64_decode(frame->plain, frame->data.at, frame->data.length);
	}
}

static STAGE void stage_aes_decrypt(struct bench_mc *b, unsigned at, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const struct mc_frame *frame = &b->frames[at + i];

		b->jobs[i] = (struct aes_job){.schedule = &b->schedules[i],
			.iv = b->keys[i],
			.in = frame->plain,
			.out = frame->plain,
			.length = frame->plain_length};
	}
	aes_cbc_decrypt(b->worker->host.aes, b->jobs, count);
}

static STAGE void stage_json(struct bench_mc *b, unsigned at, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		mc_content_read(b->mc, &b->frames[at + i]);
}

static STAGE void stage_decide(struct bench_mc *b, unsigned at, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		mc_request(b->mc, &b->frames[at + i]);
}

/* As the end of a turn does it. */
static STAGE void stage_publish(struct bench_mc *b)
{
	struct host *host = &b->worker->host;

	feed_publish(host->feed);
	command_commit(host->pool);
	session_commit(host->sessions);
	binding_commit(host->bindings);
	feed_applied(host->feed);
	binding_applied(host->bindings);
}

static STAGE void stage_event(struct bench_mc *b, unsigned at, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const struct mc_text *body = &b->frames[at + i].content.body;
		struct hearth_record record = {.event = HEARTH_ALERT,
			.device_length = DEVICE_ID_CHARS,
			.payload_length = body->length};

		b->wrong += feed_write(b->worker->host.feed, FEED_REQUEST, &record,
				    b->frames[at + i].content.device.at, NULL, body->at) != 0;
	}
}

static STAGE void stage_aes_encrypt(struct bench_mc *b, unsigned at, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		b->jobs[i] = (struct aes_job){.schedule = &b->schedules[i],
			.iv = b->keys[i],
			.in = b->answer[i],
			.out = b->answer[i],
			.length = ANSWER_PLAIN};
	aes_cbc_encrypt(b->worker->host.aes, b->jobs, count);
}

static STAGE void stage_base64_encode(struct bench_mc *b, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		base64_encode(b->text[i], b->answer[i], ANSWER_PLAIN);
}

/* ---- a round ---- */

#define TIME(part, call)                                                                           \
	do {                                                                                       \
		uint64_t began = __rdtsc();                                                        \
		call;                                                                              \
		took[part] += __rdtsc() - began;                                                   \
	} while (0)

/* Frame i of the group as the worker's message: its bytes and whom they are from. */
static void make_messages(struct bench_mc *b)
{
	struct traffic *t = b->traffic;

	for (unsigned i = 0; i < t->group_count; i++) {
		const struct wire_flow flow = device_flow(t->numbers[i], 0, CONNECT_PORT);

		b->messages[i] = (struct message){.data = t->bytes[i] + WIRE_UDP_HEADERS,
			.length = t->frames[i].length - WIRE_UDP_HEADERS,
			.peer = {.via = SESSION_VIA_UDP,
				.listener = b->mc->udp_listener,
				.udp = {.address = ip_from_v4(htonl(flow.remote)),
					.port = htons(flow.remote_port)}}};
	}
	b->frame_bytes = b->messages[0].length;
}

/* Its keys are where the answers look for them. */
static void lend_keys(struct bench_mc *b, unsigned at, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct mc_key *key = &b->mc->keys[i];

		b->frames[at + i].slot = (uint16_t)i;
		key->schedule = b->schedules[i];
		memcpy(key->iv, b->keys[i], AES_BLOCK);
	}
}

/* Parsing has gone over all of a frame's bytes before Mc sees it. */
static void bring_near(const struct bench_mc *b, unsigned at, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const volatile uint8_t *bytes = b->messages[at + i].data;

		for (uint32_t j = 0; j < b->messages[at + i].length; j += 64)
			bytes[j];
	}
}

/* Answers leave, so that they can be looked at; what the records of stage_event() were is not. */
static void send_answers(struct bench_mc *b)
{
	struct traffic_cost cost = {0};

	mc_out_send(b->mc);
	stack_transmit(b->worker->stack, b->worker->host.clock.us);
	for (unsigned i = 0; i < b->traffic->wire.sent_count; i++)
		b->answer_bytes = b->traffic->wire.sent[i].length - WIRE_UDP_HEADERS;
	traffic_take(b->traffic, &cost);
}

static void batch(struct bench_mc *b, unsigned at, unsigned count, uint64_t *took)
{
	struct mc *mc = b->mc;
	uint64_t before = feed_fill(b->worker->host.feed).head;

	mc->arena_used = 0;
	mc->frame_count = 0;
	bring_near(b, at, count);
	TIME(PART_FRAMING, stage_framing(b, at, count));
	TIME(PART_ENVELOPE, stage_envelope(b, at, count));
	TIME(PART_LOOKUP, stage_lookup(b, at, count));
	TIME(PART_EXPAND, stage_aes_expand(b, at, count));
	TIME(PART_BASE64_IN, stage_base64_decode(b, at, count));
	TIME(PART_AES_IN, stage_aes_decrypt(b, at, count));
	TIME(PART_JSON, stage_json(b, at, count));
	lend_keys(b, at, count);
	mc->granted = false;
	mc->deciding = true;
	TIME(PART_DECIDE, stage_decide(b, at, count));
	mc->deciding = false;
	TIME(PART_PUBLISH, stage_publish(b));
	b->record_bytes = (uint32_t)((feed_fill(b->worker->host.feed).head - before) / count);
	TIME(PART_AES_OUT, stage_aes_encrypt(b, at, count));
	TIME(PART_BASE64_OUT, stage_base64_encode(b, count));
	send_answers(b);
	TIME(PART_EVENT, stage_event(b, at, count));
	feed_publish(b->worker->host.feed);
	feed_applied(b->worker->host.feed);
}

static void round_of(struct bench_mc *b, struct part *parts)
{
	static const enum part_id all[] = {PART_FRAMING, PART_ENVELOPE, PART_LOOKUP, PART_EXPAND,
		PART_BASE64_IN, PART_AES_IN, PART_JSON, PART_DECIDE, PART_PUBLISH, PART_AES_OUT,
		PART_BASE64_OUT, PART_EVENT};
	const unsigned total = traffic_prepare(b->traffic);
	uint64_t took[PART_COUNT] = {0};

	make_messages(b);
	for (unsigned at = 0; at < total; at += STAGE_BATCH)
		batch(b, at, total - at < STAGE_BATCH ? total - at : STAGE_BATCH, took);
	for (unsigned i = 0; i < total; i++)
		b->wrong += b->frames[i].fault != 0;
	traffic_settle(b->traffic);
	b->traffic->totals.other -= total; /* the records of stage_event() */
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		part_took(&parts[all[i]], took[all[i]], total);
}

static void say_bytes(const struct bench_mc *b, struct part *parts)
{
	const struct mc_frame *frame = &b->frames[0];

	parts[PART_FRAMING].read = parts[PART_ENVELOPE].read = b->frame_bytes;
	parts[PART_LOOKUP].read = 96;
	parts[PART_LOOKUP].written = SESSION_KEY_BYTES;
	parts[PART_EXPAND].read = SESSION_KEY_BYTES;
	parts[PART_EXPAND].written = sizeof(struct aes_schedule);
	parts[PART_BASE64_IN].read = frame->data.length;
	parts[PART_BASE64_IN].written = parts[PART_AES_IN].read = parts[PART_AES_IN].written =
		BASE64_DECODED_MAX(frame->data.length) & ~(AES_BLOCK - 1u);
	parts[PART_JSON].read = frame->content.body.length;
	parts[PART_DECIDE].read = 96 + sizeof(struct device) + frame->content.body.length;
	parts[PART_DECIDE].written = parts[PART_EVENT].written = b->record_bytes;
	parts[PART_EVENT].read = frame->content.body.length + DEVICE_ID_CHARS;
	parts[PART_PUBLISH].written = 96;
	parts[PART_AES_OUT].read = parts[PART_AES_OUT].written = ANSWER_PLAIN;
	parts[PART_BASE64_OUT].read = ANSWER_PLAIN;
	parts[PART_BASE64_OUT].written = BASE64_ENCODED(ANSWER_PLAIN);
}

/* ---- the whole ---- */

static int whole_turns(struct traffic *traffic, unsigned rounds, struct part *whole)
{
	struct traffic_totals totals;
	struct traffic_cost cost;

	for (unsigned i = 0; i < rounds; i++) {
		traffic_report(traffic, &cost);
		part_took(whole, cost.cycles, cost.items);
	}
	totals = traffic_totals(traffic);
	return totals.wrong || totals.strange || totals.other || totals.uplink != totals.reports
		       ? -EIO
		       : 0;
}

static struct traffic *all_live(
	const struct stages_options *options, bool udp, char *error, size_t size)
{
	const struct traffic_options wanted = {.sessions = options->sessions,
		.report_bytes = options->report_bytes,
		.group = options->group,
		.burst = STAGE_BATCH,
		.ring_bytes = 64 << 20,
		.seed = options->seed,
		.random = true,
		.udp = udp};
	struct traffic *traffic = traffic_new(&wanted, error, size);
	struct traffic_cost cost;

	while (traffic && traffic_login(traffic, &cost))
		;
	return traffic;
}

static int wrong(char *error, size_t size, int rc)
{
	if (rc)
		snprintf(error, size,
			"a report was not answered, or not delivered, as it had to be");
	return rc;
}

static int start(struct bench_mc *b, const struct stages_options *options)
{
	b->worker = b->traffic->worker;
	b->mc = b->worker->states[0];
	b->messages = calloc(DEVICES_GROUP, sizeof(b->messages[0]));
	b->frames = calloc(DEVICES_GROUP, sizeof(b->frames[0]));
	b->plain = calloc(STAGE_BATCH, sizeof(b->plain[0]));
	b->keys = calloc(STAGE_BATCH, sizeof(b->keys[0]));
	b->schedules = aligned_alloc(64, STAGE_BATCH * sizeof(b->schedules[0]));
	memset(b->answer, 'a', sizeof(b->answer));
	return b->messages && b->frames && b->plain && b->keys && b->schedules ? 0 : -ENOMEM;
}

static void stop(struct bench_mc *b)
{
	traffic_free(b->traffic);
	free(b->messages);
	free(b->frames);
	free(b->plain);
	free(b->keys);
	free(b->schedules);
	free(b);
}

int stages_mc(const struct stages_options *options, struct part *parts, uint32_t *frame_bytes,
	uint32_t *answer_bytes, struct part *whole, char *error, size_t size)
{
	struct bench_mc *b = calloc(1, sizeof(*b));
	int rc;

	if (!b)
		return -ENOMEM;
	b->traffic = all_live(options, true, error, size);
	rc = b->traffic ? start(b, options) : -ENOMEM;
	for (unsigned i = 0; !rc && i < options->rounds; i++)
		round_of(b, parts);
	if (!rc)
		rc = wrong(error, size, b->wrong ? -EIO : 0);
	if (!rc)
		rc = wrong(error, size, whole_turns(b->traffic, options->rounds, whole));
	if (!rc)
		say_bytes(b, parts);
	*frame_bytes = b->frame_bytes;
	*answer_bytes = b->answer_bytes;
	stop(b);
	return rc;
}

int stages_whole_tcp(
	const struct stages_options *options, struct part *whole, char *error, size_t size)
{
	struct traffic *traffic = all_live(options, false, error, size);
	int rc;

	if (!traffic)
		return -ENOMEM;
	rc = wrong(error, size, whole_turns(traffic, options->rounds, whole));
	traffic_free(traffic);
	return rc;
}
