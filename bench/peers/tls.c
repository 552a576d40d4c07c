/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tls.c - TLS 1.2 with a pre-shared key over a socket that does not block (RFC 4279, RFC 5487) */
#include "tls.h"

#include <errno.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct tls {
	mbedtls_ssl_context ssl;
	int fd;
};

/* What any embedded device and every OpenSSL can: AES-GCM, in hardware on both sides. */
static const int suites[] = {MBEDTLS_TLS_PSK_WITH_AES_128_GCM_SHA256, 0};

static mbedtls_ssl_config config;
static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context random_source;

int tls_init(const char *identity, const uint8_t *key, size_t length)
{
	mbedtls_ssl_config_init(&config);
	mbedtls_entropy_init(&entropy);
	mbedtls_ctr_drbg_init(&random_source);
	if (mbedtls_ctr_drbg_seed(&random_source, mbedtls_entropy_func, &entropy, NULL, 0) ||
		mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_CLIENT,
			MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT) ||
		mbedtls_ssl_conf_psk(
			&config, key, length, (const unsigned char *)identity, strlen(identity)))
		return -EINVAL;
	mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random_source);
	mbedtls_ssl_conf_ciphersuites(&config, suites);
	return 0;
}

static int on_send(void *context, const unsigned char *bytes, size_t length)
{
	const struct tls *tls = context;
	ssize_t n = send(tls->fd, bytes, length, MSG_NOSIGNAL);

	if (n >= 0)
		return (int)n;
	return errno == EAGAIN ? MBEDTLS_ERR_SSL_WANT_WRITE : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static int on_receive(void *context, unsigned char *bytes, size_t size)
{
	const struct tls *tls = context;
	ssize_t n = recv(tls->fd, bytes, size, 0);

	if (n >= 0)
		return (int)n;
	return errno == EAGAIN ? MBEDTLS_ERR_SSL_WANT_READ : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

struct tls *tls_new(int fd)
{
	struct tls *tls = malloc(sizeof(*tls));

	if (!tls)
		return NULL;
	tls->fd = fd;
	mbedtls_ssl_init(&tls->ssl);
	if (mbedtls_ssl_setup(&tls->ssl, &config)) {
		tls_free(tls);
		return NULL;
	}
	mbedtls_ssl_set_bio(&tls->ssl, tls, on_send, on_receive, NULL);
	return tls;
}

static int error_of(int result)
{
	if (result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE)
		return -EAGAIN;
	return result == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY ? 0 : -EPROTO;
}

int tls_handshake(struct tls *tls)
{
	int result = mbedtls_ssl_handshake(&tls->ssl);

	if (!result)
		return 0;
	return error_of(result) == -EAGAIN ? -EAGAIN : -EPROTO;
}

ssize_t tls_read(struct tls *tls, void *bytes, size_t size)
{
	int result = mbedtls_ssl_read(&tls->ssl, bytes, size);

	return result >= 0 ? result : error_of(result);
}

ssize_t tls_write(struct tls *tls, const void *bytes, size_t length)
{
	int result = mbedtls_ssl_write(&tls->ssl, bytes, length);

	return result >= 0 ? result : error_of(result);
}

void tls_free(struct tls *tls)
{
	if (tls)
		mbedtls_ssl_free(&tls->ssl);
	free(tls);
}
