/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* protocols.c - the protocols that are built in: the one table that a new one is added to */
#include "mc/mc.h"

const struct protocol *const protocols[] = {&mc_protocol};
const unsigned protocol_count = sizeof(protocols) / sizeof(protocols[0]);
