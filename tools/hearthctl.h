/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* hearthctl.h - between the files of the operator's command line */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/** Exit codes. */
enum { CTL_DONE = 0, CTL_REFUSED = 1, CTL_USAGE = 2 };

/**
 * struct ctl_target - whom requests go to
 * @socket: of a running broker
 * @registry: directory of a registry without a broker; NULL if @socket is meant
 */
struct ctl_target {
	const char *socket;
	const char *registry;
};

/** ctl_refuse() - an answer of our own: {"ok":false,"error":..,"remedy":..}. */
json_t *ctl_refuse(const char *remedy, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * ctl_request() - send one request, wait for its answer
 * @file: descriptor to go with it, -1 if none
 * @seconds: how long to wait
 * Return: the answer, also when it is a refusal, the broker's or our own; never NULL.
 */
json_t *ctl_request(const struct ctl_target *target, json_t *request, int file, unsigned seconds);

/**
 * ctl_send() - a connection to a running broker on which one request has been sent
 * @file: descriptor to go with it, -1 if none
 * Return: the descriptor, or -1 and why in @refusal.
 */
int ctl_send(const char *path, json_t *request, int file, json_t **refusal);

/** ctl_connect() - a connection to a running broker. Return: the descriptor, or -1 and why in
 * @refusal. */
int ctl_connect(const char *path, json_t **refusal);

/** ctl_exchange() - send a request on a connection, wait for its answer; as ctl_request(). */
json_t *ctl_exchange(int fd, json_t *request, unsigned seconds);

/** ctl_print_*() - an answer of a verb as people read it, on standard output. */
void ctl_print_added(const json_t *answer);
void ctl_print_imported(const json_t *answer);
void ctl_print_device(const json_t *answer);
void ctl_print_devices(const json_t *answer);
void ctl_print_removed(const json_t *answer);
void ctl_print_session(const json_t *answer);
void ctl_print_sessions(const json_t *answer);
void ctl_print_kicked(const json_t *answer);
void ctl_print_status(const json_t *answer);
void ctl_print_metrics(const json_t *answer);
void ctl_print_sent(const json_t *answer);

/** struct ctl_column - of a table: a member of each row */
struct ctl_column {
	const char *title;
	const char *key;
};

/** ctl_print_drops() - what was not taken, by reason: the most frequent first, zeros not at all. */
void ctl_print_drops(const json_t *all, const json_t *help);

/** ctl_print_pools() - the pools of all workers together. */
void ctl_print_pools(const json_t *workers, const json_t *help);

/** ctl_print_table() - rows (objects) under titles, aligned; numbers to the right. */
void ctl_print_table(
	const json_t *rows, const struct ctl_column *columns, unsigned count, const char *indent);

/** Options, on their own and of verbs. */
enum ctl_option {
	OPTION_SOCKET,
	OPTION_REGISTRY,
	OPTION_JSON,
	OPTION_HELP,
	OPTION_BIND,
	OPTION_MODEL,
	OPTION_GATEWAY,
	OPTION_SECRETS,
	OPTION_AFTER,
	OPTION_LIMIT,
	OPTION_FOLLOW,
	OPTION_WAIT,
	OPTION_DEADLINE,
	OPTION_EVENT,
	OPTION_FROM,
	OPTION_CANCEL,
	OPTION_QUIET,
	OPTION_STRICT,
	OPTION_EXPECT,
	OPTION_COUNT
};

#define CTL_BIT(option) (1u << (option))
/** Among a verb's options: one more operand than it needs may follow. */
#define CTL_ONE_MORE (1u << 31)

/**
 * struct ctl_command - the command line, taken apart
 * @options: value of each option given ("" for one without), else NULL
 * @operands: what follows the verb's words
 */
struct ctl_command {
	const char *options[OPTION_COUNT];
	char **operands;
	int operand_count;
	struct ctl_target target;
};

/**
 * ctl_follow() - session ID --follow: print until Ctrl-C
 * @refusal: an answer to be shown instead, if the broker refused
 * Return: exit code.
 */
int ctl_follow(const struct ctl_command *command, json_t **refusal);

/**
 * struct ctl_verb
 * @words: that name it
 * @operands, @text: for its help
 * @operand_count: what must follow the words
 * @offline: works on a registry without a broker
 * @options: CTL_BIT() of those that it takes
 * @run: asks; NULL if this version does not have it
 * @print: shows an answer that is no refusal
 * @wrong: what is wrong with its operands and options, NULL if nothing is; may be NULL
 */
struct ctl_verb {
	const char *words[2];
	const char *operands, *text;
	int operand_count;
	bool offline;
	unsigned options;
	json_t *(*run)(const struct ctl_command *command);
	void (*print)(const json_t *answer);
	const char *(*wrong)(const struct ctl_command *command);
};

/** All verbs, those of later versions too (hearthctl_verbs.c). */
extern const struct ctl_verb ctl_verbs[];
extern const size_t ctl_verb_count;

/** The verbs audit verify and audit tail (hearthctl_audit.c) */
json_t *ctl_run_audit_verify(const struct ctl_command *command);
json_t *ctl_run_audit_tail(const struct ctl_command *command);
void ctl_print_audit_verified(const json_t *answer);
void ctl_print_audit_tail(const json_t *answer);
const char *ctl_wrong_audit(const struct ctl_command *command);

/** ctl_run_import() - the verb device import (hearthctl_import.c) */
json_t *ctl_run_import(const struct ctl_command *command);

/** The verb drain (hearthctl_drain.c) */
json_t *ctl_run_drain(const struct ctl_command *command);
void ctl_print_drained(const json_t *answer);
const char *ctl_wrong_drain(const struct ctl_command *command);

/** ctl_run_send(), ctl_wrong_send() - the verb send (hearthctl_send.c) */
json_t *ctl_run_send(const struct ctl_command *command);
const char *ctl_wrong_send(const struct ctl_command *command);

/** ctl_run_reload() and so on - the verbs reload and config (hearthctl_config.c) */
json_t *ctl_run_reload(const struct ctl_command *command);
json_t *ctl_run_config_check(const struct ctl_command *command);
json_t *ctl_run_config_diff(const struct ctl_command *command);
json_t *ctl_run_config_show(const struct ctl_command *command);
const char *ctl_wrong_reload(const struct ctl_command *command);
void ctl_print_reload(const json_t *answer);
void ctl_print_config_check(const json_t *answer);
void ctl_print_config_diff(const json_t *answer);
void ctl_print_config_show(const json_t *answer);
