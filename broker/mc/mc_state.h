/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_state.h - what a worker knows of Mc: its numbers, a frame on its way, a batch, the whole */
#pragma once

#include "codec/json.h"
#include "mc/mc_counters.h"
#include "mc/mc_subdevice.h"
#include "mc/mc_voice.h"
#include "mc/mc_trace.h"
#include "protocol.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Frame codes that the broker treats apart; the others stand in mc_kind.c's table. */
#define MC_HEARTBEAT 1000
#define MC_LOGIN 1002
#define MC_CONNECT 1004

/* Results that the broker itself sends (section 5.4.4). */
#define MC_DONE 0
#define MC_ILLEGAL 100001 /* a member is missing, of another kind, or out of time */
#define MC_NO_SUCH_DEVICE 200001
#define MC_OUT_OF_SEQUENCE 200003
#define MC_NOT_SUPPORTED 300002
#define MC_MORE 400002      /* a segment of a recording: taken, more is to come */
#define MC_NO_VOICE 400004  /* no backend is there */
#define MC_NO_ANSWER 400005 /* the backend did not answer in time */
#define MC_NO_ROOM 999999
/* No result: it is answered later, by whoever it waits for; its number is used up meanwhile and
 * its bit in the window unset, so that a repeat of it is judged anew. */
#define MC_LATER UINT32_MAX

#define MC_FRAME_MAX 65536   /* longest frame on TCP */
#define MC_DATAGRAM_MAX 1472 /* longest on UDP over IPv4 */
#define MC_DATAGRAM_MAX_IPV6 1452
#define MC_FIRST_MAX 2000    /* longest login or connect on TCP: a partial one fits a 2 KiB chunk */
#define MC_LOGIN_SECONDS 120 /* a token not connected within lapses */
#define MC_LINGER_SECONDS 10 /* after 1003 the device closes, the broker after this */
#define MC_SLACK_SECONDS 5   /* a request may be that much older than its connect */
#define MC_HOST_MAX 262      /* advertised "HOST:PORT" */
#define MC_ANSWER_MAX 1024   /* longest plaintext of an answer of the broker's own */
#define MC_OUT_MAX PROTOCOL_BATCH /* frames to devices that are sent at once */
#define MC_OUT_KEYS 64            /* of these, those that answer no frame of this batch */
#define MC_OUT_ARENA (256 * 1024) /* their plaintexts */
#define MC_OUT_FRAMING 34         /* CTS{"code":4294967295,"data":""} CR LF */
#define MC_OUT_PLAIN_MAX 49120    /* longest plaintext of any frame, padding included */
#define MC_ARENA (512 * 1024)     /* decoded frames of a batch */
#define MC_KEY_MAP 512            /* key slots are found in it; twice the slots */

/** struct mc_text - bytes somewhere in a batch's memory; at NULL: not there */
struct mc_text {
	const uint8_t *at;
	uint32_t length;
};

/**
 * struct mc_content - what a frame's decrypted object says, as far as decisions need it
 * @body: the object, braces included
 * @device, @subdevice: first-level ids: strings that are well-formed ids, else not there
 * @version, @model: devVersion and model as JSON values, quotes included
 * @control: ctrlParam or ttsParam, an object
 * @time: valid with @has_time
 * @sequence: as a number; it came as a string with @sequence_text
 * @named: the inner token or device id is the outer one
 * @illegal: a member that the code requires is missing or of another kind
 * @result: of an answer, valid with @has_result
 * @has_pin: there is a first-level "pin"; @pin: of a 2012, if it is a string, its escapes resolved
 * @on_line: of a 2020
 */
struct mc_content {
	struct mc_text body;
	struct mc_text device, subdevice;
	struct mc_text version, model;
	struct mc_text control;
	struct mc_text pin;
	uint32_t time;
	int32_t result;
	uint16_t sequence;
	bool sequence_text;
	bool has_time;
	bool named;
	bool illegal;
	bool has_result;
	bool has_pin;
	bool on_line;
};

struct mc_kind;

/**
 * struct mc_frame - one message on its way through a batch
 * @code: 0 until it is known
 * @kind: of a device request; NULL for others and for unknown codes
 * @fault: 0, or the counter of the first thing wrong with it plus 1
 * @sealed: it has data to decrypt
 * @dead: its connection is being closed
 * @handed: a datagram for a session of another worker: it goes there as it is
 * @slot: of its key
 * @index: session entry that its token names, SESSION_NONE for logins and unknown tokens
 * @known: device that a login names; NULL if there is none
 * @hash: of that device's id
 * @name: the outer token or device id
 * @data: Base64 text
 * @plain: decrypted; before that, encrypted
 */
struct mc_frame {
	const struct message *message;
	uint32_t code;
	const struct mc_kind *kind;
	uint16_t fault;
	bool sealed;
	bool dead;
	bool handed;
	uint16_t slot;
	uint8_t name_length;
	uint8_t name[DEVICE_ID_MAX];
	uint32_t index;
	struct device *known;
	uint64_t hash;
	struct mc_text data;
	uint8_t *plain;
	uint32_t plain_length;
	struct mc_content content;
};

/** struct mc_key - a key that frames of this batch use, expanded once */
struct mc_key {
	struct aes_schedule schedule;
	uint8_t iv[AES_BLOCK];
	uint64_t name; /* of the session or device, see mc_batch.c */
};

/** struct mc_out - a frame to a device, on its way to the transport */
struct mc_out {
	struct peer to;
	const struct mc_key *key;
	uint32_t code;
	uint32_t length; /* padding included */
	uint8_t *plain;
};

/** struct mc_time_text - how every answer of a second ends */
struct mc_time_text {
	uint32_t second, length;
	uint8_t text[24];
};

/**
 * struct mc - a worker's state
 *
 * One mapping, kept out of core dumps and wiped at the end: keys and plaintexts lie in it.
 */
struct mc {
	struct host *host;
	uint64_t counters[MC_COUNTER_COUNT];
	/* indexes of the login port and of the two connect ports */
	uint8_t login_listener, tcp_listener, udp_listener;
	uint8_t dummy[AES_BLOCK]; /* decrypts what no key is known for */
	bool commits;             /* answers wait for the consumer's commit */
	bool authentic;           /* of the 2012 that is being decided: its authResult is "0" */
	/* this batch */
	bool deciding;
	bool granted; /* a login took an entry: earlier look-ups may be outdated */
	unsigned current, frame_count, key_count, close_count, job_count;
	uint32_t arena_used;
	struct mc_frame frames[PROTOCOL_BATCH];
	struct mc_key keys[PROTOCOL_BATCH];
	uint16_t key_map[MC_KEY_MAP]; /* slot + 1 by name, 0: empty */
	struct aes_job jobs[PROTOCOL_BATCH];
	/* what is to be sent: of this batch, or of the slices behind it */
	unsigned out_count, out_key_count;
	uint32_t out_used;
	struct mc_time_text time_text;
	struct mc_out out[MC_OUT_MAX];
	struct mc_key out_keys[MC_OUT_KEYS];
	uint32_t
		closes[2 * PROTOCOL_BATCH]; /* a frame can close its own and one older connection */
	struct json_object object;
	struct mc_voices voices;
	struct mc_waits waits;
	struct mc_leaving leaving;
	_Alignas(64) uint8_t arena[MC_ARENA];
	uint8_t out_arena[MC_OUT_ARENA];
	uint8_t payload[2][MC_FRAME_MAX + 64]; /* events written anew */
	/* scanned for what is no text, and what a scan gives then */
	uint8_t report[MC_FRAME_MAX];
	struct json_object usual;
	struct mc_trace trace;
};

static inline void mc_count(struct mc *mc, enum mc_counter counter)
{
	counter_add(&mc->counters[counter], 1);
}

/* Does somebody follow a device, by now? */
static inline bool mc_followed(const struct mc *mc)
{
	return __builtin_expect(mc->host->following != 0, 0);
}

/* The platform's clock, Unix seconds. */
static inline uint32_t mc_now(const struct mc *mc)
{
	return mc->host->clock.unix_ms / 1000;
}

/* Note what is wrong with a frame; the first thing stays. */
static inline void mc_fault(struct mc_frame *frame, enum mc_counter counter)
{
	if (!frame->fault)
		frame->fault = counter + 1;
}

/* Is it this device's own id? */
static inline bool mc_is_own(const struct device *device, struct mc_text id)
{
	return id.at && id.length == device->id_length &&
	       !memcmp(id.at, device_id(device), id.length);
}

static inline bool mc_over_tcp(const struct mc_frame *frame)
{
	return frame->message->peer.via == SESSION_VIA_TCP;
}
