/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* broker.h - the whole process: start everything in order, run, stop, leave nothing half-started */
#pragma once

#include "config.h"

#include <stdbool.h>
#include <stddef.h>

struct broker;

/**
 * broker_start() - take the locks, load the registry, start ports and workers
 * @config: borrowed
 * @eal_words: what the user gave after "--", NULL-terminated; may be empty
 * @error: receives one line for people, with the remedy, when it fails
 *
 * On failure everything that was started is stopped again and files that did not exist before are
 * removed. The calling thread becomes the control thread. Return: NULL with errno set.
 */
struct broker *broker_start(
	const struct config *config, char **eal_words, char *error, size_t size);

/** broker_run() - serve until @stop becomes true; @hangup: read the configuration file again. A signal
 * handler may set them. */
void broker_run(struct broker *broker, const volatile bool *stop, volatile bool *hangup);

/** broker_stop() - end workers and ports; sessions and ring stay for the next start. */
void broker_stop(struct broker *broker);
