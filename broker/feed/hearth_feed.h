/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* hearth_feed.h - read Hearth's event rings, send commands: the one public header, free of DPDK and
 * of our own */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* hearth_record.event */
enum hearth_event {
	HEARTH_ONLINE = 1,
	HEARTH_OFFLINE = 2,
	HEARTH_UPLINK = 3,
	HEARTH_RESPONSE = 4,
	HEARTH_UNDELIVERED = 5,
	HEARTH_ALERT = 6
};

/* hearth_record.reason, by event */
enum hearth_reason {
	HEARTH_REASON_NONE = 0,
	/* offline */
	HEARTH_TIMEOUT = 1,
	HEARTH_CLOSED = 2,
	HEARTH_REPLACED = 3,
	HEARTH_SEQUENCE = 4,
	HEARTH_UNANSWERED = 5,
	HEARTH_KICKED = 6,
	HEARTH_REMOVED = 7,
	HEARTH_SHUTDOWN = 8,
	/* undelivered */
	HEARTH_NO_ANSWER = 16,
	HEARTH_WAS_OFFLINE = 17,
	HEARTH_UNKNOWN = 18,
	HEARTH_EXPIRED = 19,
	HEARTH_QUEUE_FULL = 20,
	HEARTH_TOO_LARGE = 21,
	HEARTH_REFUSED = 22,
	/* alert */
	HEARTH_FLAPPING = 32,
	HEARTH_CLONE = 33
};

/* hearth_record.protocol */
enum hearth_protocol { HEARTH_MC = 1 };

/* hearth_record.via */
enum hearth_via { HEARTH_VIA_NONE = 0, HEARTH_VIA_TCP = 1, HEARTH_VIA_UDP = 2 };

/* hearth_record.flags */
#define HEARTH_SEQUENCE_WAS_NUMBER 0x01 /* the sequence came as a JSON number, not a string */
#define HEARTH_OF_ITSELF 0x02 /* the request is about the session's device, no sub-device of it */

/**
 * struct hearth_record - record v1 as it lies in the ring, little endian, 16-byte aligned
 *
 * Followed by device id, gateway id and payload, then zero bytes up to @length.
 *
 * @length: of the whole record, padding included; a multiple of 16
 * @checksum: CRC-32C of the bytes from @id to the end of the payload
 * @id: the ring's cursor at the record's first byte; strictly increasing, never used twice, also
 *	over restarts and reboots
 * @time: Unix time, ms
 * @session: number of the device's session; grows with every accepted connect
 * @handle: the broker's session handle (worker, generation, index)
 * @request: platform request this answers (response, undelivered), else 0
 * @count: the request's number since the connect, unwrapped; 0 for the connect itself
 * @window: the session's sequence window after this record (bit n: count - n was accepted)
 * @code: frame code, 0 if none
 * @result: the answer's result
 * @device_time: the frame's own time, Unix seconds, 0 if none
 * @payload_length: bytes of payload (a JSON object), 0 if none
 * @sequence: as it came
 * @peer_port, @peer: the device's address (IPv4 as ::ffff:a.b.c.d); host order, network order
 */
struct hearth_record {
	uint32_t length;
	uint32_t checksum;
	uint64_t id;
	uint64_t time;
	uint64_t session;
	uint64_t handle;
	uint64_t request;
	uint32_t count;
	uint32_t window;
	uint32_t code;
	int32_t result;
	uint32_t device_time;
	uint32_t payload_length;
	uint16_t sequence;
	uint16_t peer_port;
	uint8_t event;
	uint8_t reason;
	uint8_t protocol;
	uint8_t via;
	uint8_t flags;
	uint8_t device_length;
	uint8_t gateway_length;
	uint8_t reserved[5];
	uint8_t peer[16];
};

/**
 * struct hearth_item - one event as hearth_feed_next() returns it
 *
 * Pointers lead into the ring: valid until the next hearth_feed_commit(). An observer's lead into a
 * copy: valid until the next hearth_feed_next(). device and gateway are not NUL-terminated.
 */
struct hearth_item {
	const struct hearth_record *record;
	const char *device;
	const char *gateway;
	const char *payload;
	unsigned worker;
};

struct hearth_feed;

#define HEARTH_FEED_OBSERVE 0x1 /* read without committing and without delaying the broker */

/**
 * hearth_feed_open() - attach to the rings at @path
 * @error: receives one line for people when it fails
 *
 * Starts at the commit cursors (an observer: with what comes next). Only one process may consume.
 * The reader goes on over the broker's restarts; whether it runs makes no difference here.
 * Return: the reader; NULL with errno ENOENT (no ring yet: try again), EBUSY (another consumer),
 * EPROTO (not a ring, or another layout version), or what the system said.
 */
struct hearth_feed *hearth_feed_open(const char *path, unsigned flags, char *error, size_t size);

/**
 * hearth_feed_next() - the next event
 *
 * Records are checked before they are returned. Order within a worker is the order of acceptance.
 * Return: 1 and @item; 0 if there is none now; -ESTALE if the broker replaced the file: close and
 * open again; -EBADMSG, once, if a record is damaged: nothing more can be read from the ring that
 * @item->worker names, the other rings go on; -EOVERFLOW, once, if an observer was overtaken: it
 * goes on with what comes next; -ENOMEM.
 */
int hearth_feed_next(struct hearth_feed *feed, struct hearth_item *item);

/**
 * hearth_feed_commit() - everything returned so far is safe with the caller
 *
 * The broker may overwrite it after this. An observer has nothing to commit: -EPERM.
 */
int hearth_feed_commit(struct hearth_feed *feed);

/** hearth_feed_valid() - for observers: does the last item still stand in the ring? If not, the
 * observer is about to be overtaken. */
int hearth_feed_valid(struct hearth_feed *feed);

/** hearth_feed_lag() - bytes published but not yet returned, over all workers. */
uint64_t hearth_feed_lag(const struct hearth_feed *feed);

/** hearth_feed_close() - NULL is allowed. Nothing is committed by closing. */
void hearth_feed_close(struct hearth_feed *feed);

/**
 * hearth_item_json() - an event as one line of JSON, without a line end
 *
 * Line breaks between the payload's tokens become spaces.
 * Return: bytes written, or, when @size is too small, the bytes needed (nothing is written then).
 */
size_t hearth_item_json(const struct hearth_item *item, char *out, size_t size);

/** hearth_event_name(), hearth_reason_name(), hearth_via_name(), hearth_protocol_name() - the
 * contract's words; "" for an unknown value. */
const char *hearth_event_name(unsigned event);
const char *hearth_reason_name(unsigned reason);
const char *hearth_via_name(unsigned via);
const char *hearth_protocol_name(unsigned protocol);

/*
 * Commands. A process registers over the broker's control socket and is given a ring of its own,
 * which it writes and the broker takes from, also after a restart of the broker. Each command has
 * one request id, unique for ever, and exactly one outcome: the event `response` or `undelivered`
 * with that request (hearth_record.request), in whichever ring the device is served by. Read the
 * event rings before sending, so that no outcome is missed.
 */
struct hearth_commands;

/** Answers devices' voice requests: while such a process is registered and lives they are handed on
 * as events of code 3000 and 3002, to be answered with hearth_command_answer() within 8 s. */
#define HEARTH_COMMANDS_BACKEND 0x1

/** Longest payload of a command, bytes. */
#define HEARTH_COMMAND_PAYLOAD_MAX 65536

/**
 * hearth_commands_open() - register this process
 * @control_socket: path of the broker's control socket (control.socket)
 * @flags: 0 or HEARTH_COMMANDS_BACKEND
 * @error: receives one line for people when it fails
 *
 * For one thread at a time. The registration ends when the process ends or hearth_commands_close()
 * is called; what was sent before is still delivered. Waits for the broker for 10 s at most.
 * Return: NULL with errno ENOENT, ECONNREFUSED, ECONNRESET or EPIPE (no broker there, or one
 * that is just ending: try again), EBUSY (16 processes are registered, or too many ask at once:
 * try again), EACCES, EPROTO (not a broker of this version), ETIMEDOUT, or what the system said.
 */
struct hearth_commands *hearth_commands_open(
	const char *control_socket, unsigned flags, char *error, size_t size);

/** hearth_commands_feed() - path of the broker's event rings, for hearth_feed_open(). */
const char *hearth_commands_feed(const struct hearth_commands *commands);

/**
 * struct hearth_command - a platform request
 * @device: to which device, or sub-device; not NUL-terminated, at most 64 bytes
 * @code: 2001, 2003, 2005, 2015, 2025 or 2031
 * @payload: a JSON object without sequence and time: the broker adds them, and deviceId where it is
 *	missing
 * @expires_ms: not sent to the device later than so many ms from now; 0: 60 s
 */
struct hearth_command {
	const char *device;
	size_t device_length;
	uint32_t code;
	const char *payload;
	size_t payload_length;
	uint32_t expires_ms;
};

/**
 * hearth_command_send() - hand a command to the broker
 * @request: receives its id; may be NULL
 *
 * When it returns 0 the command survives the end of this process and of the broker (not of the
 * machine). Return: 0; -EAGAIN: the ring is full, try again; -EINVAL: device or payload is empty or
 * no JSON object, or the id too long; -EMSGSIZE: the payload is longer than
 * HEARTH_COMMAND_PAYLOAD_MAX; -ESTALE: the broker takes nothing from this ring any more, or all its
 * ids are used: close and open again. Nothing was sent unless 0 is returned.
 */
int hearth_command_send(
	struct hearth_commands *commands, const struct hearth_command *command, uint64_t *request);

/**
 * hearth_command_answer() - answer a device's voice request
 * @asked: the `uplink` event of code 3000 or 3002; of a 3002 series that of its last segment. With
 *	an id of 0 the device's oldest that waits is answered
 * @payload: {"result":0,"ttsResult":{"audioData":..}} for 3000,
 *	{"result":0,"ctrlResult":{"rawText":..,"resultDesc":..}} for 3002;
 *	an error may do without the second member: {"result":400003}
 *
 * Return: as hearth_command_send(); -EINVAL also if @asked is no voice request.
 */
int hearth_command_answer(struct hearth_commands *commands, const struct hearth_item *asked,
	const char *payload, size_t length);

/** hearth_commands_waiting() - commands that the broker has not taken yet. */
uint64_t hearth_commands_waiting(const struct hearth_commands *commands);

/** hearth_commands_close() - NULL is allowed. */
void hearth_commands_close(struct hearth_commands *commands);

/**
 * hearth_lan_key() - the key that the platform hands to a device's app (Q/CT X-2017 section 6.2.2)
 * @device: its id
 * @random: the app's 16 characters [0-9A-Za-z]
 * @key: receives 44 characters and a NUL; keep it secret, wipe it
 * @live_seconds: receives how long the app may use it; may be NULL
 * @error: receives one line for people when it fails
 *
 * Return: 0; -ENOENT: no such device, or no broker there; -EINVAL: @random is anything else;
 * otherwise as hearth_commands_open().
 */
int hearth_lan_key(const char *control_socket, const char *device, const char *random, char key[45],
	unsigned *live_seconds, char *error, size_t size);

#ifdef __cplusplus
}
#endif
