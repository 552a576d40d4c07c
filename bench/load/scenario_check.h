/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* scenario_check.h - between the files that read a scenario */
#pragma once

#include "config_yaml.h"
#include "scenario.h"

/**
 * scenario_check() - what no key tells by itself: do they fit together?
 * @root: of the file, for the line of a complaint; --set may have changed what stands there
 * Return: 0, or -EINVAL with a message.
 */
int scenario_check(
	struct config_reader *reader, const yaml_node_t *root, const struct scenario *scenario);
