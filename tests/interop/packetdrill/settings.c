/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* settings.c - NAME=VALUE,NAME=VALUE... of --so_flags */
#include "world.h"

#include <stdlib.h>

static const struct {
	const char *name;
	size_t at;
} names[] = {
#define SETTING(name)                                                                              \
	{                                                                                          \
#name, offsetof(struct world_settings, name)                                       \
	}
	SETTING(window), SETTING(mss), SETTING(mtu), SETTING(send_bytes), SETTING(connections),
	SETTING(embryonic), SETTING(cookies_above), SETTING(time_wait), SETTING(sides),
	SETTING(idle_ms), SETTING(keepalive_ms), SETTING(user_timeout_ms), SETTING(no_timestamps),
	SETTING(no_sack), SETTING(no_scale), SETTING(tso), SETTING(ack_delay_ms), SETTING(deaf),
	SETTING(strangers), SETTING(seed)};

/* One NAME=VALUE of @length bytes. */
static bool parse_one(struct world_settings *settings, const char *flag, size_t length)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t bytes = strlen(names[i].name);
		unsigned long value;
		char *end;

		if (bytes >= length || memcmp(flag, names[i].name, bytes) != 0 ||
			flag[bytes] != '=')
			continue;
		value = strtoul(flag + bytes + 1, &end, 10);
		if (end != flag + length || end == flag + bytes + 1 || value > UINT32_MAX)
			return false;
		*(uint32_t *)((char *)settings + names[i].at) = (uint32_t)value;
		return true;
	}
	return false;
}

bool world_settings_parse(struct world_settings *settings, const char *flags)
{
	while (flags && *flags) {
		size_t length = strcspn(flags, ",");

		if (!parse_one(settings, flags, length))
			return false;
		flags += length + (flags[length] == ',');
	}
	return true;
}
