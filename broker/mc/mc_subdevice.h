/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_subdevice.h - sub-devices and their gateway's session (sections 5.4.3.9 to 5.4.3.13) */
#pragma once

#include "mc/mc.h"
#include "registry/binding.h"

/**
 * mc_subdevice_unbind() - a backend's 2015: the sub-device is bound to this gateway no more
 * @gateway: the gateway's live session
 *
 * It goes off-line at once ("kicked") and the binding is gone when that is durable, whatever the
 * gateway answers. Nobody is told.
 * Return: 0; -ENOENT: it is not bound to this gateway; -EAGAIN: no more can be under way now.
 */
int mc_subdevice_unbind(
	struct mc *mc, const struct session_turn *gateway, const void *id, uint32_t length);
