/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* eal_host.h - what eal.c asks of the host: huge pages, CPUs, sockets left behind; no DPDK here */
#pragma once

#include "eal.h"

#include <sched.h>

/**
 * struct eal_pages - the decision about huge pages
 * @added: pages of 2 MiB that were reserved for us, to be given back
 * @why: the decision in words
 */
struct eal_pages {
	bool huge;
	unsigned long added;
	char why[160];
};

/**
 * eal_pages_decide() - huge pages or not
 *
 * AUTO: those that are free, or that the kernel reserves when asked; else none. HUGE: a shortage
 * is an error.
 * Return: 0, or -ENOMEM with a line in @error.
 */
int eal_pages_decide(struct eal_pages *pages, enum eal_memory mode, uint32_t megabytes, char *error,
	size_t size);

/** eal_pages_give_back() - undo what eal_pages_decide() reserved. */
void eal_pages_give_back(struct eal_pages *pages);

/**
 * eal_lcores() - the words of --lcores: the main thread floating, one lcore pinned per worker
 * @text: receives, for workers 2 and 3 of 4 CPUs, "0@(0,1),1@2,2@3"
 * Return: 0, or -EINVAL with a line in @error.
 */
int eal_lcores(const unsigned *workers, unsigned count, const cpu_set_t *allowed, char *text,
	size_t text_size, char *error, size_t size);

/** eal_is_pci() - is this device string a PCI address, "0000:01:00.0" or "01:00.0"? */
bool eal_is_pci(const char *device);

/** eal_device_name() - a device string's name: what stands before the first ',', a PCI address
 * with its domain. Return: 0, or -EINVAL if it is neither a PCI address nor begins with "net_". */
int eal_device_name(const char *device, char *name, size_t size);

/** eal_memif_socket() - the socket file that this device string would listen on.
 * Return: false if it is no memif server with a socket in the file system. */
bool eal_memif_socket(const char *device, char *path, size_t size);

/** eal_remove_stale_socket() - remove a socket file that nobody listens on.
 * Return: 0 (also if there is none), -EADDRINUSE if somebody does, or -errno. */
int eal_remove_stale_socket(const char *path);
