/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc.c - the Mc protocol as the worker sees it: start, stop, handlers, counters */
#include "mc.h"

#include "codec/text_frame.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

COUNTER_TABLE(mc_counter_info, MC_COUNTERS);

/* Advertised hosts stand in a JSON string as they are. */
static bool host_valid(const char *host)
{
	size_t length = strlen(host);

	return length <= MC_HOST_MAX && (!length || strcspn(host, "\"\\") == length);
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static int listen(struct mc *mc, const struct config *config, struct listener *listeners)
{
	uint32_t tcp = config->mc.frame_tcp, udp = config->mc.frame_udp;
	uint32_t first = least(tcp, MC_FIRST_MAX);
	int count = 0;

	mc->login_listener = mc->tcp_listener = mc->udp_listener = UINT8_MAX;
	if (config->mc.login_tcp) {
		mc->login_listener = count;
		/* A login connection is never bound: its frames are short for ever. */
		listeners[count++] = (struct listener){.via = SESSION_VIA_TCP,
			.closes = true, /* it takes logins only */
			.port = config->mc.login_tcp,
			.first_bytes = first,
			.frame_bytes = first};
	}
	if (config->mc.connect_tcp) {
		mc->tcp_listener = count;
		listeners[count++] = (struct listener){.via = SESSION_VIA_TCP,
			.port = config->mc.connect_tcp,
			.first_bytes = first,
			.frame_bytes = tcp};
	}
	if (config->mc.connect_udp) {
		mc->udp_listener = count;
		listeners[count++] = (struct listener){.via = SESSION_VIA_UDP,
			.port = config->mc.connect_udp,
			.first_bytes = udp,
			.frame_bytes = udp};
	}
	return count;
}

static int mc_start(void **state, struct host *host, struct listener *listeners)
{
	const struct config *config = host->config;
	struct mc *mc;

	if (config->mc.frame_tcp > MC_FRAME_MAX || config->mc.frame_udp > MC_DATAGRAM_MAX ||
		!host_valid(config->mc.advertise_tcp) || !host_valid(config->mc.advertise_udp))
		return -EINVAL;
	mc = mmap(NULL, sizeof(*mc), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mc == MAP_FAILED)
		return -errno;
	madvise(mc, sizeof(*mc), MADV_DONTDUMP);
	mc->host = host;
	mc->commits = config->feed.acknowledge == ACKNOWLEDGE_COMMIT;
	host->random->fill(host->random, mc->dummy, sizeof(mc->dummy));
	mc_silence_start(mc);
	*state = mc;
	return listen(mc, config, listeners);
}

static void mc_stop(void *state)
{
	explicit_bzero(state, sizeof(struct mc));
	munmap(state, sizeof(struct mc));
}

static const uint64_t *mc_counters(void *state)
{
	return ((struct mc *)state)->counters;
}

const struct protocol mc_protocol = {
	.name = "mc",
	.start = mc_start,
	.stop = mc_stop,
	.frame_end = text_frame_end,
	.messages = mc_messages,
	.closed = mc_closed,
	.restored = mc_restored,
	.attached = mc_attached,
	.uncommitted = mc_uncommitted,
	.committed = mc_committed,
	.acknowledged = mc_acknowledged,
	.sweep = mc_sweep,
	.finish = mc_finish,
	.look = mc_look,
	.release = mc_release,
	.control = mc_control,
	.command = mc_command,
	.command_due = mc_command_due,
	.command_attached = mc_command_attached,
	.resumed = mc_resumed,
	.counters = mc_counters,
	.counter_info = mc_counter_info,
	.counter_count = MC_COUNTER_COUNT,
};
