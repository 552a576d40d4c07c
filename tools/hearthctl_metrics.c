/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* hearthctl_metrics.c - status as metrics, in the text format that anything can read */
#include "hearthctl.h"

#include "http/metrics.h"

#include <stdio.h>
#include <stdlib.h>

void ctl_print_metrics(const json_t *answer)
{
	size_t length;
	char *text = metrics_text_in(answer, METRICS_PLAIN, &length);

	if (text)
		fwrite(text, 1, length, stdout);
	free(text);
}
