/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* instrument.c - one run of a scenario: what it needs is brought up, and told where it is not
 * there */
#include "instrument.h"

#include "identity.h"
#include "stages.h"
#include "wire_sockets.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ERROR 512
#define UNUSED_FEED "none"
/* Longer runs send heartbeats by themselves; sessions end after 3 of them and 10 s. */
#define HEARTBEAT_SECONDS 45
/* Longer than a broker stands still between two turns, shorter than TCP's first retransmission. */
#define PATIENCE_US 100000

static struct load *running;
static volatile sig_atomic_t stops;

static void on_stop(int signal_number)
{
	if (stops++ || !running)
		_exit(128 + signal_number);
	load_stop(running);
}

/* Devices that the broker has to know: those of a hot gateway follow the others. */
static uint32_t provisioned(const struct scenario *scenario)
{
	return scenario->devices + scenario->faults.hot_gateway.subdevices;
}

static int write_csv(const struct scenario *scenario, const char *path)
{
	struct identity identity;
	int rc;

	identity_init(&identity, scenario->seed);
	rc = identity_csv(&identity, provisioned(scenario), path);
	if (rc < 0)
		fprintf(stderr, "hearth-fleet: %s: %s\n", path, strerror(-rc));
	return rc;
}

static int complain(const char *text)
{
	fprintf(stderr, "hearth-fleet: %s\n", text);
	return -EINVAL;
}

/* Where the broker is, by command line or scenario. */
static int find_broker(struct instrument *run)
{
	const struct instrument_options *options = run->options;

	run->feed = options->feed ? options->feed : run->scenario.feed;
	run->control = options->control ? options->control : run->scenario.control;
	if (!run->feed)
		return complain("--feed PATH is needed: what is lost is counted at the event ring, "
				"the broker's feed.path; 'none' does without");
	if (!strcmp(run->feed, UNUSED_FEED)) {
		run->feed = NULL;
	} else if (access(run->feed, R_OK)) {
		fprintf(stderr,
			"hearth-fleet: --feed %s: %s: is it the broker's feed.path, and does the "
			"broker run?\n",
			run->feed, strerror(errno));
		return -ENOENT;
	}
	return run->control ? broker_take(run->control, &run->summary.before) : 0;
}

/* What would only show as logins that never succeed. */
static int check_broker(const struct instrument *run)
{
	const struct broker_figures *broker = &run->summary.before;
	uint32_t needed = provisioned(&run->scenario);

	if (!broker->taken)
		return 0;
	if (broker->devices < needed) {
		fprintf(stderr,
			"hearth-fleet: the broker knows %llu devices, and the scenario has %u: "
			"write them with --csv FILE, then hearthctl device import FILE\n",
			(unsigned long long)broker->devices, needed);
		return -EINVAL;
	}
	if (broker->limit < run->scenario.devices) {
		fprintf(stderr,
			"hearth-fleet: the broker has room for %llu sessions (limits.sessions), "
			"and the scenario has %u devices\n",
			(unsigned long long)broker->limit, run->scenario.devices);
		return -EINVAL;
	}
	return 0;
}

static struct load_wire *dpdk_wire(const struct instrument *run, char *error)
{
	const struct instrument_options *options = run->options;
	const struct wire_dpdk_config config = {.identity = options->scenario,
		.device = options->device,
		.address = options->address,
		.gateway = options->gateway,
		.login = options->login,
		.cpu = options->cpu,
		.megabytes = options->megabytes,
		.pages = options->pages,
		.loss = run->scenario.faults.loss,
		.patience_us = PATIENCE_US,
		.strangers = run->scenario.faults.hostile.share > 0,
		.seed = run->scenario.seed};

	return wire_dpdk_new(&config, error, ERROR);
}

static struct load_wire *sockets_wire(const struct instrument *run, char *error)
{
	const struct instrument_options *options = run->options;
	const struct wire_sockets_config config = {.address = options->address,
		.login = options->login,
		.tcp = run->scenario.transport == SCENARIO_TCP,
		.pin = true,
		.cpu = options->cpu};

	if (config.tcp && run->scenario.devices > wire_sockets_most()) {
		snprintf(error, ERROR,
			"this process may have sockets for %u devices over TCP, and the scenario "
			"has "
			"%u: raise the hard limit of open files, or --set devices=%u",
			wire_sockets_most(), run->scenario.devices, wire_sockets_most());
		return NULL;
	}
	if (run->scenario.faults.loss > 0 || run->scenario.faults.hostile.share > 0) {
		snprintf(error, ERROR,
			"faults.loss and hostile need --via dpdk:DEVICE: on kernel sockets nothing "
			"is lost, and nobody sends as somebody else");
		return NULL;
	}
	return wire_sockets_new(&config, error, ERROR);
}

static int make_wire(struct instrument *run)
{
	char error[ERROR] = "";

	run->wire = run->options->device ? dpdk_wire(run, error) : sockets_wire(run, error);
	if (!run->wire)
		return complain(error);
	run->summary.wire = run->wire->name;
	return 0;
}

/* Heartbeats keep sessions that report rarely; a short run needs none. */
static unsigned heartbeat_seconds(const struct scenario *scenario)
{
	if (scenario->heartbeat)
		return scenario->heartbeat;
	if (scenario->load == SCENARIO_SEARCH ||
		scenario->seconds + scenario->warmup > HEARTBEAT_SECONDS)
		return HEARTBEAT_SECONDS;
	return 0;
}

static int start_engine(struct instrument *run)
{
	const struct scenario *scenario = &run->scenario;
	struct load_config config = {.devices = scenario->devices,
		.seed = scenario->seed,
		.tcp = scenario->transport == SCENARIO_TCP,
		.at_once = scenario->login.at_once,
		.login_rate = scenario->login.rate,
		.sizes = scenario->report.sizes,
		.code = scenario->report.code,
		.in_order = scenario->order == SCENARIO_IN_ORDER,
		.outstanding = LOAD_OUTSTANDING_MAX,
		.prepared = scenario->prepared,
		.disturbed = scenario_disturbed(scenario),
		.subdevices = scenario->faults.hot_gateway.subdevices,
		.gateway_share = scenario->faults.hot_gateway.share,
		.feed = run->feed};
	char error[ERROR] = "";

	_Static_assert(SCENARIO_SIZES_MAX == LOAD_SIZES_MAX, "the engine takes as many sizes");
	run->heartbeat_s = config.heartbeat_s = heartbeat_seconds(scenario);
	for (uint32_t i = 0; i < scenario->report.sizes; i++)
		config.bytes[i] = (uint16_t)scenario->report.bytes[i];
	run->load = load_new(&config, run->wire, error, sizeof(error));
	if (!run->load)
		return complain(error);
	run->summary.own_bytes = load_bytes(run->load);
	return 0;
}

static void announce(const struct instrument *run)
{
	const struct scenario *scenario = &run->scenario;

	fprintf(run->out, "scenario   %s: %u devices over %s on %s, reports of", scenario->name,
		scenario->devices, scenario->transport == SCENARIO_TCP ? "TCP" : "UDP",
		run->wire->name);
	for (uint32_t i = 0; i < scenario->report.sizes; i++)
		fprintf(run->out, "%s %u", i ? "," : "", scenario->report.bytes[i]);
	fprintf(run->out, " bytes, %s, seed %llu\n",
		scenario->order == SCENARIO_RANDOM ? "random order" : "one after the other",
		(unsigned long long)scenario->seed);
	if (!run->control)
		fprintf(run->out, "           no --control: the broker's cycles stay unknown\n");
	fflush(run->out);
}

static int run_all(struct instrument *run)
{
	struct sigaction stop = {.sa_handler = on_stop};
	int rc;

	announce(run);
	running = run->load;
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	rc = stages_run(run);
	if (rc == -EINTR)
		fprintf(stderr, "hearth-fleet: stopped\n");
	if (run->wire->report) {
		run->summary.wire_counters = json_object();
		run->wire->report(run->wire, run->summary.wire_counters);
	}
	return rc;
}

static void give_back(struct instrument *run)
{
	running = NULL;
	load_free(run->load);
	wire_free(run->wire);
	summary_free(&run->summary);
	scenario_free(&run->scenario);
}

int instrument_run(const struct instrument_options *options)
{
	static struct instrument run;
	char error[ERROR];
	int status = 2;

	run = (struct instrument){.options = options,
		.out = stdout,
		.cores = {.one = options->cpu,
			.other = options->beside < 0 ? options->cpu : (unsigned)options->beside}};
	if (options->json && !strcmp(options->json, "-"))
		run.out = stderr;
	run.summary.scenario = &run.scenario;
	if (scenario_load(options->scenario, options->set, options->sets, &run.scenario, error,
		    sizeof(error)) < 0) {
		complain(error);
		return 2;
	}
	if (options->csv && write_csv(&run.scenario, options->csv) < 0)
		goto out;
	if (!options->login) {
		status = 0;
		goto out;
	}
	if (find_broker(&run) < 0 || check_broker(&run) < 0 || make_wire(&run) < 0 ||
		start_engine(&run) < 0)
		goto out;
	status = run_all(&run) == 0 && summary_kept(&run.summary) ? 0 : 1;
	summary_trials(&run.summary, run.out);
	summary_costs(&run.summary, run.out);
	if (options->json && summary_write(&run.summary, options->json) < 0)
		status = 1;
out:
	give_back(&run);
	return status;
}
