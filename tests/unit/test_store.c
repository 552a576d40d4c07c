/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_store.c - the registry on disk: all or none, durable, and clear about what is wrong */

#include "registry/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
	char directory[64];
	char path[80];
	struct store *store;
	char error[256];
};

static void open_store(struct fixture *f, uint32_t limit)
{
	f->store = store_open(f->path, limit, f->error, sizeof(f->error));
	if (!f->store)
		fail_msg("%s", f->error);
}

static void close_store(struct fixture *f)
{
	store_close(f->store);
	f->store = NULL;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->directory, sizeof(f->directory), "/tmp/hearth-test-XXXXXX");
	if (!mkdtemp(f->directory))
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/registry", f->directory);
	*state = f;
	return 0;
}

static void remove_all(const char *path)
{
	DIR *directory = opendir(path);
	struct dirent *entry;

	while (directory && (entry = readdir(directory)))
		unlinkat(dirfd(directory), entry->d_name, 0);
	if (directory)
		closedir(directory);
	rmdir(path);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close_store(f);
	remove_all(f->path);
	unlink(f->path);
	assert_int_equal(rmdir(f->directory), 0);
	free(f);
	return 0;
}

static struct device_record device(unsigned i)
{
	struct device_record record = {0};

	snprintf(record.id, sizeof(record.id), "%024u", i);
	for (unsigned j = 0; j < DEVICE_PIN_BYTES; j++)
		record.pin[j] = (char)('!' + (i * 7 + j * 3) % 94);
	if (i % 2)
		memcpy(record.bind_password, "8 bytes!", 8);
	if (i % 3)
		snprintf(record.model, sizeof(record.model), "mod\xc3\xa8le %u", i);
	if (i % 5 == 0)
		snprintf(record.gateway, sizeof(record.gateway), "gateway-%u", i);
	return record;
}

static struct device_record *devices(unsigned first, unsigned count)
{
	struct device_record *records = calloc(count, sizeof(*records));

	for (unsigned i = 0; i < count; i++)
		records[i] = device(first + i);
	return records;
}

static int add(struct fixture *f, unsigned first, unsigned count)
{
	struct device_record *records = devices(first, count);
	size_t failed;
	const int rc = store_add(f->store, records, count, &failed);

	free(records);
	return rc;
}

static void assert_stored(struct fixture *f, unsigned i)
{
	const struct device_record expected = device(i);
	struct device_record record;

	assert_int_equal(store_get(f->store, expected.id, &record), 0);
	assert_string_equal(record.id, expected.id);
	assert_memory_equal(record.pin, expected.pin, DEVICE_PIN_BYTES);
	assert_string_equal(record.bind_password, expected.bind_password);
	assert_string_equal(record.model, expected.model);
	assert_string_equal(record.gateway, expected.gateway);
}

static void test_make(void **state)
{
	struct fixture *f = *state;
	struct stat status;
	char file[96];

	open_store(f, 0);
	assert_int_equal(store_count(f->store), 0);
	assert_int_equal(stat(f->path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	snprintf(file, sizeof(file), "%s/data.mdb", f->path);
	assert_int_equal(stat(file, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	/* one writer */
	assert_null(store_open(f->path, 0, f->error, sizeof(f->error)));
	assert_int_equal(errno, EBUSY);
	assert_non_null(strstr(f->error, f->path));
	assert_non_null(strstr(f->error, "in use"));
}

static void test_add_get_remove(void **state)
{
	struct fixture *f = *state;
	struct device_record record, *records = devices(0, 10);
	size_t failed = 99;

	open_store(f, 0);
	assert_int_equal(store_add(f->store, records, 10, &failed), 0);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(records[i].number, i);
		assert_int_equal(records[i].serial, i + 1);
		assert_stored(f, i);
	}
	assert_int_equal(store_get(f->store, "nobody", &record), -ENOENT);
	assert_int_equal(store_get(f->store, "", &record), -ENOENT);
	char longest[600];
	memset(longest, 'x', sizeof(longest) - 1);
	longest[599] = '\0';
	assert_int_equal(store_get(f->store, longest, &record), -ENOENT);
	assert_int_equal(store_remove(f->store, longest, &record), -ENOENT);
	assert_int_equal(store_remove(f->store, "nobody", &record), -ENOENT);

	/* numbers come back, the lowest first; serials never do */
	assert_int_equal(store_remove(f->store, records[7].id, &record), 0);
	assert_int_equal(record.number, 7);
	assert_string_equal(record.model, records[7].model);
	assert_int_equal(store_remove(f->store, records[7].id, &record), -ENOENT);
	assert_int_equal(store_remove(f->store, records[3].id, &record), 0);
	assert_int_equal(store_count(f->store), 8);
	close_store(f);
	open_store(f, 0);
	struct device_record *more = devices(100, 3);
	assert_int_equal(store_add(f->store, more, 3, &failed), 0);
	assert_int_equal(more[0].number, 3);
	assert_int_equal(more[1].number, 7);
	assert_int_equal(more[2].number, 10);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(more[i].serial, 11 + i);
	assert_int_equal(store_add(f->store, NULL, 0, &failed), 0);
	free(records);
	free(more);
}

/* All or none: whatever the last of many is, the registry is as it was. */
static void test_all_or_none(void **state)
{
	struct fixture *f = *state;
	struct device_record *records = devices(10, 100), record;
	size_t failed;

	open_store(f, 105);
	assert_int_equal(add(f, 0, 5), 0);
	records[99] = device(2); /* is there */
	assert_int_equal(store_add(f->store, records, 100, &failed), -EEXIST);
	assert_int_equal(failed, 99);
	records[60] = records[50]; /* twice */
	assert_int_equal(store_add(f->store, records, 100, &failed), -EEXIST);
	assert_int_equal(failed, 60);
	records[20].pin[31] = '\n';
	assert_int_equal(store_add(f->store, records, 100, &failed), -EINVAL);
	assert_int_equal(failed, 20);
	assert_int_equal(store_count(f->store), 5);
	assert_int_equal(store_get(f->store, records[0].id, &record), -ENOENT);
	free(records);
	records = devices(10, 101);
	assert_int_equal(store_add(f->store, records, 101, &failed), -ENOSPC); /* the limit */
	assert_int_equal(failed, 100);
	assert_int_equal(store_count(f->store), 5);
	assert_int_equal(store_add(f->store, records, 100, &failed), 0);
	assert_int_equal(records[0].number, 5);
	assert_int_equal(records[0].serial, 6); /* refused ones used none up */
	assert_int_equal(store_count(f->store), 105);
	assert_int_equal(add(f, 500, 1), -ENOSPC);
	assert_int_equal(store_remove(f->store, records[0].id, &record), 0);
	assert_int_equal(add(f, 500, 1), 0);
	free(records);
}

static void test_check(void **state)
{
	struct device_record record;
	const char *wrong;

	for (unsigned i = 0; i < 30; i++) {
		record = device(i);
		assert_null(device_record_check(&record));
	}
#define REFUSED(change, says)                                                                      \
	do {                                                                                       \
		record = device(1);                                                                \
		change;                                                                            \
		wrong = device_record_check(&record);                                              \
		assert_non_null(wrong);                                                            \
		assert_non_null(strstr(wrong, says));                                              \
		assert_null(strstr(wrong, "!$'"));                                                 \
	} while (0)
	REFUSED(record.id[0] = '\0', "device id");
	REFUSED(record.id[3] = '"', "device id");
	REFUSED(record.id[3] = '\\', "device id");
	REFUSED(record.id[3] = '\x7f', "device id");
	REFUSED(record.id[3] = '\x1f', "device id");
	REFUSED(record.id[3] = (char)0x80, "device id");
	REFUSED(memset(record.id, 'x', sizeof(record.id)), "device id");
	REFUSED(record.pin[0] = '\0', "PIN");
	REFUSED(record.pin[31] = (char)0xc3, "PIN");
	REFUSED(record.bind_password[7] = '\0', "bind password");
	REFUSED(record.bind_password[0] = '\t', "bind password");
	REFUSED(memset(record.bind_password, 'x', 9), "bind password");
	REFUSED(memset(record.model, 'x', sizeof(record.model)), "model");
	REFUSED(strcpy(record.model, "\n"), "model");
	REFUSED(strcpy(record.model, "\x7f"), "model");
	REFUSED(strcpy(record.model, "a\xc3"), "model");            /* cut off */
	REFUSED(strcpy(record.model, "\xc0\xaf"), "model");         /* overlong */
	REFUSED(strcpy(record.model, "\xe0\x80\xaf"), "model");     /* overlong */
	REFUSED(strcpy(record.model, "\xed\xa0\x80"), "model");     /* surrogate */
	REFUSED(strcpy(record.model, "\xf4\x90\x80\x80"), "model"); /* beyond Unicode */
	REFUSED(strcpy(record.model, "\xc2\x85"), "model");         /* a control */
	REFUSED(strcpy(record.model, "\xe2\x80\xa8"), "model");     /* a line separator */
	REFUSED(strcpy(record.model, "\xff"), "model");
	REFUSED(strcpy(record.gateway, "\""), "gateway");
	REFUSED(memset(record.gateway, 'x', sizeof(record.gateway)), "gateway");
	REFUSED(strcpy(record.gateway, record.id), "own gateway");
#undef REFUSED
	record = device(1);
	strcpy(record.model, "\xe4\xb8\xad\xe6\x96\x87 \xf0\x9f\x8f\xa0");
	memset(record.id, ' ', DEVICE_ID_MAX);
	memset(record.gateway, '~', DEVICE_ID_MAX);
	assert_null(device_record_check(&record));
}

/* The longest of everything comes back as it went in. */
static void test_longest(void **state)
{
	struct fixture *f = *state;
	struct device_record record = {0}, back;
	size_t failed;

	memset(record.id, 'i', DEVICE_ID_MAX);
	memset(record.pin, 'p', DEVICE_PIN_BYTES);
	memset(record.bind_password, 'b', DEVICE_BIND_BYTES);
	memset(record.model, 'm', DEVICE_MODEL_MAX);
	memset(record.gateway, 'g', DEVICE_ID_MAX);
	open_store(f, 0);
	assert_int_equal(store_add(f->store, &record, 1, &failed), 0);
	assert_int_equal(store_get(f->store, record.id, &back), 0);
	assert_memory_equal(&back, &record, sizeof(back));
}

struct list {
	char ids[300][DEVICE_ID_MAX + 1];
	unsigned count, stop;
};

static bool list_one(void *context, const struct device_record *record)
{
	struct list *list = context;

	strcpy(list->ids[list->count++], record->id);
	return list->count != list->stop;
}

static void test_each(void **state)
{
	struct fixture *f = *state;
	struct list list = {0};
	const struct device_record middle = device(149);

	open_store(f, 0);
	assert_int_equal(store_each(f->store, NULL, list_one, &list), 0);
	assert_int_equal(add(f, 100, 200), 0);
	assert_int_equal(add(f, 0, 100), 0);
	assert_int_equal(store_each(f->store, NULL, list_one, &list), 300);
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(atoi(list.ids[i]), i);
	list.count = 0;
	assert_int_equal(store_each(f->store, middle.id, list_one, &list), 150);
	assert_int_equal(atoi(list.ids[0]), 150);
	list = (struct list){.stop = 7};
	assert_int_equal(store_each(f->store, "", list_one, &list), 7);
	list = (struct list){0};
	/* after an id that is not there, and after the last */
	assert_int_equal(store_each(f->store, "000000000000000000000298x", list_one, &list), 1);
	assert_int_equal(store_each(f->store, "zzz", list_one, &list), 0);
}

static void test_values(void **state)
{
	struct fixture *f = *state;
	uint64_t value = 1;

	open_store(f, 0);
	assert_int_equal(store_value_get(f->store, "feed_limit", &value), 0);
	assert_int_equal(value, 0);
	assert_int_equal(store_value_put(f->store, "feed_limit", UINT64_MAX), 0);
	assert_int_equal(store_value_put(f->store, "", 1), -EINVAL);
	for (int64_t i = 1; i < 6; i++) {
		assert_int_equal(store_epoch_next(f->store), i);
		close_store(f);
		open_store(f, 0);
	}
	assert_int_equal(store_value_get(f->store, "feed_limit", &value), 0);
	assert_true(value == UINT64_MAX);
	assert_int_equal(store_count(f->store), 0);
}

/* What was reported as done is there after a SIGKILL; nothing is there by halves. */
static void test_killed(void **state)
{
	struct fixture *f = *state;
	unsigned done = 0;

	for (unsigned round = 0; round < 12; round++) {
		int reports[2], status;
		unsigned batch;
		const pid_t child = (assert_int_equal(pipe(reports), 0), fork());

		if (child == 0) {
			f->store = store_open(f->path, 0, f->error, sizeof(f->error));
			for (batch = done; f->store && add(f, batch * 10, 10) == 0;) {
				batch++;
				if (write(reports[1], &batch, sizeof(batch)) < 0)
					break;
			}
			_exit(1);
		}
		close(reports[1]);
		for (unsigned i = 0; i <= round % 4; i++)
			assert_int_equal(read(reports[0], &batch, sizeof(batch)), sizeof(batch));
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		while (read(reports[0], &batch, sizeof(batch)) == sizeof(batch))
			; /* what it still reported */
		close(reports[0]);
		open_store(f, 0);
		done = (unsigned)(store_count(f->store) / 10);
		assert_int_equal(store_count(f->store) % 10, 0);
		assert_in_range(done, batch, batch + 1); /* the last one may not be reported */
		for (unsigned i = 0; i < done * 10; i++)
			assert_stored(f, i);
		close_store(f);
	}
}

/* A full disk: the change is refused, the registry is as it was and goes on when there is room. */
static void test_disk_full(void **state)
{
	struct fixture *f = *state;
	struct rlimit before, limit;

	signal(SIGXFSZ, SIG_IGN);
	open_store(f, 0);
	assert_int_equal(add(f, 0, 100), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = (struct rlimit){.rlim_cur = 256 << 10, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	const int rc = add(f, 100, 5000);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(rc, -ENOSPC);
	assert_int_equal(store_count(f->store), 100);
	for (unsigned i = 0; i < 100; i++)
		assert_stored(f, i);
	assert_int_equal(add(f, 100, 5000), 0);
	close_store(f);
	open_store(f, 0);
	assert_int_equal(store_count(f->store), 5100);
}

static void assert_not_opened(struct fixture *f, int code, const char *says)
{
	assert_null(store_open(f->path, 0, f->error, sizeof(f->error)));
	assert_int_equal(errno, code);
	assert_non_null(strstr(f->error, f->path));
	if (!strstr(f->error, says))
		fail_msg("\"%s\" does not say \"%s\"", f->error, says);
}

static void write_file(const char *path, const void *bytes, size_t length)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, bytes, length), length);
	close(fd);
}

static void test_not_a_registry(void **state)
{
	struct fixture *f = *state;
	char file[96];
	static const char junk[20000] = "this is not LMDB";

	write_file(f->path, "x", 1);
	assert_not_opened(f, ENOTDIR, "has to name a directory");
	unlink(f->path);
	assert_int_equal(mkdir(f->path, 0700), 0);
	snprintf(file, sizeof(file), "%s/precious", f->path);
	write_file(file, "x", 1);
	assert_not_opened(f, EPROTO, "not empty");
	unlink(file);
	snprintf(file, sizeof(file), "%s/lock", f->path);
	assert_int_equal(access(file, F_OK), -1); /* nothing was left there */
	snprintf(file, sizeof(file), "%s/data.mdb", f->path);
	write_file(file, junk, sizeof(junk));
	assert_not_opened(f, EPROTO, "not a registry");
	write_file(file, junk, 100);
	assert_not_opened(f, EPROTO, "not a registry");
	unlink(file);
	snprintf(f->path + strlen(f->path), sizeof(f->path) - strlen(f->path), "/a/b");
	assert_not_opened(f, ENOENT, "cannot make the directory");
	f->path[strlen(f->path) - 4] = '\0';
}

static void damage(const char *file, off_t at, const void *bytes, size_t length)
{
	const int fd = open(file, O_WRONLY);

	assert_int_equal(pwrite(fd, bytes, length, at), length);
	close(fd);
}

static bool pass(void *context, const struct device_record *record)
{
	return true;
}

/* Everything that can be asked of a damaged registry gets an answer; the child does not crash. */
static void ask_everything(struct fixture *f)
{
	const pid_t child = fork();
	int status;

	if (child == 0) {
		struct device_record record;

		f->store = store_open(f->path, 0, f->error, sizeof(f->error));
		if (!f->store)
			_exit(f->error[0] ? 1 : 9);
		const bool whole = store_each(f->store, NULL, pass, NULL) == 2000;
		unsigned found = 0;
		for (unsigned i = 0; i < 2000; i++) {
			const struct device_record expected = device(i);

			if (store_get(f->store, expected.id, &record) != 0)
				continue;
			found++;
			if (memcmp(record.pin, expected.pin, DEVICE_PIN_BYTES) != 0)
				_exit(8); /* a damaged PIN was taken for a good one */
		}
		store_close(f->store);
		_exit(whole && found == 2000 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
		fail_msg("status %x", (unsigned)status);
}

static void test_damaged(void **state)
{
	struct fixture *f = *state;
	char file[96], zeros[4096] = "";
	struct stat status;
	uint8_t *good;

	open_store(f, 0);
	assert_int_equal(add(f, 0, 2000), 0);
	close_store(f);
	snprintf(file, sizeof(file), "%s/data.mdb", f->path);
	assert_int_equal(stat(file, &status), 0);
	good = malloc((size_t)status.st_size);
	const int fd = open(file, O_RDONLY);
	assert_int_equal(read(fd, good, (size_t)status.st_size), status.st_size);
	close(fd);

	ask_everything(f);
	/* cut off at many places: no SIGBUS */
	for (off_t bytes = 0; bytes < status.st_size; bytes += 3 * 4096 + 100) {
		write_file(file, good, (size_t)bytes);
		ask_everything(f);
	}
	/* pages lost */
	for (off_t page = 0; page < status.st_size / 4096; page += 3) {
		write_file(file, good, (size_t)status.st_size);
		damage(file, page * 4096, zeros, sizeof(zeros));
		ask_everything(f);
	}
	/* a bit of a record: it is named as damaged, never used */
	uint8_t *pin = memmem(good, (size_t)status.st_size, device(77).pin, DEVICE_PIN_BYTES);
	assert_non_null(pin);
	for (unsigned i = 0; i < DEVICE_PIN_BYTES; i += 5) {
		struct device_record record;
		const uint8_t flipped = pin[i] ^ 0x01;

		write_file(file, good, (size_t)status.st_size);
		for (off_t at = pin - good; at < status.st_size;) {
			uint8_t *next;

			damage(file, at + (off_t)i, &flipped, 1); /* in old copies too */
			next = memmem(good + at + 1, (size_t)(status.st_size - at - 1),
				device(77).pin, DEVICE_PIN_BYTES);
			at = next ? next - good : status.st_size;
		}
		ask_everything(f);
		open_store(f, 0);
		assert_int_equal(store_get(f->store, device(77).id, &record), -EIO);
		assert_int_equal(store_each(f->store, NULL, pass, NULL), -EIO);
		assert_stored(f, 78);
		close_store(f);
	}
	free(good);
}

static void test_many(void **state)
{
	struct fixture *f = *state;

	open_store(f, 100000);
	assert_int_equal(add(f, 0, 100000), 0);
	assert_int_equal(store_count(f->store), 100000);
	close_store(f);
	open_store(f, 100000);
	assert_int_equal(store_each(f->store, NULL, pass, NULL), 100000);
	assert_stored(f, 99999);
	assert_int_equal(add(f, 100000, 1), -ENOSPC);
}

#define row(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* ---- bindings ---- */

struct bindings {
	struct store_binding found[8];
	unsigned count;
};

static bool note(void *context, const struct store_binding *binding)
{
	struct bindings *bindings = context;

	assert_true(bindings->count < 8);
	bindings->found[bindings->count++] = *binding;
	return true;
}

static struct bindings all_bindings(struct fixture *f)
{
	struct bindings bindings = {.count = 0};

	const int64_t visited = store_each_binding(f->store, note, &bindings);

	assert_int_equal(visited, bindings.count);
	return bindings;
}

static void test_bindings(void **state)
{
	struct fixture *f = *state;
	const struct store_binding changes[] = {{10, 11, 1, 2}, {11, 12, 1, 2}, {12, 13, 2, 3},
		{13, 14, 0, 1}, {10, 11, 2, 3}, {12, 13, DEVICE_NONE, 0}};
	struct device_record removed;
	struct bindings now;

	open_store(f, 0);
	assert_int_equal(add(f, 0, 20), 0);
	assert_int_equal(store_bind(f->store, changes, 6), 0);
	close_store(f);
	open_store(f, 0);
	now = all_bindings(f);
	assert_int_equal(now.count, 3);
	assert_memory_equal(&now.found[0], &changes[4], sizeof(changes[0]));
	assert_memory_equal(&now.found[1], &changes[1], sizeof(changes[0]));
	assert_memory_equal(&now.found[2], &changes[3], sizeof(changes[0]));
	assert_int_equal(store_bind(f->store, &changes[5], 1), 0); /* there is none: done */
	assert_int_equal(store_bind(f->store, NULL, 0), 0);
	/* a gateway, a sub-device, and one that is neither */
	assert_int_equal(store_remove(f->store, device(1).id, &removed), 0);
	assert_int_equal(all_bindings(f).count, 2);
	assert_int_equal(store_remove(f->store, device(13).id, &removed), 0);
	assert_int_equal(store_remove(f->store, device(19).id, &removed), 0);
	now = all_bindings(f);
	assert_int_equal(now.count, 1);
	assert_int_equal(now.found[0].device, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		row(test_make),
		row(test_add_get_remove),
		row(test_all_or_none),
		cmocka_unit_test(test_check),
		row(test_longest),
		row(test_each),
		row(test_values),
		row(test_killed),
		row(test_disk_full),
		row(test_not_a_registry),
		row(test_damaged),
		row(test_many),
		row(test_bindings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
