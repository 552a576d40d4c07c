/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_wire_sockets.c - the instrument's devices on kernel sockets, over loopback */
#include "wire_sockets_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define PORT 7700
#define DEVICES 300
#define BYTES (1u << 20)
/* Polls until something must have happened. */
#define PATIENCE 20000000

/* What the wire told its engine, and the platform's side. */
static struct {
	struct load_wire *wire;
	char address[32], range[32], login[48];
	unsigned opened, ended, datagrams, refusals;
	uint32_t device, connection; /* of the newest call */
	uint32_t by_device[DEVICES]; /* connection, or the number that a datagram brought */
	bool refuse;
	uint8_t *bytes;
	size_t length;
	int listener, udp;
} up;

static void on_opened(struct load *load, uint32_t device, uint32_t connection)
{
	up.opened++;
	up.by_device[device] = connection;
	up.device = device;
	up.connection = connection;
}

static bool on_bytes(struct load *load, uint32_t device, uint32_t connection, const uint8_t *data,
	uint32_t length)
{
	assert_int_equal(up.by_device[device], connection);
	if (up.refuse) {
		up.refusals++;
		return false;
	}
	assert_true(up.length + length <= BYTES);
	memcpy(up.bytes + up.length, data, length);
	up.length += length;
	return true;
}

static void on_ended(struct load *load, uint32_t device, uint32_t connection)
{
	up.ended++;
	up.device = device;
	up.connection = connection;
}

static void on_datagram(struct load *load, uint32_t device, const uint8_t *data, uint32_t length)
{
	up.datagrams++;
	assert_int_equal(length, sizeof(up.by_device[0]));
	memcpy(&up.by_device[device], data, length);
}

static const struct load_up calls = {
	.opened = on_opened, .bytes = on_bytes, .ended = on_ended, .datagram = on_datagram};

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static int serve(int type, uint16_t port)
{
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(port)};
	const int on = 1;
	int fd = socket(AF_INET, type | SOCK_NONBLOCK, 0);

	inet_pton(AF_INET, up.address, &own.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(fd, (struct sockaddr *)&own, sizeof(own)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 1000), 0);
	return fd;
}

/* Addresses of the loopback network for this process alone: 64 for devices, one for the
 * platform. */
static void begin(bool tcp, const char *prefix)
{
	struct wire_sockets_config config = {.address = up.range, .login = up.login, .tcp = tcp};
	const uint32_t base = 0x7f800000u | ((uint32_t)getpid() & 0x7fff) << 7;
	struct in_addr address = {htonl(base | 64)};
	char error[256] = "";

	memset(&up, 0, sizeof(up));
	inet_ntop(AF_INET, &address, up.address, sizeof(up.address));
	address.s_addr = htonl(base);
	snprintf(up.login, sizeof(up.login), "%s:%u", up.address, PORT);
	snprintf(up.range, sizeof(up.range), "%s/%s", inet_ntoa(address), prefix);
	up.bytes = malloc(BYTES);
	up.listener = serve(SOCK_STREAM, PORT);
	up.udp = serve(SOCK_DGRAM, PORT + 1);
	up.wire = wire_sockets_new(&config, error, sizeof(error));
	assert_string_equal(error, "");
	up.wire->up = &calls;
	assert_int_equal(up.wire->start(up.wire, DEVICES, error, sizeof(error)), 0);
}

static void end(void)
{
	up.wire->stop(up.wire);
	up.wire->stop(up.wire); /* once more does no harm */
	free(up.wire);
	free(up.bytes);
	close(up.listener);
	close(up.udp);
}

#define UNTIL(condition)                                                                           \
	do {                                                                                       \
		bool holds = false;                                                                \
		for (unsigned patience = PATIENCE; patience && !(holds = (condition)); patience--) \
			up.wire->poll(up.wire, now());                                             \
		assert_true(holds);                                                                \
	} while (0)

/* A device's connection; the platform's end of it. */
static int opened(uint32_t device, uint32_t *connection)
{
	const unsigned before = up.opened;
	int fd = -1;

	*connection = up.wire->open(up.wire, device, LOAD_LOGIN);
	assert_int_not_equal(*connection, 0);
	UNTIL(up.opened == before + 1);
	assert_int_equal(up.device, device);
	assert_int_equal(up.connection, *connection);
	UNTIL((fd = accept4(up.listener, NULL, NULL, SOCK_NONBLOCK)) >= 0);
	return fd;
}

static void say(uint32_t connection, const char *text)
{
	uint8_t *room = up.wire->reserve(up.wire, connection, 1000);

	assert_non_null(room);
	assert_null(up.wire->reserve(up.wire, connection, 1)); /* one at a time */
	memcpy(room, text, strlen(text));
	up.wire->commit(up.wire, connection, (uint32_t)strlen(text));
}

/* More of what a socket has. Return: bytes that are there now. */
static size_t more(int fd, void *bytes, size_t *length, size_t room)
{
	ssize_t got = recv(fd, (uint8_t *)bytes + *length, room - *length, MSG_DONTWAIT);

	*length += got > 0 ? (size_t)got : 0;
	return *length;
}

static void hears(int fd, const char *text)
{
	char bytes[256];
	size_t length = 0;

	UNTIL(more(fd, bytes, &length, sizeof(bytes)) >= strlen(text));
	assert_int_equal(length, strlen(text));
	assert_memory_equal(bytes, text, length);
}

static void test_bytes_go_both_ways(void **state)
{
	uint32_t one, other;
	int fd, fd_other;

	begin(true, "26");
	fd = opened(3, &one);
	fd_other = opened(7, &other);
	assert_int_not_equal(one, other);
	say(one, "one ");
	say(other, "apart");
	say(one, "");
	say(one, "two");
	hears(fd, "one two");
	hears(fd_other, "apart");
	assert_int_equal(send(fd, "answer", 6, 0), 6);
	UNTIL(up.length == 6);
	assert_memory_equal(up.bytes, "answer", 6);
	assert_int_equal(up.wire->drops(up.wire), 0);
	assert_true(up.wire->waited(up.wire) <= up.wire->waited(up.wire)); /* it never goes back */
	close(fd);
	close(fd_other);
	end();
}

/* Each from its own of the range's addresses, neither the first nor the last. */
static void test_devices_have_addresses(void **state)
{
	begin(true, "26");
	for (uint32_t device = 0; device < 130; device += 61) {
		struct sockaddr_in6 peer6;
		struct sockaddr_in *peer = (struct sockaddr_in *)&peer6;
		socklen_t length = sizeof(peer6);
		uint32_t connection;
		int fd = opened(device, &connection);

		assert_int_equal(getpeername(fd, (struct sockaddr *)peer, &length), 0);
		assert_int_equal(ntohl(peer->sin_addr.s_addr) & 63, 1 + device % 62);
		close(fd);
	}
	end();
}

static void test_ends_are_told(void **state)
{
	const struct linger none = {.l_onoff = 1};
	uint32_t connection, next;
	char byte;
	int fd;

	begin(true, "26");
	/* bytes with a FIN behind them: the bytes first */
	fd = opened(1, &connection);
	assert_int_equal(send(fd, "bye", 3, 0), 3);
	close(fd);
	UNTIL(up.ended == 1);
	assert_int_equal(up.length, 3);
	assert_int_equal(up.connection, connection);
	assert_null(up.wire->reserve(up.wire, connection, 10));
	/* a RST */
	fd = opened(2, &next);
	assert_int_not_equal(next, connection);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(fd);
	UNTIL(up.ended == 2);
	assert_int_equal(up.device, 2);
	/* ours, behind what was said; nobody is told */
	fd = opened(4, &connection);
	say(connection, "last words");
	up.wire->close(up.wire, connection, false);
	hears(fd, "last words");
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	close(fd);
	fd = opened(4, &connection);
	up.wire->close(up.wire, connection, true);
	assert_int_equal(recv(fd, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	close(fd);
	/* refused */
	close(up.listener);
	assert_int_not_equal(up.wire->open(up.wire, 5, LOAD_LOGIN), 0);
	UNTIL(up.ended == 3);
	assert_int_equal(up.device, 5);
	up.listener = serve(SOCK_STREAM, PORT);
	end();
}

/* A device that reads slowly: what it does not take comes again, and its socket fills up. */
static void test_refused_bytes_come_again(void **state)
{
	size_t sent = 0, got;
	uint8_t block[1000];
	uint32_t connection;
	int fd;

	begin(true, "26");
	fd = opened(9, &connection);
	up.refuse = true;
	for (ssize_t taken = 0; taken >= 0 && sent + sizeof(block) < BYTES;) {
		for (unsigned i = 0; i < sizeof(block); i++)
			block[i] = (uint8_t)((sent + i) * 31 >> 3);
		taken = send(fd, block, sizeof(block), MSG_DONTWAIT);
		sent += taken > 0 ? (size_t)taken : 0;
		up.wire->poll(up.wire, now());
	}
	UNTIL(up.refusals >= 3);
	assert_int_equal(up.length, 0);
	close(fd); /* its end comes behind all of that */
	up.refuse = false;
	UNTIL(up.ended == 1);
	assert_int_equal(up.length, sent);
	for (got = 0; got < sent; got++)
		assert_int_equal(up.bytes[got], (uint8_t)(got * 31 >> 3));
	end();
}

/* A platform that reads slowly: all of it arrives, and there is no room meanwhile. */
static void test_slow_platform(void **state)
{
	const int small = 4096;
	uint32_t connection;
	uint8_t *room;
	size_t sent = 0, got = 0;
	uint8_t *heard = malloc(64u << 20);
	int fd;

	begin(true, "26");
	fd = opened(9, &connection);
	setsockopt((int)(connection & 0xffffff), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	while ((room = up.wire->reserve(up.wire, connection, 5000))) {
		for (unsigned i = 0; i < 5000; i++)
			room[i] = (uint8_t)((sent + i) * 31 >> 3);
		up.wire->commit(up.wire, connection, 5000);
		sent += 5000;
		up.wire->poll(up.wire, now());
		assert_true(sent < 64u << 20);
	}
	UNTIL(more(fd, heard, &got, 64u << 20) >= sent);
	for (size_t i = 0; i < sent; i++)
		assert_int_equal(heard[i], (uint8_t)(i * 31 >> 3));
	UNTIL((room = up.wire->reserve(up.wire, connection, 10)));
	assert_int_equal(up.wire->drops(up.wire), 0);
	close(fd);
	free(heard);
	end();
}

/* The platform answers each datagram by its device's number. Return: answers that came so far. */
static unsigned answer_all(unsigned source, unsigned *answered)
{
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	uint32_t text[2];

	while (recvfrom(up.udp, text, sizeof(text), 0, (struct sockaddr *)&from, &length) ==
		sizeof(text)) {
		assert_int_equal(text[1], source);
		assert_int_equal(ntohl(from.sin_addr.s_addr) & 63, 1 + text[0] % 62);
		text[0] += source * DEVICES;
		sendto(up.udp, text, 4, 0, (struct sockaddr *)&from, length);
		++*answered;
	}
	return up.datagrams;
}

/* All devices send, from all their ports; each gets its own answer back. */
static void test_datagrams(void **state)
{
	unsigned answered = 0;

	begin(false, "26");
	for (unsigned source = 0; source < SOCKETS_SOURCES; source++) {
		for (uint32_t device = 0; device < DEVICES; device++) {
			uint32_t text[2] = {device, source};
			unsigned ticket;
			uint8_t *room = up.wire->datagram(up.wire, device, source, 100, &ticket);

			assert_non_null(room);
			memcpy(room, text, sizeof(text));
			/* every fifth is given up */
			up.wire->datagram_commit(
				up.wire, ticket, device % 5 == 4 ? 0 : sizeof(text));
		}
		UNTIL(answer_all(source, &answered) == (source + 1) * DEVICES / 5 * 4);
		assert_int_equal(answered, up.datagrams);
		for (uint32_t device = 0; device < DEVICES; device++)
			assert_int_equal(up.by_device[device],
				device % 5 == 4 ? 0 : device + source * DEVICES);
	}
	assert_int_equal(up.wire->drops(up.wire), 0);
	end();
}

static void refused(struct wire_sockets_config config, const char *words)
{
	char error[256] = "";

	assert_null(wire_sockets_new(&config, error, sizeof(error)));
	assert_non_null(strstr(error, words));
}

static void test_refused_options(void **state)
{
	struct wire_sockets_config good = {.login = "127.0.0.1:7700"}, config = good;
	char error[256] = "";
	struct load_wire *wire;

	config.login = "127.0.0.1";
	refused(config, "127.0.0.1");
	config.login = "127.0.0.1:0";
	refused(config, "127.0.0.1:0");
	config.login = "[::1]:7700";
	refused(config, "[::1]:7700");
	config = good;
	config.connect = "nowhere:1";
	refused(config, "nowhere:1");
	config = good;
	config.address = "198.19.0.0/33";
	refused(config, "198.19.0.0/33");
	config.address = "198.19.0.0";
	refused(config, "198.19.0.0");
	/* UDP tells devices apart by their addresses */
	wire = wire_sockets_new(&good, error, sizeof(error));
	assert_non_null(wire);
	assert_int_equal(wire->start(wire, 10, error, sizeof(error)), -EADDRNOTAVAIL);
	assert_non_null(strstr(error, "--address"));
	wire->stop(wire);
	free(wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_go_both_ways),
		cmocka_unit_test(test_devices_have_addresses),
		cmocka_unit_test(test_ends_are_told),
		cmocka_unit_test(test_refused_bytes_come_again),
		cmocka_unit_test(test_slow_platform),
		cmocka_unit_test(test_datagrams),
		cmocka_unit_test(test_refused_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
