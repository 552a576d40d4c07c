/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* counter.h - named counters: one X-macro list per layer gives enum, name and help text */
#pragma once

#include <stdint.h>

/**
 * struct counter_info - what people see of a counter
 * @name: lower-case words joined by '_', unique within its layer
 * @help: one sentence, no full stop
 */
struct counter_info {
	const char *name;
	const char *help;
};

/*
 * A layer writes, in its header,
 *
 *	#define FLOW_COUNTERS(X) \
 *		X(FLOW_FULL, "flow_full", "connections refused: no flow slot within the probe limit")
 *	COUNTER_ENUM(flow_counter, FLOW_COUNTERS, FLOW_COUNTER_COUNT);
 *	extern const struct counter_info flow_counter_info[FLOW_COUNTER_COUNT];
 *
 * and, in one source file, COUNTER_TABLE(flow_counter_info, FLOW_COUNTERS);
 * Counters are uint64_t arrays indexed by the enum, written by one thread and read by others
 * without a lock: counter_add() and counter_read() keep such a read untorn and free of data races.
 */
#define COUNTER_ENUM_MEMBER(id, name, help) id,
#define COUNTER_TABLE_ROW(id, name, help) [id] = {name, help},
#define COUNTER_ENUM(type, list, count) enum type { list(COUNTER_ENUM_MEMBER) count }
#define COUNTER_TABLE(table, list) const struct counter_info table[] = {list(COUNTER_TABLE_ROW)}

/** counter_add() - add to a counter that only the calling thread writes. */
static inline void counter_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/** counter_read() - read a counter that another thread may be writing. */
static inline uint64_t counter_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}
