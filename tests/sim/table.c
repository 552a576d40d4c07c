/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* table.c - throughput by loss rate and buffer size: a figure that is reviewed when it changes */
#include "profile.h"
#include "suites.h"

#include <stdlib.h>
#include <string.h>

#define SECONDS 120
#define BYTES 4000000
#define SEEDS 8
#define REGENERATE "build/tests/sim/hearth-sim --table > tests/sim/throughput.txt"

static const uint32_t losses[] = {0, 1, 2, 5, 10, 20, 30};
static const uint32_t buffers[] = {8192, 16384, 32768, 65535, 262144, 1048576};

/** struct direction - who sends to whom */
struct direction {
	const char *name;
	enum against against;
	unsigned sender;
};

static const struct direction directions[] = {
	{"Hearth to Hearth", AGAINST_SELF, SIM_SERVER},
	{"Hearth to lwIP", AGAINST_LWIP_CLIENT, SIM_SERVER},
	{"lwIP to Hearth", AGAINST_LWIP_CLIENT, SIM_CLIENT},
};

/* Bytes that arrive in a second; UINT32_MAX: something was wrong. */
static uint32_t throughput(const struct direction *d, uint32_t loss, uint32_t buffer, uint64_t seed)
{
	struct side_plan plans[SIM_ENDS] = {
		{.farewell = FAREWELL_FIRST}, {.farewell = FAREWELL_LAST}};
	struct world_plan plan;
	struct world *world;
	const struct side *receiver;
	uint64_t took;
	uint32_t rate;

	plan_plain(&plan, d->against, seed);
	plan.rough = true;
	plan.check_every = 8;
	for (unsigned i = 0; i < SIM_ENDS; i++) {
		plan.weather[i] = (struct weather){.loss = loss * 10000,
			.delay = 20 * SIM_MS,
			.rate = 12500,
			.queue = 250000,
			.tcp_only = true};
		plan.hearth[i].receive_window = buffer;
		plan.hearth[i].send_bytes = buffer;
		memcpy(plan.hearth[i].chunks, (uint32_t[]){512, 1024, 64, 16},
			sizeof(plan.hearth[i].chunks));
	}
	plans[d->sender].total = BYTES;
	plans[d->sender].message = 2800;
	world = plain_world(&plan, &plans[SIM_CLIENT], &plans[SIM_SERVER]);
	receiver = &world->talks[0].sides[!d->sender];
	world_until(world, world->talks[0].begins + SECONDS * SIM_SECOND);
	/* Up to the last byte, where all came in time: what follows is no throughput. */
	took = receiver->received == BYTES ? receiver->progress_at - receiver->opened_at
					   : SECONDS * SIM_SECOND;
	rate = world->failed || !receiver->opened
		       ? UINT32_MAX
		       : (uint32_t)(receiver->received * SIM_SECOND / took);
	if (rate == UINT32_MAX)
		fprintf(stderr, "%s, loss %u %%, buffer %u, seed %llu: %s\n", d->name, loss, buffer,
			(unsigned long long)seed, world->why);
	world_free(world);
	return rate;
}

unsigned table_write(FILE *out)
{
	unsigned failed = 0;

	fprintf(out,
		"# Throughput in kB/s of virtual time: 100 Mbit/s, 40 ms round trip, 250 kB of "
		"queue,\n"
		"# %u kB or %u s, mean of %u seeds; loss in both directions; rows: loss, columns: "
		"send\n"
		"# buffer and receive window of our end (lwIP's own are 64 KiB).\n"
		"# Again: " REGENERATE "\n",
		BYTES / 1000, SECONDS, SEEDS);
	for (unsigned i = 0; i < sizeof(directions) / sizeof(directions[0]); i++) {
		fprintf(out, "\n%-16s", directions[i].name);
		for (unsigned b = 0; b < sizeof(buffers) / sizeof(buffers[0]); b++)
			fprintf(out, " %9u", buffers[b]);
		for (unsigned l = 0; l < sizeof(losses) / sizeof(losses[0]); l++) {
			fprintf(out, "\n%14u %%", losses[l]);
			for (unsigned b = 0; b < sizeof(buffers) / sizeof(buffers[0]); b++) {
				uint64_t sum = 0;

				for (unsigned s = 1; s <= SEEDS; s++) {
					uint32_t rate = throughput(
						&directions[i], losses[l], buffers[b], s);

					failed += rate == UINT32_MAX;
					sum += rate;
				}
				sum /= SEEDS;
				fprintf(out, " %7llu.%llu", (unsigned long long)sum / 1000,
					(unsigned long long)sum / 100 % 10);
			}
		}
		fprintf(out, "\n");
	}
	return failed;
}

unsigned table_compare(const char *path)
{
	char *made = NULL, *stored = NULL;
	size_t made_bytes = 0, stored_bytes = 0, got = 0;
	FILE *memory = open_memstream(&made, &made_bytes), *file = fopen(path, "r");
	unsigned failed = table_write(memory);
	bool same;

	fclose(memory);
	if (file) {
		stored_bytes = made_bytes + 1;
		stored = calloc(1, stored_bytes);
		got = fread(stored, 1, stored_bytes, file);
		fclose(file);
	}
	same = got == made_bytes && memcmp(made, stored, made_bytes) == 0;
	if (!same)
		printf("%s is not what this tree does. If the change is meant, look at it and "
		       "store "
		       "it:\n  %s\nIt would be:\n%s",
			path, REGENERATE, made);
	free(made);
	free(stored);
	return failed > 0 || !same;
}
