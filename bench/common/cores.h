/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* cores.h - how far two CPUs are apart: a host moves those of a guest about, while it works, too */
#pragma once

#include <stdbool.h>

/*
 * A cache line's round trip between two CPUs, of a guest on an EPYC: 47 ns when they are threads of
 * one core, 95 ns when they are cores that share a cache, 490 ns when they share none.
 */
#define CORES_ONE_NS 75
#define CORES_APART_NS 300
/** For which a process waits until its CPUs are cores that share a cache, in all. */
#define CORES_PATIENCE_S 12

/**
 * struct cores - two CPUs on which something is measured together
 * @one, @other: their numbers; the same: nothing is known, and nobody waits
 * @waited: seconds so far
 */
struct cores {
	unsigned one, other;
	double waited;
};

/**
 * cores_round_trip() - the least time in which a cache line goes from one CPU to the other and back
 *
 * Two threads of its own, some milliseconds long, beside whatever runs there. Not for a thread
 * that polls.
 *
 * Return: ns; 0: not known.
 */
double cores_round_trip(unsigned one, unsigned other);

/**
 * cores_wait() - until they are two cores that share a cache
 *
 * Return: true: they were not, and now they are: what was measured may be measured anew. false:
 * they are already, or nobody knows, or CORES_PATIENCE_S are over, or this is no guest, whose CPUs
 * stay where they are: it counts as it is.
 */
bool cores_wait(struct cores *cores);
