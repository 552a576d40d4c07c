/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* guarded.h - bytes that end where memory ends: reading on is noticed without a sanitizer, too */
#pragma once

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define GUARDED_PAGE 4096u
#define GUARDED_KEPT 256

#if defined(__SANITIZE_ADDRESS__)
#define GUARDED_BY_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GUARDED_BY_SANITIZER 1
#endif
#endif

/* A page and one behind it that cannot be read; used again, as there are many frames. */
static uint8_t *guarded_kept[GUARDED_KEPT];
static unsigned guarded_count;

/* @length bytes, at most a page; to be given back by guarded_put(). */
static inline uint8_t *guarded_get(size_t length)
{
	uint8_t *page;

#ifdef GUARDED_BY_SANITIZER
	return malloc(length ? length : 1);
#endif
	assert(length <= GUARDED_PAGE);
	if (guarded_count > 0) {
		page = guarded_kept[--guarded_count];
	} else {
		page = mmap(NULL, 2 * (size_t)GUARDED_PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert(page != MAP_FAILED);
		if (mprotect(page + GUARDED_PAGE, GUARDED_PAGE, PROT_NONE) != 0)
			abort();
	}
	return page + GUARDED_PAGE - length;
}

static inline void guarded_put(uint8_t *bytes)
{
	uint8_t *page;

#ifdef GUARDED_BY_SANITIZER
	free(bytes);
	return;
#endif
	/* Of no byte at all it is the guard itself that was given. */
	page = (uint8_t *)(((uintptr_t)bytes - 1) & ~(uintptr_t)(GUARDED_PAGE - 1));
	memset(page, 0xa5, GUARDED_PAGE);
	if (guarded_count < GUARDED_KEPT)
		guarded_kept[guarded_count++] = page;
	else
		munmap(page, 2 * (size_t)GUARDED_PAGE);
}
