/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* table.h - numbers as people read them, and rows of them */
#pragma once

#include <stdint.h>
#include <stdio.h>

/** Bytes that a cell's text has room for. */
#define CELL 48

/** cell_count() - "1,234,567". Return: @cell. */
static inline const char *cell_count(char cell[CELL], uint64_t value)
{
	char digits[24];
	int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value), out = 0;

	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			cell[out++] = ',';
		cell[out++] = digits[i];
	}
	cell[out] = '\0';
	return cell;
}

/** cell_share() - "12.3 %". Return: @cell. */
static inline const char *cell_share(char cell[CELL], double share)
{
	snprintf(cell, CELL, "%.1f %%", 100 * share);
	return cell;
}

/** cell_us() - nanoseconds as "12.3", microseconds. Return: @cell. */
static inline const char *cell_us(char cell[CELL], uint64_t ns)
{
	snprintf(cell, CELL, "%.1f", (double)ns / 1000);
	return cell;
}

/** table_row() - a name and @count cells in columns. */
static inline void table_row(FILE *out, const char *name, char (*cells)[CELL], unsigned count)
{
	fprintf(out, "%-16s", name);
	for (unsigned i = 0; i < count; i++)
		fprintf(out, " %18s", cells[i]);
	fputc('\n', out);
}
