/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* csv.c - devices from a comma-separated file (RFC 4180), a row at a time */

#include "registry/csv.h"

#include <errno.h>
#include <string.h>

static const char *const column_names[CSV_COLUMNS] = {
	"device_id", "pin", "bind_password", "model", "gateway"};

/** enum csv_end - what ended a field */
enum csv_end { END_FIELD, END_ROW, END_FILE, END_ERROR };

#define refuse(csv, at, code, format, ...)                                                         \
	(snprintf((csv)->error, (csv)->size, "%s:%u: " format, (csv)->name, at, ##__VA_ARGS__),    \
		code)

static enum csv_end field_error(struct csv *csv, const char *what)
{
	return refuse(csv, csv->line, END_ERROR, "%s", what);
}

static bool field_put(struct csv *csv, int c)
{
	if (csv->length == CSV_FIELD_MAX - 1)
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
	for (unsigned name = 0; name < CSV_COLUMNS; name++) {
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

static bool has_column(const struct csv *csv, enum csv_column column)
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
		const int rc = header_field(csv, row, has_column(csv, CSV_ID));

		if (rc < 0)
			return rc;
		if (end != END_FIELD)
			break;
		end = next_field(csv);
		if (end == END_ERROR)
			return -EINVAL;
	}
	for (unsigned name = CSV_ID; name <= CSV_PIN; name++)
		if (!has_column(csv, (enum csv_column)name))
			return refuse(
				csv, row, -EINVAL, "the column %s is missing", column_names[name]);
	return 0;
}

/* Members have room for the longest that device_record_check() takes; longer is said here. */
static int row_field(struct csv *csv, enum csv_column column, struct device_record *record)
{
	char *const members[CSV_COLUMNS] = {
		record->id, record->pin, record->bind_password, record->model, record->gateway};
	static const size_t longest[CSV_COLUMNS] = {DEVICE_ID_MAX, DEVICE_PIN_BYTES,
		DEVICE_BIND_BYTES, DEVICE_MODEL_MAX, DEVICE_ID_MAX};

	if (csv->length > longest[column])
		return refuse(csv, csv->row, -EINVAL, "%s is longer than %zu bytes",
			column_names[column], longest[column]);
	if (column == CSV_PIN && csv->length != DEVICE_PIN_BYTES)
		return refuse(csv, csv->row, -EINVAL, "pin is not %d characters", DEVICE_PIN_BYTES);
	memcpy(members[column], csv->field, csv->length);
	return 0;
}

/* Return: 1 and a row, 0 at the end of the file, or -EINVAL. */
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

int csv_begin(struct csv *csv, FILE *file, const char *name, char *error, size_t size)
{
	int rc;

	*csv = (struct csv){.file = file, .name = name, .error = error, .size = size, .line = 1};
	skip_byte_order_mark(csv);
	rc = read_header(csv);
	return rc < 0 && ferror(file) ? -EIO : rc;
}

int csv_next(struct csv *csv, struct device_record *record)
{
	const int rc = read_row(csv, record);

	return rc < 0 && ferror(csv->file) ? -EIO : rc;
}

void csv_end(struct csv *csv)
{
	explicit_bzero(csv->field, sizeof(csv->field));
}
