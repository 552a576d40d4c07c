/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* device_remove.h - device remove: the device, its sessions, and then its place in the table */
#pragma once

#include "control/control.h"

/** device_remove() - as device_verb(), for that verb. */
json_t *device_remove(struct store *store, struct broker_view *view, json_t *request, int file);
