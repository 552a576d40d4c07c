/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* fleet.h - a simulated fleet of Mc devices: what its files share */
#pragma once

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * One thread, one epoll loop, one kernel socket per device. Every answer is checked against what
 * the text requires; the code that does so is the fleet's own (mbedTLS and jansson), none of it
 * the broker's, so that a mistake there cannot hide here.
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

/** struct options - the command line, checked */
struct options {
	struct sockaddr_in login;
	const char *csv;
	unsigned generate, subdevices;
	enum like like;
	int tcp_share;      /* 0..100; -1: by behaviour */
	double interval;    /* seconds between a device's reports; 0: none */
	double rate;        /* reports/s overall; 0: by interval */
	double seconds;     /* 0: until the reports are made, or for ever */
	uint64_t reports;   /* per device; 0: no limit */
	unsigned heartbeat; /* seconds; 0: as the platform says */
	double ramp;        /* logins/s at the start */
	double time_scale;  /* factor on the device's own waits (10 s, 60 s, authInterval) */
	unsigned bytes;     /* pad reports to this many bytes of JSON; 0: as they come */
	unsigned split;     /* TCP: write frames in pieces of 1..split bytes; 0: whole */
	unsigned merge;     /* TCP: this many reports in one write */
	bool use_token;     /* a TCP device that lost its connection tries its token first */
	bool strict;        /* losses fail the run too, not only wrong answers */
	bool refusals;      /* 999999 is an expected answer */
	const char *acknowledged, *sent;
	const char *json;
	bool quiet;
	uint64_t seed;
};

/** struct request - a request that has not been answered yet */
struct request {
	uint16_t code, sequence;
	unsigned sends;
	uint64_t number;  /* of the report; 0 for the rest */
	unsigned answers; /* refusals so far: 999999, to be sent again */
	uint64_t first, deadline;
	char *frame; /* as sent: a repeat is the same bytes */
	size_t length;
};

/** struct recent - a request that was answered, to tell a repeat's answer from a stray one */
struct recent {
	uint16_t code, sequence;
	unsigned left; /* answers that its repeats may still bring */
};
#define RECENT_MAX 16

enum state {
	STATE_WAIT,       /* until @due, then login, or connect with the old token */
	STATE_LOGIN,      /* opening the login connection, or waiting for 1003 */
	STATE_CONNECTING, /* opening the connection that carries the session */
	STATE_CONNECT,    /* 1004 sent */
	STATE_LIVE
};

struct device {
	char id[ID_MAX + 1];
	char pin[PIN_BYTES + 1];
	unsigned index;
	bool is_subdevice; /* lives through its gateway */
	unsigned *subdevices;
	unsigned subdevice_count;

	enum state state;
	uint64_t due; /* of the state, unless LIVE */
	size_t heap;  /* place in the timer heap */
	uint64_t wake;

	bool tcp_always, tcp;
	int fd;
	uint32_t socket; /* grows with every socket: tells stale epoll events */
	bool opening, want_write;
	char *in, *out;
	size_t in_length, in_size, out_length, out_sent, out_size;

	unsigned logins;   /* granted since power-up */
	unsigned failures; /* in a row */
	unsigned sends;    /* of the current login or connect */
	unsigned missed;   /* firmware: unanswered in a row */
	uint16_t sequence; /* newest used */
	char key[KEY_BYTES + 1], token[TOKEN_CHARS + 1];
	struct sockaddr_in tcp_peer, udp_peer;
	bool has_tcp, has_udp, resume;
	unsigned heartbeat, auth_interval;

	struct request window[WINDOW_MAX];
	unsigned outstanding;
	struct recent recent[RECENT_MAX];
	unsigned recent_next;
	unsigned step;    /* of what follows a connect: 2006, 2022, per sub-device 2012 2020 2006 */
	uint64_t number;  /* of its newest report */
	uint64_t reports; /* made at their time, those after a connect not counted */
	uint64_t heartbeat_due, report_due;
	int32_t platform_sequence; /* of the newest platform request, -1: none yet */
};

/** struct figures - what the run counted */
struct figures {
	uint64_t logins, first_logins, relogins_tcp, relogins_udp, login_failures;
	uint64_t connects_tcp, connects_udp;
	uint64_t sent, acknowledged, refused, unanswered;
	uint64_t acknowledged_tcp, acknowledged_udp;
	uint64_t heartbeats, repeats, repeat_answers, lost_connections, platform_requests;
	uint64_t late; /* reports that came due while an earlier one was still unanswered */
	uint64_t deviations[DEVIATION_COUNT];
	uint64_t latency[64 * 8]; /* log-linear: 8 steps per power of two of microseconds */
};

struct fleet {
	struct options options;
	struct device *devices;
	unsigned count; /* sub-devices included */
	unsigned active;
	struct device **heap;
	size_t heap_length;
	int epoll;
	uint64_t now, began;
	uint64_t interval; /* of a device's reports; 0: none */
	uint64_t random;
	bool draining;
	unsigned live_tcp, live_udp;
	struct figures figures;
	FILE *acknowledged, *sent;
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

/* message.c */
/** message_request() - JSON of a request, in @device's manner; returns its length. */
size_t message_request(struct fleet *fleet, struct device *device, unsigned code, uint16_t sequence,
	uint64_t number, const struct device *subdevice, char *out, size_t size);
/** message_report_code() - which of its reports a device sends as number @n. */
unsigned message_report_code(uint64_t n);
/** message_answer() - JSON of an answer to a platform request; @sequence as it came. */
size_t message_answer(struct device *device, const json_t *sequence, char *out, size_t size);

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
/** check_address() - "a.b.c.d:port"; false if it is not that. */
bool check_address(const char *text, struct sockaddr_in *address);

/* device.c */
/** device_start() - log in at @when. */
void device_start(struct fleet *fleet, struct device *device, uint64_t when);
/** device_timer() - its wake time has come. */
void device_timer(struct fleet *fleet, struct device *device);
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
/** device_rearm() - set its timer to what comes next. */
void device_rearm(struct fleet *fleet, struct device *device);
/** device_waits() - has it nothing left to do: all reports made and answered (or, while draining,
 * nothing outstanding)? */
bool device_waits(const struct fleet *fleet, const struct device *device);
/** device_scaled() - a wait of the device's own, scaled. */
uint64_t device_scaled(const struct fleet *fleet, double seconds);

/* request.c */
/** request_send() - number, encode, remember and send a request; @hold: leave it in the buffer. */
void request_send(struct fleet *fleet, struct device *device, unsigned code,
	const struct device *subdevice, bool hold);
/** request_next() - send whatever is due and allowed. */
void request_next(struct fleet *fleet, struct device *device);
/** request_timer() - repeat or give up what has waited too long. Return: false if the session was
 * given up. */
bool request_timer(struct fleet *fleet, struct device *device);
/** request_answered() - a decrypted answer to some request. May end the session. */
void request_answered(
	struct fleet *fleet, struct device *device, unsigned code, const json_t *answer);
/** request_forget() - drop all that is outstanding. */
void request_forget(struct fleet *fleet, struct device *device);
/** request_wake() - when request_timer() or request_next() has something to do. */
uint64_t request_wake(const struct fleet *fleet, const struct device *device);

/* inbound.c */
/** inbound_stream() - take whole frames off the device's TCP buffer. */
void inbound_stream(struct fleet *fleet, struct device *device);
/** inbound_frame() - one whole frame, CTS to CR LF. */
void inbound_frame(struct fleet *fleet, struct device *device, const char *frame, size_t length);

/* transport.c */
/** transport_open() - a socket towards @peer; the outcome comes by device_opened() or
 * device_lost(). */
int transport_open(
	struct fleet *fleet, struct device *device, const struct sockaddr_in *peer, bool tcp);
void transport_close(struct fleet *fleet, struct device *device);
/** transport_send() - one frame; @hold: keep it until the next that is not held (TCP). */
void transport_send(
	struct fleet *fleet, struct device *device, const char *frame, size_t length, bool hold);
/** transport_event() - what epoll reported. */
void transport_event(struct fleet *fleet, struct device *device, uint32_t events);

/* timer.c */
/** timer_set() - wake @device at @when (NEVER: not at all). */
void timer_set(struct fleet *fleet, struct device *device, uint64_t when);
/** timer_next() - the earliest wake time, NEVER if there is none. */
uint64_t timer_next(const struct fleet *fleet);
/** timer_expired() - take the device whose time has come, NULL if there is none. */
struct device *timer_expired(struct fleet *fleet);

/* summary.c */
/** summary_latency() - an answer came after @microseconds. */
void summary_latency(struct figures *figures, uint64_t microseconds);
/** summary_second() - the line of the second that has passed. */
void summary_second(struct fleet *fleet);
/** summary_final() - the last lines, and the JSON file. Return: the exit status. */
int summary_final(struct fleet *fleet);

/** fleet_random() - a number below @below, of a generator that --seed repeats. */
uint64_t fleet_random(struct fleet *fleet, uint64_t below);
