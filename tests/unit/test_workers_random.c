/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_workers_random.c - devices that log in, connect, report, move and leave, on several workers
 * whose turns are interleaved, stalled and killed by seed: what was acknowledged is in the rings
 * once, and every session begins and ends once */
#include "worker_device.h"

#include <sys/wait.h>

#define DEVICES 24
#define STEPS 20000
#define REPORTS_MAX 65536
#define SESSIONS_MAX 4000
#define OLD_FLOWS 48
#define PATIENCE (3 * SECOND)

/* ---- kills in the middle of a turn: the linker leads the worker's calls here (--wrap) ---- */

static unsigned kill_at;

void __real_feed_publish(struct feed_ring *ring);
void __wrap_feed_publish(struct feed_ring *ring);
void __real_session_commit(struct session_worker *worker);
void __wrap_session_commit(struct session_worker *worker);
void __real_feed_applied(struct feed_ring *ring);
void __wrap_feed_applied(struct feed_ring *ring);

static void killed_at(unsigned step)
{
	if (kill_at == step)
		_exit(0);
}

void __wrap_feed_publish(struct feed_ring *ring)
{
	killed_at(1);
	__real_feed_publish(ring);
}

void __wrap_session_commit(struct session_worker *worker)
{
	killed_at(2);
	__real_session_commit(worker);
}

void __wrap_feed_applied(struct feed_ring *ring)
{
	killed_at(3);
	__real_feed_applied(ring);
	killed_at(4);
}

/* ---- what there is ---- */

enum stage_of_life { OUT, LOGIN_SYN, LOGIN_SENT, READY, SYN, ASKED, LIVE };

/** struct unit - a device, and how far it is */
struct unit {
	struct gadget gadget;
	char id[32], pin[33];
	enum stage_of_life stage;
	struct flow *login;
	uint64_t since, repeat;  /* microseconds: of this stage, of the next repeat over UDP */
	struct frame_text frame; /* that waits for its answer */
	uint32_t number;         /* of the report that does; 0: none */
	unsigned refused;        /* connects in a row */
	uint32_t connected;      /* the second of its last connect */
};

struct play {
	struct rig *rig;
	struct unit units[DEVICES];
	struct flow *old[OLD_FLOWS]; /* connections that their devices have left behind */
	unsigned old_count;
	uint32_t reports;
	bool acknowledged[REPORTS_MAX];
	uint8_t seen[REPORTS_MAX];
	struct {
		unsigned device;
		uint64_t session;
		uint8_t online, offline;
	} sessions[SESSIONS_MAX];
	unsigned session_count;
	unsigned acks, kills, moves;
	unsigned stalled_for;
	unsigned ports; /* used over UDP; what is late for one is for nobody else */
};

/* ---- events ---- */

static unsigned device_number(const char *id)
{
	return (unsigned)atoi(id + 20);
}

static unsigned session_of(struct play *p, unsigned device, uint64_t session)
{
	for (unsigned i = p->session_count; i-- > 0;) {
		if (p->sessions[i].device == device && p->sessions[i].session == session)
			return i;
	}
	assert_true(p->session_count < SESSIONS_MAX);
	p->sessions[p->session_count].device = device;
	p->sessions[p->session_count].session = session;
	return p->session_count++;
}

static void read_events(struct play *p)
{
	struct event event;
	const char *at;
	unsigned i;

	while ((event = read_event(p->rig->reader)).there) {
		i = session_of(p, device_number(event.device), event.record.session);
		if (event.record.event == HEARTH_ONLINE) {
			assert_int_equal(p->sessions[i].online++, 0);
		} else if (event.record.event == HEARTH_OFFLINE) {
			assert_int_equal(p->sessions[i].offline++, 0);
		} else {
			at = strstr(event.payload, "\"n\":");
			assert_non_null(at);
			assert_int_equal(p->seen[atoi(at + 4)]++, 0);
		}
	}
}

/* ---- devices ---- */

static void become(struct unit *u, enum stage_of_life stage)
{
	u->stage = stage;
	u->since = u->gadget.rig->clock.us;
	u->number = 0;
}

static void bury(struct play *p, struct flow *flow)
{
	if (!flow)
		return;
	if (p->old_count == OLD_FLOWS) {
		struct flow *oldest = p->old[0];

		if (!oldest->reset)
			flow_raw(oldest, TCP_RST, oldest->seq, 0, NULL, 0);
		flow_forget(oldest);
		memmove(&p->old[0], &p->old[1], --p->old_count * sizeof(p->old[0]));
	}
	p->old[p->old_count++] = flow;
}

static void leave(struct play *p, struct unit *u, enum stage_of_life stage)
{
	bury(p, u->gadget.flow);
	bury(p, u->login);
	u->gadget.flow = u->login = NULL;
	become(u, stage);
}

static bool room(const struct play *p)
{
	return p->rig->link.rx_count + 4 < STACK_BURST && p->rig->flow_count + 4 < FLOWS_MAX;
}

static void ask_connect(struct unit *u)
{
	u->gadget.side.sequence++;
	u->connected = now_of(u->gadget.rig);
	connect_frame(&u->gadget, &u->frame);
	gadget_queue(&u->gadget, &u->frame);
	become(u, ASKED);
	u->repeat = u->since + 300 * MS;
}

static uint16_t next_port(struct play *p)
{
	return (uint16_t)(40000 + p->ports++ % 25000);
}

/*
 * Not twice in a second: of connects with the same time whichever comes last counts as the newer
 * one, also when it is a copy that was late.
 */
static void begin_connect(struct play *p, struct unit *u)
{
	struct rig *rig = p->rig;

	if (u->connected == now_of(rig))
		return;
	if (draw(rig, 2)) {
		u->gadget.flow = flow_make(rig, CONNECT_PORT);
		flow_raw(u->gadget.flow, TCP_SYN, u->gadget.flow->seq++, 0, NULL, 0);
		become(u, SYN);
		return;
	}
	u->gadget.flow = NULL;
	u->gadget.port = next_port(p);
	ask_connect(u);
}

static void report(struct play *p, struct unit *u)
{
	struct device_side *side = &u->gadget.side;
	char plain[512];

	assert_true(p->reports + 1 < REPORTS_MAX);
	u->number = ++p->reports;
	snprintf(plain, sizeof(plain),
		"{\"sequence\":\"%u\",\"deviceId\":\"%s\",\"statusSerials\":[{\"n\":%u}],"
		"\"time\":%u}",
		(uint16_t)++side->sequence, side->id, u->number, now_of(p->rig));
	session_frame(side, &u->frame, 2006, plain);
	gadget_queue(&u->gadget, &u->frame);
	u->since = p->rig->clock.us;
	u->repeat = u->since + 300 * MS;
}

/* A session in its best years. */
static void live(struct play *p, struct unit *u)
{
	struct rig *rig = p->rig;

	switch (u->number ? 99 : draw(rig, 40)) {
	case 0: /* again, elsewhere, while this one lives */
		p->moves++;
		leave(p, u, READY);
		begin_connect(p, u);
		break;
	case 1:
		leave(p, u, OUT); /* and in again */
		break;
	case 2:
		if (u->gadget.flow)
			flow_next(u->gadget.flow, TCP_FIN, NULL, 0);
		leave(p, u, READY);
		break;
	case 3:
		worker_post(rig->team[draw(rig, rig->count)], CONTROL_KICK, handle_now(&u->gadget));
		break;
	case 4:
	case 5:
		u->gadget.port = next_port(p);
		break;
	case 99:
		break;
	default:
		report(p, u);
		break;
	}
}

static void take_login(struct play *p, struct unit *u)
{
	struct device_side *side = &u->gadget.side;
	struct answer answer;

	if (!flow_answer(u->login, side->pin, IV_OF(side->pin), &answer))
		return;
	assert_int_equal(answer.code, 1003);
	assert_true(member_text(answer.plain, "sessionKey", side->key, sizeof(side->key)));
	assert_true(member_text(answer.plain, "token", side->token, sizeof(side->token)));
	side->sequence++;
	u->refused = 0;
	leave(p, u, READY);
}

static void take_answers(struct play *p, struct unit *u)
{
	struct answer answer;
	char text[16];

	while (u->stage >= ASKED && (answer = gadget_answer(&u->gadget)).there) {
		if (answer.code == 1005 && u->stage == ASKED) {
			u->refused = 0;
			if (answer.result == 0)
				become(u, LIVE);
			else
				leave(p, u, OUT);
		} else if (answer.result == MC_OUT_OF_SEQUENCE) {
			leave(p, u, OUT);
		} else if (answer.code == 2007 && answer.result == 0 && u->number &&
			   member_text(answer.plain, "sequence", text, sizeof(text)) &&
			   atoi(text) == u->gadget.side.sequence) {
			p->acknowledged[u->number] = true;
			p->acks++;
			u->number = 0;
		}
	}
}

/* Nobody answers, or the connection ended: what a device does then. */
static void give_up(struct play *p, struct unit *u)
{
	const struct flow *flow = u->gadget.flow;
	bool over = flow && (flow->reset || flow->finished);
	bool late = p->rig->clock.us - u->since > PATIENCE && (u->stage != LIVE || u->number);

	if (u->stage == OUT || u->stage == READY || (!over && !late))
		return;
	if (u->stage < READY || (u->stage != LIVE && ++u->refused > 2))
		leave(p, u, OUT);
	else
		leave(p, u, READY);
}

static void move(struct play *p, struct unit *u)
{
	struct rig *rig = p->rig;
	struct frame_text frame;

	take_answers(p, u);
	give_up(p, u);
	if (!room(p))
		return;
	if (u->stage >= ASKED && !u->gadget.flow && (u->stage == ASKED || u->number) &&
		rig->clock.us > u->repeat) {
		gadget_queue(&u->gadget, &u->frame);
		u->repeat = rig->clock.us + 300 * MS;
	}
	switch (u->stage) {
	case OUT:
		u->login = flow_make(rig, LOGIN_PORT);
		flow_raw(u->login, TCP_SYN, u->login->seq++, 0, NULL, 0);
		become(u, LOGIN_SYN);
		break;
	case LOGIN_SYN:
		if (!u->login->established)
			break;
		login_text(&u->gadget.side, now_of(rig), &frame);
		flow_bytes(u->login, frame.text, frame.length);
		become(u, LOGIN_SENT);
		break;
	case LOGIN_SENT:
		take_login(p, u);
		break;
	case READY:
		begin_connect(p, u);
		break;
	case SYN:
		if (u->gadget.flow->established && u->connected != now_of(rig))
			ask_connect(u);
		break;
	case ASKED:
		break;
	case LIVE:
		live(p, u);
		break;
	}
}

/* ---- workers ---- */

/* All die; what they left in shared memory is attached to. */
static void restart(struct play *p)
{
	struct rig *rig = p->rig;
	unsigned victim = draw(rig, rig->count), step = draw(rig, 6);
	int status;
	pid_t pid;

	if (step) {
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			kill_at = step; /* 5: after the turn */
			rig_spread(rig);
			worker_turn(rig->team[victim], &rig->clock);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		rig->random.state ^= 0x5555; /* the child drew numbers that are used up */
	}
	p->kills++;
	rig_restart(rig);
	for (unsigned i = 0; i < DEVICES; i++) {
		struct unit *u = &p->units[i];

		if (u->login || u->gadget.flow)
			leave(p, u, u->login || u->stage < READY ? OUT : READY);
	}
}

static void turns(struct play *p)
{
	struct rig *rig = p->rig;

	flows_acknowledge(rig);
	for (unsigned i = 0; i < rig->count * 2; i++) {
		unsigned number = draw(rig, rig->count);

		if (!rig->stalled[number])
			team_turn(rig, number);
	}
	if (p->stalled_for && --p->stalled_for == 0)
		memset(rig->stalled, 0, sizeof(rig->stalled));
	else if (!p->stalled_for && draw(rig, 400) == 0) {
		rig->stalled[draw(rig, rig->count)] = true;
		p->stalled_for = 1 + draw(rig, 500);
	}
}

/* ---- the run ---- */

static void check(const struct play *p)
{
	const struct session_table *table = p->rig->broker.table;

	for (uint32_t n = 1; n <= p->reports; n++) {
		if (p->acknowledged[n])
			assert_int_equal(p->seen[n], 1);
	}
	for (unsigned i = 0; i < p->session_count; i++) {
		assert_int_equal(p->sessions[i].online, 1);
		assert_int_equal(p->sessions[i].offline, 1);
	}
	for (unsigned i = 0; i < p->rig->count; i++) {
		struct session_counts counts =
			session_counts(session_worker(p->rig->broker.table, i));

		assert_int_equal(counts.login + counts.live_tcp + counts.live_udp, 0);
		assert_int_equal(p->rig->team[i]->host.waiting, 0);
	}
	for (uint32_t i = 0; i < session_entries(table, NULL); i++)
		assert_ptr_equal(session_range(p->rig->broker.table, i),
			session_worker(p->rig->broker.table, session_owner(table, i)));
	assert_chunks(p->rig, 0);
}

static void let_it_end(struct play *p)
{
	struct rig *rig = p->rig;

	memset(rig->stalled, 0, sizeof(rig->stalled));
	for (unsigned i = 0; i < rig->flow_count; i++)
		rig->flows[i]->silent = true;
	rig_pass(rig, 400 * SECOND, 250 * MS);
	rig->datagram_count = 0;
	read_events(p);
}

static uint64_t first_seed;

static void run(unsigned workers, uint64_t seed, unsigned kill_each)
{
	struct play *p = calloc(1, sizeof(*p));
	struct rig *rig = p->rig = rig_make_team(workers);
	uint64_t fetches = 0;

	seed += first_seed;
	print_message("seed %llu\n", (unsigned long long)seed);
	rig->random.state = seed;
	for (unsigned i = 0; i < DEVICES; i++) {
		struct unit *u = &p->units[i];

		snprintf(u->id, sizeof(u->id), "%024u", i);
		snprintf(u->pin, sizeof(u->pin), "pin-of-a-device-%016u", i);
		provision(rig->broker.store, u->id, u->pin);
		u->gadget = (struct gadget){.rig = rig,
			.side = {.id = u->id,
				.pin = u->pin,
				.sequence = (uint16_t)(65000 + i * 31)}};
	}
	rig_start(rig);
	for (unsigned step = 0; step < STEPS; step++) {
		rig_set_clock(rig, rig->clock.us + 1 + draw(rig, draw(rig, 20) ? 5000 : 60000));
		if (rig->datagram_count > SENT_MAX / 2)
			rig->datagram_count = 0; /* nobody is at those ports any more */
		for (unsigned i = 0; i < 6; i++)
			move(p, &p->units[draw(rig, DEVICES)]);
		turns(p);
		read_events(p);
		if (kill_each && draw(rig, kill_each) == 0) {
			for (unsigned i = 0; i < rig->count; i++)
				fetches += rig->team[i]->counters[WORKER_FETCHES];
			restart(p);
		}
	}
	for (unsigned i = 0; i < rig->count; i++)
		fetches += rig->team[i]->counters[WORKER_FETCHES];
	let_it_end(p);
	check(p);
	print_message(
		"%u workers: %u reports acknowledged, %u sessions, %u moved live, %u fetched, "
		"%u kills\n",
		workers, p->acks, p->session_count, p->moves, (unsigned)fetches, p->kills);
	assert_true(
		p->acks > STEPS / 10 && p->session_count > 200 && p->moves > 30 && fetches > 40);
	rig_free(rig);
	free(p);
}

static void test_two_workers(void **state)
{
	run(2, 1, 0);
}

static void test_four_workers(void **state)
{
	run(4, 2, 0);
}

static void test_two_workers_that_are_killed(void **state)
{
	run(2, 3, 150);
}

static void test_four_workers_that_are_killed(void **state)
{
	run(4, 4, 150);
}

/* A number as argument: other seeds, for long runs. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_workers),
		cmocka_unit_test(test_four_workers),
		cmocka_unit_test(test_two_workers_that_are_killed),
		cmocka_unit_test(test_four_workers_that_are_killed),
	};

	first_seed = argc > 1 ? strtoull(argv[1], NULL, 10) * 100 : 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
