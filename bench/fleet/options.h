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
/** options_cpu() - of the polling thread: as told, else the first that this process may use */
unsigned options_cpu(const struct options *options);
/** options_pages() - auto, huge, no-huge */
int options_pages(struct options *options, const char *text);
/** options_set() - one --set KEY=VALUE */
int options_set(struct options *options, const char *text);
/** options_scenario() - hand the instrument what concerns it; without a scenario nothing may.
 * @other: an option that was given and is the fleet's own; NULL: none was. Return: 0 or -EINVAL. */
int options_scenario(struct options *options, const char *other);
