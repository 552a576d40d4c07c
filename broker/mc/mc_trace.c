/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_trace.c - records of what followed devices say, and of what the decision on it was */
#include "mc.h"

/* The entry that a frame's token names, as decisions see it; copies are made for those only that a
 * decision would make one for. */
static const struct session_turn *session_of(
	struct mc *mc, const struct mc_frame *frame, struct session_turn *peeked)
{
	const struct session_turn *turn = NULL;

	if (!frame->sealed || frame->index == SESSION_NONE)
		return NULL;
	if (!frame->fault && session_owned(mc->host->sessions, frame->index))
		turn = session_touch(mc->host->sessions, frame->index);
	else if (session_peek(mc->host->table, frame->index, peeked))
		turn = peeked;
	return turn && turn->state != SESSION_FREE ? turn : NULL;
}

static int slot_of_id(const struct mc *mc, const void *id, uint32_t length)
{
	return trace_match(mc->host->trace, mc->host->following, id, length);
}

static int slot_of(const struct mc *mc, const struct device *device)
{
	return device ? slot_of_id(mc, device_id(device), device->id_length) : -1;
}

/* Bytes that somebody could use to be this device, wherever in the text they stand. */
static void mask(uint8_t *text, uint32_t length, const void *secret, uint32_t bytes)
{
	uint8_t *at = text, *end = text + length;

	while ((at = memmem(at, (size_t)(end - at), secret, bytes))) {
		memset(at, '*', bytes);
		at += bytes;
	}
}

/* A payload without secrets: by the names of members, and by what this device's are. */
static uint32_t hide(struct mc *mc, const struct device *device, const struct session_turn *turn,
	struct mc_text body, uint8_t *out)
{
	uint32_t length = mc_trace_hide(body.at, body.length, out);
	char token[SESSION_TOKEN_CHARS];
	uint8_t key[SESSION_KEY_BYTES];

	if (device) {
		const uint8_t *pin = registry_pin(mc->host->registry, device);

		mask(out, length, pin, AES_BLOCK);
		mask(out, length, pin + AES_BLOCK, AES_BLOCK);
	}
	if (turn) {
		session_token(mc->host->table, turn->index, token);
		mask(out, length, token, sizeof(token));
		session_key_copy(mc->host->table, turn->index, key);
		mask(out, length, key, sizeof(key));
		explicit_bzero(token, sizeof(token));
		explicit_bzero(key, sizeof(key));
	}
	return length;
}

static struct trace_record *add(struct mc *mc, unsigned slot, enum trace_kind kind,
	const struct device *device, const struct session_turn *turn, struct mc_text body)
{
	struct trace_record *record =
		trace_add(mc->host->trace, slot, body.at ? 2 * body.length : 0);

	if (!record)
		return NULL;
	record->kind = (uint8_t)kind;
	record->us = mc->host->clock.us;
	record->unix_ms = mc->host->clock.unix_ms;
	record->tell = mc_trace_tell;
	if (body.at)
		record->payload_length = hide(mc, device, turn, body, trace_payload(record));
	trace_added(mc->host->trace, record);
	return record;
}

static void set_code(struct trace_record *record, uint32_t code)
{
	record->code = code;
	record->name = mc_trace_name(code);
}

/* While a frame is decided on, what comes of it stands behind it. */
static void publish(struct mc *mc)
{
	if (!mc->trace.frame)
		trace_publish(mc->host->trace);
}

/* ---- frames from a device ---- */

/* What the frame says of itself, and how things stood before it. */
static void describe(struct mc *mc, struct trace_record *record, const struct mc_frame *frame,
	const struct session_turn *turn)
{
	const struct mc_content *content = &frame->content;
	const int64_t window = mc->host->config->mc.time_window;
	const int64_t off = (int64_t)content->time - mc_now(mc);

	set_code(record, frame->code);
	if (!content->body.at || frame->fault == MC_DROP_NO_SEQUENCE + 1)
		return;
	record->sequence = content->sequence;
	record->flags |= TRACE_HAS_SEQUENCE;
	if (content->has_time) {
		record->flags |= MC_TRACE_HAS_TIME;
		record->value[0] = off;
		if (window && (off > window || -off > window))
			record->flags |= MC_TRACE_WINDOW;
	}
	if (content->illegal)
		record->flags |= MC_TRACE_ILLEGAL;
	if (turn && turn->state == SESSION_LIVE && frame->code != MC_CONNECT &&
		!(frame->kind && frame->kind->answer)) {
		const int16_t ahead = (int16_t)(content->sequence - session_newest(turn));

		record->flags |= MC_TRACE_NEWEST;
		record->value[2] = session_newest(turn);
		if (ahead <= 1 && (int64_t)turn->progress.count + ahead > 0)
			record->count = (uint32_t)(turn->progress.count + ahead);
	}
}

/* Whose frame it is: by its token or login, else by where the device was last. */
static int whose(const struct mc *mc, const struct mc_frame *frame, const struct device *device,
	const uint8_t address[16], bool *by_address)
{
	*by_address = false;
	if (device)
		return slot_of(mc, device);
	if (frame->code == MC_LOGIN && frame->name_length) {
		int slot = slot_of_id(mc, frame->name, frame->name_length);

		if (slot >= 0)
			return slot;
	}
	*by_address = true;
	return trace_match_at(mc->host->trace, mc->host->following, address);
}

void mc_trace_before(struct mc *mc, const struct mc_frame *frame)
{
	struct mc_trace *trace = &mc->trace;
	const struct session_turn *turn;
	const struct device *device;
	struct session_turn peeked;
	uint8_t address[16];
	bool by_address;
	uint16_t port;
	int slot;

	trace->frame = NULL;
	if (frame->handed)
		return; /* the worker that owns its session tells */
	turn = session_of(mc, frame, &peeked);
	device = turn ? mc_device(mc, turn) : frame->known;
	host_peer_address(mc->host, &frame->message->peer, address, &port);
	slot = whose(mc, frame, device, address, &by_address);
	if (slot < 0)
		return;
	if (!by_address)
		trace_at(mc->host->trace, (unsigned)slot, address);
	trace->frame = frame;
	trace->slot = (unsigned)slot;
	trace->closes = mc->close_count;
	trace->waiting = mc->host->waiting;
	trace->written = TRACE_NO_EVENT;
	memcpy(trace->counters, mc->counters, sizeof(trace->counters));
	/* nobody's plaintext is shown */
	trace->in = add(mc, trace->slot, TRACE_IN, device, turn,
		by_address ? (struct mc_text){NULL, 0} : frame->content.body);
	if (!trace->in)
		return;
	trace->in->flags |= by_address ? TRACE_BY_ADDRESS : 0;
	trace->in->via = frame->message->peer.via;
	memcpy(trace->in->peer, address, sizeof(address));
	trace->in->port = port;
	describe(mc, trace->in, frame, turn);
}

/* The decision is what it has moved: whoever counts something new is followed, too. */
static void decided(struct mc *mc, struct trace_record *record, const struct mc_frame *frame)
{
	const struct mc_trace *trace = &mc->trace;
	const struct session_turn *turn;
	struct session_turn peeked;

	for (unsigned i = 0; i < MC_COUNTER_COUNT; i++) {
		if (mc->counters[i] != trace->counters[i] &&
			record->said_count < sizeof(record->said))
			record->said[record->said_count++] = (uint8_t)i;
	}
	record->event = trace->written;
	if (mc->close_count != trace->closes)
		record->flags |= MC_TRACE_CLOSES;
	if (mc->host->waiting != trace->waiting)
		record->flags |= MC_TRACE_WAITS;
	turn = session_of(mc, frame, &peeked);
	if (turn && turn->state == SESSION_LIVE)
		record->session = turn->number;
}

void mc_trace_after(struct mc *mc, const struct mc_frame *frame)
{
	struct mc_trace *trace = &mc->trace;

	if (trace->frame != frame)
		return;
	if (trace->in)
		decided(mc, trace->in, frame);
	trace->frame = NULL;
	trace->in = NULL;
	trace_publish(mc->host->trace);
}

/* ---- frames to a device ---- */

/* Every answer of ours begins with {"result":N. */
static bool result_of(const uint8_t *plain, uint32_t length, int64_t *result)
{
	static const char begin[] = "{\"result\":";
	uint32_t at = sizeof(begin) - 1;

	if (length < at || memcmp(plain, begin, at) != 0)
		return false;
	for (*result = 0; at < length && plain[at] >= '0' && plain[at] <= '9'; at++)
		*result = *result * 10 + plain[at] - '0';
	return true;
}

static void sent(struct mc *mc, unsigned slot, const struct peer *to, const struct device *device,
	const struct session_turn *turn, uint32_t code, struct mc_text plain)
{
	struct trace_record *record = add(mc, slot, TRACE_OUT, device, turn, plain);

	if (!record)
		return;
	set_code(record, code);
	record->via = to->via;
	host_peer_address(mc->host, to, record->peer, &record->port);
	if (turn && turn->state == SESSION_LIVE)
		record->session = turn->number;
	if (result_of(plain.at, plain.length, &record->value[1]))
		record->flags |= MC_TRACE_ANSWERED;
	publish(mc);
}

void mc_trace_answer(struct mc *mc, const struct mc_frame *frame, uint32_t code,
	const uint8_t *plain, uint32_t length)
{
	struct mc_trace *trace = &mc->trace;
	const struct session_turn *turn;
	struct session_turn peeked;
	int64_t result;

	if (trace->frame != frame)
		return;
	if (trace->in && result_of(plain, length, &result)) {
		trace->in->flags |= MC_TRACE_ANSWERED;
		trace->in->value[1] = result;
	}
	turn = session_of(mc, frame, &peeked);
	sent(mc, trace->slot, &frame->message->peer, turn ? mc_device(mc, turn) : frame->known,
		turn, code, (struct mc_text){plain, length});
}

void mc_trace_out(struct mc *mc, const struct session_turn *turn, uint32_t code,
	const uint8_t *plain, uint32_t length)
{
	const struct device *device = mc_device(mc, turn);
	const struct peer to = {
		.via = (uint8_t)turn->via, .connection = turn->connection, .udp = turn->peer};
	int slot = slot_of(mc, device);

	if (slot >= 0)
		sent(mc, (unsigned)slot, &to, device, turn, code, (struct mc_text){plain, length});
}

/* ---- what happens to it ---- */

void mc_trace_note(
	struct mc *mc, const struct session_turn *turn, const struct device *device, unsigned what)
{
	int slot = slot_of(mc, device);
	struct trace_record *record;

	if (slot < 0)
		return;
	record = add(mc, (unsigned)slot, TRACE_NOTE, device, NULL, (struct mc_text){NULL, 0});
	if (!record)
		return;
	record->session = turn->number;
	record->said[record->said_count++] = (uint8_t)what;
	if (what >= MC_END_TIMEOUT && what <= MC_END_SHUTDOWN &&
		!(turn->flags & SESSION_OWED_OFFLINE)) {
		record->event = mc->trace.written;
		mc->trace.written = TRACE_NO_EVENT; /* not that of the frame that ended it */
	}
	publish(mc);
}

void mc_trace_command(struct mc *mc, uint32_t index, unsigned what, bool written)
{
	struct trace_record *record;
	struct command_text text;
	int slot;

	command_text_of(mc->host->pool, index, &text);
	slot = slot_of_id(mc, text.device, text.device_length);
	if (slot < 0)
		return;
	record = add(mc, (unsigned)slot, TRACE_NOTE, NULL, NULL, (struct mc_text){NULL, 0});
	if (!record)
		return;
	set_code(record, text.code);
	record->session = command_slot(mc->host->pool, index)->number;
	record->said[record->said_count++] = (uint8_t)what;
	record->value[0] = (int64_t)text.request;
	if (written) {
		record->event = mc->trace.written;
		mc->trace.written = TRACE_NO_EVENT; /* not that of the frame that brought it */
	}
	publish(mc);
}
