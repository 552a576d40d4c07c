/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* control_fixture.h - a broker without a network: registry, sessions, rings, a worker that only
 * ends sessions, and the control socket served by a thread of its own */
#pragma once

#include <urcu/urcu-qsbr.h>

#include "control/control.h"
#include "mailbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define WORKERS 2
#define PIN "PinPinPinPinPinPinPinPinPinPin42"
#define OTHER_PIN "0123456789abcdef0123456789abcdef"

COUNTER_TABLE(stage_info, STAGES);

#define FAKE_COUNTERS(X)                                                                           \
	X(FAKE_FRAMES, "rx_frames", "frames received")                                             \
	X(FAKE_LOGINS, "logins", "logins answered")                                                \
	X(FAKE_MAIL, "mail", "requests taken")                                                     \
	X(FAKE_DROP, "drop_padding", "frames whose padding is wrong")                              \
	X(FAKE_FULL, "table_full", "frames that found no room")
COUNTER_ENUM(fake_counter, FAKE_COUNTERS, FAKE_COUNTER_COUNT);
static COUNTER_TABLE(fake_counter_info, FAKE_COUNTERS);

/**
 * struct fixture
 * @stuck: the worker takes no mail
 * @ended: what the worker was asked to end, and did
 * @named: how many of those it could still name: registry_at() knew the device
 */
static struct fixture {
	char directory[64], socket[96];
	struct broker_view view;
	struct config config;
	struct control *control;
	struct random *random;
	pthread_t server, worker;
	bool running, stop, stuck;
	struct mailbox mail[WORKERS];
	unsigned ended[CONTROL_OPS], named;
	uint64_t counters[WORKERS][FAKE_COUNTER_COUNT];
	struct turn_histogram histograms[WORKERS];
	struct {
		uint8_t key[SESSION_KEY_BYTES];
		char token[SESSION_TOKEN_CHARS];
	} secrets[16];
	unsigned secret_count;
} fx;

static unsigned fake_counters(struct broker_view *view, unsigned worker, struct counter_view *views)
{
	views[0] = (struct counter_view){
		"fake", fake_counter_info, fx.counters[worker], FAKE_COUNTER_COUNT};
	return 1;
}

static const uint64_t fake_bounds[] = {1, 10, 100};
static const struct counter_info fake_queue_info[] = {{"port_rx_frames", "frames it took"}};
static const struct counter_info fake_port_info[] = {{"port_rx_missed", "frames it dropped"}};

static inline void fake_port(struct broker_view *view, unsigned port, struct port_view *out)
{
	assert_int_equal(port, 0);
	*out = (struct port_view){
		.line = "net_tap0: a port", .up = true, .info = fake_port_info, .count = 1};
	out->values[0] = 11;
}

static void fake_turns(struct broker_view *view, unsigned worker, struct turn_view *turns)
{
	*turns = (struct turn_view){.tsc_hz = 1000000000,
		.turns = 100,
		.busy_turns = 10,
		.idle_cycles = 3000,
		.gaps = worker,
		.gap_cycles = 60000,
		.gap_longest_cycles = 60000};
	turns->busy_cycles[STAGE_AES] = 1000;
}

static unsigned fake_gaps(
	struct broker_view *view, unsigned worker, struct gap *gaps, uint64_t *count)
{
	*count = 1000 + worker;
	gaps[0] = (struct gap){UINT64_C(82000000000000001), UINT64_C(82000000000000777)};
	return 1;
}

static unsigned fake_pools(struct broker_view *view, unsigned worker, struct pool_view *pools)
{
	pools[0] = (struct pool_view){.name = "fake_records",
		.help = "records of a fake",
		.limit = 1000,
		.used = 10 + worker,
		.bytes = 1 << 20};
	pools[1] = (struct pool_view){.name = "fake_slots",
		.help = "slots of a fake",
		.limit = 3,
		.used = POOL_USED_UNKNOWN,
		.bytes = 1 << 19};
	return 2;
}

static inline bool fake_queue(
	struct broker_view *view, unsigned port, unsigned worker, struct queue_view *out)
{
	static const uint64_t values[WORKERS] = {70, 50};

	*out = (struct queue_view){
		.queue = 0, .info = fake_queue_info, .values = &values[worker], .count = 1};
	return true;
}

static inline unsigned fake_histograms(
	struct broker_view *view, unsigned worker, struct histogram_view *views)
{
	views[0] = (struct histogram_view){.name = "answer_seconds",
		.help = "how soon answers left",
		.divisor = 1000,
		.bounds = fake_bounds,
		.count = 3,
		.values = &fx.histograms[worker]};
	return 1;
}

static int fake_control(struct broker_view *view, enum control_op op, session_handle handle)
{
	return mailbox_post(
		&fx.mail[session_handle_worker(handle)], (struct mail){.op = op, .handle = handle});
}

static void fake_peer(struct broker_view *view, uint32_t index, char *out, size_t size)
{
	snprintf(out, size, "198.18.0.2:%u", 40000 + index);
}

/* End a session as a protocol does, if the handle still fits. */
static void worker_end(unsigned number, struct mail mail)
{
	struct session_worker *worker = session_worker(fx.view.table, number);
	struct session_turn *turn = session_touch(worker, session_handle_index(mail.handle));
	struct device *device;

	if (!turn || session_handle_of(worker, turn) != mail.handle)
		return;
	device = registry_at(fx.view.registry, turn->device);
	if (device && device->live == turn->index)
		__atomic_store_n(&device->live, SESSION_NONE, __ATOMIC_RELAXED);
	if (device && device->login == turn->index)
		__atomic_store_n(&device->login, SESSION_NONE, __ATOMIC_RELAXED);
	fx.named += device != NULL;
	turn->state = SESSION_FREE;
	turn->generation++;
	session_commit(worker);
	__atomic_fetch_add(&fx.ended[mail.op], 1, __ATOMIC_RELAXED);
}

static void take(unsigned number, struct mail mail)
{
	worker_end(number, mail);
	counter_add(&fx.counters[number][FAKE_MAIL], 1);
}

static void *worker_main(void *context)
{
	struct mail mail;

	urcu_qsbr_register_thread();
	while (!__atomic_load_n(&fx.stop, __ATOMIC_RELAXED)) {
		for (unsigned i = 0; i < WORKERS; i++) {
			if (!__atomic_load_n(&fx.stuck, __ATOMIC_RELAXED) &&
				mailbox_take(&fx.mail[i], &mail))
				take(i, mail);
		}
		urcu_qsbr_thread_offline();
		usleep(300);
		urcu_qsbr_thread_online();
	}
	urcu_qsbr_unregister_thread();
	return NULL;
}

static void *server_main(void *context)
{
	urcu_qsbr_register_thread();
	while (!__atomic_load_n(&fx.stop, __ATOMIC_RELAXED))
		control_serve(fx.control, 20);
	urcu_qsbr_unregister_thread();
	return NULL;
}

static __attribute__((unused)) void fixture_device(const char *id, const char *pin)
{
	struct device_record record = {0};
	size_t failed;

	snprintf(record.id, sizeof(record.id), "%s", id);
	memcpy(record.pin, pin, DEVICE_PIN_BYTES);
	assert_int_equal(store_add(fx.view.store, &record, 1, &failed), 0);
	assert_int_equal(registry_add(fx.view.registry, &record), 0);
}

/* A session in @state for a device; only before fixture_start(). Return: its index. */
static __attribute__((unused)) uint32_t fixture_session(
	const char *id, unsigned number, enum session_state state, enum session_via via)
{
	struct device *device = registry_find(fx.view.registry, id, (uint32_t)strlen(id));
	struct session_worker *worker = session_worker(fx.view.table, number);
	unsigned secret = fx.secret_count++;
	struct session_turn *turn;
	struct timespec now;
	uint32_t index;

	assert_non_null(device);
	clock_gettime(CLOCK_MONOTONIC, &now);
	index = session_login(worker, device->number, device->serial, (uint32_t)now.tv_sec,
		1700000000, fx.secrets[secret].key, fx.secrets[secret].token);
	assert_int_not_equal(index, SESSION_NONE);
	if (state == SESSION_LOGIN) {
		device->login = index;
	} else {
		turn = session_touch(worker, index);
		assert_non_null(turn);
		turn->state = state;
		turn->generation++;
		turn->via = via;
		turn->number = 17;
		turn->base = 65000;
		turn->progress.count = 1000;
		turn->connect_time = 1700000001;
		turn->heard = (uint32_t)now.tv_sec - 7;
		turn->peer.address = ip_from_v4(htonl(0xc6120009));
		turn->peer.port = htons(5353);
		turn->flags = SESSION_SYNCHRONISED;
		device->live = index;
	}
	session_commit(worker);
	return index;
}

static void fixture_open(void)
{
	struct session_config sessions = {.entries = 64, .workers = WORKERS};
	struct feed_config feed = {
		.bytes = 1 << 20, .workers = WORKERS, .first_id = 4096, .id_limit = UINT64_MAX};
	char path[96], slab[96], ring[96], error[256] = "";

	memset(&fx, 0, sizeof(fx));
	/* in memory where there is room: the registry syncs every change */
	snprintf(fx.directory, sizeof(fx.directory), "%s/hearth-control-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(fx.directory));
	snprintf(fx.socket, sizeof(fx.socket), "%s/run/control.sock", fx.directory);
	fx.config.control_socket = fx.socket;
	fx.config.limits.devices = 5000;
	fx.config.limits.sessions = 50;
	fx.config.limits.pending_logins = 14;
	fx.config.worker_count = WORKERS;
	fx.config.workers[0] = 3;
	fx.config.workers[1] = 4;
	fx.config.port_count = 1;
	fx.config.ports[0].device = "net_tap0";
	fx.config.ports[0].addresses[0].address = ip_from_v4(htonl(0xc6120001));
	fx.config.ports[0].addresses[0].prefix = 24;
	assert_true(ip_parse("fd77::1", &fx.config.ports[0].addresses[1].address));
	fx.config.ports[0].addresses[1].prefix = 64;
	fx.config.ports[0].address_count = 2;
	fx.config.ports[0].gateways[0].address = ip_from_v4(htonl(0xc61200fe));
	assert_true(ip_parse("fe80::1", &fx.config.ports[0].gateways[1].address));
	fx.config.ports[0].gateways[1].fixed = true;
	memcpy(fx.config.ports[0].gateways[1].mac, "\x02\0\0\0\xab\x01", 6);
	fx.config.ports[0].gateway_count = 2;
	fx.config.ports[0].vlan = 7;
	snprintf(path, sizeof(path), "%s/registry", fx.directory);
	snprintf(slab, sizeof(slab), "%s/ring.sessions", fx.directory);
	snprintf(ring, sizeof(ring), "%s/ring", fx.directory);
	sessions.path = slab;
	feed.path = ring;
	fx.random = random_system_new();
	assert_non_null(fx.random);
	sessions.random = fx.random;
	fx.view = (struct broker_view){.config = &fx.config,
		.workers = WORKERS,
		.started_unix = 1700000000,
		.memory_line = "memory: little",
		.counters = fake_counters,
		.turns = fake_turns,
		.gaps = fake_gaps,
		.pools = fake_pools,
		.port = fake_port,
		.queue = fake_queue,
		.histograms = fake_histograms,
		.control = fake_control,
		.peer_text = fake_peer};
	fx.view.store = store_open(path, 5000, error, sizeof(error));
	if (!fx.view.store)
		fail_msg("%s", error);
	fx.view.registry = registry_load(fx.view.store, 5000, false, 0, error, sizeof(error));
	if (!fx.view.registry)
		fail_msg("%s", error);
	if (session_table_open(&fx.view.table, &sessions, error, sizeof(error)) < 0)
		fail_msg("%s", error);
	if (feed_open(&fx.view.feed, &feed, error, sizeof(error)) < 0)
		fail_msg("%s", error);
}

static void fixture_start(void)
{
	char error[256];

	fx.control = control_open(&fx.view, error, sizeof(error));
	if (!fx.control)
		fail_msg("%s", error);
	fx.running = true;
	assert_int_equal(pthread_create(&fx.worker, NULL, worker_main, NULL), 0);
	assert_int_equal(pthread_create(&fx.server, NULL, server_main, NULL), 0);
	/* this thread waits in system calls from here on, while others wait for grace periods */
	urcu_qsbr_thread_offline();
}

static void fixture_stop(void)
{
	if (!fx.running)
		return;
	__atomic_store_n(&fx.stop, true, __ATOMIC_RELAXED);
	pthread_join(fx.server, NULL);
	pthread_join(fx.worker, NULL);
	urcu_qsbr_thread_online();
	fx.running = false;
}

static int fixture_setup(void **state)
{
	urcu_qsbr_register_thread();
	fixture_open();
	return 0;
}

static int fixture_teardown(void **state)
{
	char command[96];

	fixture_stop();
	control_close(fx.control);
	registry_free(fx.view.registry);
	session_table_close(fx.view.table);
	feed_close(fx.view.feed);
	store_close(fx.view.store);
	random_system_free(fx.random);
	urcu_qsbr_unregister_thread();
	snprintf(command, sizeof(command), "rm -rf %s", fx.directory);
	return system(command);
}

/* ---- a client ---- */

static int client_connect(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = 10};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	strcpy(address.sun_path, fx.socket);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static __attribute__((unused)) void client_write(int fd, const void *bytes, size_t length)
{
	assert_int_equal(send(fd, bytes, length, MSG_NOSIGNAL), length);
}

/* Send text with descriptors beside it. */
static __attribute__((unused)) void client_write_files(
	int fd, const char *text, const int *files, unsigned count)
{
	char bytes[CMSG_SPACE(16 * sizeof(int))] = {0};
	struct iovec from = {(char *)(uintptr_t)text, strlen(text)};
	struct msghdr message = {.msg_iov = &from,
		.msg_iovlen = 1,
		.msg_control = bytes,
		.msg_controllen = CMSG_SPACE(count * sizeof(int))};
	struct cmsghdr *part = CMSG_FIRSTHDR(&message);

	part->cmsg_level = SOL_SOCKET;
	part->cmsg_type = SCM_RIGHTS;
	part->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(part), files, count * sizeof(int));
	assert_int_equal(sendmsg(fd, &message, MSG_NOSIGNAL), from.iov_len);
}

/* One line, NUL-terminated, without its end; false if the connection ended. */
static bool client_read(int fd, char *line, size_t size)
{
	size_t used = 0;

	while (used + 1 < size) {
		ssize_t n = recv(fd, line + used, 1, 0);

		if (n <= 0)
			return false;
		if (line[used] == '\n') {
			line[used] = '\0';
			return true;
		}
		used++;
	}
	fail_msg("answer too long");
	return false;
}

static json_t *client_answer(int fd)
{
	static char line[1 << 20];
	json_t *answer;

	if (!client_read(fd, line, sizeof(line)))
		fail_msg("no answer");
	answer = json_loads(line, 0, NULL);
	assert_true(json_is_boolean(json_object_get(answer, "ok")));
	return answer;
}

/* One request on a connection of its own. */
static __attribute__((unused)) json_t *ask(const char *request)
{
	int fd = client_connect();
	json_t *answer;

	client_write(fd, request, strlen(request));
	client_write(fd, "\n", 1);
	answer = client_answer(fd);
	close(fd);
	return answer;
}

/* A request that is refused, with words in its error. */
static __attribute__((unused)) void assert_refused(json_t *answer, const char *words)
{
	const char *error = json_string_value(json_object_get(answer, "error"));

	assert_true(json_is_false(json_object_get(answer, "ok")));
	if (!error)
		fail_msg("refused without a reason");
	assert_true(json_string_length(json_object_get(answer, "remedy")) > 0);
	if (error && !strstr(error, words))
		fail_msg("got \"%s\", want \"%s\"", error, words);
	json_decref(answer);
}

static __attribute__((unused)) void assert_done(json_t *answer)
{
	if (!json_is_true(json_object_get(answer, "ok")))
		fail_msg("refused: %s", json_string_value(json_object_get(answer, "error")));
	json_decref(answer);
}

static __attribute__((unused)) long long number_at(json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	assert_true(json_is_integer(value));
	return json_integer_value(value);
}

static __attribute__((unused)) const char *text_at(json_t *object, const char *key)
{
	assert_true(json_is_string(json_object_get(object, key)));
	return json_string_value(json_object_get(object, key));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
