/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tls.h - TLS 1.2 with a pre-shared key over a socket that does not block (RFC 4279, RFC 5487) */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TLS_KEY_MOST 32

struct tls;

/**
 * tls_init() - the identity and key that every connection uses; once per process
 *
 * Return: 0, or -EINVAL for a key that mbedTLS refuses.
 */
int tls_init(const char *identity, const uint8_t *key, size_t length);

/** tls_new() - a client's side over @fd, which stays the caller's; NULL: no memory. */
struct tls *tls_new(int fd);

/** tls_handshake() - Return: 0 once it is done, -EAGAIN to be called again, -EPROTO if it
 * failed. */
int tls_handshake(struct tls *tls);

/** tls_read() - as recv(2), with -errno; 0: the other side is gone. */
ssize_t tls_read(struct tls *tls, void *bytes, size_t size);

/** tls_write() - as send(2), with -errno; after -EAGAIN the same bytes must be written again. */
ssize_t tls_write(struct tls *tls, const void *bytes, size_t length);

/** tls_free() - @tls may be NULL. */
void tls_free(struct tls *tls);
