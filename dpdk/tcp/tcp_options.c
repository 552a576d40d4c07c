/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_options.c - TCP options (RFC 9293 section 3.2) */

#include "tcp_state.h"

#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_MSS 2
#define OPTION_MSS_LENGTH 4

/*
 * Every step goes at least one byte forward or ends the walk: a length of 0 or 1, or one past the
 * end, ends it. What was understood up to there counts, the segment itself is judged by nothing
 * that stands in its options.
 */
uint16_t tcp_option_mss(const uint8_t *options, unsigned length)
{
	uint16_t mss = TCP_MSS_DEFAULT;
	unsigned at = 0;

	while (at < length && options[at] != OPTION_END) {
		unsigned option_length;

		if (options[at] == OPTION_NOP) {
			at++;
			continue;
		}
		if (at + 1 >= length)
			break;
		option_length = options[at + 1];
		if (option_length < 2 || option_length > length - at)
			break;
		if (options[at] == OPTION_MSS) {
			if (option_length != OPTION_MSS_LENGTH)
				break;
			mss = (uint16_t)(options[at + 2] << 8 | options[at + 3]);
		}
		at += option_length;
	}
	return mss < TCP_MSS_DEFAULT ? TCP_MSS_DEFAULT : mss;
}
