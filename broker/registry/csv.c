/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* csv.c - devices from a comma-separated file (RFC 4180) */

#include "registry/csv.h"

#include "crypto/siphash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FIELD_MAX 256 /* longer than any member of a device */
#define ROWS_FIRST 1024

enum column { COLUMN_ID, COLUMN_PIN, COLUMN_BIND, COLUMN_MODEL, COLUMN_GATEWAY, COLUMN_COUNT };

static const char *const column_names[COLUMN_COUNT] = {
	"device_id", "pin", "bind_password", "model", "gateway"};

/** enum csv_end - what ended a field */
enum csv_end { END_FIELD, END_ROW, END_FILE, END_ERROR };

/**
 * struct csv - a file that is being read
 * @line: of the next character; @row: on which the row began
 * @column: what each of the file's columns is
 * @quoted: the field was written in quotes
 */
struct csv {
	FILE *file;
	const char *name;
	char *error;
	size_t size;
	uint32_t line, row;
	enum column column[COLUMN_COUNT];
	unsigned columns;
	char field[FIELD_MAX];
	size_t length;
	bool quoted;
};

#define refuse(csv, at, code, format, ...)                                                         \
	(snprintf((csv)->error, (csv)->size, "%s:%u: " format, (csv)->name, at, ##__VA_ARGS__),    \
		code)

static enum csv_end field_error(struct csv *csv, const char *what)
{
	return refuse(csv, csv->line, END_ERROR, "%s", what);
}

static bool field_put(struct csv *csv, int c)
{
	if (csv->length == FIELD_MAX - 1)
		return false;
	csv->field[csv->length++] = (char)c;
	return true;
}

/* What follows a field: a comma, a line end, the end of the file. */
static enum csv_end field_end(struct csv *csv, int c)
{
	if (c == ',')
		return END_FIELD;
	if (c == '\r') {
		c = getc_unlocked(csv->file);
		if (c != '\n')
			return field_error(csv, "a carriage return without a line feed");
	}
	if (c == '\n') {
		csv->line++;
		return END_ROW;
	}
	if (c == EOF && !ferror(csv->file))
		return END_FILE;
	if (c == EOF)
		return field_error(csv, "cannot be read further");
	return field_error(csv, "text after a closing quote");
}

static enum csv_end quoted_field(struct csv *csv)
{
	const uint32_t opened = csv->line;

	csv->quoted = true;
	for (;;) {
		int c = getc_unlocked(csv->file);

		if (c == '"') {
			c = getc_unlocked(csv->file);
			if (c != '"')
				return field_end(csv, c);
		}
		if (c == EOF)
			return refuse(csv, opened, END_ERROR, "%s",
				ferror(csv->file) ? "cannot be read further"
						  : "a quote that is not closed");
		if (c == '\n')
			csv->line++;
		if (c == '\0')
			return field_error(csv, "a zero byte");
		if (!field_put(csv, c))
			return refuse(csv, opened, END_ERROR, "a field that is too long");
	}
}

static enum csv_end next_field(struct csv *csv)
{
	int c = getc_unlocked(csv->file);

	csv->length = 0;
	csv->quoted = false;
	if (c == '"')
		return quoted_field(csv);
	for (; c != ',' && c != '\r' && c != '\n' && c != EOF; c = getc_unlocked(csv->file)) {
		if (c == '"')
			return field_error(csv, "a quote inside a field without quotes");
		if (c == '\0')
			return field_error(csv, "a zero byte");
		if (!field_put(csv, c))
			return field_error(csv, "a field that is too long");
	}
	return field_end(csv, c);
}

/* An empty line is no row; at the end of the file there is none either. */
static bool nothing_there(const struct csv *csv, unsigned fields, enum csv_end end)
{
	return fields == 0 && end != END_FIELD && csv->length == 0 && !csv->quoted;
}

static void skip_byte_order_mark(struct csv *csv)
{
	static const int mark[] = {0xef, 0xbb, 0xbf};
	int c = getc_unlocked(csv->file);

	for (unsigned i = 0; i < 3 && c == mark[i]; i++) {
		if (i == 2)
			return;
		c = getc_unlocked(csv->file);
	}
	/* a mark that breaks off is passed over as well */
	if (c != EOF)
		ungetc(c, csv->file);
}

static int header_field(struct csv *csv, uint32_t row, bool is_header)
{
	csv->field[csv->length] = '\0';
	for (unsigned name = 0; name < COLUMN_COUNT; name++) {
		if (strlen(column_names[name]) != csv->length ||
			memcmp(column_names[name], csv->field, csv->length) != 0)
			continue;
		for (unsigned i = 0; i < csv->columns; i++)
			if (csv->column[i] == name)
				return refuse(csv, row, -EINVAL, "the column %s stands twice",
					column_names[name]);
		csv->column[csv->columns++] = name;
		return 0;
	}
	/* a name may be shown, but where the header row is missing this would be a device's field */
	if (is_header && csv->length < DEVICE_PIN_BYTES &&
		strspn(csv->field, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_ -") ==
			csv->length)
		return refuse(csv, row, -EINVAL,
			"unknown column \"%s\": there are device_id, pin, bind_password, model "
			"and gateway",
			csv->field);
	return refuse(csv, row, -EINVAL,
		"unknown column %u: the first row has to name the columns (device_id,pin,"
		"bind_password,model,gateway)",
		csv->columns + 1);
}

static bool has_column(const struct csv *csv, enum column column)
{
	for (unsigned i = 0; i < csv->columns; i++)
		if (csv->column[i] == column)
			return true;
	return false;
}

static int read_header(struct csv *csv)
{
	enum csv_end end;
	uint32_t row;

	do {
		row = csv->line;
		end = next_field(csv);
		if (end == END_ERROR)
			return -EINVAL;
	} while (end == END_ROW && nothing_there(csv, 0, end));
	if (nothing_there(csv, 0, end))
		return refuse(csv, row, -EINVAL, "the file is empty");
	for (;;) {
		const int rc = header_field(csv, row, has_column(csv, COLUMN_ID));

		if (rc < 0)
			return rc;
		if (end != END_FIELD)
			break;
		end = next_field(csv);
		if (end == END_ERROR)
			return -EINVAL;
	}
	for (unsigned name = COLUMN_ID; name <= COLUMN_PIN; name++)
		if (!has_column(csv, (enum column)name))
			return refuse(
				csv, row, -EINVAL, "the column %s is missing", column_names[name]);
	return 0;
}

/* Members have room for the longest that device_record_check() takes; longer is said here. */
static int row_field(struct csv *csv, enum column column, struct device_record *record)
{
	char *const members[COLUMN_COUNT] = {
		record->id, record->pin, record->bind_password, record->model, record->gateway};
	static const size_t longest[COLUMN_COUNT] = {DEVICE_ID_MAX, DEVICE_PIN_BYTES,
		DEVICE_BIND_BYTES, DEVICE_MODEL_MAX, DEVICE_ID_MAX};

	if (csv->length > longest[column])
		return refuse(csv, csv->row, -EINVAL, "%s is longer than %zu bytes",
			column_names[column], longest[column]);
	if (column == COLUMN_PIN && csv->length != DEVICE_PIN_BYTES)
		return refuse(csv, csv->row, -EINVAL, "pin is not %d characters", DEVICE_PIN_BYTES);
	memcpy(members[column], csv->field, csv->length);
	return 0;
}

/* Return: 1 and a row, 0 at the end of the file, or -errno. */
static int read_row(struct csv *csv, struct device_record *record)
{
	unsigned fields = 0;
	enum csv_end end;
	const char *wrong;

	memset(record, 0, sizeof(*record));
	csv->row = csv->line;
	do {
		end = next_field(csv);
		if (end == END_ERROR)
			return -EINVAL;
		if (nothing_there(csv, fields, end)) {
			if (end == END_FILE)
				return 0;
			csv->row = csv->line;
			end = END_FIELD; /* an empty line: the next one may be the row */
			continue;
		}
		if (fields < csv->columns) {
			const int rc = row_field(csv, csv->column[fields], record);

			if (rc < 0)
				return rc;
		}
		fields++;
	} while (end == END_FIELD);
	if (fields != csv->columns)
		return refuse(csv, csv->row, -EINVAL, "%u fields, the header row names %u", fields,
			csv->columns);
	wrong = device_record_check(record);
	if (wrong)
		return refuse(csv, csv->row, -EINVAL, "%s", wrong);
	return 1;
}

/* Larger arrays; the old records are wiped, which realloc() would not do. */
static int grow(struct csv_devices *devices, size_t *room)
{
	const size_t larger = *room ? *room * 2 : ROWS_FIRST;
	struct device_record *records = calloc(larger, sizeof(*records));
	uint32_t *lines = realloc(devices->lines, larger * sizeof(*lines));

	if (lines)
		devices->lines = lines;
	if (!records || !lines) {
		free(records);
		return -ENOMEM;
	}
	if (devices->records) {
		memcpy(records, devices->records, devices->count * sizeof(*records));
		explicit_bzero(devices->records, devices->count * sizeof(*records));
		free(devices->records);
	}
	devices->records = records;
	*room = larger;
	return 0;
}

static int read_rows(struct csv *csv, size_t limit, struct csv_devices *devices)
{
	struct device_record record;
	size_t room = 0;
	int rc;

	while ((rc = read_row(csv, &record)) == 1) {
		if ((limit && devices->count == limit) || devices->count == UINT32_MAX) {
			rc = refuse(csv, csv->row, -E2BIG, "more than %zu devices", devices->count);
			break;
		}
		if (devices->count == room && grow(devices, &room) < 0) {
			rc = refuse(csv, csv->row, -ENOMEM, "no memory for more rows");
			break;
		}
		devices->lines[devices->count] = csv->row;
		devices->records[devices->count++] = record;
	}
	explicit_bzero(&record, sizeof(record));
	return rc;
}

/* The first row whose id stood before; a table of row numbers plus one, open addressing. */
static int find_duplicate(struct csv *csv, const struct csv_devices *devices)
{
	struct siphash_key key = {0};
	size_t slots = 16;
	uint32_t *table;
	int rc = 0;

	while (slots < devices->count * 2)
		slots *= 2;
	table = calloc(slots, sizeof(*table));
	if (!table || getrandom(&key, sizeof(key), 0) != sizeof(key)) {
		rc = refuse(csv, csv->line, -ENOMEM, "no memory to compare the rows");
		goto out;
	}
	for (size_t i = 0; i < devices->count && rc == 0; i++) {
		const char *id = devices->records[i].id;
		size_t slot = siphash(&key, id, strlen(id)) & (slots - 1);

		for (; table[slot] && rc == 0; slot = (slot + 1) & (slots - 1))
			if (strcmp(devices->records[table[slot] - 1].id, id) == 0)
				rc = refuse(csv, devices->lines[i], -EINVAL,
					"the device of line %u stands here again",
					devices->lines[table[slot] - 1]);
		table[slot] = (uint32_t)i + 1;
	}
out:
	free(table);
	return rc;
}

int csv_read(FILE *file, const char *name, size_t limit, struct csv_devices *devices, char *error,
	size_t size)
{
	struct csv csv = {.file = file, .name = name, .error = error, .size = size, .line = 1};
	int rc;

	*devices = (struct csv_devices){0};
	skip_byte_order_mark(&csv);
	rc = read_header(&csv);
	if (rc == 0)
		rc = read_rows(&csv, limit, devices);
	if (rc == 0)
		rc = find_duplicate(&csv, devices);
	if (rc < 0 && ferror(file))
		rc = -EIO;
	explicit_bzero(csv.field, sizeof(csv.field));
	return rc;
}

void csv_free(struct csv_devices *devices)
{
	if (devices->records)
		explicit_bzero(devices->records, devices->count * sizeof(*devices->records));
	free(devices->records);
	free(devices->lines);
	*devices = (struct csv_devices){0};
}
