/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* slab_file.c - the slab as a file: locked, mapped, made with all of its room */

#include "session/slab_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PAGE_HUGE ((size_t)2 << 20)

/* Linux 6.1; the C library's headers of that time do not have it yet. */
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

void slab_file_close(struct slab_file *file)
{
	if (file->header)
		munmap(file->header, file->bytes);
	if (file->fd >= 0)
		close(file->fd); /* gives up the lock */
	*file = (struct slab_file){.fd = -1};
}

uint64_t slab_header_checksum(const struct slab_header *header)
{
	const struct siphash_key key = {SLAB_MAGIC, header->version};

	return siphash(&key, header, offsetof(struct slab_header, checksum));
}

int slab_file_bytes(int fd, uint32_t entries, size_t *sides, size_t *bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return -errno;
	if (fs.f_type == HUGETLBFS_MAGIC)
		page = (size_t)fs.f_bsize;
	*sides = SLAB_HEADER_BYTES + (size_t)entries * sizeof(struct slab_entry);
	*sides = (*sides + page - 1) / page * page;
	*bytes = *sides + (size_t)entries * sizeof(struct slab_side);
	*bytes = (*bytes + page - 1) / page * page;
	return 0;
}

int slab_file_take_sides(const struct slab_file *file)
{
	return -posix_fallocate(file->fd, (off_t)file->sides, (off_t)(file->bytes - file->sides));
}

/* Where a file can be mapped by huge pages, whether it has any or not: at a multiple of their size.
 * Return: address space for @bytes that is taken, or MAP_FAILED. */
static void *aligned_room(size_t bytes)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *room;
	size_t before;

	bytes = (bytes + page - 1) & ~(page - 1); /* a damaged file may end anywhere */
	room = mmap(NULL, bytes + PAGE_HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		-1, 0);
	if (room == MAP_FAILED)
		return room;
	before = -(uintptr_t)room & (PAGE_HUGE - 1);
	if (before)
		munmap(room, before);
	munmap(room + before + bytes, PAGE_HUGE - before);
	return room + before;
}

int slab_file_map(struct slab_file *file, bool huge)
{
	void *room = aligned_room(file->bytes), *map;

	if (room == MAP_FAILED)
		return -errno;
	/* what is needed of it has its room already: no huge pages are to wait for the side
	 * records */
	map = mmap(room, file->bytes, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_NORESERVE | MAP_FIXED, file->fd, 0);
	if (map == MAP_FAILED) {
		const int rc = -errno;

		munmap(room, file->bytes);
		return rc;
	}
	file->header = map;
	/* keys are in it: never in a core dump */
	madvise(map, file->bytes, MADV_DONTDUMP);
	if (huge)
		madvise(map, file->bytes, MADV_HUGEPAGE);
	return 0;
}

void slab_file_collapse(const struct slab_file *file, bool ipv6)
{
	const size_t taken = ipv6 ? file->bytes : file->sides;

	/* Advice: in small pages, or on a kernel before 6.1, it works all the same. */
	if (taken >= PAGE_HUGE)
		(void)madvise(file->header, taken & ~(PAGE_HUGE - 1), MADV_COLLAPSE);
}

int slab_file_lock(const char *path, int flags, struct slab_file *file)
{
	struct stat opened, named;
	int rc = -ESTALE;

	file->header = NULL;
	file->fd = open(path, flags | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (file->fd < 0)
		return -errno;
	if (flock(file->fd, LOCK_EX | LOCK_NB) < 0) {
		rc = errno == EWOULDBLOCK ? -EBUSY : -errno;
		goto fail;
	}
	if (fstat(file->fd, &opened) < 0 || stat(path, &named) < 0 ||
		opened.st_ino != named.st_ino || opened.st_dev != named.st_dev)
		goto fail;
	/* whoever made it may know its keys, whoever may read it does */
	rc = -EPERM;
	if (!S_ISREG(opened.st_mode) || opened.st_uid != geteuid() || (opened.st_mode & 0077))
		goto fail;
	file->bytes = (size_t)opened.st_size;
	return 0;
fail:
	slab_file_close(file);
	return rc;
}

int slab_file_make(const char *name, const struct session_config *config, uint32_t entries,
	const struct slab_header *keys, struct slab_file *file)
{
	struct slab_header *header;
	int rc = slab_file_lock(name, O_CREAT, file);

	if (rc < 0)
		return rc;
	rc = slab_file_bytes(file->fd, entries, &file->sides, &file->bytes);
	if (rc == 0 && ftruncate(file->fd, 0) < 0) /* what a killed broker left of it */
		rc = -errno;
	if (rc == 0 && ftruncate(file->fd, (off_t)file->bytes) < 0)
		rc = -errno;
	if (rc == 0) /* all of it now: a full file system must not become a SIGBUS later */
		rc = -posix_fallocate(file->fd, 0, (off_t)file->sides);
	if (rc == 0 && config->ipv6)
		rc = slab_file_take_sides(file);
	if (rc == 0)
		rc = slab_file_map(file, config->huge);
	if (rc < 0) {
		unlink(name);
		slab_file_close(file);
		return rc;
	}
	header = file->header;
	*header = (struct slab_header){
		.magic = SLAB_MAGIC,
		.version = SLAB_VERSION,
		.entry_bytes = sizeof(struct slab_entry),
		.entries = entries,
		.workers = config->workers,
		.bytes = file->bytes,
	};
	if (keys) {
		header->token_key = keys->token_key;
		header->entry_key = keys->entry_key;
	} else {
		struct random *random = config->random;

		random->fill(random, &header->token_key, sizeof(header->token_key));
		random->fill(random, &header->entry_key, sizeof(header->entry_key));
	}
	header->checksum = slab_header_checksum(header);
	return 0;
}

void slab_file_ready(struct slab_file *file)
{
	__atomic_store_n(&file->header->state, SLAB_READY, __ATOMIC_RELEASE);
}
