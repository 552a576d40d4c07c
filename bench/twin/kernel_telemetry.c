/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* kernel_telemetry.c - telemetry.h where there is no DPDK, and so no socket to answer on */
#include "telemetry.h"

int telemetry_start(struct control *control)
{
	return 0;
}

void telemetry_stop(void)
{
}
