/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* rules.h - declarative tampering: which segments, how many of them, what becomes of them */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What a segment is. */
#define IS_SYN 0x0001 /* without ACK */
#define IS_SYN_ACK 0x0002
#define IS_DATA 0x0004     /* carries bytes */
#define IS_BARE_ACK 0x0008 /* an ACK and nothing else */
#define IS_FIN 0x0010
#define IS_RST 0x0020
#define IS_RETRANSMISSION 0x0040 /* all of its sequence space was sent before */
#define IS_ZERO_WINDOW 0x0080
#define IS_DUPLICATE 0x0100 /* a bare ACK with the number and window of the last one */
#define IS_SEGMENT 0x8000   /* any */

enum rule_from { FROM_EITHER, FROM_CLIENT, FROM_SERVER };
enum rule_action { DROP, DUPLICATE, DELAY, LATE_COPY, CORRUPT, TRUNCATE };

#define RULES_MAX 4

/**
 * struct rule - "the @first segments, after @skip others, that are all of @match and none of
 * @unless, from @from, in @after..@until after the start: @action"; counted per connection
 * @first: 0: all
 * @value: DELAY, LATE_COPY: by how many us (the copy: on top of the segment itself); DUPLICATE: how
 *	many times, 0 means once
 */
struct rule {
	enum rule_from from;
	uint16_t match, unless;
	uint32_t skip, first;
	enum rule_action action;
	uint32_t value;
	uint64_t after, until;
};
