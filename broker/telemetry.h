/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* telemetry.h - the status document as commands of DPDK's telemetry socket, under /hearth */
#pragma once

#include "control/control_ask.h"

#include <jansson.h>

struct rte_tel_data;

/**
 * telemetry_start() - register the commands; once per process, whether or not the socket is opened
 *
 * They answer members of what the verb status answers, nothing else: asked for through
 * control_ask(), on DPDK's thread. Return: 0, or -errno of DPDK's.
 */
int telemetry_start(struct control *control);

/** telemetry_stop() - they answer nothing from now on; returns once none is under way. After
 * control_ask_end(), or it may wait for an answer. */
void telemetry_stop(void);

/**
 * telemetry_fill() - a member of the document as telemetry's data
 * @path: "workers.0.counters.mc": names and numbers, joined by '.'; "": the document
 *
 * Numbers and words become entries; arrays of integers arrays; what else there is inside is named
 * in "members", to be asked for by its own path. What does not fit (RTE_TEL_MAX_DICT_ENTRIES) is
 * left out. Return: 0; -ENOENT: there is no such member; -ENOMEM.
 */
int telemetry_fill(const json_t *status, const char *path, struct rte_tel_data *data);
