/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_report.c - cycles of Mc alone for an encrypted report: frame in, event in the ring, answer
 * out; over plain memory, from many sessions */
#include "codec/base64.h"
#include "mc/mc.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <urcu/urcu-qsbr.h>
#include <x86intrin.h>

#define START_UNIX 1700000000u
#define RING_BYTES (16u << 20)
#define FRAME_MAX 1472
#define PLAIN_MAX 1024
#define REPORT_LEAST 130
#define BEGIN                                                                                      \
	"{\"sequence\":\"%u\",\"deviceId\":\"%s\",\"time\":%u,\"statusSerials\":["                 \
	"{\"serialId\":\"1\",\"status\":["
#define STATUS "{\"name\":\"TEMPERATURE\",\"curStatusValue\":\"%03u\"},"
#define STATUS_BYTES (sizeof(STATUS) - 2) /* three digits for four characters */
#define LAST "{\"name\":\"%0*u\"}]}]}"
#define LAST_BYTES (sizeof(LAST) - 5) /* without any digit */

/* A device's side of a session. */
struct device_side {
	char id[25], key[SESSION_KEY_BYTES], token[SESSION_TOKEN_CHARS];
	uint16_t sequence;
	struct peer peer;
};

static struct {
	unsigned sessions, repetitions, batch, bytes;
	bool commit; /* feed.acknowledge */
	bool stages;
} options = {.sessions = 10000, .repetitions = 41, .batch = 64, .bytes = 300};

COUNTER_TABLE(stage_info, STAGES);

static struct host host;
static struct config config;
static struct feed *feed;
static struct hearth_feed *reader;
static struct mc *mc;
static struct device_side *devices;
static uint8_t sent[MC_FRAME_MAX * 2];
static uint64_t answers;
static uint64_t stage_cycles[STAGE_COUNT], stage_mark;
static enum stage stage_now;

static void __attribute__((noreturn)) bad(const char *what)
{
	fprintf(stderr, "hearth-bench-mc: %s\n", what);
	exit(1);
}

/* ---- what the protocol asks of a worker ---- */

void host_stage(struct host *h, enum stage stage)
{
	uint64_t now;

	if (!options.stages)
		return;
	now = __rdtsc();
	stage_cycles[stage_now] += now - stage_mark;
	stage_mark = now;
	stage_now = stage;
}

uint8_t *host_reserve(struct host *h, const struct peer *to, uint32_t bytes, uint32_t *ticket)
{
	*ticket = 0;
	return sent;
}

void host_commit(struct host *h, const struct peer *to, uint32_t ticket, uint32_t bytes)
{
	answers++;
}

void host_close(struct host *h, uint32_t connection)
{
	bad("a connection was closed");
}

void host_bind(struct host *h, uint32_t connection, session_handle handle)
{
}

session_handle host_bound(struct host *h, uint32_t connection)
{
	return 0;
}

void host_deadline(struct host *h, uint32_t connection, uint32_t seconds)
{
}

void host_hand(struct host *h, const struct message *message, uint32_t index)
{
	bad("a datagram was handed on");
}

bool host_fetch(struct host *h, const struct message *message, uint32_t index)
{
	return false;
}

bool host_keep(struct host *h, const struct message *message)
{
	return false;
}

bool host_command(struct host *h, uint32_t command, uint32_t index)
{
	return false;
}

void host_look(struct host *h, uint32_t index)
{
}

bool host_committed(struct host *h, session_handle handle, uint32_t count)
{
	return true;
}

void host_peer_address(struct host *h, const struct peer *peer, uint8_t address[16], uint16_t *port)
{
	memcpy(address, &peer->udp.address, 16);
	*port = ntohs(peer->udp.port);
}

/* ---- the device's side ---- */

static uint32_t seal(uint8_t *frame, const struct device_side *d, uint32_t code, char *plain)
{
	uint32_t length = strlen(plain), padding = AES_BLOCK - length % AES_BLOCK;
	struct aes_schedule schedule;
	struct aes_job job = {.schedule = &schedule,
		.iv = (const uint8_t *)d->key,
		.in = (uint8_t *)plain,
		.out = (uint8_t *)plain,
		.length = length + padding};
	uint8_t *at = frame;

	memset(plain + length, (int)padding, padding);
	aes_expand(host.aes, (const uint8_t *)d->key, &schedule);
	aes_cbc_encrypt(host.aes, &job, 1);
	at += sprintf(
		(char *)at, "CTS{\"code\":%u,\"token\":\"%.16s\",\"data\":\"", code, d->token);
	at += base64_encode(at, (uint8_t *)plain, job.length);
	return at + sprintf((char *)at, "\"}\r\n") - frame;
}

static bool committed(void *context, const struct hearth_item *item)
{
	return mc_protocol.committed(mc, item);
}

static void finish_turn(void)
{
	feed_answer(host.feed, PROTOCOL_BATCH, committed, NULL);
	mc_protocol.finish(mc);
	host_stage(&host, STAGE_PUBLISH);
	feed_publish(host.feed);
	session_commit(host.sessions);
	feed_applied(host.feed);
	feed_answered(host.feed);
	host_stage(&host, STAGE_TRANSMIT);
}

static void drain(void)
{
	struct hearth_item item;

	while (hearth_feed_next(reader, &item) == 1)
		;
	hearth_feed_commit(reader);
}

static void connect_one(struct device_side *d, unsigned number)
{
	static uint8_t frame[FRAME_MAX];
	struct message message = {.data = frame};
	struct device *device = registry_find(host.registry, d->id, strlen(d->id));
	char plain[512];
	uint32_t index = session_login(host.sessions, device->number, device->serial,
		host.clock.tick, START_UNIX, (uint8_t *)d->key, d->token);

	if (index == SESSION_NONE)
		bad("no session entry");
	mc_index_store(&device->login, index);
	d->peer = (struct peer){.via = SESSION_VIA_UDP,
		.listener = 2,
		.udp = {.address = ip_from_v4(htonl(0xc6130001 + number / 50000)),
			.port = htons(1024 + number % 50000)}};
	d->sequence = (uint16_t)number;
	snprintf(plain, sizeof(plain),
		"{\"sequence\":\"%u\",\"token\":\"%.16s\",\"time\":%u,\"devVersion\":\"1\","
		"\"model\":\"m\"}",
		d->sequence, d->token, START_UNIX);
	message.length = seal(frame, d, MC_CONNECT, plain);
	message.peer = d->peer;
	mc_protocol.messages(mc, &message, 1);
	finish_turn();
	drain();
}

/* A report of the usual shape, options.bytes long. */
static void report_text(const struct device_side *d, unsigned value, char plain[PLAIN_MAX])
{
	char *at = plain + sprintf(plain, BEGIN, d->sequence, d->id, START_UNIX);
	const char *end = plain + options.bytes;

	while ((size_t)(end - at) > STATUS_BYTES + LAST_BYTES)
		at += sprintf(at, STATUS, value % 1000);
	sprintf(at, LAST, (int)(end - at - LAST_BYTES), 0);
}

/* A report of every session, a batch at a time. Return: cycles for each. */
static double round_of(unsigned round)
{
	static uint8_t frames[PROTOCOL_BATCH][FRAME_MAX];
	struct message messages[PROTOCOL_BATCH];
	uint64_t cycles = 0, began;
	char plain[PLAIN_MAX];

	for (unsigned at = 0; at < options.sessions; at += options.batch) {
		unsigned count = options.sessions - at < options.batch ? options.sessions - at
								       : options.batch;

		for (unsigned i = 0; i < count; i++) {
			/* spread: neighbours in a batch are no neighbours in memory */
			struct device_side *d = &devices[(at + i) * 7919ull % options.sessions];

			d->sequence++;
			report_text(d, round + i, plain);
			messages[i] = (struct message){.data = frames[i],
				.length = seal(frames[i], d, 2006, plain),
				.peer = d->peer};
		}
		began = stage_mark = __rdtsc();
		stage_now = STAGE_RECEIVE;
		mc_protocol.messages(mc, messages, count);
		finish_turn();
		cycles += __rdtsc() - began;
		urcu_qsbr_quiescent_state();
		drain();
	}
	if (options.commit) { /* the answers to the last batch */
		began = __rdtsc();
		finish_turn();
		cycles += __rdtsc() - began;
	}
	return (double)cycles / options.sessions;
}

/* ---- the broker's side ---- */

static struct store *provisioned(const char *path)
{
	struct device_record *records = calloc(options.sessions, sizeof(*records));
	char error[256];
	struct store *store = store_open(path, 0, error, sizeof(error));
	size_t failed;

	if (!store || !records)
		bad("no registry");
	for (unsigned i = 0; i < options.sessions; i++) {
		snprintf(records[i].id, sizeof(records[i].id), "%024u", i);
		memcpy(devices[i].id, records[i].id, sizeof(devices[i].id));
		memset(records[i].pin, 'p', DEVICE_PIN_BYTES);
	}
	if (store_add(store, records, options.sessions, &failed))
		bad("devices cannot be provisioned");
	free(records);
	return store;
}

static void configure(void)
{
	static char advertise[] = "198.18.0.1:7701";

	config.mc.login_tcp = 7700;
	config.mc.connect_tcp = config.mc.connect_udp = 7701;
	config.mc.advertise_tcp = config.mc.advertise_udp = advertise;
	config.mc.heartbeat = 45;
	config.mc.time_window = 300;
	config.mc.token_seconds = 86400;
	config.mc.frame_tcp = MC_FRAME_MAX;
	config.mc.frame_udp = MC_DATAGRAM_MAX;
	config.feed.acknowledge = options.commit ? ACKNOWLEDGE_COMMIT : ACKNOWLEDGE_RING;
}

static void start(const char *directory)
{
	char registry[128], ring[128], sessions[128], path[128], error[256];
	struct binding_config none = {.path = path, .limit = 1, .workers = 1};
	struct binding_table *bindings;
	struct listener listeners[8];
	struct session_config session = {.path = sessions,
		.entries = options.sessions,
		.workers = 1,
		.ipv6 = true,
		.uncommitted = options.commit};
	struct feed_config rings = {.path = ring,
		.bytes = RING_BYTES,
		.workers = 1,
		.first_id = 4096,
		.id_limit = UINT64_MAX,
		.answers = options.commit};

	snprintf(registry, sizeof(registry), "%s/registry", directory);
	snprintf(ring, sizeof(ring), "%s/ring", directory);
	snprintf(sessions, sizeof(sessions), "%s/ring.sessions", directory);
	snprintf(path, sizeof(path), "%s/ring.bindings", directory);
	configure();
	session.random = host.random = random_system_new();
	host.config = &config;
	host.clock = (struct turn_clock){
		.us = 5000000000ull, .tick = 5000, .unix_ms = START_UNIX * 1000ull};
	host.aes = aes_burst_new();
	if (!host.random || !host.aes ||
		session_table_open(&host.table, &session, error, sizeof(error)) ||
		feed_open(&feed, &rings, error, sizeof(error)))
		bad("no memory");
	none.store = provisioned(registry);
	none.registry = host.registry =
		registry_load(none.store, options.sessions, true, 0, error, sizeof(error));
	if (!host.registry || binding_open(&bindings, &none, error, sizeof(error)))
		bad("no registry");
	host.bindings = binding_worker(bindings, 0);
	host.sessions = session_worker(host.table, 0);
	host.feed = feed_ring(feed, 0);
	reader = hearth_feed_open(ring, 0, error, sizeof(error));
	if (!reader || mc_protocol.start((void **)&mc, &host, listeners) != 3)
		bad("no protocol");
	session_worker_attach(host.sessions, host.clock.tick, NULL, NULL);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print_values(const char *what, double *values)
{
	qsort(values, options.repetitions, sizeof(*values), by_value);
	printf("%s: median %.0f, least %.0f\n", what, values[options.repetitions / 2], values[0]);
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static void options_read(int argc, char **argv)
{
	int word;

	while ((word = getopt(argc, argv, "s:r:b:l:cth")) != -1) {
		int value = word == 'h' ? 0 : atoi(optarg ? optarg : "");

		if (word == 's' && value > 0)
			options.sessions = (unsigned)value;
		else if (word == 'r' && value > 0)
			options.repetitions = (unsigned)value;
		else if (word == 'b' && value > 0 && value <= PROTOCOL_BATCH)
			options.batch = (unsigned)value;
		else if (word == 'l' && value >= REPORT_LEAST && value < PLAIN_MAX - AES_BLOCK)
			options.bytes = (unsigned)value;
		else if (word == 't')
			options.stages = true;
		else if (word == 'c')
			options.commit = true;
		else {
			fprintf(word == 'h' ? stdout : stderr,
				"usage: hearth-bench-mc [-s SESSIONS] [-r REPETITIONS] "
				"[-b BATCH, at most %d] [-l BYTES of a report, %d to %d] "
				"[-c: acknowledge: commit] [-t: by stage]\n",
				PROTOCOL_BATCH, REPORT_LEAST, PLAIN_MAX - AES_BLOCK - 1);
			exit(word == 'h' ? 0 : 2);
		}
	}
}

int main(int argc, char **argv)
{
	char directory[] = "/dev/shm/hearth-bench-XXXXXX";
	double *values, *by_stage[STAGE_COUNT];

	options_read(argc, argv);
	devices = calloc(options.sessions, sizeof(*devices));
	values = calloc(options.repetitions, sizeof(*values));
	for (unsigned i = 0; i < STAGE_COUNT; i++)
		by_stage[i] = calloc(options.repetitions, sizeof(*values));
	if (!devices || !values || !mkdtemp(directory))
		bad("no memory");
	urcu_qsbr_register_thread();
	start(directory);
	nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	for (unsigned i = 0; i < options.sessions; i++)
		connect_one(&devices[i], i);
	round_of(0);
	for (unsigned i = 0; i < options.repetitions; i++) {
		memset(stage_cycles, 0, sizeof(stage_cycles));
		values[i] = round_of(i);
		for (unsigned stage = 0; stage < STAGE_COUNT; stage++)
			by_stage[stage][i] = (double)stage_cycles[stage] / options.sessions;
	}
	if (answers != options.sessions * (options.repetitions + 2ull))
		bad("not every report was answered");
	printf("%u sessions, batches of %u, %u bytes, %u rounds: ", options.sessions, options.batch,
		options.bytes, options.repetitions);
	print_values("cycles a report", values);
	for (unsigned i = 0; options.stages && i < STAGE_COUNT; i++)
		print_values(stage_info[i].name, by_stage[i]);
	return 0;
}
