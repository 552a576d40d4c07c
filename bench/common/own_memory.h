/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* own_memory.h - what this process occupies */
#pragma once

#include <stdint.h>

/** own_memory() - bytes of this process in memory, huge pages included. */
uint64_t own_memory(void);
