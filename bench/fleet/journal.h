/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* journal.h - what happened, so that it can be set against what the backend has */
#pragma once

#include "fleet.h"

/** journal_open() - append to options.journal, if there is one. Return: 0, or -errno, told. */
int journal_open(struct fleet *fleet);
/** journal_request() - @what happened to a request of the device's. It is with the kernel when this
 * returns; a journal that cannot be written ends the run. */
void journal_request(struct fleet *fleet, const struct device *device, const char *what,
	const struct request *request);
/** journal_command() - likewise to one of the platform's, which came @copies times and bears
 * @mark. */
void journal_command(struct fleet *fleet, const struct device *device, const char *what,
	unsigned copies, uint16_t sequence, unsigned code, const char *mark);
/** journal_connect() - the device's connect was accepted. */
void journal_connect(struct fleet *fleet, const struct device *device);
