/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_load_accounts.c - a lost, a doubled and a foreign report are each told */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "accounts.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void test_in_order_nothing_is_owed(void **state)
{
	struct account account = {.sent = 100};
	uint64_t gone = 0;

	for (uint32_t n = 1; n <= 100; n++)
		assert_int_equal(account_seen(&account, n, &gone), ACCOUNT_NEW);
	assert_int_equal(account_owed(&account), 0);
	assert_int_equal(gone, 0);
}

static void test_a_lost_one_is_owed_until_it_comes(void **state)
{
	struct account account = {.sent = 5};
	uint64_t gone = 0;

	account_seen(&account, 1, &gone);
	account_seen(&account, 3, &gone);
	assert_int_equal(account_owed(&account), 3); /* 2, 4, 5 */
	account_seen(&account, 5, &gone);
	assert_int_equal(account_owed(&account), 2);
	assert_int_equal(account_seen(&account, 2, &gone), ACCOUNT_NEW);
	assert_int_equal(account_owed(&account), 1);
	assert_int_equal(account_seen(&account, 2, &gone), ACCOUNT_DOUBLED);
}

static void test_a_doubled_one_is_told(void **state)
{
	struct account account = {.sent = 50};
	uint64_t gone = 0;

	for (uint32_t n = 1; n <= 50; n++)
		account_seen(&account, n, &gone);
	for (uint32_t n = 1; n <= 50; n++)
		assert_int_equal(account_seen(&account, n, &gone), ACCOUNT_DOUBLED);
	assert_int_equal(account_owed(&account), 0);
}

static void test_one_never_sent_is_told(void **state)
{
	struct account account = {.sent = 5, .seen = 3};
	uint64_t gone = 0;

	assert_int_equal(account_seen(&account, 0, &gone), ACCOUNT_UNSENT);
	assert_int_equal(account_seen(&account, 6, &gone), ACCOUNT_UNSENT);
	assert_int_equal(account_owed(&account), 2);
}

/* Against a plain array: lost is what never came, however the rest was shuffled. */
static void test_agrees_with_a_list(void **state)
{
	enum { REPORTS = 3000 };
	static unsigned char came[REPORTS + 1];

	for (unsigned seed = 1; seed <= 40; seed++) {
		struct account account = {.sent = REPORTS};
		uint64_t gone = 0, doubled = 0, late = 0, owed = 0, want_doubled = 0;
		uint32_t at = 0;

		srand(seed);
		memset(came, 0, sizeof(came));
		while (at < REPORTS) {
			unsigned choice = (unsigned)rand() % 100;
			uint32_t n = ++at;

			if (choice < 5 * (seed % 4))
				continue; /* lost, or later */
			if (choice < 30 && at > 40)
				n = at - (uint32_t)rand() % 32; /* an older one */
			if (choice == 99 && seed % 3 == 0)
				at += (uint32_t)rand() % 80; /* many at once */
			want_doubled += came[n];
			switch (account_seen(&account, n, &gone)) {
			case ACCOUNT_NEW:
				late += came[n];
				break;
			case ACCOUNT_DOUBLED:
				doubled++;
				break;
			case ACCOUNT_UNSENT:
				fail();
			}
			came[n] = 1;
		}
		assert_int_equal(late, 0);
		assert_int_equal(doubled, want_doubled);
		for (uint32_t n = 1; n <= REPORTS; n++)
			owed += !came[n];
		assert_int_equal(account_owed(&account) + gone, owed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order_nothing_is_owed),
		cmocka_unit_test(test_a_lost_one_is_owed_until_it_comes),
		cmocka_unit_test(test_a_doubled_one_is_told),
		cmocka_unit_test(test_one_never_sent_is_told),
		cmocka_unit_test(test_agrees_with_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
