/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc.h - device to platform (Q/CT X-2017 section 5): the calls between the files of this folder */
#pragma once

#include "mc/mc_state.h"

/* mc_kind.c */

/**
 * struct mc_kind - a code that devices send on a session
 * @result: what a well-formed one from the session's own device is answered
 * @judge: decides that instead, where it depends on more than the frame; MC_LATER is a result, too
 * @taken: is told the number of one whose event was written. Return: is it answered later?
 * @again: decides on a repeat of one that was accepted, instead of @judge
 * @answer: it is an answer to a platform request
 * @subdevice, @auth, @voice: members that its answer carries besides
 * @event: it becomes an event, so it is acknowledged only when that is written
 * @needs, @more: names of required members (enum mc_name) and the kinds they may have;
 *	@either: one of them is enough
 */
struct mc_kind {
	uint16_t code;
	uint32_t result;
	uint32_t (*judge)(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
		struct device *device);
	bool (*taken)(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
		const struct device *device, uint32_t number, uint64_t event);
	uint32_t (*again)(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
		const struct device *device, uint32_t number);
	bool answer, event, subdevice, auth, either;
	const char *voice;
	struct {
		uint8_t name;
		uint8_t kinds; /* bits of enum json_kind */
	} needs[2];
};

/** mc_kind_of() - the table's row of a code; NULL for codes that are not in it. */
const struct mc_kind *mc_kind_of(uint32_t code);

/** mc_code_sendable() - may a device send this code at all (even, 1000 and up)? */
static inline bool mc_code_sendable(uint32_t code)
{
	return code >= 1000 && code % 2 == 0;
}

/* mc_content.c */

/* First-level names that mean something here. */
enum mc_name {
	MC_NAME_NONE,
	MC_NAME_PIN,
	MC_NAME_TIME,
	MC_NAME_TOKEN,
	MC_NAME_MODEL,
	MC_NAME_ALARM,
	MC_NAME_ERROR,
	MC_NAME_EVENT,
	MC_NAME_RESULT,
	MC_NAME_ON_LINE,
	MC_NAME_DEVICE,
	MC_NAME_STATUS,
	MC_NAME_VERSION,
	MC_NAME_SEQUENCE,
	MC_NAME_DEVICE_ID,
	MC_NAME_TTS_PARAM,
	MC_NAME_CTRL_PARAM,
	MC_NAME_DEV_VERSION,
	MC_NAME_SUB_DEVICE_ID,
	MC_NAME_STATUS_SERIALS,
	MC_NAME_RESOURCE_SERIALS,
	MC_NAME_COUNT
};

/** mc_content_read() - scan a frame's plaintext and fill in its content, or its fault. */
void mc_content_read(struct mc *mc, struct mc_frame *frame);

/** mc_padding() - bytes of PKCS#7 padding (RFC 5652 section 6.3) at the end of a last block, 1
 * to 16; 0: it is not well-formed. In constant time. */
uint32_t mc_padding(const uint8_t block[AES_BLOCK]);

/** mc_id_valid() - 1 to 64 bytes of printable ASCII without '"' and '\'? */
bool mc_id_valid(const uint8_t *id, uint32_t length);

/* mc_silence.c */

/** mc_silence_start() - make ready for mc_silence_scan(). */
void mc_silence_start(struct mc *mc);

/** mc_silence_scan() - the work of scanning a report of @length bytes, of which @done were scanned.
 * mc->object is overwritten. */
void mc_silence_scan(struct mc *mc, uint32_t length, uint32_t done);

/* mc_envelope.c */

/**
 * mc_envelope() - take a frame apart: code, token or device id, data (section 5.2)
 *
 * Fills in @frame from its message, or its fault. A sealed frame goes on to decryption.
 */
void mc_envelope(struct mc *mc, struct mc_frame *frame);

/** mc_take() - bytes from the batch's arena; the caller has made sure that they are there. */
uint8_t *mc_take(struct mc *mc, uint32_t bytes);

/* mc_batch.c */

/** mc_messages() - a batch in order of arrival, through all stages (struct protocol). */
void mc_messages(void *state, const struct message *messages, unsigned count);

/** mc_close() - close a connection after the answers of this batch have been queued; frames of it
 * that come later in the batch are dropped. */
void mc_close(struct mc *mc, uint32_t connection);

/* mc_login.c */

/** mc_login() - decide on a frame that came to the login port (section 5.4.2.1). */
void mc_login(struct mc *mc, struct mc_frame *frame);

/* mc_budget.c */

/** mc_budget_refuses() - is this login, whose PIN is right, to be treated as a wrong one? */
bool mc_budget_refuses(struct mc *mc, const struct mc_frame *frame, const struct device *device);

/** mc_budget_failed() - a login failed by what the peer sent. */
void mc_budget_failed(struct mc *mc, const struct mc_frame *frame);

/* mc_flap.c */

/** mc_flap_held() - is this device held down? It has proved who it is. */
bool mc_flap_held(struct mc *mc, const struct mc_frame *frame, const struct device *device);

/**
 * mc_flap_connected() - a connect was accepted
 * @older: the entry that the device's record named before, not ended yet; SESSION_NONE: none
 * Return: alerts for mc_flap_tell(), once the online is written.
 */
unsigned mc_flap_connected(struct mc *mc, const struct mc_frame *frame,
	const struct session_turn *turn, const struct device *device, uint32_t older);

/** mc_flap_look() - a copy of a device's session, as this turn has it or as its worker committed it
 * last. Return: false if entry @index is not that device's. */
bool mc_flap_look(
	struct mc *mc, uint32_t index, const struct device *device, struct session_turn *copy);

/** mc_flap_alive() - is a session live and was heard within a heartbeat and 10 s? @ago: seconds. */
bool mc_flap_alive(const struct mc *mc, const struct session_turn *turn, uint32_t *ago);

/** mc_flap_tell() - count and write alerts; what finds no room is owed. */
void mc_flap_tell(struct mc *mc, const struct mc_frame *frame, const struct session_turn *turn,
	const struct device *device, unsigned alerts);

/* mc_connect.c */

/** mc_connect() - decide on a connect, well-formed or not (section 5.4.2.2). */
void mc_connect(struct mc *mc, struct mc_frame *frame);

/* mc_request.c */

/** mc_request() - decide on a heartbeat, a device request or a device's answer (5.4.2.3, 5.4.3). */
void mc_request(struct mc *mc, struct mc_frame *frame);

/** mc_turn() - this turn's copy of the session that a frame's token named when it was looked up;
 * NULL when it is void by now or the turn has no room, @why is its counter then. */
struct session_turn *mc_turn(struct mc *mc, const struct mc_frame *frame, enum mc_counter *why);

/* mc_answer.c */

/** mc_answer_login() - 1003: success, with the key and token just drawn. */
void mc_answer_login(
	struct mc *mc, const struct mc_frame *frame, const uint8_t *key, const char *token);

/** mc_answer_connect() - 1005 with @result. */
void mc_answer_connect(struct mc *mc, const struct mc_frame *frame, uint32_t result);

/** mc_answer_request() - code + 1 with @result; counted by result. @device: the session's. */
void mc_answer_request(
	struct mc *mc, const struct mc_frame *frame, const struct device *device, uint32_t result);

/**
 * struct mc_reply - what the answer to a device's request says, whenever it is sent
 * @code, @kind: of the request; @kind NULL: an unknown code
 * @sequence, @sequence_text: the request's number, and whether it came as a string
 * @authentic: 2012: authResult "0"
 * @device, @subdevice: ids; @device is always there
 */
struct mc_reply {
	uint32_t code;
	const struct mc_kind *kind;
	uint32_t result;
	uint16_t sequence;
	bool sequence_text;
	bool authentic;
	struct mc_text device, subdevice;
};

/** mc_answer_session() - the answer to a request whose frame is gone, to where its session's device
 * is now; counted by result. */
void mc_answer_session(
	struct mc *mc, const struct session_turn *turn, const struct mc_reply *reply);

/* mc_out.c */

/**
 * mc_out_room() - where the plaintext of the next frame to a device is to be written
 * @bytes: its length at most, without padding
 *
 * What is waiting may be sent to make room. mc_out_answer() or mc_out_session() follows, or
 * nothing. Return: NULL when it is longer than any frame may be.
 */
uint8_t *mc_out_room(struct mc *mc, uint32_t bytes);

/** mc_out_answer() - what was written there, @length bytes, answers a frame of this batch: with its
 * key, to where it came from. */
void mc_out_answer(struct mc *mc, const struct mc_frame *frame, uint32_t code, uint32_t length);

/** mc_out_session() - it goes to where a live session's device is now, with the session's key. */
void mc_out_session(struct mc *mc, const struct session_turn *turn, uint32_t code, uint32_t length);

/** mc_out_send() - encrypt all that waits and queue it at the transports, in order. */
void mc_out_send(struct mc *mc);

/** mc_out_frame_bytes() - how long the frame with a plaintext of @length bytes is at most. */
uint32_t mc_out_frame_bytes(uint32_t length);

/** mc_frame_limit() - how long a frame to a live session's device may be, by its transport. */
uint32_t mc_frame_limit(const struct mc *mc, const struct session_turn *turn);

/** mc_peer_of() - where a live session's device is now. */
struct peer mc_peer_of(const struct mc *mc, const struct session_turn *turn);

/** mc_finish() - struct protocol. */
bool mc_finish(void *state);

/* mc_commit.c */

/**
 * mc_commit_holds() - is the answer to an accepted request left to the consumer's commit?
 * @count: its number since the connect
 */
static inline bool mc_commit_holds(
	const struct mc *mc, const struct session_turn *turn, uint32_t count)
{
	return mc->commits && session_uncommitted(mc->host->table, turn->index, count);
}

/** mc_commit_wrote() - a record was written: its request waits for the commit, if it is one. */
void mc_commit_wrote(struct mc *mc, const struct hearth_record *record);

/** mc_committed(), mc_acknowledged(), mc_uncommitted() - struct protocol. */
bool mc_committed(void *state, const struct hearth_item *item);
void mc_acknowledged(void *state, session_handle handle, uint32_t count);
void mc_uncommitted(void *state, const struct hearth_item *item);

/* mc_event.c */

/**
 * mc_event_request() - write the event of a request
 * @result: what it is answered
 * @count, @window: its own number since the connect, and the window as seen from that number
 * @event: receives the event's id
 * Return: false when the ring has no room.
 */
bool mc_event_request(struct mc *mc, const struct session_turn *turn, const struct device *device,
	const struct mc_frame *frame, uint32_t result, uint32_t count, uint32_t window,
	uint64_t *event);

/**
 * mc_event_response() - what the event of an answer consists of; its request is filled in by the
 * caller, who writes it or keeps it
 * Return: its payload, valid until the next event is made.
 */
struct mc_text mc_event_response(struct mc *mc, const struct session_turn *turn,
	const struct device *device, const struct mc_frame *frame, struct hearth_record *record);

/** mc_event_online() - write the event of a connect; @frame NULL: it was owed, what the connect
 * carried is no longer known. Return: false when the ring has no room. */
bool mc_event_online(struct mc *mc, const struct session_turn *turn, const struct device *device,
	const struct mc_frame *frame);

/** mc_event_payload() - what the event of a request carries; never a PIN. Good until the next. */
struct mc_text mc_event_payload(struct mc *mc, const struct mc_frame *frame);

/** mc_event_waited() - write the event of a request whose frame is gone; @number, @window as
 * @count, @window above. Return: false when the ring has no room. */
bool mc_event_waited(struct mc *mc, const struct session_turn *turn, const struct device *device,
	const struct mc_wait *wait, uint32_t window);

/** mc_event_subdevice() - write that a sub-device came on-line or went off-line (@reason) in its
 * gateway's session. Return: false when the ring has no room but its reserve. */
bool mc_event_subdevice(struct mc *mc, const struct session_turn *turn,
	const struct device *gateway, const struct device *subdevice, enum hearth_event event,
	enum hearth_reason reason);

/** mc_event_offline() - write the event of an end. @turn: as it was when live, or ended by now.
 * Return: false when the ring has no room. */
bool mc_event_offline(struct mc *mc, const struct session_turn *turn, const struct device *device,
	enum hearth_reason reason);

/** mc_event_alert() - write an alert about a device. @session: number of its newest session; @peer:
 * where what raised it came from. Return: false when the ring has no room. */
bool mc_event_alert(struct mc *mc, const struct device *device, uint64_t session,
	const struct peer *peer, enum hearth_reason reason);

/* mc_life.c */

/** mc_device() - a session's device; NULL when it was removed. */
struct device *mc_device(const struct mc *mc, const struct session_turn *turn);

/** mc_settle() - write the events that a session owes. Return: does it owe none (now)? */
bool mc_settle(struct mc *mc, struct session_turn *turn, const struct device *device);

/**
 * mc_end() - end a live session: event, state, index; its connection is unbound, not closed
 * @must: end it even if the event has to be owed; else nothing is done when there is no room
 * Return: the connection that was its (0: none) in @connection; false when nothing was done.
 */
bool mc_end(struct mc *mc, struct session_turn *turn, struct device *device,
	enum hearth_reason reason, bool must, uint32_t *connection);

/** mc_end_own() - the same, for a connect with the session's own token, which stays good. */
bool mc_end_own(
	struct mc *mc, struct session_turn *turn, struct device *device, uint32_t *connection);

/** mc_end_close() - end a live session for good or bad, and close its connection. */
void mc_end_close(
	struct mc *mc, struct session_turn *turn, struct device *device, enum hearth_reason reason);

/** mc_end_bound() - a connection is about to end or to change hands: end its session (closed). */
void mc_end_bound(struct mc *mc, uint32_t connection);

/** mc_void() - a session that is not live (any more) is no longer good for a connect. */
void mc_void(struct mc *mc, struct session_turn *turn, struct device *device);

/** mc_heartbeat() - the heartbeat that a session was told when it connected, in seconds; a longer one
 * where the configuration's has changed since, more than once or in that second. */
uint32_t mc_heartbeat(const struct mc *mc, const struct session_turn *turn);

/** mc_expired() - has a token come to its end (mc.token_seconds)? */
bool mc_expired(const struct mc *mc, const struct session_turn *turn);

/** mc_lapsed() - was a login not used in time? */
bool mc_lapsed(const struct mc *mc, const struct session_turn *turn);

/** mc_closed(), mc_sweep(), mc_look(), mc_release(), mc_control() - struct protocol. */
void mc_closed(void *state, uint32_t connection, session_handle handle);
void mc_sweep(void *state, uint32_t budget);
void mc_look(void *state, uint32_t index);
bool mc_release(void *state, uint32_t index);
void mc_control(void *state, enum control_op op, session_handle handle);

/*
 * A device's sessions. Workers that decide at the same time on two entries of one device meet
 * here: each says what it has seen, and goes on only if that is still so.
 */

/** struct mc_names - the entries that a device's record names */
struct mc_names {
	uint32_t live, login;
};
typedef uint64_t __attribute__((may_alias)) mc_names_word;
_Static_assert(offsetof(struct device, live) % 8 == 0 &&
		       offsetof(struct device, login) == offsetof(struct device, live) + 4,
	"both names are one word");

/** mc_names() - both names at once. */
static inline struct mc_names mc_names(const struct device *device)
{
	uint64_t word = __atomic_load_n((const mc_names_word *)&device->live, __ATOMIC_ACQUIRE);
	struct mc_names names;

	memcpy(&names, &word, sizeof(names));
	return names;
}

/** mc_names_swap() - from @seen to @next; false, and @seen as it is now, if it has changed. */
static inline bool mc_names_swap(struct device *device, struct mc_names *seen, struct mc_names next)
{
	uint64_t before, after;
	bool swapped;

	memcpy(&before, seen, sizeof(before));
	memcpy(&after, &next, sizeof(after));
	swapped = __atomic_compare_exchange_n((mc_names_word *)&device->live, &before, after, false,
		__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
	memcpy(seen, &before, sizeof(*seen));
	return swapped;
}

/** mc_index_drop() - one name, only if it is @index. */
static inline void mc_index_drop(uint32_t *where, uint32_t index)
{
	__atomic_compare_exchange_n(
		where, &index, SESSION_NONE, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static inline uint32_t mc_index_load(const uint32_t *index)
{
	return __atomic_load_n(index, __ATOMIC_RELAXED);
}

static inline void mc_index_store(uint32_t *index, uint32_t value)
{
	__atomic_store_n(index, value, __ATOMIC_RELAXED);
}

/* mc_command.c */

/** mc_command(), mc_command_due(), mc_command_attached() - struct protocol. */
bool mc_command(void *state, uint32_t command);
bool mc_command_due(void *state, uint32_t command);
void mc_command_attached(void *state, uint32_t command);

/** mc_command_answer() - decide on a frame that answers a platform request, or claims to. */
void mc_command_answer(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
	const struct device *device);

/** mc_command_end() - a live session ends: so do its requests, sent or not. */
void mc_command_end(struct mc *mc, struct session_turn *turn);

/* mc_attach.c */

/** mc_restored(), mc_attached() - struct protocol. */
void mc_restored(void *state, const struct hearth_item *item);
void mc_attached(void *state, uint32_t index);

/** The protocol, for the table in protocols.c. */
extern const struct protocol mc_protocol;
