/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* port_stages.c - a frame's cost at a memif, both ends of it in this process: what a worker pays to
 * its port, with the other end's lines near */
#include "stages_bench.h"

#include "eal.h"
#include "port.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAIRS 2
#define MEGABYTES 512
#define CARRIER_MS 5000

/** struct pair - a memif's two ends; the client says whether it copies */
struct pair {
	struct port *server, *client;
	const char *server_role, *client_role;
};

static struct {
	char directory[64], identity[96];
	char devices[2 * PAIRS][192];
	struct rss rss;
	struct pair pairs[PAIRS];
	uint64_t lost;
} ports = {.pairs = {{.server_role = "server", .client_role = "client"},
		   {.server_role = "server of a client with zero-copy",
			   .client_role = "client, zero-copy"}}};

/* ---- starting ---- */

static int start_eal(char *error, size_t size)
{
	const unsigned workers[] = {(unsigned)sysconf(_SC_NPROCESSORS_ONLN) - 1};
	const char *devices[2 * PAIRS];
	struct eal_config eal = {.identity = ports.identity,
		.workers = workers,
		.worker_count = 1,
		.memory = EAL_MEMORY_AUTO,
		.megabytes = MEGABYTES,
		.devices = devices,
		.device_count = 2 * PAIRS,
		/* zero-copy shares segments by their files */
		.words = "--single-file-segments"};
	int file;

	snprintf(ports.directory, sizeof(ports.directory), "/dev/shm/hearth-stages-XXXXXX");
	if (!mkdtemp(ports.directory))
		return -errno;
	snprintf(ports.identity, sizeof(ports.identity), "%s/identity", ports.directory);
	file = open(ports.identity, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (file < 0)
		return -errno;
	close(file);
	for (unsigned i = 0; i < 2 * PAIRS; i++) {
		snprintf(ports.devices[i], sizeof(ports.devices[i]),
			"net_memif%u,id=0,role=%s,socket=%s/pair%u,socket-abstract=no,rsize=10%s",
			i, i % 2 ? "client" : "server", ports.directory, i / 2,
			i == 3 ? ",zero-copy=yes" : "");
		devices[i] = ports.devices[i];
	}
	return eal_start(&eal, error, size);
}

static struct port *open_port(unsigned number, char *error, size_t size)
{
	struct port_config config = {.device = ports.devices[number],
		.workers = 1,
		.rss = &ports.rss,
		.megabytes = MEGABYTES / 16};

	return port_open(&config, error, size);
}

/* Both ends shake hands in a thread of DPDK's. */
static bool wait_up(const struct pair *pair)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	for (unsigned i = 0; i < CARRIER_MS; i++) {
		if (port_is_up(pair->server) && port_is_up(pair->client))
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

static int start(char *error, size_t size)
{
	static const uint8_t key[RSS_KEY_BYTES] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2,
		0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b,
		0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b,
		0xbe, 0xac, 0x01, 0xfa};
	int rc = rss_init(&ports.rss, key, 1);

	if (!rc)
		rc = start_eal(error, size);
	for (unsigned i = 0; !rc && i < PAIRS; i++) {
		struct pair *pair = &ports.pairs[i];

		pair->server = open_port(2 * i, error, size);
		pair->client = pair->server ? open_port(2 * i + 1, error, size) : NULL;
		if (!pair->client)
			return -EIO;
		if (!wait_up(pair)) {
			snprintf(error, size, "a pair of memif did not come up");
			return -ETIMEDOUT;
		}
	}
	return rc;
}

static void stop(void)
{
	for (unsigned i = 0; i < PAIRS; i++) {
		port_close(ports.pairs[i].server);
		port_close(ports.pairs[i].client);
	}
	eal_stop();
	unlink(ports.identity);
	rmdir(ports.directory);
}

/* ---- a frame ---- */

static STAGE unsigned stage_port_send(struct link *link, struct frame *frames, unsigned count)
{
	return link->send(link, frames, count);
}

static STAGE unsigned stage_port_reserve(struct link *link, struct frame *frames, unsigned count)
{
	return link->reserve(link, frames, count);
}

static STAGE unsigned stage_port_receive(struct link *link, struct frame *frames)
{
	unsigned count = link->receive(link, frames, STAGE_BATCH);

	link->release(link);
	return count;
}

/* A burst from one end to the other. Its bytes are written outside of the time taken. */
static void burst(
	struct link *from, struct link *to, uint32_t bytes, uint64_t *sent, uint64_t *received)
{
	struct frame frames[STAGE_BATCH] = {0}, got[STAGE_BATCH];
	uint64_t began = __rdtsc();
	unsigned count = stage_port_reserve(from, frames, STAGE_BATCH), left = STAGE_BATCH;

	*sent += __rdtsc() - began;
	for (unsigned i = 0; i < count; i++) {
		memset(frames[i].data, 'x', bytes);
		frames[i].length = (uint16_t)bytes;
	}
	began = __rdtsc();
	count = stage_port_send(from, frames, count);
	*sent += __rdtsc() - began;
	ports.lost += STAGE_BATCH - count;
	began = __rdtsc();
	while (left > 0 && (count = stage_port_receive(to, got)) > 0)
		left -= count;
	*received += __rdtsc() - began;
	ports.lost += left;
}

/* A carrier does not yet mean that the first burst goes through. */
static void warm_up(struct link *from, struct link *to, uint32_t bytes)
{
	uint64_t lost = ports.lost, unused = 0;

	for (unsigned i = 0; i < 16; i++)
		burst(from, to, bytes, &unused, &unused);
	ports.lost = lost;
}

static void measure(const struct stages_options *options, struct port *from, struct port *to,
	uint32_t bytes, struct figure *send, struct figure *receive)
{
	struct part *sent = calloc(2, sizeof(*sent)), *received = sent ? sent + 1 : NULL;
	struct link *a = port_link(from, 0), *b = port_link(to, 0);
	const unsigned bursts = options->group / STAGE_BATCH ? options->group / STAGE_BATCH : 1;

	if (!sent)
		return;
	warm_up(a, b, bytes);
	for (unsigned i = 0; i < options->rounds; i++) {
		uint64_t took_a = 0, took_b = 0;

		for (unsigned j = 0; j < bursts; j++)
			burst(a, b, bytes, &took_a, &took_b);
		part_took(sent, took_a, bursts * STAGE_BATCH);
		part_took(received, took_b, bursts * STAGE_BATCH);
	}
	*send = figure_of(sent->cycles, sent->rounds);
	*receive = figure_of(received->cycles, received->rounds);
	free(sent);
}

int stages_ports(const struct stages_options *options, uint32_t frame_bytes,
	struct port_cost *costs, char *error, size_t size)
{
	const uint32_t sizes[] = {60, frame_bytes, 1460};
	int count = 0, rc = start(error, size);

	for (unsigned i = 0; !rc && i < PAIRS; i++) {
		for (unsigned j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
			struct pair *pair = &ports.pairs[i];
			struct port_cost *server = &costs[count++], *client = &costs[count++];

			*server = (struct port_cost){.role = pair->server_role, .bytes = sizes[j]};
			*client = (struct port_cost){.role = pair->client_role, .bytes = sizes[j]};
			measure(options, pair->server, pair->client, sizes[j], &server->send,
				&client->receive);
			measure(options, pair->client, pair->server, sizes[j], &client->send,
				&server->receive);
		}
	}
	stop();
	if (!rc && ports.lost) {
		snprintf(error, size, "%llu frames were lost between two ends of a memif",
			(unsigned long long)ports.lost);
		rc = -EIO;
	}
	return rc ? rc : count;
}
