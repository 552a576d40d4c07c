/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* device_import.h - device import: a file's rows into the store, all or none */
#pragma once

#include "control/control.h"

/**
 * device_import() - as device_verb(), for that verb
 *
 * The file's offset moves as its rows are read, and whoever gave the descriptor shares it: that is
 * how hearthctl knows how far it is.
 */
json_t *device_import(struct store *store, struct broker_view *view, json_t *request, int file);

/** device_refuse_store() - what people hear when the store says no (device_verbs.c). */
json_t *device_refuse_store(int rc, const char *what);
