/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* http_guard.c - host, origin and token of a request */
#include "http/http_guard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOST_MAX 256

/* "name", "name:80", "[v6]:80" into name and port (0: none given). */
static bool split_host(const char *host, char *name, unsigned *port)
{
	const char *end, *digits;
	size_t length;
	char *rest;

	*port = 0;
	if (host[0] == '[') {
		host++;
		end = strchr(host, ']');
		if (!end || (end[1] && end[1] != ':'))
			return false;
		digits = end[1] ? end + 2 : NULL;
	} else {
		end = strchr(host, ':');
		digits = end ? end + 1 : NULL;
		if (!end)
			end = host + strlen(host);
	}
	length = (size_t)(end - host);
	if (!length || length >= HOST_MAX)
		return false;
	memcpy(name, host, length);
	name[length] = '\0';
	if (!digits)
		return true;
	if (digits[0] < '0' || digits[0] > '9')
		return false;
	*port = (unsigned)strtoul(digits, &rest, 10);
	return !*rest && *port > 0 && *port < 65536;
}

static bool is_loopback(const struct ip_address *address)
{
	struct ip_address v6_loopback;

	if (ip_is_v4(address))
		return ntohl(ip_v4(address)) >> 24 == 127;
	return ip_parse("::1", &v6_loopback) && !memcmp(address, &v6_loopback, sizeof(*address));
}

static bool is_any(const struct ip_address *address)
{
	struct ip_address v6_any;

	if (ip_is_v4(address))
		return ip_v4(address) == 0;
	return ip_parse("::", &v6_any) && !memcmp(address, &v6_any, sizeof(*address));
}

bool guard_host(const char *host, const struct ip_address *listen, unsigned port, const char *name)
{
	struct ip_address address;
	char asked[HOST_MAX];
	unsigned asked_port;

	if (!host || !split_host(host, asked, &asked_port) ||
		(asked_port ? asked_port : 80) != port)
		return false;
	if (ip_parse(asked, &address))
		return is_any(listen) || is_loopback(&address) ||
		       !memcmp(&address, listen, sizeof(address));
	return !strcasecmp(asked, "localhost") || (name && !strcasecmp(asked, name));
}

bool guard_origin(const char *origin, const char *site, const char *host)
{
	if (site && strcmp(site, "same-origin") && strcmp(site, "none"))
		return false;
	if (!origin)
		return true;
	if (!host)
		return false;
	if (!strncmp(origin, "http://", 7))
		return !strcasecmp(origin + 7, host);
	/* behind something that speaks TLS for us */
	return !strncmp(origin, "https://", 8) && !strcasecmp(origin + 8, host);
}

int guard_token_read(const char *path, char *token, char *error, size_t size)
{
	char text[HTTP_TOKEN_MAX + 2];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc = -EINVAL;
	struct stat about;
	size_t length = 0;
	ssize_t n = 0;

	if (fd < 0 || fstat(fd, &about) < 0) {
		rc = -errno;
		snprintf(error, size, "http.token_file %s: %s", path, strerror(-rc));
		goto out;
	}
	if (!S_ISREG(about.st_mode) || (about.st_mode & 077)) {
		snprintf(error, size, "http.token_file %s can be read by others: chmod 600 it",
			path);
		goto out;
	}
	n = read(fd, text, sizeof(text));
	if (n < 0) {
		rc = -errno;
		snprintf(error, size, "http.token_file %s: %s", path, strerror(-rc));
		goto out;
	}
	while (length < (size_t)n && text[length] > 0x20 && text[length] < 0x7f)
		length++;
	if (length < HTTP_TOKEN_MIN || length > HTTP_TOKEN_MAX ||
		(length < (size_t)n && text[length] != '\n' && text[length] != '\r')) {
		snprintf(error, size,
			"http.token_file %s: its first line is no token: %d to %d characters "
			"without a space, as \"openssl rand -hex 24\" makes them",
			path, HTTP_TOKEN_MIN, HTTP_TOKEN_MAX);
		goto out;
	}
	memcpy(token, text, length);
	token[length] = '\0';
	rc = 0;
out:
	explicit_bzero(text, sizeof(text));
	if (fd >= 0)
		close(fd);
	return rc;
}

bool guard_token(const char *shown, const char *token)
{
	size_t length = strlen(token), i;
	volatile unsigned char differs = 0;

	if (!length)
		return false;
	for (i = 0; shown[i]; i++)
		differs |= (unsigned char)(shown[i] ^ token[i % length]);
	differs |= i != length;
	return !differs;
}

static int base64_digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* What stands behind the first colon of "base64(user:password)". */
static bool basic_password(const char *text, char *token)
{
	char plain[2 * HTTP_TOKEN_MAX];
	const char *colon;
	size_t used = 0;
	unsigned bits = 0, count = 0;

	for (; *text && *text != '='; text++) {
		int digit = base64_digit(*text);

		if (digit < 0 || used + 1 >= sizeof(plain))
			return false;
		bits = (bits << 6 | (unsigned)digit) & 0xffff;
		count += 6;
		if (count >= 8) {
			count -= 8;
			plain[used++] = (char)(bits >> count);
		}
	}
	plain[used] = '\0';
	colon = strchr(plain, ':');
	if (!colon || strlen(colon + 1) > HTTP_TOKEN_MAX)
		return false;
	strcpy(token, colon + 1);
	explicit_bzero(plain, sizeof(plain));
	return true;
}

bool guard_authorization(const char *header, bool basic, char *token)
{
	if (!header)
		return false;
	if (!strncasecmp(header, "Bearer ", 7) && strlen(header + 7) <= HTTP_TOKEN_MAX) {
		strcpy(token, header + 7);
		return true;
	}
	return basic && !strncasecmp(header, "Basic ", 6) && basic_password(header + 6, token);
}
