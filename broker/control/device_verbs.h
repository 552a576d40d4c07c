/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* device_verbs.h - device add, import, show, list, remove: on a running broker or on its registry
 * alone */
#pragma once

#include "control/control.h"

#include <jansson.h>

/** Devices in one answer to "device list", at most; its "next" says where to go on. */
#define DEVICE_LIST_MAX 1000
/** Largest file for "device import", bytes: 10 M of the longest rows are less. */
#define DEVICE_IMPORT_MAX ((off_t)4 << 30)

/**
 * device_verb() - carry out a request whose verb begins with "device "
 * @store: the registry on disk
 * @view: the running broker, told of every change; NULL if there is none
 * @file: descriptor that came with the request, -1 if none; stays the caller's
 *
 * With a view the caller must be registered with urcu-qsbr and online; it may wait: a second at
 * most for the end of a removed device's sessions.
 * Return: the answer; NULL if the verb is none of these.
 */
json_t *device_verb(struct store *store, struct broker_view *view, json_t *request, int file);
