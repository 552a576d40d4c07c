/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_kernel_stack.c - the twin's stack: stack.h and tcp.h on kernel sockets, over loopback */
#include "kernel.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#define PORT 7700
#define LIMIT 8
#define SECOND 1000000ull
#define BYTES (4u << 20)
/* Turns until something must have happened; a turn without anything to do lasts a millisecond. */
#define PATIENCE 20000

struct kernel_options kernel_options;

/* What the stack told its user. */
static struct {
	struct stack *stack;
	struct tcp *tcp;
	struct chunk_pool *chunks;
	void *chunk_memory;
	uint64_t now;
	struct ip_address address;
	unsigned opened, finished, closed, deadlines, datagrams, refusals;
	tcp_id newest;
	struct tcp_up gone;
	bool refuse;
	uint8_t *bytes; /* of all connections, as they came */
	size_t length;
	struct udp_path from;
} up;

static void on_opened(void *context, tcp_id id, const struct tcp_tuple *tuple)
{
	up.opened++;
	up.newest = id;
	assert_int_equal(tuple->local_port, htons(PORT));
	assert_true(ip_equal(&tuple->local, &up.address));
	memcpy(tcp_user(up.tcp, id), "user bytes", 11);
}

static bool on_stream(void *context, tcp_id id, const uint8_t *data, uint32_t length)
{
	assert_non_null(tcp_user(up.tcp, id));
	if (up.refuse) {
		up.refusals++;
		return false;
	}
	assert_true(up.length + length <= BYTES);
	memcpy(up.bytes + up.length, data, length);
	up.length += length;
	return true;
}

static void on_finished(void *context, tcp_id id)
{
	up.finished++;
}

static void on_closed(void *context, const struct tcp_up *gone)
{
	up.closed++;
	up.gone = *gone;
	assert_null(tcp_user(up.tcp, gone->id));
}

static void on_deadline(void *context, tcp_id id)
{
	up.deadlines++;
}

static void on_datagram(void *context, const struct datagram *datagram)
{
	up.datagrams++;
	up.from = datagram->path;
	memcpy(up.bytes + up.length, datagram->data, datagram->length);
	up.length += datagram->length;
}

/* An address of the loopback network for this process alone. */
static struct ip_address own_address(void)
{
	return ip_from_v4(htonl(0x7f000000u | ((uint32_t)getpid() & 0x3fffff) << 1 | 0x800001));
}

static void begin(bool level)
{
	static const struct chunk_pool_config chunks = {.count = {64, 64, 16, 8}, .poison = true};
	const uint16_t port = htons(PORT);
	struct stack_config config = {.link_count = 1,
		.tcp = {.connections = LIMIT,
			.send_bytes = 65536,
			.idle_us = 200 * SECOND,
			.ports = &port,
			.port_count = 1},
		.udp_ports = &port,
		.udp_port_count = 1,
		.user = {.opened = on_opened,
			.stream = on_stream,
			.finished = on_finished,
			.closed = on_closed,
			.deadline = on_deadline,
			.datagram = on_datagram}};

	memset(&up, 0, sizeof(up));
	kernel_options = (struct kernel_options){.level = level};
	up.now = 1000 * SECOND;
	up.address = config.links[0].addresses[0].address = own_address();
	config.links[0].address_count = 1;
	up.chunk_memory = aligned_alloc(64, (chunk_pool_bytes(&chunks) + 63) & ~63ull);
	memset(up.chunk_memory, 0, chunk_pool_bytes(&chunks));
	up.chunks = config.tcp.chunks = chunk_pool_init(up.chunk_memory, &chunks);
	up.bytes = malloc(BYTES);
	up.stack = stack_new(&config, up.now);
	assert_non_null(up.stack);
	up.tcp = stack_tcp(up.stack);
}

static uint32_t connections(void)
{
	struct pool_view view;

	assert_int_equal(tcp_pools(up.tcp, &view), 1);
	return view.used;
}

static void end(void)
{
	stack_free(up.stack);
	for (unsigned class = 0; class < CHUNK_CLASSES; class ++)
		assert_int_equal(chunk_free_count(up.chunks, class), chunk_count(up.chunks, class));
	chunk_pool_fini(up.chunks);
	free(up.chunk_memory);
	free(up.bytes);
}

static void turn(void)
{
	stack_receive(up.stack, up.now);
	stack_timers(up.stack, up.now);
	stack_transmit(up.stack, up.now);
}

/* Turns until @condition holds. */
#define UNTIL(condition)                                                                           \
	do {                                                                                       \
		bool holds = false;                                                                \
		for (unsigned patience = PATIENCE; patience && !(holds = (condition)); patience--) \
			turn();                                                                    \
		assert_true(holds);                                                                \
	} while (0)

/* The clock goes on by @seconds, and every record has been looked at. */
static void later(unsigned seconds)
{
	for (unsigned i = 0; i < seconds + 2; i++) {
		up.now += SECOND;
		turn();
		for (unsigned slices = 0; slices < 16; slices++)
			stack_timers(up.stack, up.now += SECOND / 1000);
	}
}

static int dial(int type)
{
	struct sockaddr_in6 address;
	socklen_t length = kernel_sockaddr(&up.address, htons(PORT), &address);
	int fd = socket(AF_INET, type, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, length), 0);
	return fd;
}

static int dialled(void)
{
	const unsigned before = up.opened;
	int fd = dial(SOCK_STREAM);

	UNTIL(up.opened == before + 1);
	return fd;
}

static void say(tcp_id id, const char *text)
{
	uint8_t *room = tcp_reserve(up.tcp, id, 1000);

	assert_non_null(room);
	assert_null(tcp_reserve(up.tcp, id, 1)); /* one at a time */
	memcpy(room, text, strlen(text));
	tcp_commit(up.tcp, id, (uint32_t)strlen(text));
}

/* All that comes until @bytes are there or the end. */
static size_t hear(int fd, uint8_t *out, size_t bytes)
{
	size_t length = 0;

	for (unsigned patience = PATIENCE; length < bytes && patience; patience--) {
		ssize_t got = recv(fd, out + length, bytes - length, MSG_DONTWAIT);

		if (got == 0)
			break;
		if (got > 0)
			length += (size_t)got;
		else
			turn();
	}
	return length;
}

static void hears(int fd, const char *text)
{
	uint8_t bytes[256];

	assert_int_equal(hear(fd, bytes, strlen(text)), strlen(text));
	assert_memory_equal(bytes, text, strlen(text));
}

/* ---- tests, each with both ways of epoll ---- */

static void bytes_go_both_ways(bool level)
{
	int fd, other;
	tcp_id id;

	begin(level);
	fd = dialled();
	id = up.newest;
	assert_string_equal(tcp_user(up.tcp, id), "user bytes");
	other = dialled();
	assert_int_not_equal(id, up.newest);
	assert_int_equal(send(fd, "question", 8, 0), 8);
	UNTIL(up.length == 8);
	assert_memory_equal(up.bytes, "question", 8);
	/* several of a turn, in their order, those of others between them, one given up */
	say(id, "one ");
	say(up.newest, "apart");
	say(id, "");
	say(id, "two ");
	say(id, "three");
	stack_transmit(up.stack, up.now);
	hears(fd, "one two three");
	hears(other, "apart");
	close(fd);
	close(other);
	end();
}

static void a_close_comes_behind_the_answer(bool level)
{
	uint8_t byte;
	tcp_id id;
	int fd;

	begin(level);
	fd = dialled();
	id = up.newest;
	say(id, "last words");
	tcp_close(up.tcp, id);
	assert_null(tcp_user(up.tcp, id));
	assert_null(tcp_reserve(up.tcp, id, 10));
	hears(fd, "last words");
	assert_int_equal(hear(fd, &byte, 1), 0);
	/* what still comes is thrown away, nobody is told, and the peer's end frees it */
	assert_int_equal(send(fd, "too late", 8, 0), 8);
	UNTIL(tcp_counters(up.tcp)[TCP_DROP_AFTER_CLOSE] == 8);
	close(fd);
	UNTIL(connections() == 0);
	assert_int_equal(up.length + up.finished + up.closed, 0);
	end();
}

static void refused_bytes_come_again(bool level)
{
	int fd, other;

	begin(level);
	fd = dialled();
	other = dialled();
	up.refuse = true;
	assert_int_equal(send(fd, "first,", 6, 0), 6);
	UNTIL(up.refusals >= 1);
	assert_int_equal(send(fd, "then", 4, 0), 4);
	assert_int_equal(send(other, "+other+", 7, 0), 7);
	UNTIL(up.refusals >= 20);
	assert_int_equal(up.length, 0);
	up.refuse = false;
	UNTIL(up.length == 17);
	/* in order on each connection, nothing twice */
	up.bytes[17] = 0;
	assert_non_null(strstr((char *)up.bytes, "first,"));
	assert_non_null(strstr((char *)up.bytes, "+other+"));
	assert_true(strstr((char *)up.bytes, "then") > strstr((char *)up.bytes, "first,"));
	for (unsigned i = 0; i < 10; i++)
		turn();
	assert_int_equal(up.length, 17);
	close(fd);
	close(other);
	end();
}

static void a_refused_connection_may_end(bool level)
{
	int fd;

	begin(level);
	fd = dialled();
	up.refuse = true;
	assert_int_equal(send(fd, "never", 5, 0), 5);
	UNTIL(up.refusals >= 3);
	tcp_abort(up.tcp, up.newest);
	close(fd);
	fd = dialled();
	up.refuse = false;
	assert_int_equal(send(fd, "well", 4, 0), 4);
	UNTIL(up.length == 4);
	assert_memory_equal(up.bytes, "well", 4);
	close(fd);
	end();
}

static void long_streams_take_turns(bool level)
{
	const size_t bytes = 40 * KERNEL_READ + 123;
	uint8_t *sent = malloc(bytes);
	size_t at = 0;
	int fd;

	begin(level);
	fd = dialled();
	for (size_t i = 0; i < bytes; i++)
		sent[i] = (uint8_t)(i * 7 + i / 251);
	while (up.length < bytes) {
		ssize_t taken = at < bytes ? send(fd, sent + at, bytes - at, MSG_DONTWAIT) : 0;
		const size_t before = up.length;

		at += taken > 0 ? (size_t)taken : 0;
		stack_receive(up.stack, up.now);
		assert_true(up.length - before <= KERNEL_READS);
		stack_transmit(up.stack, up.now);
	}
	assert_memory_equal(up.bytes, sent, bytes);
	close(fd);
	free(sent);
	end();
}

/* A device that does not read: what the kernel does not take is kept, up to send_bytes. */
static void slow_readers(bool level)
{
	const unsigned message = 1000;
	size_t bytes = 0, before = 0;
	uint8_t *heard = malloc(BYTES * 4), *room;
	int fd, small = 4096;
	tcp_id id;

	begin(level);
	fd = dialled();
	id = up.newest;
	setsockopt((int)(id & 0xffffff), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	while ((room = tcp_reserve(up.tcp, id, message))) {
		for (unsigned i = 0; i < message; i++)
			room[i] = (uint8_t)(bytes + i);
		tcp_commit(up.tcp, id, message);
		bytes += message;
		if (bytes % (10 * message) == 0)
			turn();
	}
	assert_true(bytes > 65536);
	assert_true(tcp_counters(up.tcp)[TCP_SEND_NO_CHUNK] > 0);
	/* half of it read, there is room again; and the end comes behind all of it */
	before = hear(fd, heard, bytes / 2);
	UNTIL((room = tcp_reserve(up.tcp, id, message)));
	tcp_commit(up.tcp, id, 0);
	tcp_close(up.tcp, id);
	assert_int_equal(before + hear(fd, heard + before, BYTES * 4 - before), bytes);
	for (size_t i = 0; i < bytes; i++)
		assert_int_equal(heard[i], (uint8_t)(i / message * message + i % message));
	close(fd);
	UNTIL(connections() == 0);
	free(heard);
	end();
}

static void ends_are_told(bool level)
{
	const struct linger none = {.l_onoff = 1};
	tcp_id id;
	int fd;

	begin(level);
	/* bytes and a FIN at once: the bytes first */
	fd = dialled();
	id = up.newest;
	assert_int_equal(send(fd, "bye", 3, 0), 3);
	close(fd);
	UNTIL(up.finished == 1);
	assert_int_equal(up.length, 3);
	tcp_close(up.tcp, id);
	UNTIL(connections() == 0);
	assert_int_equal(up.closed, 0);
	/* a RST: the id is void, the user's bytes come along */
	fd = dialled();
	id = up.newest;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(fd);
	UNTIL(up.closed == 1);
	assert_int_equal(up.gone.id, id);
	assert_int_equal(up.gone.reason, TCP_REASON_RESET);
	assert_string_equal((char *)up.gone.user, "user bytes");
	assert_int_equal(up.gone.tuple.local_port, htons(PORT));
	assert_int_equal(connections(), 0);
	/* ours */
	fd = dialled();
	tcp_abort(up.tcp, up.newest);
	assert_int_equal(hear(fd, up.bytes, 1), 0);
	assert_int_equal(connections(), 0);
	close(fd);
	end();
}

static void time_passes(bool level)
{
	uint8_t byte;
	int fd, other;
	tcp_id id;

	begin(level);
	fd = dialled();
	id = up.newest;
	tcp_set_deadline(up.tcp, id, up.now + 30 * SECOND);
	later(20);
	assert_int_equal(up.deadlines, 0);
	tcp_set_deadline(up.tcp, id, up.now + 30 * SECOND);
	later(20);
	assert_int_equal(up.deadlines, 0);
	later(20);
	assert_int_equal(up.deadlines, 1);
	later(60);
	assert_int_equal(up.deadlines, 1);
	/* heard of: no idle connection; the other is reset */
	other = dialled();
	assert_int_equal(send(fd, "here", 4, 0), 4);
	UNTIL(up.length == 4);
	later(190);
	assert_int_equal(connections(), 2);
	assert_int_equal(send(other, "here", 4, 0), 4);
	UNTIL(up.length == 8);
	later(30);
	assert_int_equal(up.closed, 1);
	assert_int_equal(up.gone.id, id);
	assert_int_equal(up.gone.reason, TCP_REASON_IDLE);
	assert_int_equal(connections(), 1);
	assert_int_equal(recv(fd, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	/* closed by us, and the peer never closes: it is waited for a while */
	tcp_close(up.tcp, up.newest);
	turn();
	later(5);
	assert_int_equal(connections(), 1);
	later(15);
	assert_int_equal(connections(), 0);
	close(fd);
	close(other);
	end();
}

static void ids_are_not_used_again(bool level)
{
	tcp_id id, next;
	uint8_t *room;
	int fd;

	begin(level);
	fd = dialled();
	id = up.newest;
	room = tcp_reserve(up.tcp, id, 10);
	assert_non_null(room);
	tcp_abort(up.tcp, id);
	close(fd);
	fd = dialled();
	next = up.newest;
	assert_int_not_equal(id, next);
	tcp_commit(up.tcp, id, 10);
	tcp_close(up.tcp, id);
	tcp_abort(up.tcp, id);
	assert_null(tcp_reserve(up.tcp, id, 10));
	assert_null(tcp_user(up.tcp, id));
	say(next, "mine");
	stack_transmit(up.stack, up.now);
	hears(fd, "mine");
	close(fd);
	end();
}

static void no_more_than_the_limit(bool level)
{
	int fds[LIMIT + 2];
	uint8_t byte;

	begin(level);
	for (unsigned i = 0; i < LIMIT; i++)
		fds[i] = dialled();
	for (unsigned i = LIMIT; i < LIMIT + 2; i++)
		fds[i] = dial(SOCK_STREAM);
	UNTIL(tcp_counters(up.tcp)[TCP_FULL_CONNECTIONS] == 2);
	assert_int_equal(hear(fds[LIMIT], &byte, 1), 0);
	assert_int_equal(connections(), LIMIT);
	close(fds[0]);
	UNTIL(up.finished == 1);
	for (unsigned i = 1; i < LIMIT + 2; i++)
		close(fds[i]);
	end();
}

static void datagrams_go_both_ways(bool level)
{
	uint8_t bytes[2000], *room, *none;
	unsigned ticket, unused;
	int fd, other;

	begin(level);
	fd = dial(SOCK_DGRAM);
	other = dial(SOCK_DGRAM);
	assert_int_equal(send(fd, "question", 8, 0), 8);
	UNTIL(up.datagrams == 1);
	assert_memory_equal(up.bytes, "question", 8);
	assert_true(ip_equal(&up.from.local, &up.address));
	none = stack_datagram(up.stack, &up.from, 100, &unused);
	room = stack_datagram(up.stack, &up.from, 100, &ticket);
	assert_true(none && room);
	memcpy(room, "answer", 6);
	stack_datagram_commit(up.stack, ticket, 6);
	stack_datagram_commit(up.stack, unused, 0);
	assert_int_equal(stack_transmit(up.stack, up.now), 1);
	assert_int_equal(recv(fd, bytes, sizeof(bytes), 0), 6);
	assert_memory_equal(bytes, "answer", 6);
	/* to nobody: from an address that is not ours */
	up.from.local = ip_from_v4(htonl(0xc6120001));
	assert_null(stack_datagram(up.stack, &up.from, 100, &ticket));
	/* one too long for a frame is told of as too long, its end cut off */
	up.length = 0;
	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(send(other, bytes, sizeof(bytes), 0), sizeof(bytes));
	UNTIL(up.datagrams == 2);
	assert_int_equal(up.length, KERNEL_DATAGRAM_BYTES);
	close(fd);
	close(other);
	end();
}

/* More than a burst at once: all come, in order. */
static void many_datagrams(bool level)
{
	int fd;

	begin(level);
	fd = dial(SOCK_DGRAM);
	for (unsigned i = 0; i < 3 * STACK_BURST; i++)
		assert_int_equal(send(fd, &i, sizeof(i), 0), sizeof(i));
	UNTIL(up.datagrams == 3 * STACK_BURST);
	for (unsigned i = 0; i < 3 * STACK_BURST; i++)
		assert_memory_equal(up.bytes + i * sizeof(i), &i, sizeof(i));
	close(fd);
	end();
}

#define BOTH(name)                                                                                 \
	static void test_##name(void **state)                                                      \
	{                                                                                          \
		name(false);                                                                       \
		name(true);                                                                        \
	}
BOTH(bytes_go_both_ways)
BOTH(a_close_comes_behind_the_answer)
BOTH(refused_bytes_come_again)
BOTH(a_refused_connection_may_end)
BOTH(long_streams_take_turns)
BOTH(slow_readers)
BOTH(ends_are_told)
BOTH(time_passes)
BOTH(ids_are_not_used_again)
BOTH(no_more_than_the_limit)
BOTH(datagrams_go_both_ways)
BOTH(many_datagrams)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_go_both_ways),
		cmocka_unit_test(test_a_close_comes_behind_the_answer),
		cmocka_unit_test(test_refused_bytes_come_again),
		cmocka_unit_test(test_a_refused_connection_may_end),
		cmocka_unit_test(test_long_streams_take_turns),
		cmocka_unit_test(test_slow_readers),
		cmocka_unit_test(test_ends_are_told),
		cmocka_unit_test(test_time_passes),
		cmocka_unit_test(test_ids_are_not_used_again),
		cmocka_unit_test(test_no_more_than_the_limit),
		cmocka_unit_test(test_datagrams_go_both_ways),
		cmocka_unit_test(test_many_datagrams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
