/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_trace_words.c - decisions in plain words, for operators; runs on the control thread */
#include "mc.h"

#include <stdarg.h>
#include <stdio.h>

/*
 * The packet types of section 5.2.1. A device's requests are even and the platform's odd, so that
 * neither says which of the two is the answer.
 */
#define EXCHANGE(request, answer, words)                                                           \
	{request, words},                                                                          \
	{                                                                                          \
		answer, words " answer"                                                            \
	}

static const struct {
	uint32_t code;
	const char *name;
} names[] = {
	EXCHANGE(1000, 1001, "heartbeat"),
	EXCHANGE(1002, 1003, "login"),
	EXCHANGE(1004, 1005, "connect"),
	EXCHANGE(2001, 2000, "property constraints"),
	EXCHANGE(2003, 2002, "status query"),
	EXCHANGE(2005, 2004, "status control"),
	EXCHANGE(2006, 2007, "status report"),
	EXCHANGE(2008, 2009, "alarm"),
	EXCHANGE(2010, 2011, "fault"),
	EXCHANGE(2012, 2013, "sub-device authentication"),
	EXCHANGE(2015, 2014, "sub-device unbind"),
	EXCHANGE(2016, 2017, "sub-device bound"),
	EXCHANGE(2018, 2019, "sub-device unbound"),
	EXCHANGE(2020, 2021, "sub-device on-line state"),
	EXCHANGE(2022, 2023, "version report"),
	EXCHANGE(2025, 2024, "upgrade notice"),
	EXCHANGE(2026, 2027, "upgrade result"),
	EXCHANGE(2028, 2029, "resource change"),
	EXCHANGE(2031, 2030, "resource management"),
	EXCHANGE(2032, 2033, "event"),
	EXCHANGE(3000, 3001, "speech synthesis"),
	EXCHANGE(3002, 3003, "speech control"),
};

const char *mc_trace_name(uint32_t code)
{
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].code == code)
			return names[i].name;
	}
	return NULL;
}

/* What a note says that is no counter. */
static const char *note_words(enum mc_trace_note note)
{
	switch (note) {
	case MC_NOTE_LAPSED:
		return "its login was not used in time: key and token are void";
	case MC_NOTE_EXPIRED:
		return "its token came to its end (mc.token_seconds): a new login is needed";
	case MC_NOTE_VOID:
		return "its key and token are void: a newer login or connect took their place";
	case MC_NOTE_LEAVES:
		return "its session leaves for the worker that its new connection came to";
	case MC_NOTE_COUNT:
		break;
	}
	return "";
}

/*
 * A counter that is not here does not compile: what is counted about a frame is what an operator
 * is told of it. "" where the rest of the line says it (its event, its result, a note).
 */
const char *mc_trace_words(unsigned what, uint32_t code)
{
	const bool login = code == MC_LOGIN;

	if (what >= MC_COUNTER_COUNT)
		return note_words((enum mc_trace_note)what);
	switch ((enum mc_counter)what) {
	case MC_FRAMES:
	case MC_ANSWERS:
	case MC_HEARTBEATS:
	case MC_REQUESTS:
	case MC_REPEATS:
	case MC_CONNECTS:
	case MC_WORK_BLOCKS:
	case MC_WORK_SCANS:
	case MC_COUNTER_COUNT:
		return "";
	case MC_LOGINS:
		return "login accepted, key and token handed out";
	case MC_SYNCHRONISED:
		return "its full report is complete";
	case MC_RESULT_ILLEGAL:
		return "";
	case MC_RESULT_NO_DEVICE:
		return "no such device here";
	case MC_RESULT_SEQUENCE:
		return "out of sequence";
	case MC_RESULT_UNSUPPORTED:
		return "this code is not known";
	case MC_COMMIT_ANSWERS:
		return "its event is committed: it is answered now";
	case MC_COMMIT_WAITS:
		return "its event is not committed yet, the answer waits for that";
	case MC_COMMIT_GONE:
		return "its event is committed, but the session has ended";
	case MC_COMMIT_ELSEWHERE:
		return "its event is committed, another worker has the session";
	case MC_RESULT_MORE:
		return "a segment, more are expected";
	case MC_RESULT_NO_ANSWER:
		return "the backend did not answer in time";
	case MC_VOICE_ASKED:
		return "handed to the backend, which answers it";
	case MC_VOICE_ANSWERS:
		return "the backend's answer";
	case MC_VOICE_UNANSWERED:
		return "the backend did not answer in time";
	case MC_VOICE_LARGE:
		return "the backend's answer is too large for the transport";
	case MC_VOICE_LONG:
		return "its recording is too long";
	case MC_VOICE_UNMATCHED:
		return "a backend's answer that nothing waited for";
	case MC_VOICE_BAD:
		return "a backend's answer without result and object";
	case MC_RESULT_NO_VOICE:
		return "no backend answers voice requests";
	case MC_RESULT_NO_ROOM:
		return "the event ring is full";
	case MC_CONNECT_TIME:
		return "";
	case MC_END_TIMEOUT:
		return "nothing fresh was heard for 3 heartbeats and 10 s";
	case MC_END_CLOSED:
		return "its connection ended";
	case MC_END_REPLACED:
		return "the device connected anew";
	case MC_END_SEQUENCE:
		return "out of sequence";
	case MC_END_UNANSWERED:
		return "it did not answer a request";
	case MC_END_KICKED:
		return "an operator ended it";
	case MC_END_REMOVED:
		return "the device was removed";
	case MC_END_SHUTDOWN:
		return "the node leaves for good";
	case MC_COMMANDS:
	case MC_COMMAND_SENDS:
		return "";
	case MC_RESPONSES:
		return "it answers a request";
	case MC_UNDELIVERED_NO_ANSWER:
		return "a request is given up: no answer to any send";
	case MC_UNDELIVERED_OFFLINE:
		return "a request is not sent: the session ended before";
	case MC_UNDELIVERED_UNKNOWN:
		return "a request was sent, the session ended before its answer";
	case MC_UNDELIVERED_EXPIRED:
		return "a request is not sent: its time is over";
	case MC_UNDELIVERED_QUEUE_FULL:
		return "a request is refused: too many wait";
	case MC_UNDELIVERED_TOO_LARGE:
		return "a request is longer than a frame may be here";
	case MC_UNDELIVERED_REFUSED:
		return "a request is malformed";
	case MC_COMMANDS_OWED:
		return "a request's outcome is owed, the event ring is full";
	case MC_SUBDEVICE_AUTHENTIC:
		return "the sub-device's PIN is good: authResult 0";
	case MC_SUBDEVICE_REFUSED:
		return "the sub-device is refused: authResult 1";
	case MC_SUBDEVICE_ONLINE:
		return "the sub-device is on-line";
	case MC_SUBDEVICE_OFFLINE:
		return "the sub-device is off-line";
	case MC_SUBDEVICE_EARLY:
		return "its sub-device's PIN was not shown since the gateway's login";
	case MC_WAIT_GONE:
		return "the registry has answered, but the session has ended";
	case MC_DROP_WAITING:
		return "the same request waits for the registry";
	case MC_OWED:
		return "its event is owed, the event ring is full";
	case MC_DROP_LONG:
		return "longer than a frame may be here";
	case MC_DROP_FRAME:
		return "not CTS, one object, CR LF";
	case MC_DROP_ENVELOPE:
		return "its envelope is not well-formed";
	case MC_DROP_CODE:
		return "a code that devices do not send";
	case MC_DROP_CLOSING:
		return "behind a frame that closed its connection";
	case MC_DROP_LOGIN_PORT:
		return "only logins are heard on the login port";
	case MC_DROP_LOGIN_ELSEWHERE:
		return "logins are heard on the login port only";
	case MC_DROP_DEVICE:
		return "this device id is not provisioned";
	case MC_DROP_FULL:
		return "no session entry is free";
	case MC_DROP_TOKEN:
		return "unknown token";
	case MC_DROP_MOVING:
		return "no room to wait for its session";
	case MC_DROP_BASE64:
		return "its data is not canonical Base64";
	case MC_DROP_BLOCKS:
		return "its data is not whole AES blocks";
	case MC_DROP_PADDING:
		return login ? "PIN does not decrypt it" : "wrong padding";
	case MC_DROP_JSON:
		return login ? "PIN does not decrypt it" : "its content is not one JSON object";
	case MC_DROP_NO_SEQUENCE:
		return "no sequence 0..65535";
	case MC_DROP_MISMATCH:
		return login ? "the device id inside is not the one outside"
			     : "the token inside is not the one outside";
	case MC_DROP_NOT_LIVE:
		return "its session is not connected";
	case MC_DROP_NOT_BOUND:
		return "not the transport or connection that carried its connect";
	case MC_DROP_GONE:
		return "the device was removed";
	case MC_DROP_TIME:
		return "";
	case MC_DROP_STALE:
		return "too far behind the newest number, or from before the connect";
	case MC_DROP_HEARTBEAT:
		return "a heartbeat behind the newest number";
	case MC_DROP_ANSWER:
		return "an answer without a result";
	case MC_DROP_RESPONSE:
		return "no room for the answer to a request: it is asked again";
	case MC_DROP_UNMATCHED:
		return "an answer that no request waits for";
	case MC_DROP_REPLAY:
		return "not newer than the last connect with this token";
	case MC_DROP_VOID:
		return "its token is void, lapsed or expired";
	case MC_DROP_OWED:
		return "an event of its last session is not written yet, the event ring is full";
	case MC_HELD:
		return "the device reconnects too often and is held down";
	case MC_CLONES:
		return "two devices seem to use this id";
	case MC_DROP_BUDGET:
		return "its PIN is right, but many logins failed and the device is alive at "
		       "another address";
	case MC_DROP_HELD:
		return "the device is held down, it reconnected too often";
	case MC_DROP_DRAINING:
		return "the node leaves: it takes no device any more";
	case MC_DROP_TURN:
		return "too many sessions in one turn";
	}
	return "";
}

/* ---- a line ---- */

/** struct line - words, the next piece behind ", " unless @first */
struct line {
	char *at, *end;
	bool first;
};

static __attribute__((format(printf, 2, 3))) void say(struct line *line, const char *format, ...)
{
	va_list arguments;
	int n;

	if (line->at + 3 >= line->end)
		return;
	if (!line->first)
		line->at = stpcpy(line->at, ", ");
	line->first = false;
	va_start(arguments, format);
	n = vsnprintf(line->at, (size_t)(line->end - line->at), format, arguments);
	va_end(arguments);
	line->at += n < line->end - line->at ? n : line->end - line->at - 1;
}

static bool was_said(const struct trace_record *record, enum mc_counter counter)
{
	for (unsigned i = 0; i < record->said_count; i++) {
		if (record->said[i] == counter)
			return true;
	}
	return false;
}

static bool was_dropped(const struct trace_record *record)
{
	for (unsigned i = 0; i < record->said_count; i++) {
		if (!strncmp(mc_counter_info[record->said[i]].name, "drop_", 5))
			return true;
	}
	return false;
}

/* Why its time, or a member, is not right. */
static void say_illegal(struct line *line, const struct trace_record *record)
{
	const long long off = record->value[0];

	if (was_said(record, MC_RESULT_ILLEGAL) && !(record->flags & MC_TRACE_WINDOW) &&
		record->flags & MC_TRACE_HAS_TIME && record->flags & MC_TRACE_ILLEGAL)
		say(line, "a member is missing or of another kind");
	else if (!(record->flags & MC_TRACE_HAS_TIME))
		say(line, "it has no time");
	else if (record->flags & MC_TRACE_WINDOW)
		say(line, "out of time by %lld s%s", off < 0 ? -off : off,
			off < 0 ? "" : " (ahead)");
	else
		say(line, "older than its connect");
}

static void say_reasons(struct line *line, const struct trace_record *record)
{
	if (was_said(record, MC_REPEATS) && record->code == MC_CONNECT)
		say(line, "repeat of the connect");
	else if (was_said(record, MC_REPEATS))
		say(line, "repeat of %u", record->sequence);
	if (was_said(record, MC_CONNECTS))
		say(line, "session %llu begins", (unsigned long long)record->session);
	if (was_said(record, MC_RESULT_ILLEGAL) || was_said(record, MC_CONNECT_TIME) ||
		was_said(record, MC_DROP_TIME))
		say_illegal(line, record);
	for (unsigned i = 0; i < record->said_count; i++) {
		const char *words = mc_trace_words(record->said[i], record->code);
		const bool end =
			record->said[i] >= MC_END_TIMEOUT && record->said[i] <= MC_END_SHUTDOWN;

		if (words[0] && !end) /* ends have lines of their own */
			say(line, "%s", words);
		if (record->said[i] == MC_RESULT_SEQUENCE && record->flags & MC_TRACE_NEWEST)
			say(line, "%u was next", (uint16_t)(record->value[2] + 1));
	}
}

static void say_consequences(struct line *line, const struct trace_record *record)
{
	const bool repeat = was_said(record, MC_REPEATS);

	if (record->event != TRACE_NO_EVENT)
		say(line, "event %u-%llu", record->worker, (unsigned long long)record->event);
	if (record->flags & MC_TRACE_ANSWERED && repeat && !record->value[1])
		say(line, record->event == TRACE_NO_EVENT ? "answered again, no event"
							  : "answered again");
	else if (record->flags & MC_TRACE_ANSWERED)
		say(line, "answered %lld", (long long)record->value[1]);
	else if (was_said(record, MC_REQUESTS) && !was_said(record, MC_VOICE_ASKED))
		say(line, "answered once that is committed");
	if (record->flags & MC_TRACE_WAITS)
		say(line, "waits until its session has come from another worker");
	else if (record->flags & MC_TRACE_CLOSES)
		say(line, record->flags & MC_TRACE_ANSWERED ? "connection closed"
							    : "silence, connection closed");
	else if (!(record->flags & MC_TRACE_ANSWERED) && record->event == TRACE_NO_EVENT)
		say(line, was_dropped(record) ? "dropped, silence" : "taken");
}

static void tell_in(struct line *line, const struct trace_record *record)
{
	const char *const begin = line->at;

	if (record->flags & TRACE_BY_ADDRESS)
		say(line, "from this device's address");
	if (record->code == MC_LOGIN && !(record->flags & MC_TRACE_ANSWERED)) {
		say(line, "login refused: ");
		line->first = true;
	}
	say_reasons(line, record);
	if (line->at != begin && !line->first && line->at + 2 < line->end) {
		line->at = stpcpy(line->at, ": ");
		line->first = true;
	}
	say_consequences(line, record);
}

static void tell_note(struct line *line, const struct trace_record *record)
{
	const unsigned what = record->said[0];

	if (what >= MC_END_TIMEOUT && what <= MC_END_SHUTDOWN)
		say(line, "session %llu ended: %s", (unsigned long long)record->session,
			mc_trace_words(what, 0));
	else if (what == MC_RESPONSES)
		say(line, "request %lld (%u) is answered", (long long)record->value[0],
			record->code);
	else if (what >= MC_UNDELIVERED_NO_ANSWER && what <= MC_UNDELIVERED_REFUSED)
		say(line, "request %lld (%u) is undelivered: %s", (long long)record->value[0],
			record->code, mc_trace_words(what, 0));
	else
		say(line, "%s", mc_trace_words(what, 0));
	if (record->event != TRACE_NO_EVENT)
		say(line, "event %u-%llu", record->worker, (unsigned long long)record->event);
}

void mc_trace_tell(const struct trace_record *record, char *out, size_t size)
{
	struct line line = {.at = out, .end = out + size, .first = true};

	out[0] = '\0';
	if (record->kind == TRACE_IN)
		tell_in(&line, record);
	else if (record->kind == TRACE_NOTE)
		tell_note(&line, record);
	else if (record->flags & MC_TRACE_ANSWERED)
		say(&line, "result %lld", (long long)record->value[1]);
	else
		say(&line, "request of the platform");
}
