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
	FILE *file = NULL;
	int error = 0;
	unsigned i;

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
			device_name(gateway, options, false, n % options->generate);
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

struct row {
	char *fields[5];
	char *line;
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

/* Give each sub-device to its gateway. @gateways holds one name per device, NULL for most. */
static int tie(struct fleet *fleet, char **gateways)
{
	struct device **sorted = calloc(fleet->count, sizeof(*sorted));
	struct device *wanted = calloc(1, sizeof(*wanted));
	unsigned i;
	int error = sorted && wanted ? 0 : -ENOMEM;

	for (i = 0; !error && i < fleet->count; i++)
		sorted[i] = &fleet->devices[i];
	if (!error)
		qsort(sorted, fleet->count, sizeof(*sorted), by_id);
	for (i = 0; !error && i < fleet->count; i++) {
		struct device **found, *gateway;
		unsigned *grown;

		if (!gateways[i])
			continue;
		snprintf(wanted->id, sizeof(wanted->id), "%s", gateways[i]);
		found = bsearch(&wanted, sorted, fleet->count, sizeof(*sorted), by_id);
		if (!found) {
			fprintf(stderr, "hearth-fleet: %s: gateway %s of %s is not in the file\n",
				fleet->options.csv, gateways[i], fleet->devices[i].id);
			error = -EINVAL;
			break;
		}
		gateway = *found;
		grown = realloc(gateway->subdevices,
			(gateway->subdevice_count + 1) * sizeof(*gateway->subdevices));
		if (!grown) {
			error = -ENOMEM;
			break;
		}
		gateway->subdevices = grown;
		gateway->subdevices[gateway->subdevice_count++] = i;
	}
	free(sorted);
	free(wanted);
	return error;
}

static int append(struct fleet *fleet, char ***gateways, const struct row *row)
{
	struct device *device;

	/* Grown by doubling: at every power of two. */
	if ((fleet->count & (fleet->count - 1)) == 0) {
		size_t room = fleet->count ? 2 * (size_t)fleet->count : 1;
		struct device *devices = realloc(fleet->devices, room * sizeof(*devices));
		char **names = devices ? realloc(*gateways, room * sizeof(*names)) : NULL;

		if (devices)
			fleet->devices = devices;
		if (names)
			*gateways = names;
		if (!devices || !names)
			return -ENOMEM;
	}
	device = &fleet->devices[fleet->count];
	memset(device, 0, sizeof(*device));
	snprintf(device->id, sizeof(device->id), "%s", row->fields[0]);
	memcpy(device->pin, row->fields[1], PIN_BYTES);
	device->index = fleet->count;
	device->is_subdevice = row->fields[4] && *row->fields[4];
	(*gateways)[fleet->count] = NULL;
	if (device->is_subdevice && !((*gateways)[fleet->count] = strdup(row->fields[4])))
		return -ENOMEM;
	fleet->count++;
	return 0;
}

int device_file_load(struct fleet *fleet)
{
	FILE *file = fopen(fleet->options.csv, "re");
	char **gateways = NULL, *line = NULL;
	size_t size = 0;
	unsigned number = 0, i;
	struct row row;
	int error = 0;

	if (!file) {
		error = -errno;
		fprintf(stderr, "hearth-fleet: %s: %s\n", fleet->options.csv, strerror(errno));
		return error;
	}
	while (!error && getline(&line, &size, file) > 0) {
		number++;
		if (number == 1 && strncmp(line, "device_id,", 10) == 0)
			continue;
		if (!row_split(line, &row)) {
			fprintf(stderr,
				"hearth-fleet: %s:%u: not device_id,pin,... with a PIN of "
				"32 bytes\n",
				fleet->options.csv, number);
			error = -EINVAL;
			break;
		}
		error = append(fleet, &gateways, &row);
	}
	if (!error && fleet->count == 0) {
		fprintf(stderr, "hearth-fleet: %s: no devices\n", fleet->options.csv);
		error = -EINVAL;
	}
	if (!error)
		error = tie(fleet, gateways);
	for (i = 0; i < fleet->count; i++)
		free(gateways[i]);
	free(gateways);
	free(line);
	fclose(file);
	return error;
}
