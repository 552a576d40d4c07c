/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* pool_view.h - pools as people see them: how many records there are, and what memory they take */
#pragma once

#include <stddef.h>
#include <stdint.h>

/** A pool that does not count what is in use. */
#define POOL_USED_UNKNOWN UINT32_MAX

/**
 * struct pool_view - a pool as it is now
 * @name: lower-case words joined by '_', unique among a worker's pools
 * @help: what its records are, no full stop
 * @limit, @used: records; @used may be of a moment ago where another thread asks
 * @bytes: memory of all of them
 */
struct pool_view {
	const char *name;
	const char *help;
	uint32_t limit, used;
	size_t bytes;
};
