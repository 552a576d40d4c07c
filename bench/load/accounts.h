/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* accounts.h - which of a device's reports the ring has brought: each once, or it is told */
#pragma once

#include <stdint.h>

/** Reports behind the newest seen that may still come: later ones count as lost for good. */
#define ACCOUNT_WINDOW 32

/**
 * struct account - of one device
 * @sent: number of its newest report; they count from 1
 * @seen: the newest that the ring brought
 * @missing: bit k: report seen - 1 - k has not come yet
 */
struct account {
	uint32_t sent, seen, missing;
};

enum account_verdict {
	ACCOUNT_NEW,
	ACCOUNT_DOUBLED,
	ACCOUNT_UNSENT /* a number that no report had */
};

/**
 * account_seen() - report @n has come
 * @gone: counts reports that are now too far behind to be told apart: lost
 */
static inline enum account_verdict account_seen(struct account *account, uint32_t n, uint64_t *gone)
{
	uint32_t ahead = n - account->seen, behind;
	uint64_t missing;

	if (n == 0 || n > account->sent)
		return ACCOUNT_UNSENT;
	if (n > account->seen) {
		account->seen = n;
		if (ahead == 1 && account->missing == 0)
			return ACCOUNT_NEW;
		/* what lay between is missing, at bits 0 to ahead - 2 */
		if (ahead > ACCOUNT_WINDOW) {
			*gone += (uint32_t)__builtin_popcount(account->missing) + ahead - 1 -
				 ACCOUNT_WINDOW;
			account->missing = UINT32_MAX;
			return ACCOUNT_NEW;
		}
		missing = (uint64_t)account->missing << ahead | ((UINT64_C(1) << (ahead - 1)) - 1);
		*gone += (uint32_t)__builtin_popcountll(missing >> ACCOUNT_WINDOW);
		account->missing = (uint32_t)missing;
		return ACCOUNT_NEW;
	}
	behind = account->seen - n;
	if (behind == 0 || behind > ACCOUNT_WINDOW || !(account->missing >> (behind - 1) & 1))
		return ACCOUNT_DOUBLED;
	account->missing &= ~(UINT32_C(1) << (behind - 1));
	return ACCOUNT_NEW;
}

/** account_owed() - reports sent that have not come, those that are gone left out. */
static inline uint32_t account_owed(const struct account *account)
{
	return account->sent - account->seen + (uint32_t)__builtin_popcount(account->missing);
}
