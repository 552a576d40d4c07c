/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_random.c - the system's random source: no repeats, no bias, no system call once seeded */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <cmocka.h>

#include "random.h"

static struct random *source;

static int setup(void **state)
{
	source = random_system_new();
	return source ? 0 : -1;
}

static int teardown(void **state)
{
	random_system_free(source);
	return 0;
}

static int compare_words(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Every length is filled to its last byte and not one further. */
static void test_lengths(void **state)
{
	uint8_t buffer[3000 + 16];

	source->fill(source, buffer, 0);
	for (size_t length = 1; length <= 3000; length += length < 40 ? 1 : 37) {
		unsigned last_changed = 0;

		for (unsigned tries = 0; tries < 8; tries++) {
			memset(buffer, 0xa5, sizeof(buffer));
			source->fill(source, buffer, length);
			last_changed += buffer[length - 1] != 0xa5;
			for (size_t i = length; i < length + 16; i++)
				assert_int_equal(buffer[i], 0xa5);
		}
		/* eight times 0xa5 by chance: 2^-64 */
		assert_int_not_equal(last_changed, 0);
	}
}

/* 2^17 words of 64 bits: a repeat by chance has a probability of 2^-31. Draws of odd sizes cross
 * the buffer's end at every offset. */
static void test_no_word_repeats(void **state)
{
	enum { words = 1 << 17 };
	uint64_t *drawn = malloc(words * sizeof(*drawn));
	size_t at = 0, size = 1;

	assert_non_null(drawn);
	while (at < words * sizeof(*drawn)) {
		size_t n = words * sizeof(*drawn) - at;

		size = size % 61 + 1;
		if (n > size)
			n = size;
		source->fill(source, (uint8_t *)drawn + at, n);
		at += n;
	}
	qsort(drawn, words, sizeof(*drawn), compare_words);
	for (size_t i = 1; i < words; i++)
		assert_true(drawn[i] != drawn[i - 1]);
	free(drawn);
}

/* Each byte value in a MiB: expected 4096, standard deviation 64; 8 of them are allowed. */
static void test_bytes_are_even(void **state)
{
	unsigned counts[256] = {0};
	uint8_t buffer[1024];

	for (unsigned i = 0; i < 1024; i++) {
		source->fill(source, buffer, sizeof(buffer));
		for (unsigned j = 0; j < sizeof(buffer); j++)
			counts[buffer[j]]++;
	}
	for (unsigned value = 0; value < 256; value++)
		assert_in_range(counts[value], 4096 - 512, 4096 + 512);
}

static void test_sources_differ(void **state)
{
	struct random *other = random_system_new();
	uint8_t a[32], b[32];

	assert_non_null(other);
	source->fill(source, a, sizeof(a));
	other->fill(other, b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	random_system_free(other);
	random_system_free(NULL);
}

/* Draw 70 MiB, past the reseed at 64 MiB, where any system call but exit_group ends the process. */
static void draw_without_kernel(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
	static uint8_t out[8192];
	struct random *own = random_system_new();
	uint64_t any = 0;

	if (!own)
		_exit(2);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(77);
	for (unsigned i = 0; i < (70u << 20) / sizeof(out); i++) {
		own->fill(own, out, sizeof(out));
		any |= out[i % sizeof(out)];
	}
	/* not _exit(): a sanitizer makes calls of its own there */
	syscall(SYS_exit_group, any ? 0 : 3);
}

static void test_no_system_call_once_seeded(void **state)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0)
		draw_without_kernel();
	assert_true(waitpid(child, &status, 0) == child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("no seccomp filters on this kernel\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_no_word_repeats),
		cmocka_unit_test(test_bytes_are_even),
		cmocka_unit_test(test_sources_differ),
		cmocka_unit_test(test_no_system_call_once_seeded),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
