/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* control_ask.h - any thread hands a verb to the control thread and waits for its answer */
#pragma once

#include "control/control.h"

/** Requests that may wait at once. */
#define CONTROL_ASKS_MAX 64

/**
 * struct control_actor - who asks for a verb; what an act is audited under
 * @surface: "socket", "http", "signal" or "telemetry"; static text
 * @who: on that surface: "uid 0 pid 4711", "127.0.0.1:40112"
 */
struct control_actor {
	const char *surface;
	char who[64];
};

/**
 * control_ask() - have the control thread carry out a verb, and wait for its answer
 * @actor: copied
 * @request: {"verb":..}; taken, also when it is refused
 *
 * From any thread but the control thread. When @timeout_ms have passed, or CONTROL_ASKS_MAX others
 * wait already, or control_ask_end() was called, the answer is a refusal with "why":"busy"; what
 * had not begun by then is never carried out.
 * Return: the answer, the caller's; NULL without memory.
 */
json_t *control_ask(struct control *control, const struct control_actor *actor, json_t *request,
	unsigned timeout_ms);

/** control_ask_end() - refuse what waits and whatever comes; returns once nobody waits any more.
 * By the control thread, which serves nothing afterwards. */
void control_ask_end(struct control *control);
