/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_binding.c - bindings: durable before they are told, moved only once off-line, read under
 * their writer */
#include "binding_fixture.h"

#include <pthread.h>
#include <signal.h>

/* ---- jobs ---- */

static void a_binding_is_durable_when_it_is_told(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(do_job(f, JOB_BIND, 100, 0), JOB_DONE);
	assert_true(bound(f, 100, 0));
	assert_int_equal(binding_gateway(f->table, f->records[100].number, f->records[100].serial),
		f->records[0].number);
	assert_int_equal(binding_count(f->table), 1);
	restart(f);
	assert_true(binding_attached(f->table));
	assert_true(bound(f, 100, 0));
	assert_int_equal(binding_count(f->table), 1);
	assert_int_equal(do_job(f, JOB_UNBIND, 100, 0), JOB_DONE);
	assert_false(bound(f, 100, 0));
	restart(f);
	assert_int_equal(place_of(f, 100), BINDING_NONE);
	assert_int_equal(binding_count(f->table), 0);
}

static void jobs_that_change_nothing_say_why(void **state)
{
	struct fixture *f = *state;
	struct job job = job_of(f, JOB_BIND, 100, 0);

	assert_int_equal(do_job(f, JOB_UNBIND, 100, 0), -ENOENT);
	assert_int_equal(do_job(f, JOB_BIND, 101, 0), -EACCES); /* provisioned for gateway 1 */
	assert_int_equal(do_job(f, JOB_PERMIT, 101, 0), -EACCES);
	assert_int_equal(do_job(f, JOB_PERMIT, 101, 1), JOB_DONE);
	assert_int_equal(place_of(f, 101), BINDING_NONE);
	assert_int_equal(do_job(f, JOB_BIND, 101, 1), JOB_DONE);
	assert_int_equal(do_job(f, JOB_BIND, 101, 1), JOB_DONE); /* again */
	assert_int_equal(do_job(f, JOB_UNBIND, 101, 2), -ENOENT);
	job.serial++; /* another device has that number now */
	assert_true(binding_ask(worker(f, 0), &job));
	job = job_of(f, JOB_BIND, 100, 0);
	job.gateway_serial++;
	assert_true(binding_ask(worker(f, 0), &job));
	binding_serve(f->table);
	assert_int_equal(told(f, 0).result, -ENOENT);
	assert_int_equal(told(f, 0).result, -ENOENT);
	assert_int_equal(binding_count(f->table), 1);
}

static void many_jobs_are_one_transaction(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < LIMIT; i++)
		ask(f, i % 2, JOB_BIND, 100 + 2 * i, i % 10);
	binding_serve(f->table);
	for (unsigned i = 0; i < LIMIT; i++)
		assert_int_equal(told(f, i % 2).result, JOB_DONE);
	assert_int_equal(do_job(f, JOB_BIND, 10, 0), -ENOSPC); /* limits.subdevices */
	assert_int_equal(do_job(f, JOB_UNBIND, 100, 0), JOB_DONE);
	assert_int_equal(do_job(f, JOB_BIND, 10, 0), JOB_DONE); /* the place is free again */
	restart(f);
	assert_int_equal(binding_count(f->table), LIMIT);
	f->limit = LIMIT - 1;
	stop(f);
	start(f);
	assert_int_equal(open_table(f), -ENOSPC);
	assert_non_null(strstr(f->error, "raise limits.subdevices"));
	f->limit = 2 * LIMIT;
	assert_int_equal(open_table(f), 0);
	assert_int_equal(binding_count(f->table), LIMIT);
}

static void a_full_disk_promises_nothing(void **state)
{
	struct fixture *f = *state;
	struct rlimit before, limit;
	int rc;

	assert_int_equal(do_job(f, JOB_BIND, 100, 0), JOB_DONE);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = (struct rlimit){.rlim_cur = 4096, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	rc = do_job(f, JOB_BIND, 102, 2);
	assert_int_equal(do_job(f, JOB_BIND, 100, 3), rc); /* a move */
	assert_int_equal(do_job(f, JOB_UNBIND, 100, 0), rc);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_true(rc == -ENOSPC || rc == -EIO);
	assert_int_equal(place_of(f, 102), BINDING_NONE);
	assert_true(bound(f, 100, 0)); /* as before */
	restart(f);
	assert_true(bound(f, 100, 0));
	assert_int_equal(place_of(f, 102), BINDING_NONE);
	assert_int_equal(do_job(f, JOB_BIND, 102, 2), JOB_DONE);
}

static void it_goes_offline_before_it_moves(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(do_job(f, JOB_BIND, 100, 0), JOB_DONE);
	set_online(f, 100, 5, 71);
	assert_true(binding_is_online(f->table, f->records[100].number, f->records[100].serial));
	assert_int_equal(binding_online(f->table), 1);
	ask(f, 1, JOB_BIND, 100, 3);
	binding_serve(f->table);
	no_more(f, 1);
	assert_false(bound(f, 100, 0)); /* no report of it is taken there any more */
	assert_false(bound(f, 100, 3));
	binding_serve(f->table); /* nobody has done anything: asked again */
	obey(f, 0, 100, HEARTH_REPLACED);
	assert_int_equal(told(f, 0).kind, JOB_OFFLINE);
	binding_serve(f->table);
	assert_int_equal(told(f, 1).result, JOB_DONE);
	assert_true(bound(f, 100, 3));
	assert_int_equal(binding_online(f->table), 0);
	restart(f);
	assert_true(bound(f, 100, 3));
}

static void two_gateways_ask_for_one_subdevice(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(do_job(f, JOB_BIND, 100, 0), JOB_DONE);
	set_online(f, 100, 5, 71);
	ask(f, 0, JOB_BIND, 100, 1);
	ask(f, 1, JOB_BIND, 100, 2);
	ask(f, 1, JOB_UNBIND, 100, 0);
	binding_serve(f->table);
	obey(f, 0, 100, HEARTH_REPLACED);
	for (unsigned i = 0; i < 3; i++)
		binding_serve(f->table);
	assert_int_equal(told(f, 0).result, JOB_DONE);
	assert_int_equal(told(f, 1).result, JOB_DONE);
	assert_int_equal(told(f, 1).result, -ENOENT); /* it is bound to 2 by then */
	assert_true(bound(f, 100, 2));
	assert_int_equal(binding_count(f->table), 1);
}

/* ---- devices that are removed ---- */

static void remove_device(struct fixture *f, unsigned device)
{
	struct device_record removed;

	assert_int_equal(store_remove(f->store, f->records[device].id, &removed), 0);
	assert_int_equal(registry_remove(f->registry, f->records[device].id), 0);
	registry_reclaim(f->registry);
}

static void a_removed_gateway_takes_its_bindings_along(void **state)
{
	struct fixture *f = *state;
	uint32_t number = f->records[0].number, serial = f->records[0].serial;

	for (unsigned i = 100; i < 110; i += 2)
		assert_int_equal(do_job(f, JOB_BIND, i, i < 106 ? 0 : 1), JOB_DONE);
	set_online(f, 102, 5, 71);
	assert_true(binding_withdraw(f->table, number, serial));
	assert_false(binding_withdrawn(f->table));
	obey(f, 0, 102, HEARTH_REMOVED);
	assert_true(binding_withdrawn(f->table));
	remove_device(f, 0);
	assert_int_equal(binding_count(f->table), 2);
	assert_int_equal(place_of(f, 102), BINDING_NONE);
	assert_true(bound(f, 108, 1));
	assert_int_equal(do_job(f, JOB_BIND, 100, 0), -ENOENT);
	restart(f);
	assert_int_equal(binding_count(f->table), 2);
	assert_int_equal(place_of(f, 102), BINDING_NONE);
}

static void a_removed_subdevice_is_bound_no_more(void **state)
{
	struct fixture *f = *state;
	struct device_record again = f->records[100];
	size_t failed;

	assert_int_equal(do_job(f, JOB_BIND, 100, 0), JOB_DONE);
	set_online(f, 100, 5, 71);
	assert_true(binding_withdraw(f->table, again.number, again.serial));
	remove_device(f, 100); /* its worker was too slow */
	assert_int_equal(store_add(f->store, &again, 1, &failed), 0);
	assert_int_equal(again.number, f->records[100].number); /* used again */
	assert_int_equal(registry_add(f->registry, &again), 0);
	assert_int_equal(binding_find(f->table, again.number, again.serial), BINDING_NONE);
	assert_false(binding_withdrawn(f->table));
	obey(f, 0, 100, HEARTH_REMOVED);
	assert_true(binding_withdrawn(f->table));
	f->records[100] = again;
	restart(f);
	assert_int_equal(place_of(f, 100), BINDING_NONE);
	assert_int_equal(do_job(f, JOB_BIND, 100, 0), JOB_DONE);
}

static void a_device_is_removed_while_a_job_is_about_it(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(do_job(f, JOB_BIND, 100, 0), JOB_DONE);
	assert_int_equal(do_job(f, JOB_BIND, 102, 0), JOB_DONE);
	set_online(f, 100, 5, 71);
	set_online(f, 102, 5, 71);
	ask(f, 1, JOB_BIND, 100, 3);
	ask(f, 1, JOB_BIND, 102, 4);
	binding_serve(f->table);
	binding_withdraw(f->table, f->records[100].number, f->records[100].serial);
	remove_device(f, 100);
	binding_withdraw(f->table, f->records[4].number, f->records[4].serial);
	remove_device(f, 4);
	obey(f, 0, 100, HEARTH_REPLACED);
	obey(f, 0, 102, HEARTH_REPLACED);
	binding_serve(f->table);
	assert_int_equal(told(f, 1).result, -ENOENT);
	assert_int_equal(told(f, 1).result, -ENOENT);
	assert_int_equal(place_of(f, 100), BINDING_NONE);
	assert_true(bound(f, 102, 0)); /* it stays where it was */
	restart(f);
	assert_true(bound(f, 102, 0));
	assert_int_equal(binding_count(f->table), 1);
}

/* Its worker does nothing: nobody waits for ever, and what is on-line keeps its place. */
static void what_stays_online_is_not_moved(void **state)
{
	struct fixture *f = *state;
	uint32_t place;

	assert_int_equal(do_job(f, JOB_BIND, 100, 0), JOB_DONE);
	set_online(f, 100, 5, 71);
	place = place_of(f, 100);
	ask(f, 1, JOB_BIND, 100, 3);
	binding_serve(f->table);
	f->table->jobs[0].until = 0;
	binding_serve(f->table);
	assert_int_equal(told(f, 1).result, -ETIMEDOUT);
	assert_true(bound(f, 100, 0));
	/* the same, and its gateway is removed meanwhile: there is nothing to go back to */
	ask(f, 1, JOB_BIND, 100, 3);
	binding_serve(f->table);
	binding_withdraw(f->table, f->records[0].number, f->records[0].serial);
	remove_device(f, 0);
	f->table->jobs[0].until = 0;
	binding_serve(f->table);
	assert_int_equal(told(f, 1).result, -ETIMEDOUT);
	assert_int_equal(place_of(f, 100), place);
	assert_int_equal(binding_first(worker(f, 0), 5), place);
	assert_int_equal(binding_count(f->table), 0);
	while (told(f, 0).session &&
		f->table->workers[0]->told.head != f->table->workers[0]->told.tail)
		; /* it was asked often enough */
	assert_false(binding_withdrawn(f->table));
	obey(f, 0, 100, HEARTH_REMOVED);
	assert_true(binding_withdrawn(f->table));
	assert_int_equal(place_of(f, 100), BINDING_NONE);
	assert_int_equal(binding_first(worker(f, 0), 5), BINDING_NONE);
	assert_int_equal(do_job(f, JOB_BIND, 100, 3), JOB_DONE);
}

/* ---- marks ---- */

static void marks_survive_until_their_session_is_gone(void **state)
{
	struct fixture *f = *state;
	uint32_t place;

	assert_int_equal(do_job(f, JOB_BIND, 100, 0), JOB_DONE);
	assert_int_equal(do_job(f, JOB_BIND, 102, 0), JOB_DONE);
	set_online(f, 100, 40, 71);
	set_online(f, 102, ENTRIES - 1, 72);
	restart(f);
	place = place_of(f, 100);
	assert_int_equal(binding_mark(worker(f, 1), place).session, 71);
	assert_int_equal(binding_mark(worker(f, 1), place).entry, 40);
	assert_int_equal(binding_mark(worker(f, 1), place).login, 78);
	assert_int_equal(binding_first(worker(f, 1), 40), place);
	f->limit++; /* the file is made anew */
	restart(f);
	assert_int_equal(binding_mark(worker(f, 1), place_of(f, 100)).session, 71);
	assert_int_equal(binding_first(worker(f, 1), ENTRIES - 1), place_of(f, 102));
	assert_int_equal(binding_online(f->table), 2);
}

static int keep_none(void *context, uint32_t entry, uint64_t session)
{
	return -1;
}

static void marks_of_sessions_that_are_gone_are_dropped(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(do_job(f, JOB_BIND, 100, 0), JOB_DONE);
	set_online(f, 100, 40, 71);
	stop(f);
	start(f);
	assert_int_equal(open_table(f), 0);
	assert_int_equal(binding_attach(f->table, keep_none, NULL), 0);
	assert_int_equal(binding_mark(worker(f, 1), place_of(f, 100)).session, 0);
	assert_int_equal(binding_mark(worker(f, 1), place_of(f, 100)).login, 78);
	assert_int_equal(binding_online(f->table), 0);
}

/* A place that was dropped waits for a grace period while its device is bound anew at another: the
 * mark there is the one that counts. */
static void marks_of_what_was_bound_anew_survive(void **state)
{
	struct fixture *f = *state;

	for (unsigned device = 100; device <= 104; device += 2)
		assert_int_equal(do_job(f, JOB_BIND, device, 0), JOB_DONE);
	/* the second time its place is one that came free by the first: a lower one */
	for (unsigned device = 100; device <= 104; device += 4) {
		assert_int_equal(do_job(f, JOB_UNBIND, device, 0), JOB_DONE);
		assert_int_equal(do_job(f, JOB_BIND, device, 0), JOB_DONE);
		set_online(f, device, 40, 71);
	}
	restart(f);
	for (unsigned device = 100; device <= 104; device += 4)
		assert_int_equal(binding_mark(worker(f, 1), place_of(f, device)).session, 71);
	assert_int_equal(binding_online(f->table), 2);
	assert_int_equal(binding_count(f->table), 3);
}

/* K18: at any moment one worker's turn at most is about a sub-device. */
static void two_workers_want_one_place(void **state)
{
	struct fixture *f = *state;
	const struct binding_mark mine = {.session = 5, .entry = 1};
	uint32_t place;

	assert_int_equal(do_job(f, JOB_BIND, 100, 0), JOB_DONE);
	place = place_of(f, 100);
	assert_true(binding_may_mark(worker(f, 0), place));
	assert_true(binding_may_mark(worker(f, 0), place));
	assert_false(binding_may_mark(worker(f, 1), place));
	binding_set_mark(worker(f, 0), place, &mine);
	assert_int_equal(binding_mark(worker(f, 0), place).session, 5);
	assert_int_equal(binding_mark(worker(f, 1), place).session, 0);
	binding_commit(worker(f, 0));
	assert_false(binding_may_mark(worker(f, 1), place)); /* not applied yet */
	assert_int_equal(binding_mark(worker(f, 1), place).session, 5);
	binding_applied(worker(f, 0));
	assert_true(binding_may_mark(worker(f, 1), place));
	turn_ends(f, 1);
	assert_int_equal(binding_mark(worker(f, 0), place).session, 5); /* it changed nothing */
}

/* The lists of on-line sub-devices beside a model of them. */
static void lists_agree_with_a_model(void **state)
{
	struct fixture *f = *state;
	uint32_t model[LIMIT] = {0}, places[LIMIT];
	uint64_t seed = 7;

	for (unsigned i = 0; i < LIMIT; i++) {
		assert_int_equal(do_job(f, JOB_BIND, 100 + 2 * i, i % 10), JOB_DONE);
		places[i] = place_of(f, 100 + 2 * i);
	}
	for (unsigned step = 0; step < 20000; step++) {
		struct binding_mark mark = {0};
		unsigned i, count = 0;
		uint32_t entry, at;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		i = (unsigned)(seed >> 40) % LIMIT;
		entry = (uint32_t)(seed >> 33) % 30;
		if (model[i] && seed >> 63)
			model[i] = 0;
		else
			mark = (struct binding_mark){
				.session = model[i] = entry + 1, .entry = entry};
		assert_true(binding_may_mark(worker(f, 0), places[i]));
		binding_set_mark(worker(f, 0), places[i], &mark);
		if (step % 7 == 0)
			turn_ends(f, 0);
		for (unsigned j = 0; j < LIMIT; j++)
			count += model[j] == entry + 1;
		for (at = binding_first(worker(f, 0), entry); at != BINDING_NONE;
			at = f->table->places[at].next) {
			assert_int_equal(binding_mark(worker(f, 0), at).entry, entry);
			count--;
		}
		assert_int_equal(count, 0);
	}
}

static void a_turn_changes_so_many_and_no_more(void **state)
{
	struct fixture *f = *state;
	const struct binding_mark mark = {.session = 9, .entry = 3};
	uint32_t place;

	assert_int_equal(do_job(f, JOB_BIND, 100, 0), JOB_DONE);
	assert_int_equal(do_job(f, JOB_BIND, 102, 0), JOB_DONE);
	place = place_of(f, 100);
	worker(f, 0)->change_count = BINDING_TURN_MAX - 1;
	for (unsigned i = 0; i < BINDING_TURN_MAX - 1; i++)
		worker(f, 0)->changes[i].place = place_of(f, 102); /* as if it were all of them */
	assert_true(binding_may_mark(worker(f, 0), place));
	binding_set_mark(worker(f, 0), place, &mark);
	assert_true(binding_may_mark(worker(f, 0), place));
	assert_false(binding_may_mark(worker(f, 0), place_of(f, 102)));
	worker(f, 0)->change_count = BINDING_TURN_MAX;
	turn_ends(f, 0);
	assert_int_equal(binding_mark(worker(f, 0), place).session, 9);
}

/* ---- the file ---- */

static void refused(struct fixture *f, int rc, const char *why)
{
	assert_int_equal(open_table(f), rc);
	assert_non_null(strstr(f->error, f->path));
	assert_non_null(strstr(f->error, why));
	f->table = NULL;
}

static void a_file_that_is_not_ours_is_refused(void **state)
{
	struct fixture *f = *state;
	FILE *file;

	binding_close(f->table);
	f->table = NULL;
	assert_int_equal(chmod(f->path, 0644), 0);
	refused(f, -EPERM, "remove it");
	assert_int_equal(chmod(f->path, 0600), 0);
	assert_int_equal(truncate(f->path, 8192), 0);
	refused(f, -EPROTO, "damaged");
	file = fopen(f->path, "r+");
	fseek(file, 8, SEEK_SET);
	fputc(9, file);
	fclose(file);
	refused(f, -EPROTO, "layout version 9");
	assert_int_equal(truncate(f->path, 0), 0);
	refused(f, -EPROTO, "not a file of bindings");
	unlink(f->path);
	assert_int_equal(symlink("/etc/passwd", f->path), 0);
	refused(f, -ELOOP, "cannot open it");
	unlink(f->path);
	assert_int_equal(open_table(f), 0);
}

/* What a successor finds in it may be anything: only what is bound and possible stays. */
static void entries_that_cannot_be_are_dropped(void **state)
{
	struct fixture *f = *state;
	uint32_t other;

	assert_int_equal(do_job(f, JOB_BIND, 100, 0), JOB_DONE);
	set_online(f, 100, 5, 71);
	other = f->table->free;
	f->table->entries[other] = f->table->entries[place_of(f, 100)]; /* twice */
	f->table->entries[f->table->places[other].chain] =
		(struct binding_entry){.device = 4000000000u, .serial = 1, .session = 4};
	f->table->entries[place_of(f, 100)].entry = ENTRIES;
	f->table->entries[other].entry = ENTRIES;
	restart(f);
	assert_true(bound(f, 100, 0));
	assert_int_equal(binding_online(f->table), 0);
	for (unsigned i = 0; i < LIMIT; i++)
		assert_int_equal(f->table->entries[i].session, 0);
	for (unsigned i = 1; i < LIMIT; i++) /* all other places are free */
		assert_int_equal(do_job(f, JOB_BIND, 100 + 2 * i, i % 10), JOB_DONE);
}

/* ---- readers ---- */

struct reader {
	struct fixture *f;
	pthread_t thread;
	bool stop;
	uint64_t seen;
};

/* A sub-device is bound to 0 or 1 or to nothing; device 102 is always bound to 2. */
static void *read_along(void *argument)
{
	struct reader *reader = argument;
	struct fixture *f = reader->f;

	urcu_qsbr_register_thread();
	while (!__atomic_load_n(&reader->stop, __ATOMIC_RELAXED)) {
		uint32_t gateway =
			binding_gateway(f->table, f->records[100].number, f->records[100].serial);

		if (gateway != DEVICE_NONE && gateway != f->records[0].number &&
			gateway != f->records[1].number)
			abort();
		reader->seen += gateway != DEVICE_NONE;
		if (binding_gateway(f->table, f->records[102].number, f->records[102].serial) !=
			f->records[2].number)
			abort();
		urcu_qsbr_quiescent_state();
	}
	urcu_qsbr_unregister_thread();
	return NULL;
}

static void readers_see_whole_bindings(void **state)
{
	struct fixture *f = *state;
	struct reader readers[2] = {{.f = f}, {.f = f}};

	assert_int_equal(do_job(f, JOB_BIND, 102, 2), JOB_DONE);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(
			pthread_create(&readers[i].thread, NULL, read_along, &readers[i]), 0);
	for (unsigned i = 0; i < 60 || !readers[0].seen; i++) {
		assert_int_equal(do_job(f, JOB_BIND, 100, i % 2), JOB_DONE);
		assert_int_equal(do_job(f, JOB_BIND, 100, (i + 1) % 2), JOB_DONE);
		assert_int_equal(do_job(f, JOB_UNBIND, 100, (i + 1) % 2), JOB_DONE);
		urcu_qsbr_quiescent_state();
	}
	for (unsigned i = 0; i < 2; i++) {
		__atomic_store_n(&readers[i].stop, true, __ATOMIC_RELAXED);
		urcu_qsbr_thread_offline();
		assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
		urcu_qsbr_thread_online();
	}
	assert_true(readers[0].seen > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		row(a_binding_is_durable_when_it_is_told),
		row(jobs_that_change_nothing_say_why),
		row(many_jobs_are_one_transaction),
		row(a_full_disk_promises_nothing),
		row(it_goes_offline_before_it_moves),
		row(two_gateways_ask_for_one_subdevice),
		row(a_removed_gateway_takes_its_bindings_along),
		row(a_removed_subdevice_is_bound_no_more),
		row(a_device_is_removed_while_a_job_is_about_it),
		row(what_stays_online_is_not_moved),
		row(marks_survive_until_their_session_is_gone),
		row(marks_of_sessions_that_are_gone_are_dropped),
		row(marks_of_what_was_bound_anew_survive),
		row(two_workers_want_one_place),
		row(lists_agree_with_a_model),
		row(a_turn_changes_so_many_and_no_more),
		row(a_file_that_is_not_ours_is_refused),
		row(entries_that_cannot_be_are_dropped),
		row(readers_see_whole_bindings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
