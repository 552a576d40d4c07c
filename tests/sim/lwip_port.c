/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* lwip_port.c - lwIP as a library that starts anew for every world: memory, clock, dice */
#include "lwip_port.h"

#include "sim.h"

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

/*
 * Debian's liblwip.so is built for a system with threads. Nothing of that is started here: its raw
 * API is called from one thread, frames go to ethernet_input(), sys_check_timeouts() runs its
 * timers. What it asks of the system - clock, dice, memory, locks - is found in this program first,
 * because these few symbols, and no others, are exported by it (see meson.build).
 */

/** struct block - before each piece of memory that lwIP has */
struct block {
	struct block *next, *prev;
};

static struct block blocks = {&blocks, &blocks};
static const uint64_t *clock_us;
static struct sim_random dice;
static uint32_t wrap_span;

void *mem_malloc(mem_size_t bytes)
{
	struct block *block = malloc(sizeof(*block) + bytes);

	if (!block)
		return NULL;
	block->next = blocks.next;
	block->prev = &blocks;
	blocks.next->prev = block;
	blocks.next = block;
	return block + 1;
}

void *mem_calloc(mem_size_t count, mem_size_t bytes)
{
	void *memory = mem_malloc(count * bytes);

	return memory ? memset(memory, 0, count * bytes) : NULL;
}

void mem_free(void *memory)
{
	struct block *block = memory;

	if (!memory)
		return;
	block--;
	block->next->prev = block->prev;
	block->prev->next = block->next;
	free(block);
}

u32_t sys_now(void)
{
	return (u32_t)(*clock_us / 1000);
}

int rand(void)
{
	return (int)(sim_next(&dice) >> 33);
}

u32_t tcp_next_iss(struct tcp_pcb *pcb)
{
	if (wrap_span > 0)
		return (u32_t)-sim_between(&dice, 1, wrap_span);
	return (u32_t)sim_next(&dice);
}

sys_prot_t sys_arch_protect(void)
{
	return 0;
}

void sys_arch_unprotect(sys_prot_t level)
{
}

void sys_check_core_locking(void)
{
}

/* Its variables, as they were when it had just been loaded. */
static struct {
	struct lwip_calls calls;
	void *library;
	const char *why;
	uint8_t *data, *fresh;
	size_t bytes;
} image;

/* The writable part of the library that is not sealed after relocation. */
static int find_data(struct dl_phdr_info *info, size_t size, void *base)
{
	uintptr_t from = 0, to = 0, sealed = 0;

	if (info->dlpi_addr != (uintptr_t)base)
		return 0;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t begin = info->dlpi_addr + segment->p_vaddr;

		if (segment->p_type == PT_LOAD && segment->p_flags & PF_W) {
			from = begin;
			to = begin + segment->p_memsz;
		} else if (segment->p_type == PT_GNU_RELRO) {
			sealed = (begin + segment->p_memsz + 4095) & ~(uintptr_t)4095;
		}
	}
	if (sealed > from && sealed < to)
		from = sealed;
	image.data = (uint8_t *)from;
	image.bytes = to - from;
	return 1;
}

static bool resolve(void **at, const char *name)
{
	*at = dlsym(image.library, name);
	if (!*at)
		image.why = "liblwip.so.0 lacks a function that is needed";
	return *at != NULL;
}

static bool load(void)
{
	struct link_map *map;

	if (image.data || image.why)
		return image.data;
	image.library = dlopen("liblwip.so.0", RTLD_NOW | RTLD_LOCAL);
	if (!image.library) {
		image.why = "liblwip.so.0 is not installed (Debian: liblwip0)";
		return false;
	}
#define LWIP_RESOLVE(name)                                                                         \
	if (!resolve((void **)&image.calls.name, #name))                                           \
		return false;
	LWIP_CALLS(LWIP_RESOLVE)
#undef LWIP_RESOLVE
	if (dlinfo(image.library, RTLD_DI_LINKMAP, &map) != 0 ||
		!dl_iterate_phdr(find_data, (void *)map->l_addr) || image.bytes == 0) {
		image.why = "the variables of liblwip.so.0 cannot be found";
		return false;
	}
	image.fresh = malloc(image.bytes);
	memcpy(image.fresh, image.data, image.bytes);
	return true;
}

const char *lwip_there(void)
{
	load();
	return image.why;
}

const struct lwip_calls *lwip_start(
	const uint64_t *now, uint64_t seed, uint32_t wrap, const char **why)
{
	if (!load()) {
		*why = image.why;
		return NULL;
	}
	memcpy(image.data, image.fresh, image.bytes);
	clock_us = now;
	dice.state = sim_mix(seed ^ 0x6c776970);
	wrap_span = wrap;
	image.calls.lwip_init();
	return &image.calls;
}

unsigned lwip_stop(void)
{
	unsigned count = 0;

	while (blocks.next != &blocks) {
		mem_free(blocks.next + 1);
		count++;
	}
	return count;
}
