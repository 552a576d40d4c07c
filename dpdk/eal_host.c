/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* eal_host.c - what eal.c asks of the host: huge pages, CPUs, sockets left behind; no DPDK here */
#include "eal_host.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PAGES_FOLDER "/sys/kernel/mm/hugepages"
#define PAGES_2M PAGES_FOLDER "/hugepages-2048kB"

static unsigned long read_number(const char *folder, const char *name)
{
	char path[768];
	unsigned long value = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%lu", &value) != 1)
		value = 0;
	fclose(file);
	return value;
}

static bool write_page_count(unsigned long count)
{
	FILE *file = fopen(PAGES_2M "/nr_hugepages", "we");
	bool good;

	if (!file)
		return false;
	good = fprintf(file, "%lu\n", count) > 0;
	return fclose(file) == 0 && good;
}

/* Megabytes in huge pages of any size that nobody has or has been promised. */
static unsigned long free_megabytes(void)
{
	unsigned long total = 0, kilobytes;
	struct dirent *entry;
	DIR *folder = opendir(PAGES_FOLDER);

	if (!folder)
		return 0;
	while ((entry = readdir(folder))) {
		char path[512];
		unsigned long unused, promised;

		if (sscanf(entry->d_name, "hugepages-%lukB", &kilobytes) != 1)
			continue;
		snprintf(path, sizeof(path), PAGES_FOLDER "/%s", entry->d_name);
		unused = read_number(path, "free_hugepages");
		promised = read_number(path, "resv_hugepages");
		if (unused > promised)
			total += (unused - promised) * (kilobytes / 1024);
	}
	closedir(folder);
	return total;
}

static unsigned long available_megabytes(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long kilobytes = 0;
	char line[128];

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %lu", &kilobytes) == 1)
			break;
	fclose(file);
	return kilobytes / 1024;
}

/* Asks the kernel for pages that are missing; less than all of them is of no use. */
static void reserve_pages(struct eal_pages *pages, uint32_t megabytes, unsigned long missing)
{
	unsigned long before = read_number(PAGES_2M, "nr_hugepages");
	unsigned long count = (missing + 1) / 2;

	if (!write_page_count(before + count))
		return;
	pages->added = read_number(PAGES_2M, "nr_hugepages") - before;
	if (free_megabytes() < megabytes)
		eal_pages_give_back(pages);
}

static int refuse_size(uint32_t megabytes, unsigned long left, char *error, size_t size)
{
	snprintf(error, size, "memory.megabytes: %u asked for, the host has %lu left", megabytes,
		left);
	return -ENOMEM;
}

int eal_pages_decide(
	struct eal_pages *pages, enum eal_memory mode, uint32_t megabytes, char *error, size_t size)
{
	unsigned long had = free_megabytes(), spare = available_megabytes();

	memset(pages, 0, sizeof(*pages));
	if (mode == EAL_MEMORY_NO_HUGE) {
		if (megabytes > spare)
			return refuse_size(megabytes, spare, error, size);
		snprintf(pages->why, sizeof(pages->why), "%u MB in ordinary pages, as configured",
			megabytes);
		return 0;
	}
	if (megabytes > had + spare)
		return refuse_size(megabytes, had + spare, error, size);
	/* The kernel squeezes the whole host for them: unasked, take half of what it can spare. */
	if (mode == EAL_MEMORY_AUTO)
		spare /= 2;
	if (had < megabytes && megabytes - had <= spare)
		reserve_pages(pages, megabytes, megabytes - had);
	pages->huge = free_megabytes() >= megabytes;
	if (pages->huge) {
		snprintf(pages->why, sizeof(pages->why), "%u MB in huge pages%s", megabytes,
			pages->added ? ", reserved at start" : "");
	} else if (mode == EAL_MEMORY_HUGE) {
		snprintf(error, size,
			"memory: %u MB of huge pages asked for, %lu MB free and no more to be had: "
			"free memory, 'sysctl vm.nr_hugepages=%lu', or set memory.mode to auto",
			megabytes, had,
			read_number(PAGES_2M, "nr_hugepages") + (megabytes - had + 1) / 2);
		return -ENOMEM;
	} else {
		snprintf(pages->why, sizeof(pages->why),
			"%u MB in ordinary pages (%lu MB of huge pages free, no more to be had)",
			megabytes, had);
	}
	return 0;
}

void eal_pages_give_back(struct eal_pages *pages)
{
	unsigned long now = read_number(PAGES_2M, "nr_hugepages");

	if (pages->added > 0 && now >= pages->added)
		write_page_count(now - pages->added);
	pages->added = 0;
}

/* Appends "0,1,3" for the CPUs of @set. */
static void print_cpus(const cpu_set_t *set, char *text, size_t size)
{
	size_t length = strlen(text);
	const char *comma = "";

	for (unsigned cpu = 0; cpu < CPU_SETSIZE && length < size; cpu++) {
		if (!CPU_ISSET(cpu, set))
			continue;
		length += (size_t)snprintf(text + length, size - length, "%s%u", comma, cpu);
		comma = ",";
	}
}

int eal_lcores(const unsigned *workers, unsigned count, const cpu_set_t *allowed, char *text,
	size_t text_size, char *error, size_t size)
{
	cpu_set_t rest = *allowed;
	size_t length;

	if (count < 1 || count > EAL_WORKERS_MAX) {
		snprintf(error, size, "workers: 1 to %d of them, not %u", EAL_WORKERS_MAX, count);
		return -EINVAL;
	}
	for (unsigned i = 0; i < count; i++) {
		unsigned cpu = workers[i];

		if (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, allowed)) {
			snprintf(error, size,
				"workers: CPU %u is not there for this process; there are: ", cpu);
			print_cpus(allowed, error, size);
			return -EINVAL;
		}
		CPU_CLR(cpu, &rest);
	}
	if (CPU_COUNT(&rest) == 0)
		rest = *allowed;
	snprintf(text, text_size, "0@(");
	print_cpus(&rest, text, text_size);
	length = strlen(text);
	length += (size_t)snprintf(text + length, text_size - length, ")");
	for (unsigned i = 0; i < count && length < text_size; i++)
		length += (size_t)snprintf(
			text + length, text_size - length, ",%u@%u", i + 1, workers[i]);
	if (length >= text_size) {
		snprintf(error, size, "workers: too many CPUs to name");
		return -EINVAL;
	}
	return 0;
}

static bool all_hex(const char *text, size_t length)
{
	return strspn(text, "0123456789abcdefABCDEF") >= length;
}

bool eal_is_pci(const char *device)
{
	if (strlen(device) >= 5 && all_hex(device, 4) && device[4] == ':')
		device += 5;
	return strlen(device) >= 7 && all_hex(device, 2) && device[2] == ':' &&
	       all_hex(device + 3, 2) && device[5] == '.' && device[6] >= '0' && device[6] <= '7' &&
	       (device[7] == '\0' || device[7] == ',');
}

int eal_device_name(const char *device, char *name, size_t size)
{
	int length = (int)strcspn(device, ",");
	int written;

	if (eal_is_pci(device))
		written = snprintf(
			name, size, "%s%.*s", device[2] == ':' ? "0000:" : "", length, device);
	else if (strncmp(device, "net_", 4) == 0)
		written = snprintf(name, size, "%.*s", length, device);
	else
		return -EINVAL;
	return (size_t)written < size ? 0 : -EINVAL;
}

/* The value of "key=" in a device string; false if it is not there or too long. */
static bool device_value(const char *device, const char *key, char *value, size_t size)
{
	size_t key_length = strlen(key);

	while ((device = strchr(device, ','))) {
		device++;
		if (strncmp(device, key, key_length) == 0 && device[key_length] == '=') {
			size_t length = strcspn(device += key_length + 1, ",");

			return (size_t)snprintf(value, size, "%.*s", (int)length, device) < size;
		}
	}
	return false;
}

bool eal_memif_socket(const char *device, char *path, size_t size)
{
	char value[16];

	if (strncmp(device, "net_memif", 9) != 0)
		return false;
	if (!device_value(device, "role", value, sizeof(value)) ||
		(strcmp(value, "server") != 0 && strcmp(value, "master") != 0))
		return false;
	/* Without the word the socket is an abstract one, which no file stands for. */
	if (!device_value(device, "socket-abstract", value, sizeof(value)) ||
		strcmp(value, "no") != 0)
		return false;
	return device_value(device, "socket", path, size);
}

int eal_remove_stale_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat status;
	int result = 0;
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	if (lstat(path, &status) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(status.st_mode))
		return -EEXIST;
	strcpy(address.sun_path, path);
	/*
	 * Asked with a type that memif does not use, a live socket says EPROTOTYPE and notices
	 * nothing: DPDK 22.11 panics when a memif peer connects and leaves at once.
	 */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* Only one that refuses is dead. */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 || errno != ECONNREFUSED)
		result = -EADDRINUSE;
	else if (unlink(path) != 0)
		result = -errno;
	close(fd);
	return result;
}
