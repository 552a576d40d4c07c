/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* memory.h - zeroed memory for tables that live as long as the process */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/**
 * memory_map() - zeroed, page-aligned private memory for a table
 * @bytes: size; rounded up to pages
 * @huge: back it by explicit huge pages when the host has them free; else ordinary pages
 *	(with transparent huge pages advised) are used
 *
 * Excluded from core dumps (MADV_DONTDUMP): tables hold keys.
 * Return: the memory, or NULL with errno set. Freed by memory_unmap() with the same @bytes.
 */
void *memory_map(size_t bytes, bool huge);

/** memory_unmap() - give memory_map() memory back; NULL is allowed. */
void memory_unmap(void *memory, size_t bytes);
