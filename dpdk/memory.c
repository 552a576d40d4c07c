/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* memory.c - zeroed memory for tables that live as long as the process */
#include "memory.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>

#define PAGE_SMALL ((size_t)4096)
#define PAGE_HUGE ((size_t)2 << 20)

/*
 * The same rounding whether huge pages were had or not, so that memory_unmap() need not know.
 * Pages that are rounded up to but never touched cost nothing.
 */
static size_t round_up(size_t bytes)
{
	size_t page = bytes >= PAGE_HUGE / 2 ? PAGE_HUGE : PAGE_SMALL;

	if (bytes > SIZE_MAX - page)
		return 0;
	return (bytes + page - 1) & ~(page - 1);
}

void *memory_map(size_t bytes, bool huge)
{
	size_t length = round_up(bytes);
	void *memory = MAP_FAILED;

	if (length == 0) {
		errno = bytes == 0 ? EINVAL : ENOMEM;
		return NULL;
	}
	/* Huge pages are reserved by mmap() itself: a shortage shows here, not as a SIGBUS later. */
	if (huge && length % PAGE_HUGE == 0)
		memory = mmap(NULL, length, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | 21 << MAP_HUGE_SHIFT, -1, 0);
	if (memory == MAP_FAILED) {
		memory = mmap(
			NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (memory == MAP_FAILED)
			return NULL;
		/* Advice: without transparent huge pages the table works all the same. */
		if (length % PAGE_HUGE == 0)
			(void)madvise(memory, length, MADV_HUGEPAGE);
	}
	if (madvise(memory, length, MADV_DONTDUMP) != 0) {
		int error = errno;

		munmap(memory, length);
		errno = error;
		return NULL;
	}
	return memory;
}

void memory_unmap(void *memory, size_t bytes)
{
	if (memory)
		munmap(memory, round_up(bytes));
}
