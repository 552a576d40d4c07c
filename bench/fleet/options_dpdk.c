/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* options_dpdk.c - how the fleet reaches its network: --via and what a port needs */
#include "options.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

int options_via(struct options *options, const char *text)
{
	options->device = NULL;
	if (strcmp(text, "sockets") == 0)
		return 0;
	if (strncmp(text, "dpdk:", 5) == 0 && text[5]) {
		options->device = text + 5;
		return 0;
	}
	fprintf(stderr, "hearth-fleet: --via is sockets or dpdk:DEVICE, not '%s'\n", text);
	return -EINVAL;
}

int options_address(struct options *options, const char *text)
{
	const char *slash = strchr(text, '/');
	char host[IP_TEXT] = "";
	char *end = NULL;
	long prefix = 0;

	if (slash && (size_t)(slash - text) < sizeof(host) && slash[1] >= '0' && slash[1] <= '9') {
		memcpy(host, text, (size_t)(slash - text));
		prefix = strtol(slash + 1, &end, 10);
	}
	if (!end || *end || !ip_parse(host, &options->address) ||
		prefix > (ip_is_v4(&options->address) ? 32 : 128)) {
		fprintf(stderr,
			"hearth-fleet: --address is an address and prefix, as 198.18.0.2/16 or "
			"fd77::2/64, not '%s'\n",
			text);
		return -EINVAL;
	}
	options->prefix = (uint8_t)prefix;
	options->address_text = text;
	options->has_address = true;
	return 0;
}

int options_gateway(struct options *options, const char *text)
{
	if (!ip_parse(text, &options->gateway)) {
		fprintf(stderr, "hearth-fleet: --gateway is an address, not '%s'\n", text);
		return -EINVAL;
	}
	options->gateway_text = text;
	options->has_gateway = true;
	return 0;
}

unsigned options_cpu(const struct options *options)
{
	cpu_set_t allowed;
	unsigned cpu = 0;

	if (options->cpu >= 0)
		return (unsigned)options->cpu;
	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
		return 0;
	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &allowed))
		cpu++;
	return cpu;
}

int options_pages(struct options *options, const char *text)
{
	static const char *const names[] = {"auto", "huge", "no-huge"};

	for (unsigned i = 0; i < 3; i++) {
		if (strcmp(text, names[i]) == 0) {
			options->memory = (enum memory)i;
			options->pages_text = names[i];
			return 0;
		}
	}
	fprintf(stderr, "hearth-fleet: --pages is auto, huge or no-huge, not '%s'\n", text);
	return -EINVAL;
}
