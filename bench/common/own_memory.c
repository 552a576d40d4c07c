/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* own_memory.c - what this process occupies */
#include "own_memory.h"

#include <stdio.h>
#include <string.h>

uint64_t own_memory(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	unsigned long long kilobytes, sum = 0;
	char line[128], field[32];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%31s %llu kB", field, &kilobytes) == 2 &&
			(!strcmp(field, "VmRSS:") || !strcmp(field, "HugetlbPages:")))
			sum += kilobytes;
	}
	if (file)
		fclose(file);
	return sum * 1024;
}
