/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* slab_file.h - a slab file that is open and locked by us */
#pragma once

#include "session/slab.h"

/** struct slab_file - @header is NULL until it is mapped; @sides: where side records begin */
struct slab_file {
	int fd;
	size_t bytes, sides;
	struct slab_header *header;
};

static inline struct slab_entry *slab_file_entries(const struct slab_file *file)
{
	return (struct slab_entry *)((uint8_t *)file->header + SLAB_HEADER_BYTES);
}

static inline struct slab_side *slab_file_sides(const struct slab_file *file)
{
	return (struct slab_side *)((uint8_t *)file->header + file->sides);
}

/** slab_file_close() - unmap, unlock. */
void slab_file_close(struct slab_file *file);

/**
 * slab_file_lock() - open @path and become its owner
 * @flags: O_CREAT or 0
 * Return: 0; -EBUSY: another process is; -EPERM: others can read it; -ESTALE: it was replaced
 * meanwhile; or -errno.
 */
int slab_file_lock(const char *path, int flags, struct slab_file *file);

/** slab_file_map() - map a locked file; excluded from core dumps, as keys are in it. */
int slab_file_map(struct slab_file *file, bool huge);

/** slab_file_collapse() - have what is taken of a mapped file in huge pages, also on a tmpfs that
 * is mounted without; where that cannot be, nothing is changed. Copies all of it. @ipv6: the side
 * records are taken, too */
void slab_file_collapse(const struct slab_file *file, bool ipv6);

/** slab_file_bytes() - the size for so many entries, and where their side records begin, in whole
 * (huge) pages of its file system. */
int slab_file_bytes(int fd, uint32_t entries, size_t *sides, size_t *bytes);

/** slab_file_take_sides() - all of the side records' room, which is none until it is used. */
int slab_file_take_sides(const struct slab_file *file);

/**
 * slab_file_make() - a new file, locked, mapped and with all of its room (that of the side records
 * only with @config->ipv6), but not ready yet
 * @name: temporary; the caller gives it its own
 * @keys: whose keys it takes over, NULL to draw new ones
 * Return: 0 or -errno; then nothing is left of it.
 */
int slab_file_make(const char *name, const struct session_config *config, uint32_t entries,
	const struct slab_header *keys, struct slab_file *file);

/** slab_file_ready() - it is whole: attaching refuses what never came to this. */
void slab_file_ready(struct slab_file *file);
