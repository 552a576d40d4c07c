/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_session_token.c - tokens and keys: unique, unforgeable, unreadable */

#include "session_fixture.h"

static void test_login(void **state)
{
	struct fixture *f = *state;
	struct session_turn copy;
	char token[SESSION_TOKEN_CHARS];

	assert_int_equal(open_with(f, 10, 1), 0);
	assert_false(session_peek(f->table, 0, &copy));
	assert_false(session_peek(f->table, 10, &copy));
	assert_false(session_peek(f->table, SESSION_NONE, &copy));
	for (uint32_t device = 0; device < 10; device++) {
		const struct login login = log_in(f, device, 500 + device);

		assert_int_not_equal(login.index, SESSION_NONE);
		assert_int_equal(find(f, login.token), login.index);
		assert_memory_equal(session_key(f->table, login.index), login.key, 16);
		session_token(f->table, login.index, token);
		assert_memory_equal(token, login.token, sizeof(token));
		for (unsigned i = 0; i < 16; i++) {
			assert_non_null(memchr(session_alphabet, login.token[i], 64));
			assert_non_null(memchr(session_alphabet, login.key[i], 64));
		}
		assert_true(session_peek(f->table, login.index, &copy));
		assert_int_equal(copy.state, SESSION_LOGIN);
		assert_int_equal(copy.device, device);
		assert_int_equal(copy.serial, device + 1000);
		assert_int_equal(copy.heard, 500 + device);
		assert_int_equal(copy.login_time, 1700000000);
	}
	check_lists(f->worker);
	assert_int_equal(log_in(f, 11, 1).index, SESSION_NONE);
	assert_int_equal(session_counters(f->worker)[SESSION_FULL], 1);
	assert_int_equal(session_counters(f->worker)[SESSION_LOGINS], 10);
	assert_int_equal(session_counts(f->worker).login, 10);
	assert_string_equal(session_counter_info[SESSION_FULL].name, "session_full");
}

/* K3: unforgeable. No token that differs in one bit or one character names anything. */
static void test_token_flips(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(open_with(f, 64, 2), 0);
	for (unsigned i = 0; i < 32; i++) {
		const struct login login = log_in(f, i, 1);
		char changed[SESSION_TOKEN_CHARS];

		for (unsigned bit = 0; bit < 128; bit++) {
			memcpy(changed, login.token, sizeof(changed));
			changed[bit / 8] = (char)(changed[bit / 8] ^ 1 << bit % 8);
			assert_int_equal(find(f, changed), SESSION_NONE);
		}
		for (unsigned at = 0; at < 16; at++) {
			memcpy(changed, login.token, sizeof(changed));
			for (unsigned c = 0; c < 256; c++) {
				changed[at] = (char)c;
				assert_int_equal(find(f, changed), changed[at] == login.token[at]
									   ? login.index
									   : SESSION_NONE);
			}
		}
	}
	/* of a free entry, whose random bits are wiped */
	char zero[SESSION_TOKEN_CHARS];
	session_token(f->table, 40, zero);
	assert_int_equal(find(f, zero), SESSION_NONE);
}

/* Many tokens sought together, good ones between bad ones, name what each names alone. */
static void test_many_tokens(void **state)
{
	struct fixture *f = *state;
	char tokens[40][SESSION_TOKEN_CHARS];
	const uint8_t *all[40];
	struct session_seek seeks[40];
	uint32_t indexes[40];

	assert_int_equal(open_with(f, 64, 1), 0);
	for (unsigned i = 0; i < 40; i++) {
		const struct login login = log_in(f, i, 1);

		memcpy(tokens[i], login.token, SESSION_TOKEN_CHARS);
		all[i] = (const uint8_t *)tokens[i];
		indexes[i] = i % 3 ? login.index : SESSION_NONE;
		if (i % 3 == 0)
			tokens[i][i % 16] = i % 2 ? '!' : '~';
	}
	for (unsigned count = 0; count <= 40; count++) {
		session_seek(f->table, all, count, seeks);
		for (unsigned i = 0; i < count; i++)
			assert_int_equal(session_sought(f->table, &seeks[i]), indexes[i]);
	}
}

/* Indexes are not to be read from tokens: the same index is written differently each time. */
static void test_token_mask(void **state)
{
	struct fixture *f = *state;
	unsigned alike = 0;
	char last[5] = "";

	assert_int_equal(open_with(f, 1, 1), 0);
	for (unsigned i = 0; i < 1000; i++) {
		const struct login login = log_in(f, i, 1);

		assert_int_equal(login.index, 0);
		alike += memcmp(login.token, last, 5) == 0;
		memcpy(last, login.token, 5);
		become(f, 0, SESSION_FREE, SESSION_VIA_NONE, 1, 0);
	}
	assert_true(alike < 3);
}

static int compare_16(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

/* A million keys and a million tokens from the system's source, no two alike;
 * HEARTH_TEST_LOGINS sets another number: 10 million have been looked at. */
static void test_K3_keys_and_tokens_never_repeat(void **state)
{
	struct fixture *f = *state;
	const char *asked = getenv("HEARTH_TEST_LOGINS");
	const uint32_t logins = asked ? (uint32_t)atol(asked) : 1000000, batch = 1000;
	struct random *random = random_system_new();
	uint8_t *keys = malloc(16ull * logins), *tokens = malloc(16ull * logins);

	assert_non_null(random);
	assert_int_equal(open_with(f, batch, 1), 0);
	session_worker_random(f->worker, random);
	for (uint32_t i = 0; i < logins; i++) {
		const uint32_t index = session_login(
			f->worker, i, i, 1, 1, keys + 16ull * i, (char *)tokens + 16ull * i);

		assert_int_not_equal(index, SESSION_NONE);
		session_touch(f->worker, index)->state =
			i & 1 ? SESSION_FREE : SESSION_RESTING; /* reused either way */
		if (i % batch == batch - 1)
			session_commit(f->worker);
	}
	qsort(keys, logins, 16, compare_16);
	qsort(tokens, logins, 16, compare_16);
	for (uint32_t i = 1; i < logins; i++)
		if (compare_16(keys + 16ull * i, keys + 16ull * (i - 1)) == 0 ||
			compare_16(tokens + 16ull * i, tokens + 16ull * (i - 1)) == 0)
			fail_msg("a key or token was given out twice");
	assert_true(session_counters(f->worker)[SESSION_RECLAIMED] > logins / 4);
	session_commit(f->worker);
	check_lists(f->worker);
	free(keys);
	free(tokens);
	random_system_free(random);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		row(test_login),
		row(test_token_flips),
		row(test_many_tokens),
		row(test_token_mask),
		row(test_K3_keys_and_tokens_never_repeat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
