/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* identity.c - ids, PINs and first numbers by a keyed function of seed and index */
#include "identity.h"

#include "digits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER "device_id,pin\n"
#define ROW (IDENTITY_ID + 1 + IDENTITY_PIN + 1)
#define ROWS_AT_ONCE 16384

void identity_init(struct identity *identity, uint64_t seed)
{
	identity->key = (struct siphash_key){seed, 0x6861727468000001ull ^ ~seed};
	memcpy(identity->head, "4000000000000000", sizeof(identity->head));
}

void identity_id(const struct identity *identity, uint32_t index, char id[IDENTITY_ID])
{
	uint64_t digits = digits8(index);

	memcpy(id, identity->head, sizeof(identity->head));
	memcpy(id + sizeof(identity->head), &digits, sizeof(digits));
}

void identity_pin(const struct identity *identity, uint32_t index, char pin[IDENTITY_PIN])
{
	static const char alphabet[] =
		"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	for (unsigned quarter = 0; quarter < 4; quarter++) {
		uint64_t word = siphash_16(&identity->key, index, quarter);

		for (unsigned i = 0; i < 8; i++, word >>= 8)
			*pin++ = alphabet[(word & 255) * 62 >> 8];
	}
}

uint32_t identity_index(const struct identity *identity, const char id[IDENTITY_ID])
{
	uint64_t digits, high;

	if (memcmp(id, identity->head, sizeof(identity->head)) != 0)
		return UINT32_MAX;
	memcpy(&digits, id + sizeof(identity->head), 8);
	digits ^= 0x3030303030303030ull;
	high = (digits + 0x7676767676767676ull) | digits;
	if (high & 0x8080808080808080ull)
		return UINT32_MAX;
	/* Pairs, fours, eight: the first digit lies lowest. */
	digits = (digits * 10 + (digits >> 8)) & 0x00ff00ff00ff00ffull;
	digits = (digits * 100 + (digits >> 16)) & 0x0000ffff0000ffffull;
	return (uint32_t)((digits & 0xffffffff) * 10000 + (digits >> 32));
}

static int write_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t written = write(fd, bytes, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		bytes += written;
		length -= (size_t)written;
	}
	return 0;
}

int identity_csv(const struct identity *identity, uint32_t count, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), rc = -ENOMEM;
	char *rows = malloc((size_t)ROWS_AT_ONCE * ROW);

	/* The file may have been there with another mode. */
	if (fd < 0 || fchmod(fd, 0600) < 0) {
		rc = -errno;
		goto out;
	}
	if (!rows)
		goto out;
	rc = write_all(fd, HEADER, strlen(HEADER));
	for (uint32_t index = 0; index < count && rc == 0;) {
		char *at = rows;

		for (; index < count && at < rows + (size_t)ROWS_AT_ONCE * ROW;
			index++, at += ROW) {
			identity_id(identity, index, at);
			at[IDENTITY_ID] = ',';
			identity_pin(identity, index, at + IDENTITY_ID + 1);
			at[ROW - 1] = '\n';
		}
		rc = write_all(fd, rows, (size_t)(at - rows));
	}
out:
	free(rows);
	if (fd >= 0 && close(fd) < 0 && rc == 0)
		rc = -errno;
	return rc;
}
