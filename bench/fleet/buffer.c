/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* buffer.c - bytes of a stream that wait, in memory only while they do */
#include "fleet.h"

#include <stdlib.h>
#include <string.h>

#define BUFFER_LEAST 1024

void out_of_memory(void)
{
	fputs("hearth-fleet: out of memory\n", stderr);
	exit(1);
}

void buffer_add(struct buffer **buffer, const char *bytes, size_t length)
{
	uint32_t used = *buffer ? (*buffer)->length : 0, size = *buffer ? (*buffer)->size : 0;
	struct buffer *grown;

	if (used + length > size) {
		size = size ? size : BUFFER_LEAST;
		while (size < used + length)
			size *= 2;
		grown = realloc(*buffer, sizeof(**buffer) + size);
		if (!grown)
			out_of_memory();
		if (!*buffer)
			grown->length = grown->sent = 0;
		grown->size = size;
		*buffer = grown;
	}
	memcpy((*buffer)->bytes + used, bytes, length);
	(*buffer)->length += (uint32_t)length;
}
