/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* http_guard.h - who may ask: host, origin and token of a request, judged without a network */
#pragma once

#include "address.h"

#include <stdbool.h>
#include <stddef.h>

/** Characters of a token: printable, no space. */
#define HTTP_TOKEN_MIN 16
#define HTTP_TOKEN_MAX 256

/**
 * guard_host() - is a request's Host one that this server is known by?
 * @listen: the address that it listens at, @port host order
 *
 * A page of somebody else whose name was made to lead here (DNS rebinding) comes with that name.
 * Taken are "localhost", the machine's own name @name (NULL: none), and addresses: loopback ones,
 * @listen, and any if @listen is none in particular; with the right port.
 */
bool guard_host(const char *host, const struct ip_address *listen, unsigned port, const char *name);

/**
 * guard_origin() - may a change come from where the browser says that it does?
 * @origin, @site: headers Origin and Sec-Fetch-Site; NULL where there is none, as from curl
 */
bool guard_origin(const char *origin, const char *site, const char *host);

/** guard_token_read() - a token file's first line. @token: HTTP_TOKEN_MAX + 1 bytes.
 * Return: 0; -errno with one line in @error, which never quotes the file. */
int guard_token_read(const char *path, char *token, char *error, size_t size);

/** guard_token() - is @shown the token? In a time that depends on @shown's length alone. */
bool guard_token(const char *shown, const char *token);

/** guard_authorization() - the token out of "Bearer T", or, with @basic, out of "Basic
 * base64(ANYBODY:T)". @token: HTTP_TOKEN_MAX + 1 bytes. Return: was one there? */
bool guard_authorization(const char *header, bool basic, char *token);
