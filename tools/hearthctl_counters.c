/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* hearthctl_counters.c - drops by reason and pools by fill, of all workers together */
#include "hearthctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reasons of all layers; there are some 150 counters. */
#define DROPS_MAX 512

struct drop {
	const char *layer, *name, *why;
	long long sum;
};

/* The most frequent first, then by name. */
static int by_sum(const void *left, const void *right)
{
	const struct drop *a = left, *b = right;
	int order = strcmp(a->layer, b->layer);

	if (a->sum != b->sum)
		return a->sum < b->sum ? 1 : -1;
	return order ? order : strcmp(a->name, b->name);
}

static unsigned collect(const json_t *all, const json_t *help, struct drop *drops)
{
	const char *layer, *name, *why;
	json_t *counters, *value;
	unsigned count = 0;

	json_object_foreach((json_t *)all, layer, counters)
	{
		json_object_foreach(counters, name, value)
		{
			if (!json_integer_value(value) || count == DROPS_MAX)
				continue;
			why = json_string_value(
				json_object_get(json_object_get(help, layer), name));
			drops[count++] = (struct drop){.layer = layer,
				.name = name,
				.why = why ? why : "",
				.sum = json_integer_value(value)};
		}
	}
	return count;
}

void ctl_print_drops(const json_t *all, const json_t *help)
{
	struct drop drops[DROPS_MAX];
	unsigned count = collect(all, help, drops);

	qsort(drops, count, sizeof(drops[0]), by_sum);
	printf("\ndrops\n");
	for (unsigned i = 0; i < count; i++)
		printf("  %12lld  %s.%s: %s\n", drops[i].sum, drops[i].layer, drops[i].name,
			drops[i].why);
	if (!count)
		printf("  none\n");
}

static long long sum_of(const json_t *workers, const char *pool, const char *member)
{
	json_t *worker;
	long long sum = 0;
	size_t i;

	json_array_foreach(workers, i, worker) sum += json_integer_value(
		json_object_get(json_object_get(json_object_get(worker, "pools"), pool), member));
	return sum;
}

void ctl_print_pools(const json_t *workers, const json_t *help)
{
	static const struct ctl_column columns[] = {
		{"POOL", "name"},
		{"USED", "used"},
		{"LIMIT", "limit"},
		{"MiB", "mib"},
		{"WHAT", "help"},
	};
	json_t *first = json_object_get(json_array_get(workers, 0), "pools"), *pool;
	json_t *rows = json_array(), *row;
	const char *name;

	json_object_foreach(first, name, pool)
	{
		row = json_pack("{s:s, s:I, s:f, s:O*}", "name", name, "limit",
			(json_int_t)sum_of(workers, name, "limit"), "mib",
			(double)sum_of(workers, name, "bytes") / 1048576, "help",
			json_object_get(help, name));
		if (!json_is_null(json_object_get(pool, "used")))
			json_object_set_new(
				row, "used", json_integer(sum_of(workers, name, "used")));
		json_array_append_new(rows, row);
	}
	printf("\npools\n");
	ctl_print_table(rows, columns, sizeof(columns) / sizeof(columns[0]), "  ");
	json_decref(rows);
}
