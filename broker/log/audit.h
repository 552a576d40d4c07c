/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* audit.h - who did what to this broker: append-only, each line chained to the one before */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * A line is a JSON object:
 *
 *   {"n":12,"time":1700000000123,"surface":"socket","who":"uid 0, pid 4711","verb":"kick",
 *    "what":{"id":"..."},"outcome":"asked","prev":"<64 digits>","hash":"<64 digits>"}
 *
 * "hash" is the SHA-256, in hexadecimal, of the 64 digits of "prev" and of the line up to the comma
 * before "hash". "prev" is the hash of the line before, of the file before where this is the first
 * one; the very first line of a chain has 64 zeros. "n" counts lines over all files of a chain.
 *
 * Every act stands there twice: "asked" before anything is done, durable, so that no act lacks a
 * line whatever dies meanwhile; then "done", or "refused: " and why, durable before whoever asked is
 * answered; its "what" names the "n" of the first. Without the second nobody knows how it ended: the
 * broker died, or the disk was full.
 *
 * What cannot be written, an act that changes something does not happen: it is refused (the caller's
 * part). Devices are served all the same.
 *
 * The file may be renamed at any time: the next line goes to a new file at the old path and follows
 * the last one of the old. While it is open it is locked (flock) and nobody else may write to it; if
 * somebody does, that is found at the next line and at each verification.
 */

#define AUDIT_HASH_CHARS 64
/** Longest line, its end included. */
#define AUDIT_LINE_MAX 4096

struct audit;

/**
 * struct audit_record - what goes into a line
 * @what: an object, borrowed; NULL: empty
 * @outcome: "asked", "done", "refused: ..."
 */
struct audit_record {
	const char *surface, *who, *verb;
	const json_t *what;
	const char *outcome;
};

/**
 * audit_open() - go on with the log at @path, or begin one
 * @recovered: receives how many bytes of a line that was cut off (by a crash) were taken away; may be
 *	NULL
 * @error: receives one line for people when it fails
 *
 * Of what is there only the last line is looked at. Return: 0; -EBUSY: another process writes it;
 * -EBADMSG: its last line is none of ours; or another -errno.
 */
int audit_open(
	struct audit **audit, const char *path, uint64_t *recovered, char *error, size_t size);

/**
 * audit_write() - append a line; durable when it returns
 * Return: its "n"; -errno: nothing is written.
 */
int64_t audit_write(struct audit *audit, const struct audit_record *record);

/** audit_close() - NULL is allowed. */
void audit_close(struct audit *audit);

/**
 * struct audit_head - the end of the chain, to be compared elsewhere
 * @n: of the last line; 0: there is none
 * @failed, @error: lines that could not be written since the start, and why the last one was not;
 *	@error is 0 again after one that was
 * @changed: somebody else has written to the file, or cut it
 */
struct audit_head {
	const char *path;
	uint64_t n;
	char hash[AUDIT_HASH_CHARS + 1];
	uint64_t failed;
	int error;
	bool changed;
};

/** audit_head() - @path stays valid until audit_close(). */
struct audit_head audit_head(const struct audit *audit);

/* ---- verification (audit_verify.c) ---- */

/**
 * struct audit_verdict
 * @lines: that are whole and follow each other, from the first on
 * @wrong: line number of the first that is not, 0: there is none
 * @why: what is wrong with it
 * @first_n, @last_n, @before, @head: of the good ones; @before: the hash that the first follows
 */
struct audit_verdict {
	uint64_t lines, wrong;
	char why[160];
	uint64_t first_n, last_n;
	char before[AUDIT_HASH_CHARS + 1], head[AUDIT_HASH_CHARS + 1];
};

/**
 * audit_verify() - read a log from where @in stands to its end
 * @from: the hash that its first line must follow; NULL: any
 * Return: 0, or -errno if it cannot be read; what was found is in @verdict.
 */
int audit_verify(FILE *in, const char *from, struct audit_verdict *verdict);

/** audit_hash() - of a record: its line up to the comma before "hash". */
void audit_hash(const char *prev, const char *record, size_t length, char *hash);

/**
 * struct audit_line - a line taken apart
 * @record: bytes up to the comma before "hash"
 */
struct audit_line {
	size_t record;
	uint64_t n;
	char prev[AUDIT_HASH_CHARS + 1], hash[AUDIT_HASH_CHARS + 1];
};

/** audit_parse() - a line without its end. Return: is it of our making, its hash not looked at? */
bool audit_parse(const char *text, size_t length, struct audit_line *line);
