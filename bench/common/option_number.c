/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* option_number.c - a whole number of the command line */
#include "option_number.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

unsigned option_number(const char *text, unsigned least, unsigned most)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno || value < least || value > most) {
		fprintf(stderr, "%s: \"%s\" is no whole number from %u to %u; see --help\n",
			program_invocation_short_name, text, least, most);
		exit(2);
	}
	return (unsigned)value;
}
