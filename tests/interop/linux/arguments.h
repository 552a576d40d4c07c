/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* arguments.h - hearth-peer's command line */
#pragma once

#include "stack.h"
#include "wire.h"

/**
 * struct arguments - what the command line says
 * @interface: of this network namespace; @tap: to be made
 * @piece: bytes of a message that is sent, at most
 * @window: receive window, bytes
 */
struct arguments {
	const char *interface;
	bool tap;
	struct weather weather;
	struct stack_link link;
	uint32_t piece, window;
};

/**
 * arguments_read() - read the command line
 * Return: -1 to go on, else the exit status: help was asked for, or something is wrong.
 */
int arguments_read(struct arguments *arguments, int argc, char **argv);

/** arguments_address() - read an address of either family. Return: false if it is none. */
bool arguments_address(const char *text, struct ip_address *address);
