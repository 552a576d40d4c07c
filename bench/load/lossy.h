/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* lossy.h - a link that loses a share of its frames, each way */
#pragma once

#include "link.h"

/** struct lossy - between a stack and its port's link; @threshold: of 2^32 frames so many go */
struct lossy {
	struct link link;
	struct link *below;
	uint64_t random;
	uint32_t threshold;
	uint64_t lost_in, lost_out;
};

/** lossy_link() - @below behind a loss of @share (0..1) of its frames; @below itself for 0. */
struct link *lossy_link(struct lossy *lossy, struct link *below, double share, uint64_t seed);
