/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_command_damage.c - command rings whose writer means no good, or whose memory is not what it
 * was: given up alone, counted, never believed */
#include "command_fixture.h"
#include "feed_fixture.h"

static const char device[] = "000000000000000000000001";
static const char body[] = "{\"serialId\":\"0\",\"cmd\":[]}";

enum { HEAD_AT = FEED_PAGE, NEXT_AT = 2 * FEED_PAGE, TAKEN_AT = NEXT_AT + 128 };
enum { CLOSED_AT = NEXT_AT + 256, DATA_AT = COMMAND_PAGES * FEED_PAGE };

static int teardown(void **state)
{
	char name[32];

	for (unsigned n = 0; n < COMMAND_RINGS_MAX; n++) {
		snprintf(name, sizeof(name), ".commands.%u", n);
		fixture_remove(name);
	}
	return fixture_teardown(state);
}

/**
 * struct scene - ring 0, whose writer is the attacker, and ring 1, which must go on
 */
struct scene {
	struct command_rings *rings;
	struct hearth_commands *attacker, *canary;
	unsigned canary_sent;
};

static struct scene open_scene(void)
{
	struct scene scene = {.rings = command_fixture_rings(fixture_path)};

	scene.attacker = command_fixture_writer(scene.rings, HEARTH_COMMANDS_BACKEND, 0);
	scene.canary = command_fixture_writer(scene.rings, 0, 1);
	return scene;
}

static void close_scene(struct scene *scene)
{
	hearth_commands_close(scene->attacker);
	hearth_commands_close(scene->canary);
	command_rings_reap(scene->rings);
	for (unsigned n = 0; n < 2; n++) {
		struct command_ring_view view;

		assert_false(command_rings_view(scene->rings, n, &view));
	}
	command_rings_close(scene->rings);
}

/* Only the canary's commands come. */
static void canary(struct scene *scene)
{
	struct command_item item;
	uint64_t request = command_fixture_send(scene->canary, device, 2031, body, 0);

	assert_true(command_ring_next(scene->rings, 0, 1, &item));
	assert_true(command_fixture_is(&item, request, device, 2031, body));
	assert_false(command_ring_next(scene->rings, 0, 1, &item));
	command_rings_taken(scene->rings, 0, 1);
	assert_int_equal(hearth_commands_waiting(scene->canary), 0);
}

/* Ring 0 was given up, once, for that reason, and its writer knows. */
static void assert_given_up(struct scene *scene, enum command_ring_counter why)
{
	struct hearth_command command = {.device = device,
		.device_length = sizeof(device) - 1,
		.code = 2003,
		.payload = body,
		.payload_length = sizeof(body) - 1};
	struct command_ring_view view;

	canary(scene);
	canary(scene);
	assert_int_equal(command_ring_counters(scene->rings, 0)[why], 1);
	assert_true(command_rings_view(scene->rings, 0, &view));
	assert_true(view.damaged);
	command_rings_reap(scene->rings);
	assert_int_equal(command_rings_backends(scene->rings), 0);
	assert_int_equal(hearth_command_send(scene->attacker, &command, NULL), -ESTALE);
}

static void test_head(void **state)
{
	/* relative to three records of 112 bytes, one of them taken */
	static const uint64_t heads[] = {0, 16, 112, 224, 335, 337, 344, 112 + 262144 + 16,
		UINT64_MAX, UINT64_MAX - 15, (uint64_t)1 << 63, (uint64_t)1 << 40};

	for (unsigned i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		struct scene scene = open_scene();
		struct command_item item;

		for (unsigned n = 0; n < 3; n++) {
			command_fixture_send(scene.attacker, device, 2003, body, 0);
			assert_true(command_ring_next(scene.rings, 0, 1, &item));
			if (n == 0)
				command_rings_taken(scene.rings, 0, 1);
		}
		fixture_poke(".commands.0", HEAD_AT, &heads[i], sizeof(heads[i]));
		assert_false(command_ring_next(scene.rings, 0, 1, &item));
		/* what was staged before is taken all the same */
		command_rings_taken(scene.rings, 0, 1);
		assert_int_equal(hearth_commands_waiting(scene.attacker), 0);
		assert_given_up(&scene, COMMAND_BAD_CURSOR);
		close_scene(&scene);
	}
}

/* A head between records is a record cut short. */
static void test_head_too_early(void **state)
{
	for (uint64_t head = 16; head < 112; head += 16) {
		struct scene scene = open_scene();
		struct command_item item;

		command_fixture_send(scene.attacker, device, 2003, body, 0);
		fixture_poke(".commands.0", HEAD_AT, &head, sizeof(head));
		assert_false(command_ring_next(scene.rings, 0, 1, &item));
		assert_given_up(&scene, COMMAND_BAD_RECORD);
		close_scene(&scene);
	}
}

/* Every bit of a record that means something. */
static void test_every_bit(void **state)
{
	const size_t used = sizeof(struct command_record) + sizeof(device) - 1 + sizeof(body) - 1;
	uint8_t record[112];

	assert_true(used < sizeof(record));
	for (size_t bit = 0; bit < sizeof(record) * 8; bit++) {
		struct command_rings *rings = command_fixture_rings(fixture_path);
		struct hearth_commands *commands = command_fixture_writer(rings, 0, 0);
		struct command_item item;
		bool sound;

		command_fixture_send(commands, device, 2003, body, 0);
		fixture_peek(".commands.0", DATA_AT, record, sizeof(record));
		record[bit / 8] ^= 1 << bit % 8;
		fixture_poke(".commands.0", DATA_AT, record, sizeof(record));
		sound = command_ring_next(rings, 0, 1, &item);
		assert_int_equal(sound, bit / 8 >= used);
		hearth_commands_close(commands);
		command_rings_close(rings);
		fixture_remove(".commands.0");
	}
}

/* Records that are wrong although their checksum is right. */
static void test_sealed_nonsense(void **state)
{
	struct command_record good = {.length = 112,
		.request = COMMAND_FIXTURE_FIRST,
		.code = 2003,
		.payload_length = sizeof(body) - 1,
		.device_length = sizeof(device) - 1,
		.kind = COMMAND_REQUEST};
	struct command_record rows[18];
	uint8_t bytes[128] = {0};
	unsigned count = 0;

#define ROW(member, is) rows[count] = good, rows[count++].member = is
	ROW(length, 0);
	ROW(length, 48);
	ROW(length, 96);
	ROW(length, 104);
	ROW(length, 128);
	ROW(length, UINT32_MAX);
	ROW(length, UINT32_MAX - 15);
	ROW(request, 0);
	ROW(request, COMMAND_FIXTURE_FIRST - 1);
	ROW(request, COMMAND_FIXTURE_FIRST + 1);
	ROW(request, UINT64_MAX);
	ROW(device_length, 0);
	ROW(device_length, COMMAND_DEVICE_MAX + 1);
	ROW(payload_length, HEARTH_COMMAND_PAYLOAD_MAX + 1);
	ROW(payload_length, UINT32_MAX);
	ROW(kind, 0);
	ROW(kind, 3);
	ROW(kind, 255);
#undef ROW
	assert_int_equal(count, sizeof(rows) / sizeof(rows[0]));
	for (unsigned i = 0; i <= count; i++) {
		struct scene scene = open_scene();
		struct command_record *record = (struct command_record *)bytes;
		uint64_t head = 112;
		struct command_item item;

		*record = i < count ? rows[i] : good;
		memcpy(bytes + sizeof(*record), device, sizeof(device) - 1);
		memcpy(bytes + sizeof(*record) + sizeof(device) - 1, body, sizeof(body) - 1);
		if (command_used(record) <= sizeof(bytes))
			record->checksum = command_checksum(record, bytes);
		fixture_poke(".commands.0", DATA_AT, bytes, sizeof(bytes));
		fixture_poke(".commands.0", HEAD_AT, &head, sizeof(head));
		/* the good one shows that the others are refused for what is wrong with them */
		assert_int_equal(command_ring_next(scene.rings, 0, 1, &item), i == count);
		if (i < count) {
			assert_given_up(&scene, COMMAND_BAD_RECORD);
		} else {
			assert_true(command_fixture_is(
				&item, COMMAND_FIXTURE_FIRST, device, 2003, body));
			command_rings_taken(scene.rings, 0, 1);
		}
		close_scene(&scene);
	}
}

/* A writer that goes on behind its last id finds nobody who takes it. */
static void test_more_than_its_ids(void **state)
{
	struct scene scene = open_scene();
	struct command_header header;
	struct command_record record = {.length = 48 + 16,
		.code = 2003,
		.payload_length = 2,
		.device_length = 1,
		.kind = COMMAND_REQUEST};
	uint8_t bytes[64] = {0};
	uint64_t next, head = sizeof(bytes);
	struct command_item item;

	hearth_commands_close(scene.attacker);
	command_rings_close(scene.rings);
	/* a ring whose ids are all used, as its broker's page says */
	fixture_peek(".commands.0", 0, &header, sizeof(header));
	next = header.first_request + header.requests;
	fixture_poke(".commands.0", NEXT_AT, &next, sizeof(next));
	scene.rings = command_fixture_rings(fixture_path);
	record.request = next;
	memcpy(bytes + sizeof(record), "d{}", 3);
	record.checksum = command_checksum(&record, bytes);
	memcpy(bytes, &record, sizeof(record));
	fixture_poke(".commands.0", DATA_AT, bytes, sizeof(bytes));
	fixture_poke(".commands.0", HEAD_AT, &head, sizeof(head));
	assert_false(command_ring_next(scene.rings, 0, 1, &item));
	assert_int_equal(command_ring_counters(scene.rings, 0)[COMMAND_BAD_RECORD], 1);
	command_rings_reap(scene.rings);
	hearth_commands_close(scene.canary);
	command_rings_close(scene.rings);
}

/* ---- what is found at the start ---- */

/* Open the broker's side over a ring that cannot be used. */
static void assert_removed(const char *words)
{
	struct command_rings *rings;
	struct command_ring_view view;
	char error[512] = "", path[128];

	assert_int_equal(command_rings_open(&rings, fixture_path, error, sizeof(error)), 0);
	if (!strstr(error, words))
		fail_msg("%s", error);
	assert_false(command_rings_view(rings, 0, &view));
	snprintf(path, sizeof(path), "%s.commands.0", fixture_path);
	assert_int_equal(access(path, F_OK), -1);
	/* the place is free again */
	hearth_commands_close(command_fixture_writer(rings, 0, 7));
	command_rings_close(rings);
	fixture_remove(".commands.0");
}

static struct hearth_commands *leave_ring(unsigned records)
{
	struct command_rings *rings = command_fixture_rings(fixture_path);
	struct hearth_commands *commands = command_fixture_writer(rings, 0, 0);

	for (unsigned i = 0; i < records; i++)
		command_fixture_send(commands, device, 2003, body, 0);
	command_rings_close(rings);
	return commands;
}

static void test_header(void **state)
{
	for (unsigned at = 0; at < sizeof(struct command_header); at++) {
		struct hearth_commands *commands = leave_ring(1);
		uint8_t byte;

		fixture_peek(".commands.0", at, &byte, 1);
		byte ^= 0x40;
		fixture_poke(".commands.0", at, &byte, 1);
		assert_removed("damaged, or of another version");
		hearth_commands_close(commands);
	}
}

static void test_cursors(void **state)
{
	static const struct {
		unsigned at;
		uint64_t value;
	} rows[] = {
		{HEAD_AT, 8},
		{HEAD_AT, 1 << 30},
		{HEAD_AT, UINT64_MAX - 15},
		{TAKEN_AT, 8},
		{TAKEN_AT, 3 * 112 + 16},
		{TAKEN_AT, UINT64_MAX - 15},
		{TAKEN_AT, 16},
		{NEXT_AT, 0},
		{NEXT_AT, COMMAND_FIXTURE_FIRST - 1},
		{NEXT_AT, 2 * COMMAND_FIXTURE_FIRST + 1},
		{NEXT_AT, UINT64_MAX},
		{CLOSED_AT, 1},
		/* further than the records that are there, but those before it must be sound */
		{TAKEN_AT, 112},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hearth_commands *commands = leave_ring(3);

		fixture_poke(".commands.0", rows[i].at, &rows[i].value, 8);
		assert_removed("damaged, or of another version");
		hearth_commands_close(commands);
	}
}

/* The writer lives: it learns that nobody takes what it sends. */
static void test_writer_of_a_removed_ring(void **state)
{
	struct hearth_commands *commands = leave_ring(1);
	struct hearth_command command = {
		.device = "d", .device_length = 1, .payload = "{}", .payload_length = 2};
	uint64_t taken = 8;

	fixture_poke(".commands.0", TAKEN_AT, &taken, sizeof(taken));
	assert_removed("damaged");
	assert_int_equal(hearth_command_send(commands, &command, NULL), -ESTALE);
	hearth_commands_close(commands);
	/* its file went with all memory: there is nothing that could say so */
	commands = leave_ring(0);
	fixture_remove(".commands.0");
	assert_int_equal(hearth_command_send(commands, &command, NULL), -ESTALE);
	hearth_commands_close(commands);
}

/* The broker's page is not what it was: the writer neither writes over anything nor sends on. */
static void test_writer_distrusts(void **state)
{
	static const uint64_t values[] = {8, 112 * 3 + 16, UINT64_MAX - 15, 1 << 30};

	for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct hearth_commands *commands = leave_ring(3);
		struct hearth_command command = {
			.device = "d", .device_length = 1, .payload = "{}", .payload_length = 2};

		fixture_poke(".commands.0", TAKEN_AT, &values[i], 8);
		assert_int_equal(hearth_command_send(commands, &command, NULL), -ESTALE);
		hearth_commands_close(commands);
		fixture_remove(".commands.0");
	}
}

static void test_other_things_there(void **state)
{
	char path[128], other[128];
	int fd;

	snprintf(path, sizeof(path), "%s.commands.0", fixture_path);
	snprintf(other, sizeof(other), "%s.commands.1", fixture_path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_removed("damaged, or of another version");
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_removed("removed");
	assert_int_equal(access("/etc/passwd", F_OK), 0);
	fd = open(path, O_CREAT | O_RDWR, 0600);
	close(fd);
	assert_removed("damaged, or of another version");
	/* too short for what its header says: whoever maps it would die of it */
	hearth_commands_close(leave_ring(1));
	assert_int_equal(truncate(path, DATA_AT), 0);
	assert_removed("damaged, or of another version");
	/* another ring's */
	hearth_commands_close(leave_ring(1));
	assert_int_equal(rename(path, other), 0);
	{
		struct command_rings *rings;
		char error[512];

		assert_int_equal(command_rings_open(&rings, fixture_path, error, sizeof(error)), 0);
		assert_non_null(strstr(error, "commands.1"));
		assert_int_equal(access(other, F_OK), -1);
		command_rings_close(rings);
	}
}

/* Only a ring that nobody has written yet has a writer that knows its ids. */
static void test_attach_once(void **state)
{
	struct hearth_commands *commands = leave_ring(1);
	char path[128];

	snprintf(path, sizeof(path), "%s.commands.0", fixture_path);
	assert_null(commands_attach(open(path, O_RDWR), path, "feed"));
	assert_int_equal(errno, EPROTO);
	hearth_commands_close(commands);
	fixture_poke(".commands.0", 0, "x", 1);
	assert_null(commands_attach(open(path, O_RDWR), path, "feed"));
	assert_int_equal(errno, EPROTO);
}

/* Given back for lack of room, and damaged before it came again: of a ring whose memory is gone
 * nothing is staged any more. */
static void test_damaged_behind_what_was_given_back(void **state)
{
	struct scene scene = open_scene();
	struct command_item item;

	command_fixture_send(scene.attacker, device, 2003, body, 0);
	assert_true(command_ring_next(scene.rings, 0, 1, &item));
	command_ring_back(scene.rings, 0, 1);
	fixture_poke(".commands.0", DATA_AT, "x", 1);
	assert_false(command_ring_next(scene.rings, 0, 1, &item));
	assert_int_equal(command_ring_counters(scene.rings, 0)[COMMAND_BAD_RECORD], 1);
	hearth_commands_close(scene.attacker);
	command_rings_reap(scene.rings);
	canary(&scene);
	scene.attacker = command_fixture_writer(scene.rings, 0, 2);
	close_scene(&scene);
}

#define DAMAGE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DAMAGE_TEST(test_head),
		DAMAGE_TEST(test_head_too_early),
		DAMAGE_TEST(test_every_bit),
		DAMAGE_TEST(test_sealed_nonsense),
		DAMAGE_TEST(test_more_than_its_ids),
		DAMAGE_TEST(test_damaged_behind_what_was_given_back),
		DAMAGE_TEST(test_header),
		DAMAGE_TEST(test_cursors),
		DAMAGE_TEST(test_writer_of_a_removed_ring),
		DAMAGE_TEST(test_writer_distrusts),
		DAMAGE_TEST(test_other_things_there),
		DAMAGE_TEST(test_attach_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
