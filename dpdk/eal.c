/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* eal.c - DPDK's environment: made from the configuration, its threads, its end */
#include "eal.h"

#include "eal_host.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_log.h>

#define WORDS_MAX 64
#define LINE_BYTES 4096

/* DPDK is one per process, and so is this. */
static struct {
	bool started;
	bool telemetry;
	bool quiet; /* its messages are kept, not shown */
	int identity_fd;
	unsigned worker_count;
	struct eal_pages pages;
	char runtime[256];
	char sockets[EAL_DEVICES_MAX][108];
	unsigned socket_count;
	FILE *log;
	char messages[512];
	char line[LINE_BYTES];
} eal = {.identity_fd = -1};

/** struct words - the argument vector as it grows; texts lie one behind the other */
struct words {
	char *at[WORDS_MAX + 1];
	int count;
	char text[LINE_BYTES];
	size_t used;
	bool full;
};

__attribute__((format(printf, 2, 3))) static void add_word(
	struct words *words, const char *format, ...)
{
	size_t room = sizeof(words->text) - words->used;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(words->text + words->used, room, format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= room || words->count == WORDS_MAX) {
		words->full = true;
		return;
	}
	words->at[words->count++] = words->text + words->used;
	words->at[words->count] = NULL;
	words->used += (size_t)length + 1;
}

/*
 * DPDK's log. While something starts, its lines are collected: the first tells the cause, the
 * others what came of it. At other times they are shown.
 */
static ssize_t log_write(void *cookie, const char *text, size_t size)
{
	size_t used = strlen(eal.messages);
	size_t length = size;

	while (length > 0 && text[length - 1] == '\n')
		length--;
	if (length > 0 && eal.quiet)
		snprintf(eal.messages + used, sizeof(eal.messages) - used, "%s%.*s",
			used > 0 ? " / " : "", (int)length, text);
	else if (length > 0)
		fprintf(stderr, "dpdk: %.*s\n", (int)length, text);
	return (ssize_t)size;
}

static void open_log(void)
{
	eal.log = fopencookie(NULL, "w", (cookie_io_functions_t){.write = log_write});
	if (!eal.log)
		return;
	setvbuf(eal.log, NULL, _IOLBF, BUFSIZ);
	rte_openlog_stream(eal.log);
}

/* FNV-1a of the configuration's real path: names DPDK's files, keeps processes apart. */
static uint64_t identity_hash(const char *identity)
{
	char resolved[PATH_MAX];
	const char *text = realpath(identity, resolved) ? resolved : identity;
	uint64_t hash = 14695981039346656037U;

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 1099511628211U;
	return hash;
}

/* The configuration file itself is the lock: nothing is left behind. */
static int lock_identity(const char *identity, char *error, size_t size)
{
	int fd = open(identity, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		snprintf(error, size, "%s: %s", identity, strerror(errno));
		return -errno;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		snprintf(error, size,
			"%s: another process runs with this configuration: end it first", identity);
		close(fd);
		return -EBUSY;
	}
	eal.identity_fd = fd;
	return 0;
}

static bool named_before(const struct eal_config *config, unsigned index, const char *name)
{
	char other[64];

	for (unsigned i = 0; i < index; i++)
		if (eal_device_name(config->devices[i], other, sizeof(other)) == 0 &&
			strcmp(other, name) == 0)
			return true;
	return false;
}

/* Device words, and away with what a killed predecessor left where they want to listen. */
static int add_devices(
	struct words *words, const struct eal_config *config, char *error, size_t size)
{
	bool any_pci = false;
	char name[64];
	int result;

	if (config->device_count < 1 || config->device_count > EAL_DEVICES_MAX) {
		snprintf(error, size, "ports: 1 to %d of them, not %u", EAL_DEVICES_MAX,
			config->device_count);
		return -EINVAL;
	}
	for (unsigned i = 0; i < config->device_count; i++) {
		const char *device = config->devices[i];
		char *path = eal.sockets[eal.socket_count];

		if (eal_device_name(device, name, sizeof(name)) != 0) {
			snprintf(error, size,
				"ports: '%s' is neither a PCI address nor a DPDK device such as "
				"net_tap0,iface=hearth0",
				device);
			return -EINVAL;
		}
		if (named_before(config, i, name)) {
			snprintf(error, size, "ports: device %s is named twice", name);
			return -EINVAL;
		}
		if (eal_is_pci(device)) {
			add_word(words, "--allow=%s", device);
			any_pci = true;
			continue;
		}
		add_word(words, "--vdev=%s", device);
		if (!eal_memif_socket(device, path, sizeof(eal.sockets[0])))
			continue;
		result = eal_remove_stale_socket(path);
		if (result != 0) {
			snprintf(error, size, "ports: %s: socket %s: %s", name, path,
				result == -EADDRINUSE ? "another process listens on it"
						      : strerror(-result));
			return result;
		}
		eal.socket_count++;
	}
	if (!any_pci)
		add_word(words, "--no-pci");
	return 0;
}

static void add_own_words(struct words *words, const char *text)
{
	while (text && *text) {
		size_t length;

		text += strspn(text, " \t\n");
		length = strcspn(text, " \t\n");
		if (length > 0)
			add_word(words, "%.*s", (int)length, text);
		text += length;
	}
}

static bool has_word(const char *text, const char *word)
{
	const size_t length = strlen(word);
	const char *at = text;

	while (at && (at = strstr(at, word))) {
		if ((at == text || strchr(" \t\n", at[-1])) && strchr(" \t\n", at[length]))
			return true; /* strchr() finds the end of the text, too */
		at += length;
	}
	return false;
}

static int build_words(
	struct words *words, const struct eal_config *config, char *error, size_t size)
{
	char lcores[LINE_BYTES / 2];
	cpu_set_t allowed;
	int result;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) {
		snprintf(error, size, "workers: cannot tell the CPUs: %s", strerror(errno));
		return -errno;
	}
	result = eal_lcores(config->workers, config->worker_count, &allowed, lcores, sizeof(lcores),
		error, size);
	if (result != 0)
		return result;
	add_word(words, "hearth");
	add_word(words, "--lcores=%s", lcores);
	add_word(words, "--main-lcore=0");
	add_word(words, "--file-prefix=hearth-%016llx",
		(unsigned long long)identity_hash(config->identity));
	/* Either way nothing but an empty folder is made in the file system. */
	if (eal.pages.huge) {
		add_word(words, "--in-memory");
	} else {
		add_word(words, "--no-huge");
		add_word(words, "--no-shconf");
		add_word(words, "-m");
		add_word(words, "%u", config->megabytes);
	}
	/* Its thread and its socket are only there for who asks for them. */
	eal.telemetry = config->telemetry || has_word(config->words, "--telemetry");
	if (!eal.telemetry)
		add_word(words, "--no-telemetry");
	add_word(words, "--log-level=*:warning");
	result = add_devices(words, config, error, size);
	if (result != 0)
		return result;
	add_own_words(words, config->words);
	if (words->full) {
		snprintf(error, size, "DPDK: too many words to start it with");
		return -E2BIG;
	}
	return 0;
}

static void keep_line(const struct words *words)
{
	size_t length = 0;

	for (int i = 1; i < words->count && length < sizeof(eal.line); i++)
		length += (size_t)snprintf(eal.line + length, sizeof(eal.line) - length, "%s%s",
			i > 1 ? " " : "", words->at[i]);
}

/* rte_eal_init() is content without the ports it was told to make: look for each. */
static int check_ports(const struct eal_config *config, char *error, size_t size)
{
	for (unsigned i = 0; i < config->device_count; i++) {
		char name[64];
		uint16_t port;

		eal_device_name(config->devices[i], name, sizeof(name));
		if (rte_eth_dev_get_port_by_name(name, &port) == 0)
			continue;
		snprintf(error, size, "ports: DPDK made no port of '%s'%s%s", config->devices[i],
			eal.messages[0] ? "; it says: " : "", eal.messages);
		return -ENODEV;
	}
	return 0;
}

/* A word that DPDK does not know has it print all that it does know: not between our lines. */
static int init_without_usage(struct words *words)
{
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int kept = -1, result;

	fflush(stdout);
	if (nowhere >= 0)
		kept = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (kept >= 0)
		dup2(nowhere, STDOUT_FILENO);
	result = rte_eal_init(words->count, words->at);
	fflush(stdout);
	if (kept >= 0) {
		dup2(kept, STDOUT_FILENO);
		close(kept);
	}
	if (nowhere >= 0)
		close(nowhere);
	return result;
}

int eal_start(const struct eal_config *config, char *error, size_t size)
{
	static struct words words; /* DPDK keeps pointers into it */
	int result;

	if (eal.started) {
		snprintf(error, size, "DPDK: started already");
		return -EALREADY;
	}
	eal.worker_count = config->worker_count;
	result = lock_identity(config->identity, error, size);
	if (result != 0)
		return result;
	result = eal_pages_decide(&eal.pages, config->memory, config->megabytes, error, size);
	if (result != 0)
		return result;
	memset(&words, 0, sizeof(words));
	result = build_words(&words, config, error, size);
	if (result != 0)
		return result;
	keep_line(&words);
	open_log();
	eal_hush(true);
	result = init_without_usage(&words);
	eal_hush(false);
	/* Empty and of no use, since DPDK was told to share nothing; were it not, it would stay. */
	snprintf(eal.runtime, sizeof(eal.runtime), "%s", rte_eal_get_runtime_dir());
	if (eal.runtime[0])
		rmdir(eal.runtime);
	if (result < 0) {
		snprintf(error, size, "DPDK does not start (%s)%s%s", eal.line,
			eal.messages[0] ? "; it says: " : "", eal.messages);
		return rte_errno > 0 ? -rte_errno : -EIO;
	}
	eal.started = true;
	return check_ports(config, error, size);
}

const char *eal_line(void)
{
	return eal.line;
}

const char *eal_memory_line(void)
{
	return eal.pages.why;
}

bool eal_uses_huge_pages(void)
{
	return eal.pages.huge;
}

const char *eal_messages(void)
{
	return eal.messages[0] ? eal.messages : "nothing";
}

void eal_hush(bool hush)
{
	if (hush)
		eal.messages[0] = '\0';
	eal.quiet = hush;
}

uint64_t eal_tsc_hz(void)
{
	return rte_get_tsc_hz();
}

int eal_launch(unsigned worker, int (*function)(void *argument), void *argument)
{
	if (!eal.started || worker >= eal.worker_count)
		return -EINVAL;
	return rte_eal_remote_launch(function, argument, worker + 1);
}

int eal_wait(void)
{
	int first = 0;

	for (unsigned i = 0; eal.started && i < eal.worker_count; i++) {
		int result = rte_eal_wait_lcore(i + 1);

		if (first == 0)
			first = result;
	}
	return first;
}

/* DPDK removes its telemetry socket when the process exits, and then nobody is left to remove the
 * folder. */
static void remove_runtime(void)
{
	char path[sizeof(eal.runtime) + 32];

	if (!eal.runtime[0])
		return;
	snprintf(path, sizeof(path), "%s/dpdk_telemetry.v2", eal.runtime);
	if (eal.telemetry)
		unlink(path);
	rmdir(eal.runtime);
}

void eal_stop(void)
{
	uint16_t port;

	if (eal.started) {
		RTE_ETH_FOREACH_DEV(port)
		{
			rte_eth_dev_stop(port);
			rte_eth_dev_close(port);
		}
		rte_eal_cleanup();
		eal.started = false;
	}
	if (eal.log) {
		rte_openlog_stream(NULL);
		fclose(eal.log);
		eal.log = NULL;
	}
	for (unsigned i = 0; i < eal.socket_count; i++)
		eal_remove_stale_socket(eal.sockets[i]);
	eal.socket_count = 0;
	remove_runtime();
	eal_pages_give_back(&eal.pages);
	if (eal.identity_fd >= 0)
		close(eal.identity_fd);
	eal.identity_fd = -1;
}
