/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* fleet.h - a simulated fleet of Mc devices: what its files share */
#pragma once

#include "address.h"
#include "instrument.h"

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * One thread, one loop; how frames travel is the transport's business (transport.h). Every answer
 * is checked against what the text requires; the code that does so is the fleet's own (mbedTLS and
 * jansson), none of it the broker's, so that a mistake there cannot hide here.
 */

#define ID_MAX 64
#define PIN_BYTES 32
#define KEY_BYTES 16
#define TOKEN_CHARS 16
#define FRAME_MAX 65536
#define DATAGRAM_MAX 1472
#define FIRMWARE_FRAME_MAX 1024 /* public firmware reads into a buffer of this size */
#define WINDOW_MAX 32
#define SECOND UINT64_C(1000000) /* times are microseconds on the monotonic clock */
#define NEVER UINT64_MAX

/* Ways in which an answer can be wrong: any of them makes the run fail. */
#define DEVIATIONS(X)                                                                              \
	X(BAD_FRAME, "frame")            /* not CTS, one object, CR LF */                          \
	X(BAD_ENVELOPE, "envelope")      /* not {"code":N,"data":".."} */                          \
	X(BAD_BASE64, "base64")          /* not standard, padded, canonical */                     \
	X(BAD_KEY, "decrypt")            /* padding or JSON wrong under the right key */           \
	X(BAD_CODE, "code")              /* answers nothing that was asked */                      \
	X(BAD_SEQUENCE, "sequence")      /* answers the code, but not the number */                \
	X(BAD_FORM, "sequence-form")     /* a number for a string, or the reverse */               \
	X(BAD_RESULT, "result")          /* not 0 */                                               \
	X(BAD_MEMBER, "member")          /* one that is required is missing or malformed */        \
	X(BAD_TIME, "time")              /* far from the clock */                                  \
	X(TWO_FRAMES, "frames-per-read") /* firmware: a read was not one whole frame */            \
	X(TOO_LONG, "too-long")          /* firmware: longer than its buffer */                    \
	X(UNASKED, "unasked")            /* an answer beyond those that repeats explain */         \
	X(BAD_REQUEST, "request")        /* a platform request without what it needs */
enum deviation {
#define X(id, name) id,
	DEVIATIONS(X)
#undef X
		DEVIATION_COUNT
};

enum like { LIKE_TEXT, LIKE_FIRMWARE };
/* Where DPDK's memory comes from. */
enum memory { MEMORY_AUTO, MEMORY_HUGE, MEMORY_NO_HUGE };

/* Queue pairs of a port: each is a link of the stack. */
#define QUEUES_MAX 8

/** struct options - the command line, checked */
struct options {
	const char *login; /* HOST:PORT, checked */
	const char *csv;
	const char *device; /* --via dpdk: its port; NULL: kernel sockets */
	struct ip_address address, gateway;
	const char *address_text, *gateway_text, *pages_text;
	uint8_t prefix;
	bool has_address, has_gateway;
	int cpu; /* -1: the first */
	unsigned queues;
	enum memory memory;
	unsigned megabytes;
	const char *control; /* the broker's socket */
	unsigned generate, subdevices, gateways;
	enum like like;
	int tcp_share;      /* 0..100; -1: by behaviour */
	double interval;    /* seconds between a device's reports; 0: none */
	double rate;        /* reports/s overall; 0: by interval */
	double seconds;     /* 0: until the reports are made, or for ever */
	double steady;      /* seconds after all were connected; 0: no end */
	uint64_t reports;   /* per device; 0: no limit */
	unsigned heartbeat; /* seconds; 0: as the platform says */
	double ramp;        /* logins/s at the start */
	unsigned logins_at_once;
	double time_scale; /* factor on the device's own waits (10 s, 60 s, authInterval) */
	unsigned bytes;    /* pad reports to this many bytes of JSON; 0: as they come */
	unsigned split;    /* TCP: write frames in pieces of 1..split bytes; 0: whole */
	unsigned merge;    /* TCP: this many reports in one write */
	bool use_token;    /* a TCP device that lost its connection tries its token first */
	bool strict;       /* losses fail the run too, not only wrong answers */
	bool refusals;     /* 999999 is an expected answer */
	bool twice;        /* so is an answer that has come already, to a report */
	const char *acknowledged, *sent, *journal;
	unsigned voice, rebind; /* percent of the reports */
	struct {
		unsigned silent, late, wrong, refused; /* percent */
		double late_by;                        /* seconds */
	} commands;
	const char *json;
	bool quiet;
	uint64_t seed;
	struct instrument_options instrument; /* its scenario NULL: the fleet itself runs */
};

/**
 * struct request - a request that has not been answered yet; in memory only while it is in flight
 * @next: the device's next younger one
 * @number: of the report; 0 for the rest
 * @first: when it was due, for its latency
 * @count: since the connect, as the feed will have it
 * @sn: of a voice segment, else 0
 * @answers: refusals so far: 999999, to be sent again
 * @frame: as sent: a repeat is the same bytes
 */
struct request {
	struct request *next;
	uint64_t number, first, deadline;
	uint32_t length, count;
	uint16_t code, sequence;
	uint8_t sends, answers, sn;
	char frame[];
};

/** struct recent - a request that was answered; @left answers may still come, as it was repeated */
struct recent {
	struct recent *next;
	uint16_t code, sequence;
	uint8_t left;
};
#define RECENT_MAX 16

/** struct buffer - bytes of a stream that wait for more, or for room; there only while they do */
struct buffer {
	uint32_t length, size, sent;
	char bytes[];
};

/** struct subdevices - places of a gateway's sub-devices among the fleet's devices */
struct subdevices {
	unsigned count;
	unsigned at[];
};

/** An endpoint of the platform: its place in fleet.peers, plus one; 0: none. */
typedef uint8_t peer_id;
#define PEERS_MAX 255

enum state {
	STATE_WAIT,       /* until its timer, then login, or connect with the old token */
	STATE_LOGIN,      /* opening the login connection, or waiting for 1003 */
	STATE_CONNECTING, /* opening the connection that carries the session */
	STATE_CONNECT,    /* 1004 sent */
	STATE_LIVE
};

/**
 * struct device - one simulated device; a million of them are the reason for its size
 * @wake, @next, @prev, @slot: its timer, timer.c's
 * @serial: grows when its connection is opened or closed: tells stale events
 * @fd, @connection: the transport's name for the connection
 * @stream: the connection is TCP (a login always is)
 * @missed: firmware: unanswered in a row
 * @sends: of the current login or connect
 * @requests: oldest first
 * @id, @pin: in the text of the devices file
 * @number: of its newest report
 * @reports: made at their time, those after a connect not counted
 * @step: of what follows a connect: 2006 twice, 2022, per sub-device 2012 2020 2006
 * @logins, @failures: granted since power-up; failed in a row; both stop at 255
 * @connects: accepted since power-up
 * @count: of the newest request since the connect
 * @unbound: a sub-device that the platform took away
 * @owes_status, @owes_resources, @owes_result: what a command is to be followed by
 * @owes_below: one of its sub-devices owes something
 * @side: NULL for most
 */
struct device {
	uint64_t wake;
	uint32_t next, prev, slot;
	uint32_t serial;
	union {
		int32_t fd;
		uint32_t connection;
	};
	uint8_t state, outstanding, missed, sends;
	struct request *requests;
	struct recent *recent;
	struct buffer *in, *out;

	uint64_t heartbeat_due, report_due;
	uint32_t number, reports;
	uint16_t sequence; /* newest used */
	uint16_t heartbeat;
	bool is_subdevice : 1; /* lives through its gateway */
	bool escape : 1;       /* writes slashes as "\/", as some devices do */
	bool tcp_always : 1, tcp : 1, stream : 1, opening : 1, want_write : 1, resume : 1;
	bool unbound : 1, owes_status : 1, owes_resources : 1, owes_result : 1, owes_below : 1;
	uint8_t incarnation; /* the transport's */
	peer_id tcp_peer, udp_peer;
	char key[KEY_BYTES + 1], token[TOKEN_CHARS + 1];
	uint8_t logins, failures;
	uint32_t auth_interval;
	uint32_t step;
	uint32_t connects, count;

	const char *id, *pin;
	struct subdevices *subdevices;
	struct side *side;
};
_Static_assert(sizeof(struct device) <= 192, "a million devices fit beside their broker");

/** struct figures - what the run counted */
struct figures {
	uint64_t logins, first_logins, relogins_tcp, relogins_udp, login_failures;
	uint64_t connects_tcp, connects_udp;
	uint64_t sent, acknowledged, refused, unanswered;
	uint64_t acknowledged_tcp, acknowledged_udp;
	uint64_t heartbeats, repeats, repeat_answers, lost_connections;
	/* of the platform: that came first, again, were executed; voice with and without result */
	uint64_t platform_requests, command_repeats, executed, voice_answered, voice_refused;
	uint64_t late; /* reports that came due while an earlier one was still unanswered */
	uint64_t deviations[DEVIATION_COUNT];
	uint64_t latency[64 * 8]; /* log-linear: 8 steps per power of two of microseconds */
};

/** struct costs_sample - what work and memory amounted to at one time; cycles are busy ones */
struct costs_sample {
	bool taken, has_broker;
	uint64_t now, acknowledged, heartbeats, sessions, cycles, bytes;
	uint64_t ran; /* us of CPU that the calling thread has had */
	uint64_t broker_cycles, broker_bytes, broker_sessions;
	json_t *broker_memory; /* of which kinds its bytes are */
};

/** struct costs - before the first login, when all were connected, at the end */
struct costs {
	struct costs_sample began, steady, ended;
};

/** struct endpoint - where the platform is; @port in network byte order */
struct endpoint {
	struct ip_address address;
	uint16_t port;
};

struct fleet {
	struct options options;
	struct device *devices;
	unsigned count; /* sub-devices included */
	unsigned active;
	struct wheel *wheel;
	const struct transport *transport;
	void *carrier; /* the transport's */
	struct endpoint peers[PEERS_MAX];
	unsigned peer_count;
	peer_id login;
	char *text; /* of the devices file: ids and PINs lie in it */
	size_t text_bytes;
	uint64_t now, began;
	uint64_t interval; /* of a device's reports; 0: none */
	uint64_t random;
	bool draining;
	bool worked; /* this turn: timers were handled */
	unsigned live_tcp, live_udp;
	uint32_t queue_head, queue_tail; /* those whose login is due: index + 1 */
	unsigned logging_in; /* between the first SYN of a login and the answer to a connect */
	struct figures figures;
	struct costs costs;
	FILE *acknowledged, *sent;
	int journal;               /* -1: none */
	char first_deviation[256]; /* the first of them, for people */
};

/* options.c */
/** options_parse() - the command line. Return: 0 run, 1 nothing to do (--help), -EINVAL refused. */
int options_parse(struct options *options, int argc, char **argv);

/* device_file.c */
/** device_file_generate() - write options.generate devices with random PINs, mode 0600. */
int device_file_generate(const struct options *options);
/** device_file_load() - read the devices of options.csv into @fleet; sub-devices are tied to their
 * gateways. Return: 0, or -errno with one line on stderr. */
int device_file_load(struct fleet *fleet);

/* codec.c */
/**
 * frame_encode() - a device's frame
 * @key, @iv: 16 bytes each
 * @name: "deviceId" or "token", @value: its value
 * @escape: write the Base64's slashes as "\/", as some devices do
 * Return: length of @out, or 0 if it does not fit.
 */
size_t frame_encode(char *out, size_t size, unsigned code, const char *key, const char *iv,
	const char *name, const char *value, const char *plain, bool escape);
/**
 * frame_open() - envelope of a platform's frame: one whole frame, CTS to CR LF
 * @data: receives a string to be freed
 * Return: 0, or the enum deviation + 1 that it is.
 */
int frame_open(const char *frame, size_t length, unsigned *code, char **data);
/** frame_decrypt() - @data's JSON object; NULL and @deviation if it is none under this key. */
json_t *frame_decrypt(const char *data, const char *key, const char *iv, enum deviation *deviation);
/** codec_random() - fill with bytes of the system's generator. */
int codec_random(void *out, size_t length);

/* base64.c */
/** base64_encode() - standard, padded; @out has room. Return: characters. */
size_t base64_encode(char *out, const unsigned char *in, size_t length);
/** base64_decode() - the canonical form only. Return: bytes; 0 if it is not that, or too long. */
size_t base64_decode(unsigned char *out, size_t size, const char *text, size_t length);

/* message.c */
/** message_request() - JSON of a request, in @device's manner; returns its length. */
size_t message_request(struct fleet *fleet, struct device *device, unsigned code, uint16_t sequence,
	uint64_t number, const struct device *subdevice, char *out, size_t size);
/** message_report_code() - which of its reports a device sends as number @n. */
unsigned message_report_code(uint64_t n);

/* check.c */
/** deviate() - count a wrong answer and keep the first for the summary. */
void deviate(struct fleet *fleet, const struct device *device, enum deviation kind, unsigned code,
	const char *why);
const char *deviation_name(enum deviation kind);
/** check_sequence() - the number of an answer, checked for form; -1 if there is none. */
int32_t check_sequence(
	struct fleet *fleet, const struct device *device, unsigned code, const json_t *answer);
/**
 * check_answer() - everything else that the tables require of the answer @code
 * Return: its result, or -1 if it has none.
 */
json_int_t check_answer(
	struct fleet *fleet, const struct device *device, unsigned code, const json_t *answer);

/* device.c */
/** device_start() - log in at @when. */
void device_start(struct fleet *fleet, struct device *device, uint64_t when);
/** device_timer() - its wake time has come. */
void device_timer(struct fleet *fleet, struct device *device);
/** device_next_logins() - begin those that are due, as many as may be under way at once: a platform
 * that stands still is not buried under logins. */
void device_next_logins(struct fleet *fleet);
/** device_opened() - its TCP connection is established. */
void device_opened(struct fleet *fleet, struct device *device);
/** device_lost() - its connection ended or could not be made. */
void device_lost(struct fleet *fleet, struct device *device);
/** device_login() - give up the session and log in again after @wait. */
void device_login(struct fleet *fleet, struct device *device, uint64_t wait);
/** device_granted() - 1003 came with result 0. */
void device_granted(struct fleet *fleet, struct device *device, const json_t *answer);
/** device_live() - 1005 came with result 0. */
void device_live(struct fleet *fleet, struct device *device, const json_t *answer);
/** device_rearm() - set the timer of a connected device to what comes next. */
void device_rearm(struct fleet *fleet, struct device *device);
/** device_waits() - has it nothing left to do: all reports made and answered (or, while draining,
 * nothing outstanding)? */
bool device_waits(const struct fleet *fleet, const struct device *device);
/** device_scaled() - a wait of the device's own, scaled. */
uint64_t device_scaled(const struct fleet *fleet, double seconds);

/* request.c */
/** request_send() - number, encode, remember and send a request that was due at @due; @hold: leave
 * it in the buffer. */
void request_send(struct fleet *fleet, struct device *device, unsigned code,
	const struct device *subdevice, uint64_t due, bool hold);
/** request_timer() - repeat or give up what has waited too long. Return: false if the session was
 * given up. */
bool request_timer(struct fleet *fleet, struct device *device);
/** request_answered() - a decrypted answer to some request. May end the session. */
void request_answered(
	struct fleet *fleet, struct device *device, unsigned code, const json_t *answer);
/** request_forget() - drop all that is outstanding. */
void request_forget(struct fleet *fleet, struct device *device);

/* duty.c */
/** duty_next() - send whatever is due and allowed. */
void duty_next(struct fleet *fleet, struct device *device);
/** duty_idle() - has a device sent all that follows a connect or a command? */
bool duty_idle(const struct device *device);
/** duty_wake() - when request_timer(), command_timer() or duty_next() has something to do. */
uint64_t duty_wake(const struct fleet *fleet, const struct device *device);

/* inbound.c */
/** inbound_stream() - bytes of the device's TCP connection, as one read brought them. They may end
 * the connection; device->serial tells. */
void inbound_stream(struct fleet *fleet, struct device *device, const char *bytes, size_t length);
/** inbound_datagram() - one datagram to the device. May end its session. */
void inbound_datagram(struct fleet *fleet, struct device *device, const char *bytes, size_t length);

/* buffer.c */
/** buffer_add() - append to a buffer that may not be there yet. */
void buffer_add(struct buffer **buffer, const char *bytes, size_t length);
/** out_of_memory() - say so and end: a load that is not what was asked for is worth nothing. */
void out_of_memory(void) __attribute__((noreturn));

/* peer.c */
/** peer_find() - the endpoint that @text names, made if new; 0 if it is none, or one too many. */
peer_id peer_find(struct fleet *fleet, const char *text);
/** peer_address() - "a.b.c.d:port" or "[v6]:port"; false if it is not that. */
bool peer_address(const char *text, struct endpoint *endpoint);

/* timer.c */
/** timer_init() - start the wheel at fleet->now. Return: 0 or -ENOMEM. */
int timer_init(struct fleet *fleet);
/** timer_set() - wake @device at @when, at most 64 us late (NEVER: not at all). */
void timer_set(struct fleet *fleet, struct device *device, uint64_t when);
/** timer_next() - the earliest wake time, or @until if that is earlier. */
uint64_t timer_next(const struct fleet *fleet, uint64_t until);
/** timer_expired() - take a device whose time has come, NULL if there is none. */
struct device *timer_expired(struct fleet *fleet);

/* costs.c */
/** costs_take() - look at the clock, at memory and cycles, at the broker. */
void costs_take(struct fleet *fleet, struct costs_sample *sample);
/** costs_watch() - take the sample of when all are connected, once they are. Return: was it
 * taken now? */
bool costs_watch(struct fleet *fleet);
/** costs_free() - give back what the samples hold. */
void costs_free(struct costs *costs);
/** costs_print() - cycles per report, bytes per session, for people. */
void costs_print(const struct fleet *fleet);
/** costs_report() - the same for programs. */
void costs_report(const struct fleet *fleet, json_t *summary);

/* summary.c */
/** summary_latency() - an answer came after @microseconds. */
void summary_latency(struct figures *figures, uint64_t microseconds);
/** summary_second() - the line of the second that has passed. */
void summary_second(struct fleet *fleet);
/** summary_final() - the last lines, and the JSON file. Return: the exit status. */
int summary_final(struct fleet *fleet);

/** fleet_random() - a number below @below, of a generator that --seed repeats. */
uint64_t fleet_random(struct fleet *fleet, uint64_t below);
