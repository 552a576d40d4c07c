/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_silence.c - the same work whatever failed (specs, Mc: Silence) */
#include "mc.h"

/*
 * Whoever has no key can tell nothing from what a frame of his costs: what is no text - bad Base64,
 * not whole blocks, bad padding, an unknown token, any change of the cipher text, as each makes at
 * least one block random - is not scanned at all. A report as devices send them, just as long, is
 * scanned in its place; so it costs what a text costs that is refused for what it says. Such a one
 * takes the key, and is made up for from where its scan ended.
 */
#define BEGIN                                                                                      \
	"{\"time\":1700000000,\"sequence\":\"12345\",\"deviceId\":\"000000000000000000000000\","   \
	"\"statusSerials\":["
#define ELEMENT                                                                                    \
	"{\"serialId\":\"1\",\"status\":[{\"name\":\"SWITCH\",\"curStatusValue\":1},{"             \
	"\"name\":\"LEVEL\",\"curStatusValue\":25.5}]},"
#define END "]}"
#define BEGIN_BYTES (sizeof(BEGIN) - 1)
#define TWICE_BEGUN 32 /* bytes whose scan costs as much */
#define ELEMENT_BYTES (sizeof(ELEMENT) - 1)

void mc_silence_start(struct mc *mc)
{
	static const uint8_t whole[] = BEGIN END;
	uint32_t at = BEGIN_BYTES;

	json_scan(&mc->usual, whole, sizeof(whole) - 1);
	memcpy(mc->report, BEGIN, BEGIN_BYTES);
	for (; at + ELEMENT_BYTES <= sizeof(mc->report); at += ELEMENT_BYTES)
		memcpy(&mc->report[at], ELEMENT, ELEMENT_BYTES);
	memset(&mc->report[at], ' ', sizeof(mc->report) - at);
}

void mc_silence_scan(struct mc *mc, uint32_t length, uint32_t done)
{
	if (done) /* to begin a scan and to refuse it is some work, too */
		done += TWICE_BEGUN;
	json_scan(&mc->object, mc->report, done < length ? length - done : 0);
}
