/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* wire_sockets.c - the instrument's devices on kernel sockets: made, polled, ended */
#include "wire_sockets_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static struct wire_sockets *of(struct load_wire *wire)
{
	return (struct wire_sockets *)wire;
}

/* ---- texts ---- */

static bool parse_peer(const char *text, struct sockaddr_in *out)
{
	const char *colon = strrchr(text, ':');
	char host[INET_ADDRSTRLEN], *end;
	unsigned long port;

	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return false;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	port = strtoul(colon + 1, &end, 10);
	*out = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	return *end == '\0' && port > 0 && port < 65536 &&
	       inet_pton(AF_INET, host, &out->sin_addr) == 1;
}

/* All addresses of the range but its first and its last. */
static bool parse_range(const char *text, struct wire_sockets *sockets)
{
	const char *slash = strchr(text, '/');
	char host[INET_ADDRSTRLEN], *end;
	struct in_addr address;
	unsigned long prefix;
	uint32_t mask;

	if (!slash || (size_t)(slash - text) >= sizeof(host))
		return false;
	memcpy(host, text, (size_t)(slash - text));
	host[slash - text] = '\0';
	prefix = strtoul(slash + 1, &end, 10);
	if (*end || prefix < 8 || prefix > 32 || inet_pton(AF_INET, host, &address) != 1)
		return false;
	mask = prefix == 32 ? 0 : UINT32_MAX >> prefix;
	if (prefix > 30) {
		sockets->first_address = ntohl(address.s_addr);
		sockets->addresses = 1;
		return true;
	}
	sockets->first_address = (ntohl(address.s_addr) & ~mask) + 1;
	sockets->addresses = mask - 1;
	return true;
}

/* ---- life ---- */

/* As many descriptors as there may be, and no more than asked for. */
static uint32_t files(uint32_t wanted)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 0;
	if (limit.rlim_cur < wanted) {
		const struct rlimit more = {
			wanted, limit.rlim_max < wanted ? wanted : limit.rlim_max};

		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &more))
			setrlimit(RLIMIT_NOFILE, &limit);
		getrlimit(RLIMIT_NOFILE, &limit);
	}
	return limit.rlim_cur < wanted ? (uint32_t)limit.rlim_cur : wanted;
}

uint32_t wire_sockets_most(void)
{
	const uint32_t most = files((1u << 24) - 1);

	return most > 2 * WIRE_SOCKETS_OTHERS ? most - WIRE_SOCKETS_OTHERS : 0;
}

static void *zeroed(size_t bytes)
{
	void *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	(void)madvise(memory, bytes, MADV_HUGEPAGE);
	return memory;
}

/* Logins have sockets beside those of the sessions. */
static uint32_t table_size(const struct wire_sockets *sockets)
{
	const uint64_t wanted = (sockets->config.tcp ? 2ull * sockets->devices : 65536ull) +
				WIRE_SOCKETS_OTHERS + SOCKETS_UDP_MAX;

	return files(wanted < 1u << 24 ? (uint32_t)wanted : (1u << 24) - 1);
}

static int start(struct load_wire *wire, uint32_t devices, char *error, size_t size)
{
	struct wire_sockets *sockets = of(wire);

	sockets->devices = devices;
	if (sockets->config.tcp && devices > wire_sockets_most()) {
		snprintf(error, size,
			"%u sockets are more than this process may have: %u (ulimit -Hn)", devices,
			wire_sockets_most());
		return -EMFILE;
	}
	sockets->size = table_size(sockets);
	sockets->connections = zeroed(sockets->size * sizeof(*sockets->connections));
	sockets->dirty = zeroed(sockets->size * sizeof(*sockets->dirty));
	sockets->again = zeroed(sockets->size * sizeof(*sockets->again));
	sockets->slots = zeroed(SOCKETS_SLOTS * sizeof(*sockets->slots));
	sockets->out = zeroed(SOCKETS_OUT_BYTES);
	sockets->in = zeroed(SOCKETS_IN_BYTES);
	sockets->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!sockets->connections || !sockets->dirty || !sockets->again || !sockets->slots ||
		!sockets->out || !sockets->in || sockets->epoll < 0) {
		snprintf(error, size, "no memory for %u sockets", devices);
		return -ENOMEM;
	}
	return sockets->config.tcp ? 0 : sockets_start_udp(sockets, error, size);
}

static int run(struct load_wire *wire, int (*loop)(void *argument), void *argument)
{
	const struct wire_sockets *sockets = of(wire);
	cpu_set_t before, here;
	int result;

	if (!sockets->config.pin || sched_getaffinity(0, sizeof(before), &before))
		return loop(argument);
	CPU_ZERO(&here);
	CPU_SET(sockets->config.cpu, &here);
	if (sched_setaffinity(0, sizeof(here), &here))
		return -errno;
	result = loop(argument);
	sched_setaffinity(0, sizeof(before), &before);
	return result;
}

/* As the twin does it: what one call found is looked at over as many polls as it takes. */
static unsigned poll_wire(struct load_wire *wire, uint64_t now)
{
	struct wire_sockets *sockets = of(wire);
	unsigned moved = sockets_transmit(sockets);

	if (sockets->udp)
		moved += sockets_transmit_udp(sockets);
	sockets->in_used = 0;
	if (sockets->again_count)
		moved += sockets_again(sockets, now);
	if (sockets->event_next == sockets->event_count) {
		int count = epoll_wait(sockets->epoll, sockets->events, SOCKETS_EVENTS, 0);

		sockets->waits++;
		sockets->event_next = 0;
		sockets->event_count = count > 0 ? (unsigned)count : 0;
	}
	while (sockets->event_next < sockets->event_count &&
		sockets->in_used + SOCKETS_BURST * SOCKETS_DATAGRAM_BYTES <= SOCKETS_IN_BYTES) {
		const struct epoll_event *event = &sockets->events[sockets->event_next++];

		if (event->data.u64 >> 32)
			moved += sockets_receive_udp(sockets, (uint32_t)event->data.u64);
		else
			sockets_event(sockets, (uint32_t)event->data.u64, event->events);
		moved++;
	}
	return moved;
}

static uint64_t drops(const struct load_wire *wire)
{
	return ((const struct wire_sockets *)wire)->drops;
}

/* The kernel's interrupts do not count here: their time is nobody's who waits in the run queue. */
static uint64_t waited(const struct load_wire *wire)
{
	FILE *file = fopen("/proc/thread-self/schedstat", "re");
	unsigned long long ran, waiting = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%llu %llu", &ran, &waiting) != 2)
		waiting = 0;
	fclose(file);
	return waiting;
}

static void report(const struct load_wire *wire, json_t *object)
{
	const struct wire_sockets *sockets = (const struct wire_sockets *)wire;
	json_t *calls = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "epoll_wait",
		(json_int_t)sockets->waits, "reads", (json_int_t)sockets->reads, "empty_reads",
		(json_int_t)sockets->empty_reads, "writes", (json_int_t)sockets->writes,
		"sockets_refused", (json_int_t)sockets->refused, "drops",
		(json_int_t)sockets->drops);

	json_object_set_new(object, "sockets", calls);
}

static void unmap(void *memory, size_t bytes)
{
	if (memory)
		munmap(memory, bytes);
}

static void stop(struct load_wire *wire)
{
	struct wire_sockets *sockets = of(wire);

	sockets_stop_tcp(sockets);
	sockets_stop_udp(sockets);
	if (sockets->epoll >= 0)
		close(sockets->epoll);
	sockets->epoll = -1;
	unmap(sockets->connections, sockets->size * sizeof(*sockets->connections));
	unmap(sockets->dirty, sockets->size * sizeof(*sockets->dirty));
	unmap(sockets->again, sockets->size * sizeof(*sockets->again));
	unmap(sockets->slots, SOCKETS_SLOTS * sizeof(*sockets->slots));
	unmap(sockets->out, SOCKETS_OUT_BYTES);
	unmap(sockets->in, SOCKETS_IN_BYTES);
	sockets->connections = NULL;
	sockets->dirty = sockets->again = NULL;
	sockets->slots = NULL;
	sockets->out = sockets->in = NULL;
}

static const struct load_wire calls = {.name = "kernel sockets",
	.kernel = true,
	.start = start,
	.run = run,
	.poll = poll_wire,
	.open = sockets_open,
	.close = sockets_close,
	.reserve = sockets_reserve,
	.commit = sockets_commit,
	.datagram = sockets_datagram,
	.datagram_commit = sockets_datagram_commit,
	.drops = drops,
	.waited = waited,
	.report = report,
	.stop = stop};

struct load_wire *wire_sockets_new(
	const struct wire_sockets_config *config, char *error, size_t size)
{
	struct wire_sockets *sockets = calloc(1, sizeof(*sockets));
	struct sockaddr_in *login, *connect;

	if (!sockets) {
		snprintf(error, size, "out of memory");
		return NULL;
	}
	sockets->wire = calls;
	sockets->config = *config;
	sockets->epoll = -1;
	login = &sockets->peers[LOAD_LOGIN];
	connect = &sockets->peers[LOAD_CONNECT];
	if (!parse_peer(config->login, login)) {
		snprintf(error, size, "'%s' is no IPv4 address and port, as 198.18.0.1:7700",
			config->login);
		goto err;
	}
	*connect = *login;
	connect->sin_port = htons((uint16_t)(ntohs(login->sin_port) + 1));
	if (config->connect && !parse_peer(config->connect, connect)) {
		snprintf(error, size, "'%s' is no IPv4 address and port, as 198.18.0.1:7701",
			config->connect);
		goto err;
	}
	if (config->address && !parse_range(config->address, sockets)) {
		snprintf(error, size, "'%s' is no range of IPv4 addresses, as 198.19.0.0/16",
			config->address);
		goto err;
	}
	return &sockets->wire;
err:
	free(sockets);
	return NULL;
}
