/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_eal_host.c - device strings, CPUs for DPDK's threads, sockets left behind */
#include "eal_host.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

static void allow(cpu_set_t *set, const char *cpus)
{
	CPU_ZERO(set);
	for (; *cpus; cpus++)
		CPU_SET((size_t)(*cpus - '0'), set);
}

static void check_lcores(
	const char *allowed, unsigned count, const unsigned *workers, const char *want)
{
	char text[256], error[256] = "";
	cpu_set_t set;

	allow(&set, allowed);
	assert_int_equal(
		eal_lcores(workers, count, &set, text, sizeof(text), error, sizeof(error)), 0);
	assert_string_equal(text, want);
	assert_string_equal(error, "");
}

static void check_lcores_refused(
	const char *allowed, unsigned count, const unsigned *workers, const char *want)
{
	char text[256], error[256] = "";
	cpu_set_t set;

	allow(&set, allowed);
	assert_int_equal(eal_lcores(workers, count, &set, text, sizeof(text), error, sizeof(error)),
		-EINVAL);
	assert_non_null(strstr(error, want));
}

static void test_lcores(void **state)
{
	check_lcores("01", 1, (unsigned[]){1}, "0@(0),1@1");
	check_lcores("0123", 2, (unsigned[]){3, 1}, "0@(0,2),1@3,2@1");
	/* No CPU left: the main thread shares. */
	check_lcores("01", 2, (unsigned[]){0, 1}, "0@(0,1),1@0,2@1");
	check_lcores("5", 1, (unsigned[]){5}, "0@(5),1@5");
	check_lcores_refused("01", 1, (unsigned[]){2}, "CPU 2 is not there");
	check_lcores_refused("01", 1, (unsigned[]){2}, "there are: 0,1");
	check_lcores_refused("01", 1, (unsigned[]){4000000}, "CPU 4000000 is not there");
	check_lcores("01", 3, (unsigned[]){1, 0, 1}, "0@(0,1),1@1,2@0,3@1"); /* they take turns */
	check_lcores_refused("01", 0, (unsigned[]){1}, "workers: 1 to 64");
	check_lcores_refused("01", 65, (unsigned[]){1}, "workers: 1 to 64");
}

static void test_lcores_too_long(void **state)
{
	unsigned workers[] = {1, 2, 3};
	char text[16], error[128] = "";
	cpu_set_t set;

	allow(&set, "0123");
	assert_int_equal(
		eal_lcores(workers, 3, &set, text, sizeof(text), error, sizeof(error)), -EINVAL);
	assert_string_not_equal(error, "");
}

static void test_device_names(void **state)
{
	static const struct {
		const char *device, *name;
		bool pci;
	} good[] = {
		{"net_tap0,iface=hearth0", "net_tap0", false},
		{"net_memif0", "net_memif0", false},
		{"0000:01:00.0", "0000:01:00.0", true},
		{"01:00.0", "0000:01:00.0", true},
		{"af:1f.7,mprq_en=1", "0000:af:1f.7", true},
		{"00ff:AF:00.1,x=1", "00ff:AF:00.1", true},
	};
	static const char *const bad[] = {"", "eth0", "tap0", ",net_tap0", "01:00.8", "01:00",
		"1:00.0", "01:00.0x", "g1:00.0", "000:01:00.0", "crypto_null0", "vfio"};
	char name[64];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(eal_device_name(good[i].device, name, sizeof(name)), 0);
		assert_string_equal(name, good[i].name);
		assert_int_equal(eal_is_pci(good[i].device), good[i].pci);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(eal_device_name(bad[i], name, sizeof(name)), -EINVAL);
		assert_false(eal_is_pci(bad[i]));
	}
	assert_int_equal(eal_device_name("net_tap0123456789", name, 8), -EINVAL);
}

static void test_memif_sockets(void **state)
{
	static const char *const none[] = {
		"net_memif0",
		"net_memif0,role=client,socket=/a,socket-abstract=no",
		"net_memif0,socket=/a,socket-abstract=no",
		"net_memif0,role=server,socket=/a", /* abstract unless told otherwise */
		"net_memif0,role=server,socket=/a,socket-abstract=yes",
		"net_memif0,role=server,socket-abstract=no",
		"net_tap0,role=server,socket=/a,socket-abstract=no",
		"net_memif0,xrole=server,socket=/a,socket-abstract=no",
	};
	char path[32];

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(eal_memif_socket(none[i], path, sizeof(path)));
	assert_true(eal_memif_socket("net_memif0,role=server,id=3,socket=/run/x.sock,"
				     "socket-abstract=no",
		path, sizeof(path)));
	assert_string_equal(path, "/run/x.sock");
	assert_true(eal_memif_socket(
		"net_memif1,socket-abstract=no,socket=/y,role=master", path, sizeof(path)));
	assert_string_equal(path, "/y");
	assert_false(eal_memif_socket(
		"net_memif0,role=server,socket=/run/a-path-that-is-longer-than-the-room,"
		"socket-abstract=no",
		path, sizeof(path)));
}

static void test_stale_sockets(void **state)
{
	char folder[] = "/tmp/hearth-test-XXXXXX";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char path[64], other[64], endless[200];
	struct stat status;
	FILE *file;
	int fd;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/socket", folder);
	snprintf(other, sizeof(other), "%s/file", folder);
	strcpy(address.sun_path, path);
	/* nothing there */
	assert_int_equal(eal_remove_stale_socket(path), 0);
	/* somebody listens: untouched */
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(eal_remove_stale_socket(path), -EADDRINUSE);
	assert_int_equal(lstat(path, &status), 0);
	/* and undisturbed: nobody connected */
	assert_int_equal(accept(fd, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
	/* it died: removed */
	close(fd);
	assert_int_equal(eal_remove_stale_socket(path), 0);
	assert_int_equal(lstat(path, &status), -1);
	/* one of another kind, alive: untouched */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(eal_remove_stale_socket(path), -EADDRINUSE);
	assert_int_equal(lstat(path, &status), 0);
	close(fd);
	unlink(path);
	/* what is no socket is not ours to remove, nor what a link points to */
	file = fopen(other, "we");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(eal_remove_stale_socket(other), -EEXIST);
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(eal_remove_stale_socket(path), -EEXIST);
	assert_int_equal(lstat(other, &status), 0);
	memset(endless, 'x', sizeof(endless));
	endless[sizeof(endless) - 1] = '\0';
	assert_int_equal(eal_remove_stale_socket(endless), -ENAMETOOLONG);
	unlink(path);
	unlink(other);
	rmdir(folder);
}

static void test_pages(void **state)
{
	struct eal_pages pages;
	char error[256] = "";

	assert_int_equal(eal_pages_decide(&pages, EAL_MEMORY_NO_HUGE, 64, error, sizeof(error)), 0);
	assert_false(pages.huge);
	assert_int_equal(pages.added, 0);
	assert_non_null(strstr(pages.why, "64 MB"));
	assert_string_equal(error, "");
	/* More than any host has: refused before DPDK tries, whatever the mode. */
	for (enum eal_memory mode = EAL_MEMORY_AUTO; mode <= EAL_MEMORY_NO_HUGE; mode++) {
		assert_int_equal(
			eal_pages_decide(&pages, mode, 4000000000U, error, sizeof(error)), -ENOMEM);
		assert_non_null(strstr(error, "4000000000 asked for"));
		assert_int_equal(pages.added, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lcores),
		cmocka_unit_test(test_lcores_too_long),
		cmocka_unit_test(test_device_names),
		cmocka_unit_test(test_memif_sockets),
		cmocka_unit_test(test_stale_sockets),
		cmocka_unit_test(test_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
