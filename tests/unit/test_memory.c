/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_memory.c - mapped memory: zeroed, given back whole, kept out of core dumps */
#include "memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* The flags that the kernel keeps of the mapping that holds @at ("" if there is none). */
static void mapping_flags(const void *at, char *flags, size_t size)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	bool inside = false;
	char line[512];

	flags[0] = '\0';
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		unsigned long from, to;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = (uintptr_t)at >= from && (uintptr_t)at < to;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			snprintf(flags, size, "%s", line);
	}
	fclose(file);
}

static void test_sizes(void **state)
{
	static const size_t sizes[] = {1, 4095, 4096, 4097, 100000, (1 << 20) - 1, 1 << 20,
		(2 << 20) - 1, 2 << 20, (2 << 20) + 1, 5 << 20};

	for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t bytes = sizes[i / 2];
		uint8_t *memory = memory_map(bytes, i % 2);
		char flags[512];

		assert_non_null(memory);
		assert_int_equal((uintptr_t)memory % 4096, 0);
		for (size_t j = 0; j < bytes; j += 509)
			assert_int_equal(memory[j], 0);
		assert_int_equal(memory[bytes - 1], 0);
		memset(memory, 0xff, bytes);
		mapping_flags(memory, flags, sizeof(flags));
		assert_non_null(strstr(flags, " dd")); /* MADV_DONTDUMP */
		memory_unmap(memory, bytes);
		mapping_flags(memory, flags, sizeof(flags));
		assert_string_equal(flags, "");
		mapping_flags(memory + bytes - 1, flags, sizeof(flags));
		assert_string_equal(flags, "");
	}
}

static void test_refused(void **state)
{
	errno = 0;
	assert_null(memory_map(0, false));
	assert_int_equal(errno, EINVAL);
	assert_null(memory_map(SIZE_MAX, false));
	assert_int_equal(errno, ENOMEM);
	assert_null(memory_map(SIZE_MAX / 2, true));
	assert_int_equal(errno, ENOMEM);
	memory_unmap(NULL, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
