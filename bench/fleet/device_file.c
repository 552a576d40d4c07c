/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* device_file.c - the CSV of devices that hearthctl device import takes */
#include "fleet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER "device_id,pin,bind_password,model,gateway"

static int random_text(char *out, size_t length)
{
	static const char characters[] =
		"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
		"WXYZ-_";
	int error = codec_random(out, length);
	size_t i;

	for (i = 0; !error && i < length; i++)
		out[i] = characters[(unsigned char)out[i] % 64];
	out[length] = '\0';
	return error;
}

/* 24 digits by the text's examples, 34 characters as public firmware has them. */
static void device_name(char *out, const struct options *options, bool subdevice, unsigned n)
{
	if (options->like == LIKE_FIRMWARE)
		snprintf(out, ID_MAX + 1, "fw%s-%029u", subdevice ? "s" : "d", n);
	else
		snprintf(out, ID_MAX + 1, "%s%023u", subdevice ? "2" : "1", n);
}

int device_file_generate(const struct options *options)
{
	int fd = open(options->csv, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char id[ID_MAX + 1], gateway[ID_MAX + 1], pin[PIN_BYTES + 1], bind[9];
	unsigned gateways = options->generate, i;
	FILE *file = NULL;
	int error = 0;

	if (options->gateways && options->gateways < gateways)
		gateways = options->gateways;
	/* The file may have been there with another mode. */
	if (fd < 0 || fchmod(fd, 0600) || !(file = fdopen(fd, "w"))) {
		error = -errno;
		goto out;
	}
	fputs(HEADER "\n", file);
	for (i = 0; i < options->generate + options->subdevices && !error; i++) {
		bool subdevice = i >= options->generate;
		unsigned n = subdevice ? i - options->generate : i;

		gateway[0] = '\0';
		device_name(id, options, subdevice, n);
		if (subdevice)
			device_name(gateway, options, false, n % gateways);
		error = random_text(pin, PIN_BYTES);
		if (!error)
			error = random_text(bind, 8);
		fprintf(file, "%s,%s,%s,HT-AC-01,%s\n", id, pin, bind, gateway);
	}
	if (!error && (fflush(file) || ferror(file)))
		error = -errno;
out:
	if (error)
		fprintf(stderr, "hearth-fleet: %s: %s\n", options->csv, strerror(-error));
	if (file)
		fclose(file);
	else if (fd >= 0)
		close(fd);
	return error;
}

/** struct row - the fields of a line, in the text of the file */
struct row {
	const char *fields[5];
};

/* Fields are plain: no id or PIN of ours needs quotes. */
static bool row_split(char *line, struct row *row)
{
	unsigned i;

	memset(row, 0, sizeof(*row));
	line[strcspn(line, "\r\n")] = '\0';
	for (i = 0; i < 5; i++)
		row->fields[i] = strsep(&line, ",");
	return row->fields[0] && row->fields[1] && *row->fields[0] &&
	       strlen(row->fields[0]) <= ID_MAX && strlen(row->fields[1]) == PIN_BYTES;
}

static int by_id(const void *left, const void *right)
{
	return strcmp((*(struct device *const *)left)->id, (*(struct device *const *)right)->id);
}

static int by_name(const void *name, const void *entry)
{
	return strcmp(name, (*(struct device *const *)entry)->id);
}

static int give(struct device *gateway, unsigned subdevice)
{
	unsigned count = gateway->subdevices ? gateway->subdevices->count : 0;
	struct subdevices *grown =
		realloc(gateway->subdevices, sizeof(*grown) + (count + 1) * sizeof(grown->at[0]));

	if (!grown)
		return -ENOMEM;
	grown->at[count] = subdevice;
	grown->count = count + 1;
	gateway->subdevices = grown;
	return 0;
}

/* Give each sub-device to its gateway, which @gateways names; NULL for most. */
static int tie(struct fleet *fleet, const char *const *gateways)
{
	struct device **sorted = calloc(fleet->count, sizeof(*sorted)), **found;
	int error = sorted ? 0 : -ENOMEM;
	unsigned i;

	for (i = 0; !error && i < fleet->count; i++)
		sorted[i] = &fleet->devices[i];
	if (!error)
		qsort(sorted, fleet->count, sizeof(*sorted), by_id);
	for (i = 0; !error && i < fleet->count; i++) {
		if (!gateways[i])
			continue;
		found = bsearch(gateways[i], sorted, fleet->count, sizeof(*sorted), by_name);
		if (found) {
			error = give(*found, i);
			continue;
		}
		fprintf(stderr, "hearth-fleet: %s: gateway %s of %s is not in the file\n",
			fleet->options.csv, gateways[i], fleet->devices[i].id);
		error = -EINVAL;
	}
	free(sorted);
	return error;
}

/* The whole file, with a NUL behind it; ids and PINs stay where they lie in it. */
static int read_text(struct fleet *fleet)
{
	FILE *file = fopen(fleet->options.csv, "re");
	struct stat about;
	int error = 0;

	if (!file || fstat(fileno(file), &about)) {
		error = -errno;
	} else {
		fleet->text_bytes = (size_t)about.st_size;
		fleet->text = malloc(fleet->text_bytes + 1);
		if (!fleet->text)
			error = -ENOMEM;
		else if (fread(fleet->text, 1, fleet->text_bytes, file) != fleet->text_bytes)
			error = errno ? -errno : -EIO;
		else
			fleet->text[fleet->text_bytes] = '\0';
	}
	if (error)
		fprintf(stderr, "hearth-fleet: %s: %s\n", fleet->options.csv, strerror(-error));
	if (file)
		fclose(file);
	return error;
}

static unsigned lines_in(const char *text)
{
	unsigned lines = 1;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

/* One device per row. @gateways: room for each one's */
static int take_rows(struct fleet *fleet, const char **gateways, bool *any_gateway)
{
	char *rest = fleet->text, *line;
	unsigned number = 0;
	struct row row;

	while ((line = strsep(&rest, "\n"))) {
		struct device *device = &fleet->devices[fleet->count];

		number++;
		if ((number == 1 && strncmp(line, "device_id,", 10) == 0) || (!rest && !*line))
			continue;
		if (!row_split(line, &row)) {
			fprintf(stderr,
				"hearth-fleet: %s:%u: not device_id,pin,... with a PIN of "
				"32 bytes\n",
				fleet->options.csv, number);
			return -EINVAL;
		}
		device->id = row.fields[0];
		device->pin = row.fields[1];
		device->escape = fleet->count & 1;
		device->is_subdevice = row.fields[4] && *row.fields[4];
		if (device->is_subdevice) {
			gateways[fleet->count] = row.fields[4];
			*any_gateway = true;
		}
		fleet->count++;
	}
	return 0;
}

int device_file_load(struct fleet *fleet)
{
	const char **gateways = NULL;
	bool any_gateway = false;
	int error = read_text(fleet);

	if (!error) {
		unsigned lines = lines_in(fleet->text);

		fleet->devices = calloc(lines, sizeof(*fleet->devices));
		gateways = calloc(lines, sizeof(*gateways));
		error = fleet->devices && gateways ? take_rows(fleet, gateways, &any_gateway)
						   : -ENOMEM;
	}
	if (!error && fleet->count == 0) {
		fprintf(stderr, "hearth-fleet: %s: no devices\n", fleet->options.csv);
		error = -EINVAL;
	}
	if (!error && any_gateway)
		error = tie(fleet, gateways);
	free(gateways);
	return error;
}
