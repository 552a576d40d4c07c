/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* options.h - what the files of the command line share */
#pragma once

#include "fleet.h"

extern const char options_usage[];

/* Each takes one option's text. Return: 0, or -EINVAL with one line on stderr. */

/** options_via() - sockets, or dpdk:DEVICE */
int options_via(struct options *options, const char *text);
/** options_address() - ADDRESS/N, of either family */
int options_address(struct options *options, const char *text);
/** options_gateway() - an address */
int options_gateway(struct options *options, const char *text);
/** options_pages() - auto, huge, no-huge */
int options_pages(struct options *options, const char *text);
