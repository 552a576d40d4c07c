/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* audit.c - writing the audit log: durable, chained, followed over renames and crashes */
#include "log/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Longest "what" as it stands in a line, and longest outcome. */
#define WHAT_MAX 2048
#define OUTCOME_MAX 600

/** struct audit - @size: of the file, as we left it */
struct audit {
	int file;
	char *path;
	off_t size;
	struct audit_head head;
};

static long long unix_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A file that is made is there after a crash, too. */
static int sync_directory(const char *path)
{
	char *copy = strdup(path);
	int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1, rc;

	rc = fd >= 0 && fsync(fd) == 0 ? 0 : -errno;
	if (fd >= 0)
		close(fd);
	free(copy);
	return rc == -EINVAL ? 0 : rc; /* not every file system can */
}

/* Open the file at our path, for us alone. Return: descriptor, or -errno. */
static int open_file(const char *path, off_t *bytes)
{
	int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	struct stat about;
	int rc;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &about) < 0)
		goto fail;
	if (!S_ISREG(about.st_mode)) {
		errno = EINVAL;
		goto fail;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || fchmod(fd, 0600) < 0)
		goto fail;
	rc = sync_directory(path);
	errno = -rc;
	if (rc < 0)
		goto fail;
	*bytes = about.st_size;
	return fd;
fail:
	rc = errno == EWOULDBLOCK ? -EBUSY : -errno;
	close(fd);
	return rc;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * The end of what is there: a line that was cut off by a crash is taken away - its act was never
 * answered, and never begun if it was the first of its two -, and the last whole one is where we go
 * on.
 */
static int take_end(struct audit *audit, uint64_t *recovered)
{
	char text[2 * AUDIT_LINE_MAX];
	off_t from = audit->size > (off_t)sizeof(text) ? audit->size - (off_t)sizeof(text) : 0;
	ssize_t length = pread(audit->file, text, sizeof(text), from);
	struct audit_line line;
	static const char begins[] = "{\"n\":";
	const char *end, *begin;
	size_t torn;

	if (length != audit->size - from)
		return length < 0 ? -errno : -EIO;
	end = memrchr(text, '\n', (size_t)length);
	torn = (size_t)length - (end ? (size_t)(end - text) + 1 : 0);
	if (torn >= AUDIT_LINE_MAX || memcmp(text + length - torn, begins, least(torn, 5)))
		return -EBADMSG; /* nothing of ours: it is left alone */
	if (torn && ftruncate(audit->file, audit->size - (off_t)torn) < 0)
		return -errno;
	*recovered = torn;
	audit->size -= (off_t)torn;
	if (!end)
		return 0;
	begin = memrchr(text, '\n', (size_t)(end - text));
	begin = begin ? begin + 1 : text;
	if (!audit_parse(begin, (size_t)(end - begin), &line))
		return -EBADMSG;
	audit->head.n = line.n;
	strcpy(audit->head.hash, line.hash);
	return 0;
}

static void tell(const char *path, int rc, char *error, size_t size)
{
	if (rc == -EBUSY)
		snprintf(error, size,
			"log.audit %s: another process writes it; give each broker "
			"a file of its own",
			path);
	else if (rc == -EBADMSG)
		snprintf(error, size,
			"log.audit %s does not end in a line of an audit log; look "
			"at it with hearthctl audit verify, then move it away",
			path);
	else if (rc == -EINVAL)
		snprintf(error, size, "log.audit %s is no plain file; name another", path);
	else
		snprintf(error, size, "log.audit %s: %s; check the disk, or name another file",
			path, strerror(-rc));
}

int audit_open(
	struct audit **opened, const char *path, uint64_t *recovered, char *error, size_t size)
{
	struct audit *audit = calloc(1, sizeof(*audit));
	uint64_t torn = 0;
	int rc = -ENOMEM;

	if (!audit)
		goto fail;
	audit->file = -1;
	memset(audit->head.hash, '0', AUDIT_HASH_CHARS);
	audit->head.path = audit->path = strdup(path);
	if (!audit->path)
		goto fail;
	rc = audit->file = open_file(path, &audit->size);
	if (rc >= 0)
		rc = take_end(audit, &torn);
	if (rc < 0)
		goto fail;
	if (recovered)
		*recovered = torn;
	*opened = audit;
	return 0;
fail:
	tell(path, rc, error, size);
	audit_close(audit);
	return rc;
}

void audit_close(struct audit *audit)
{
	if (!audit)
		return;
	if (audit->file >= 0)
		close(audit->file);
	free(audit->path);
	free(audit);
}

struct audit_head audit_head(const struct audit *audit)
{
	return audit->head;
}

/* The file may have been renamed or removed: then another is begun, in the same chain. */
static int follow_path(struct audit *audit)
{
	struct stat there, ours;
	off_t bytes;
	int fd;

	if (fstat(audit->file, &ours) < 0)
		return -errno;
	if (stat(audit->path, &there) == 0 && there.st_dev == ours.st_dev &&
		there.st_ino == ours.st_ino) {
		/* Whatever others did to it, we go on where we were: it is found by who verifies. */
		audit->head.changed |= ours.st_size != audit->size;
		audit->size = ours.st_size;
		return 0;
	}
	fd = open_file(audit->path, &bytes);
	if (fd < 0)
		return fd;
	close(audit->file);
	audit->file = fd;
	audit->size = bytes;
	audit->head.changed |= bytes != 0;
	return 0;
}

/* Text as JSON can carry it, and no longer than a line has room for. */
static json_t *text_json(const char *text)
{
	char out[OUTCOME_MAX + 1];
	size_t length = strlen(text);

	if (length > OUTCOME_MAX)
		length = OUTCOME_MAX;
	for (size_t i = 0; i < length; i++)
		out[i] = (unsigned char)text[i] < 0x20 || (unsigned char)text[i] > 0x7e ? '?'
											: text[i];
	return json_stringn(out, length);
}

static json_t *what_json(const json_t *what)
{
	char *text = what ? json_dumps(what, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
	size_t length = text ? strlen(text) : 0;

	free(text);
	if (!length)
		return json_object();
	return length > WHAT_MAX ? json_pack("{s:I}", "too_long", (json_int_t)length)
				 : json_deep_copy(what);
}

/* The line of a record with its end. Return: its length, or -errno. */
static int make_line(const struct audit *audit, const struct audit_record *record,
	char line[AUDIT_LINE_MAX], char *hash)
{
	json_t *object = json_pack("{s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:s}", "n",
		(json_int_t)(audit->head.n + 1), "time", (json_int_t)unix_ms(), "surface",
		text_json(record->surface), "who", text_json(record->who), "verb",
		text_json(record->verb), "what", what_json(record->what), "outcome",
		text_json(record->outcome), "prev", audit->head.hash);
	char *text = object ? json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
	size_t length = text ? strlen(text) : 0;
	int rc = -ENOMEM;

	json_decref(object);
	if (!text)
		return rc;
	length--; /* its closing brace comes behind the hash */
	audit_hash(audit->head.hash, text, length, hash);
	rc = snprintf(line, AUDIT_LINE_MAX, "%.*s,\"hash\":\"%s\"}\n", (int)length, text, hash);
	free(text);
	return rc < AUDIT_LINE_MAX ? rc : -EMSGSIZE;
}

/* Return: 0, or -errno and the file is as long as it was. */
static int append(struct audit *audit, const char *line, size_t length)
{
	ssize_t n = write(audit->file, line, length);
	int rc = n < 0 ? -errno : n < (ssize_t)length ? -ENOSPC : 0;

	if (!rc && fdatasync(audit->file) < 0)
		rc = -errno;
	/* A line that whoever asked was told nothing of is not to be found later; if it cannot be
	 * taken away it is found to be one too many. */
	if (rc && n > 0 && ftruncate(audit->file, audit->size) < 0)
		audit->head.changed = true;
	return rc;
}

int64_t audit_write(struct audit *audit, const struct audit_record *record)
{
	char line[AUDIT_LINE_MAX], hash[AUDIT_HASH_CHARS + 1];
	int length, rc = follow_path(audit);

	length = rc ? rc : make_line(audit, record, line, hash);
	rc = length < 0 ? length : append(audit, line, (size_t)length);
	audit->head.error = rc;
	if (rc) {
		audit->head.failed++;
		return rc;
	}
	audit->size += length;
	audit->head.n++;
	strcpy(audit->head.hash, hash);
	return (int64_t)audit->head.n;
}
