/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* count_steps.h - how many instructions a piece of work takes: the process watched step by step */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * An instrumented program's instructions say nothing about the broker's: there nothing is counted,
 * the work is only done.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
#define STEPS_COMPARABLE false
#else
#define STEPS_COMPARABLE true
#endif

/** struct steps - what the watched process and the watching one share */
struct steps {
	volatile uint32_t begun, ended; /* pieces of work, by the watched process */
	uint64_t count[];
};

/* Around a piece of work, in the watched process. */
static inline void steps_begin(struct steps *steps)
{
	steps->begun++;
	if (STEPS_COMPARABLE)
		raise(SIGSTOP);
}

static inline void steps_end(struct steps *steps)
{
	steps->ended++;
}

/* One piece of work, from its SIGSTOP on: instructions, a string operation as often as it
 * repeats. */
static uint64_t count_one(pid_t child, const struct steps *steps)
{
	uint64_t count = 0;
	int status;

	while (steps->ended < steps->begun) {
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
		count++;
	}
	return count;
}

/**
 * steps_of() - run @work in a process of its own and count each piece of it
 * @pieces: how many times it will say steps_begin(), steps_end()
 * Return: the counts; unmapped with steps_free().
 */
static struct steps *steps_of(
	void (*work)(void *context, struct steps *steps), void *context, uint32_t pieces)
{
	size_t bytes = sizeof(struct steps) + pieces * sizeof(uint64_t);
	struct steps *steps =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t child;

	assert_ptr_not_equal(steps, MAP_FAILED);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		if (STEPS_COMPARABLE)
			ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		work(context, steps);
		_exit(0);
	}
	for (;;) {
		assert_int_equal(waitpid(child, &status, 0), child);
		if (!WIFSTOPPED(status))
			break;
		assert_int_equal(WSTOPSIG(status), SIGSTOP);
		assert_in_range(steps->begun, 1, pieces);
		steps->count[steps->begun - 1] = count_one(child, steps);
		assert_int_equal(ptrace(PTRACE_CONT, child, NULL, NULL), 0);
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(steps->begun, pieces);
	return steps;
}

static void steps_free(struct steps *steps, uint32_t pieces)
{
	munmap(steps, sizeof(struct steps) + pieces * sizeof(uint64_t));
}
