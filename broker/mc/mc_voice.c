/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_voice.c - speech: recordings in segments, requests that a backend answers (sections 5.4.3.17
 * and 5.4.3.18) */
#include "mc.h"

#include "feed/command_ring.h"

#include <stdio.h>
#include <string.h>

#define SYNTHESIS 3000
#define CONTROL 3002
#define LOOKS 8 /* records looked at in a turn */

/* ---- records ---- */

static uint16_t *bucket_of(struct mc_voices *voices, uint32_t index)
{
	return &voices->buckets[index % MC_VOICE_BUCKETS];
}

static struct mc_voice *at(struct mc_voices *voices, uint16_t link)
{
	return link ? &voices->voices[link - 1] : NULL;
}

static struct mc_voice *make(struct mc *mc, const struct mc_frame *frame,
	const struct session_turn *turn, const struct device *device, uint32_t number)
{
	struct mc_voices *voices = &mc->voices;
	const struct mc_text id = frame->content.device;
	uint16_t link = voices->free, *bucket = bucket_of(voices, turn->index);
	struct mc_voice *voice;

	if (link)
		voices->free = at(voices, link)->next;
	else if (voices->made < MC_VOICES)
		link = ++voices->made;
	else
		return NULL;
	voice = at(voices, link);
	*voice = (struct mc_voice){.handle = session_handle_of(mc->host->sessions, turn),
		.number = number,
		.code = (uint16_t)frame->code,
		.sequence = frame->content.sequence,
		.sequence_text = frame->content.sequence_text,
		.next = *bucket,
		.device_length = (uint8_t)(id.at ? id.length : device->id_length)};
	memcpy(voice->device, id.at ? (const char *)id.at : device_id(device),
		voice->device_length);
	*bucket = link;
	voices->used++;
	return voice;
}

static void forget(struct mc *mc, struct mc_voice *voice)
{
	struct mc_voices *voices = &mc->voices;
	const uint16_t self = (uint16_t)(voice - voices->voices + 1);
	uint16_t *link = bucket_of(voices, session_handle_index(voice->handle));

	while (*link != self)
		link = &at(voices, *link)->next;
	*link = voice->next;
	voice->state = MC_VOICE_FREE;
	voice->next = voices->free;
	voices->free = self;
	voices->used--;
}

/* The next record of a session behind @after (NULL: the first, the newest). */
static struct mc_voice *of_session(
	struct mc *mc, const struct session_turn *turn, const struct mc_voice *after)
{
	const session_handle handle = session_handle_of(mc->host->sessions, turn);
	uint16_t link = after ? after->next : *bucket_of(&mc->voices, turn->index);
	struct mc_voice *voice;

	while ((voice = at(&mc->voices, link)) && voice->handle != handle)
		link = voice->next;
	return voice;
}

static struct mc_voice *find(struct mc *mc, const struct session_turn *turn, uint16_t sequence,
	uint32_t code, bool series)
{
	struct mc_voice *voice = of_session(mc, turn, NULL);

	while (voice && (voice->sequence != sequence || voice->code != code ||
				(voice->state == MC_VOICE_SERIES) != series))
		voice = of_session(mc, turn, voice);
	return voice;
}

static struct mc_voice *series_of(struct mc *mc, const struct session_turn *turn)
{
	struct mc_voice *voice = of_session(mc, turn, NULL);

	while (voice && voice->state != MC_VOICE_SERIES)
		voice = of_session(mc, turn, voice);
	return voice;
}

/* Room for another of this session's? What was answered longest ago gives way. */
static bool has_room(struct mc *mc, const struct session_turn *turn)
{
	struct mc_voice *oldest = NULL, *voice = of_session(mc, turn, NULL);
	unsigned count = 0;

	for (; voice; voice = of_session(mc, turn, voice)) {
		count++;
		if (voice->state == MC_VOICE_ANSWERED)
			oldest = voice;
	}
	if (count < MC_VOICE_PER_SESSION)
		return mc->voices.free || mc->voices.made < MC_VOICES;
	if (oldest)
		forget(mc, oldest);
	return oldest;
}

/* The tick at which so many seconds have passed for sure. */
static uint32_t over_at(const struct mc *mc, uint32_t seconds)
{
	return mc->host->clock.tick + seconds + 1;
}

/* ---- segments ---- */

static void series_over(struct mc *mc, struct mc_voice *voice, uint32_t result);

/**
 * struct segment - what ctrlParam says of itself
 * @number: 0: a whole recording
 * @name: hash of voiceId, 0 if there is none
 */
struct segment {
	uint32_t number;
	bool last;
	uint64_t name;
};

/* sn and isLast stand both there or neither does. Return: false if they are not well-formed. */
static bool segment_read(struct mc *mc, const struct mc_frame *frame, struct segment *segment)
{
	const struct mc_text text = frame->content.control;
	const struct json_member *number, *last, *name;
	uint64_t value;

	*segment = (struct segment){.last = true};
	if (frame->code != CONTROL)
		return true;
	if (json_scan(&mc->object, text.at, text.length))
		return false; /* more members than are looked at */
	number = json_find(&mc->object, "sn");
	last = json_find(&mc->object, "isLast");
	name = json_find(&mc->object, "voiceId");
	if (name)
		segment->name = registry_hash(mc->host->registry, text.at + name->value,
					name->value_length) |
				1;
	if (!number && !last)
		return true;
	if (!number || !last || json_decimal(&mc->object, number, UINT16_MAX, &value, NULL) ||
		value == 0)
		return false;
	segment->number = (uint32_t)value;
	if (json_decimal(&mc->object, last, 1, &value, NULL))
		return false;
	segment->last = value;
	return true;
}

static bool backend_there(const struct mc *mc)
{
	return mc->host->commands && command_rings_backends(mc->host->commands);
}

static uint32_t worth(const struct mc *mc, const struct segment *segment)
{
	if (!backend_there(mc))
		return MC_NO_VOICE;
	return segment->last ? MC_DONE : MC_MORE;
}

uint32_t mc_voice_judge(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
	struct device *device)
{
	struct segment segment;

	if (!segment_read(mc, frame, &segment) || segment.number > 1)
		return MC_ILLEGAL;
	if (!backend_there(mc))
		return MC_NO_VOICE;
	/* A new series takes the place of the one before it. */
	if ((frame->code != CONTROL || !series_of(mc, turn)) && !has_room(mc, turn))
		return MC_NO_ROOM;
	return worth(mc, &segment);
}

/* A backend has so long from now on. */
static void wait_for_backend(struct mc *mc, struct mc_voice *voice, uint64_t event)
{
	voice->state = MC_VOICE_WAITING;
	voice->event = event;
	voice->until = over_at(mc, MC_VOICE_ANSWER_SECONDS);
	mc_count(mc, MC_VOICE_ASKED);
}

bool mc_voice_taken(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
	const struct device *device, uint32_t number, uint64_t event)
{
	struct mc_voice *voice = series_of(mc, turn);
	struct segment segment;

	if (frame->code == CONTROL && voice) { /* a new one ends it */
		series_over(mc, voice, MC_ILLEGAL);
		if (!has_room(mc, turn))
			forget(mc, voice);
	}
	voice = has_room(mc, turn) ? make(mc, frame, turn, device, number) : NULL;
	if (!voice || !segment_read(mc, frame, &segment))
		return false;
	voice->segment = segment.number;
	voice->name = segment.name;
	voice->recorded = frame->content.control.length;
	if (segment.last) {
		wait_for_backend(mc, voice, event);
		return true;
	}
	voice->state = MC_VOICE_SERIES;
	voice->until = over_at(mc, MC_VOICE_SEGMENT_SECONDS);
	return false;
}

/* The next segment of a series. Return: the result to answer with. */
static uint32_t go_on(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
	const struct device *device, struct mc_voice *voice, const struct segment *segment)
{
	const struct session_progress *progress = &turn->progress;
	const uint32_t behind = progress->count - voice->number;
	const uint64_t bits = (uint64_t)progress->oldest << 32 | progress->window;
	const uint32_t bytes = frame->content.control.length;
	uint32_t result = worth(mc, segment);
	uint64_t event;

	if (result == MC_NO_VOICE)
		return result;
	if (voice->recorded + bytes > MC_VOICE_RECORDING_MAX) {
		mc_count(mc, MC_VOICE_LONG);
		return MC_ILLEGAL;
	}
	if (!mc_settle(mc, turn, device) ||
		!mc_event_request(mc, turn, device, frame, result, voice->number,
			behind < 64 ? (uint32_t)(bits >> behind) : 0, &event))
		return MC_NO_ROOM; /* the same segment may come again */
	mc_count(mc, MC_REQUESTS);
	voice->segment = segment->number;
	voice->recorded += bytes;
	voice->until = over_at(mc, MC_VOICE_SEGMENT_SECONDS);
	if (!segment->last)
		return result;
	wait_for_backend(mc, voice, event);
	return MC_LATER;
}

bool mc_voice_segment(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
	const struct device *device)
{
	struct mc_voice *voice = frame->code == CONTROL
					 ? find(mc, turn, frame->content.sequence, CONTROL, true)
					 : NULL;
	uint32_t result = MC_ILLEGAL;
	struct segment segment;

	if (!voice)
		return false;
	if (!segment_read(mc, frame, &segment) || !segment.number || segment.name != voice->name)
		;
	else if (segment.number == voice->segment + 1)
		result = go_on(mc, frame, turn, device, voice, &segment);
	else if (segment.number == voice->segment && !segment.last)
		result = MC_MORE;
	if (segment.number == voice->segment && result == MC_MORE)
		mc_count(mc, MC_REPEATS);
	if (result == MC_ILLEGAL || result == MC_NO_VOICE)
		series_over(mc, voice, result);
	if (result != MC_LATER)
		mc_answer_request(mc, frame, device, result);
	return true;
}

/* ---- answers ---- */

static uint8_t *put(uint8_t *to, const void *bytes, uint32_t length)
{
	return (uint8_t *)mempcpy(to, bytes, length);
}

/* All of an answer but its time. Return: bytes. */
static uint32_t head(
	const struct mc_voice *voice, uint32_t result, struct mc_text outcome, uint8_t *out)
{
	const char *quote = voice->sequence_text ? "\"" : "";
	uint8_t *to = out;

	to += sprintf((char *)to,
		"{\"result\":%u,\"sequence\":%s%u%s,\"deviceId\":\"%.*s\",\"%s\":", result, quote,
		voice->sequence, quote, voice->device_length, voice->device,
		voice->code == CONTROL ? "ctrlResult" : "ttsResult");
	to = put(to, outcome.at, outcome.length);
	return (uint32_t)(to - out);
}

#define HEAD_MAX (DEVICE_ID_MAX + 128)
#define TIME_MAX 20

/* To where the session's device is now. @text: all but the time */
static bool send(struct mc *mc, const struct session_turn *turn, const struct mc_voice *voice,
	uint32_t result, struct mc_text outcome)
{
	const uint32_t most = HEAD_MAX + outcome.length + TIME_MAX;
	uint8_t *room;
	uint32_t length;

	if (most > MC_OUT_PLAIN_MAX)
		return false;
	room = mc_out_room(mc, most);
	length = head(voice, result, outcome, room);
	length += (uint32_t)sprintf((char *)room + length, ",\"time\":%u}", mc_now(mc));
	if (mc_out_frame_bytes(length) > mc_frame_limit(mc, turn))
		return false;
	mc_out_session(mc, turn, voice->code + 1u, length);
	return true;
}

static const struct mc_text nothing_said = {(const uint8_t *)"{\"audioData\":\"\"}", 16};
static const struct mc_text nothing_done = {(const uint8_t *)"{}", 2};

/* What an answer says that has nothing to say. */
static struct mc_text nothing(uint16_t code)
{
	return code == SYNTHESIS ? nothing_said : nothing_done;
}

static void keep(struct mc *mc, struct mc_voice *voice, uint32_t result, struct mc_text outcome)
{
	uint8_t text[MC_VOICE_KEEP_BYTES];

	voice->kept_length = (uint16_t)head(voice, result, outcome, text);
	memcpy(voice->kept, text, voice->kept_length);
	voice->state = MC_VOICE_ANSWERED;
	voice->until = over_at(mc, MC_VOICE_KEEP_SECONDS);
}

/*
 * Its number was accepted with its first segment: were it forgotten, a last segment that comes now
 * would pass for the repeat of one that a backend has been asked, and nobody was.
 */
static void series_over(struct mc *mc, struct mc_voice *voice, uint32_t result)
{
	keep(mc, voice, result, nothing_done);
}

/* Answer, and keep the answer for a repeat where it is small enough for a datagram. */
static void answer(struct mc *mc, const struct session_turn *turn, struct mc_voice *voice,
	uint32_t result, struct mc_text outcome)
{
	if (!send(mc, turn, voice, result, outcome)) {
		mc_count(mc, MC_VOICE_LARGE);
		result = MC_NO_ROOM;
		outcome = nothing(voice->code);
		send(mc, turn, voice, result, outcome);
	}
	if (HEAD_MAX + outcome.length > MC_VOICE_KEEP_BYTES) {
		result = voice->code == CONTROL ? MC_NO_ANSWER : MC_NO_ROOM;
		outcome = nothing(voice->code);
	}
	keep(mc, voice, result, outcome);
}

/* A repeat's answer goes to where the repeat came from. */
static void answer_again(struct mc *mc, const struct mc_frame *frame, const struct mc_voice *voice)
{
	uint8_t *room = mc_out_room(mc, MC_VOICE_KEEP_BYTES + TIME_MAX);
	uint32_t length = voice->kept_length;

	memcpy(room, voice->kept, length);
	length += (uint32_t)sprintf((char *)room + length, ",\"time\":%u}", mc_now(mc));
	mc_out_answer(mc, frame, frame->code + 1, length);
}

uint32_t mc_voice_again(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
	const struct device *device, uint32_t number)
{
	struct mc_voice *voice = find(mc, turn, frame->content.sequence, frame->code, false);
	struct segment segment;

	if (voice && voice->state == MC_VOICE_ANSWERED)
		answer_again(mc, frame, voice);
	if (voice)
		return MC_LATER;
	/*
	 * Nothing is remembered of it: it was answered long ago, or the broker has started since.
	 * A series is over then; for anything else the backend may still answer.
	 */
	if (!segment_read(mc, frame, &segment) || !segment.last)
		return MC_ILLEGAL;
	if (!backend_there(mc))
		return MC_NO_VOICE;
	voice = has_room(mc, turn) ? make(mc, frame, turn, device, number) : NULL;
	if (!voice)
		return MC_NO_ROOM;
	voice->segment = segment.number;
	wait_for_backend(mc, voice, 0);
	return MC_LATER;
}

/* The one that an answer is for: records of a session lie newest first. */
static struct mc_voice *waiting(
	struct mc *mc, const struct session_turn *turn, uint32_t code, uint64_t event)
{
	struct mc_voice *voice = of_session(mc, turn, NULL), *found = NULL;

	for (; voice; voice = of_session(mc, turn, voice)) {
		if (voice->state == MC_VOICE_WAITING && voice->code + 1u == code &&
			(!event || !voice->event || voice->event == event))
			found = voice;
	}
	return found;
}

void mc_voice_answer(struct mc *mc, struct session_turn *turn, uint32_t code, uint64_t event,
	const uint8_t *payload, uint32_t length)
{
	struct mc_voice *voice = waiting(mc, turn, code, event);
	const struct json_member *result, *outcome;
	struct mc_text said = nothing((uint16_t)(code - 1));
	uint64_t value;

	if (!voice) {
		mc_count(mc, MC_VOICE_UNMATCHED);
		return;
	}
	if (json_scan(&mc->object, payload, length))
		goto bad;
	result = json_find(&mc->object, "result");
	outcome = json_find(&mc->object, code == SYNTHESIS + 1 ? "ttsResult" : "ctrlResult");
	if (!result || json_decimal(&mc->object, result, INT32_MAX, &value, NULL) ||
		(outcome ? outcome->kind != JSON_OBJECT : value == MC_DONE))
		goto bad;
	/* Who refuses has nothing else to say; an error's answer has the members of a good one. */
	if (outcome)
		said = (struct mc_text){payload + outcome->value, outcome->value_length};
	mc_count(mc, MC_VOICE_ANSWERS);
	answer(mc, turn, voice, (uint32_t)value, said);
	return;
bad:
	mc_count(mc, MC_VOICE_BAD);
}

/* ---- time ---- */

static void over(struct mc *mc, struct mc_voice *voice)
{
	struct session_turn *turn;

	if (voice->state == MC_VOICE_SERIES) {
		series_over(mc, voice, MC_ILLEGAL);
		return;
	}
	if (voice->state != MC_VOICE_WAITING) {
		forget(mc, voice);
		return;
	}
	turn = session_touch(mc->host->sessions, session_handle_index(voice->handle));
	if (!turn && session_owned(mc->host->sessions, session_handle_index(voice->handle)))
		return; /* the turn has no room for another session: a later one looks again */
	if (!turn || turn->state != SESSION_LIVE ||
		session_handle_of(mc->host->sessions, turn) != voice->handle) {
		forget(mc, voice); /* the device has gone, its next session knows nothing of it */
		return;
	}
	mc_count(mc, MC_VOICE_UNANSWERED);
	answer(mc, turn, voice, voice->code == CONTROL ? MC_NO_ANSWER : MC_NO_ROOM,
		nothing(voice->code));
}

void mc_voice_time(struct mc *mc)
{
	struct mc_voices *voices = &mc->voices;

	if (!voices->used)
		return;
	for (unsigned i = 0; i < LOOKS; i++) {
		struct mc_voice *voice = &voices->voices[voices->cursor];

		voices->cursor = (uint16_t)((voices->cursor + 1) % voices->made);
		if (voice->state != MC_VOICE_FREE &&
			(int32_t)(mc->host->clock.tick - voice->until) >= 0)
			over(mc, voice);
	}
}
