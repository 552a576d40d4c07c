/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* fuzz_options.c - TCP options: any 40 bytes, against a reader written from RFC 9293's text alone
 */
#include "fuzz.h"
#include "tcp/tcp_state.h"

/*
 * The second reader looks for each option by a walk of its own, the slow way: it makes a list of
 * (kind, length, place) first. Both must agree on every member.
 */
struct seen {
	uint8_t kind, length;
	const uint8_t *at;
};

static unsigned walk(const uint8_t *bytes, unsigned length, struct seen *list)
{
	unsigned count = 0, at = 0;

	while (at < length && bytes[at] != 0) {
		struct seen one = {bytes[at], 1, bytes + at};

		if (bytes[at] != 1) {
			if (at + 1 == length || bytes[at + 1] < 2 || at + bytes[at + 1] > length)
				break;
			one.length = bytes[at + 1];
			list[count++] = one;
		}
		at += one.length;
	}
	return count;
}

static bool length_fits(const struct seen *one)
{
	switch (one->kind) {
	case 2:
		return one->length == 4;
	case 3:
		return one->length == 3;
	case 4:
		return one->length == 2;
	case 5:
		return one->length >= 10 && (one->length - 2) % 8 == 0 && one->length <= 34;
	case 8:
		return one->length == 10;
	default:
		return true;
	}
}

/* The last of a kind before anything malformed; NULL if there is none. */
static const struct seen *last_of(const struct seen *list, unsigned count, uint8_t kind)
{
	const struct seen *found = NULL;

	for (unsigned i = 0; i < count && length_fits(&list[i]); i++)
		if (list[i].kind == kind)
			found = &list[i];
	return found;
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void compare(const struct tcp_options *options, const struct seen *list, unsigned count)
{
	const struct seen *one = last_of(list, count, 2);

	require(options->has_mss == (one != NULL), "MSS");
	if (one)
		require(options->mss == (one->at[2] << 8 | one->at[3]), "MSS %u", options->mss);
	one = last_of(list, count, 3);
	require(options->has_scale == (one != NULL), "scale");
	if (one)
		require(options->scale == (one->at[2] > 14 ? 14 : one->at[2]), "scale %u",
			options->scale);
	require(options->sack_permitted == (last_of(list, count, 4) != NULL), "SACK permitted");
	one = last_of(list, count, 8);
	require(options->has_timestamps == (one != NULL), "timestamps");
	if (one)
		require(options->value == get32(one->at + 2) && options->echo == get32(one->at + 6),
			"timestamps");
	one = last_of(list, count, 5);
	require(options->sack_count == (one ? (one->length - 2) / 8 : 0), "%u blocks",
		options->sack_count);
	for (unsigned i = 0; i < options->sack_count; i++)
		require(options->sack[i].start == get32(one->at + 2 + 8 * i) &&
				options->sack[i].end == get32(one->at + 6 + 8 * i),
			"block %u", i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned length = size < 40 ? (unsigned)size : 40;
	struct seen list[40];
	struct tcp_options options;
	uint8_t *bytes = malloc(length ? length : 1);

	memcpy(bytes, data, length);
	memset(&options, 0x55, sizeof(options));
	tcp_options_read(bytes, length, &options);
	compare(&options, list, walk(bytes, length, list));
	free(bytes);
	return 0;
}
