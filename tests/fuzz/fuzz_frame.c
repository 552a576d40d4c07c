/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* fuzz_frame.c - the end of a text frame, in pieces of any size, against a search byte by byte
 * (K10) */
#include "codec/text_frame.h"
#include "fuzz.h"

#include <stdbool.h>

static uint32_t first_end(const uint8_t *text, uint32_t length)
{
	for (uint32_t at = 1; at < length; at++)
		if (text[at - 1] == '\r' && text[at] == '\n')
			return at + 1;
	return 0;
}

/* Input: how many bytes come at a time, in turn; then what comes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	uint8_t steps[4] = {take8(&input), take8(&input), take8(&input), take8(&input)};
	uint32_t wanted, end = 0, have = 0;

	wanted = first_end(input.data, (uint32_t)input.left);
	for (unsigned turn = 0; !end && have < input.left; turn++) {
		uint32_t from = have;
		uint8_t *copy;

		have += 1 + steps[turn % 4];
		if (have > input.left)
			have = (uint32_t)input.left;
		/* its own block: a read past it is seen */
		copy = malloc(have);
		memcpy(copy, input.data, have);
		end = text_frame_end(copy, have, from);
		free(copy);
		require(!end || end <= have, "beyond what came");
	}
	require(end == wanted, "%u instead of %u", end, wanted);
	return 0;
}
