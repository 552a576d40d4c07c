/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* prefetch.h - asking for a cache line before it is needed */
#pragma once

/*
 * GCC takes a function that does nothing but prefetch for one without any effect, and drops calls
 * of it (seen with 12.2, within a file and, optimising whole programs, between them). An empty
 * assembler statement is an effect that costs nothing.
 */

/** prefetch_to_read() - bring the line at @address near. */
static inline __attribute__((always_inline)) void prefetch_to_read(const void *address)
{
	__builtin_prefetch(address, 0);
	__asm__ volatile("");
}

/** prefetch_to_write() - the same, to be written to. */
static inline __attribute__((always_inline)) void prefetch_to_write(const void *address)
{
	__builtin_prefetch(address, 1);
	__asm__ volatile("");
}
