/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* control.h - the broker's own figures, asked for on its control socket */
#pragma once

#include <jansson.h>

/** control_status() - the broker's status, to be freed; NULL, after a line on stderr, if it gives
 * none. */
json_t *control_status(const char *path);
