/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* profile.h - which faults a world may meet, and how a seed draws them */
#pragma once

#include "sim.h"

/* Each fault's strength is drawn from the seed. */
#define FAULT_LOSS 0x0001      /* 0..3 % of the frames of each direction */
#define FAULT_HEAVY 0x0002     /* 3..30 % */
#define FAULT_DUPLICATE 0x0004 /* up to 10 % */
#define FAULT_LATE 0x0008      /* up to 20 % are overtaken by others */
#define FAULT_CORRUPT 0x0010   /* bits flip in up to 3 % */
#define FAULT_DELAY 0x0020     /* up to 300 ms and as much jitter */
#define FAULT_MTU 0x0040       /* the path's MTU shrinks while they talk */
#define FAULT_OUTAGE 0x0080    /* nothing passes for up to 10 s */
#define FAULT_STALL 0x0100     /* an end stops, or its clock does */
#define FAULT_ALLOC 0x0200     /* chunks or link buffers are refused for a few calls */
#define FAULT_TINY 0x0400      /* pools too small for all that goes on */
#define FAULT_WINDOW 0x0800    /* users take nothing for a time; small windows */
#define FAULT_WRAP 0x1000      /* sequence numbers begin just below 2^32 */
#define FAULT_ABORT 0x2000     /* users end connections early or reset them */
#define FAULT_CROWD 0x4000     /* hundreds of connections at once */
#define FAULT_NARROW 0x8000    /* a slow wire with a short queue */
#define FAULTS_ALL 0xffff

/** struct profile - a world has all faults of @must and some of @may */
struct profile {
	const char *name;
	uint32_t must, may;
	const char *help;
};

/** profile_find() - by name; NULL: there is none. */
const struct profile *profile_find(const char *name);

/** profile_list() - the @index-th; NULL behind the last. */
const struct profile *profile_list(unsigned index);

/** fault_names() - the faults of a world, for people; valid until the next call. */
const char *fault_names(uint32_t faults);

/** profile_world() - the world of a seed, its conversations included. */
struct world *profile_world(const struct profile *profile, enum against against, uint64_t seed);

/** plan_plain() - a world without faults: one conversation, roomy ends, 10 ms each way. */
void plan_plain(struct world_plan *plan, enum against against, uint64_t seed);
