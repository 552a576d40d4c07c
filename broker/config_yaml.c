/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* config_yaml.c - one small YAML document from a file nobody vouches for */
#include "config_yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX (1024 * 1024)
#define DEPTH_MAX 16

__attribute__((format(printf, 3, 0))) static void complain(
	struct config_reader *reader, size_t line, const char *format, va_list arguments)
{
	int n;

	if (!reader->size || reader->error[0])
		return;
	if (line)
		n = snprintf(reader->error, reader->size, "%s:%zu: ", reader->file, line);
	else
		n = snprintf(reader->error, reader->size, "%s: ", reader->file);
	if (n >= 0 && (size_t)n < reader->size)
		vsnprintf(reader->error + n, reader->size - (size_t)n, format, arguments);
}

/* A complaint about a line, or, with line 0, about the file as a whole. */
__attribute__((format(printf, 3, 4))) static int refuse_line(
	struct config_reader *reader, size_t line, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	complain(reader, line, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

int config_refuse(struct config_reader *reader, const yaml_node_t *node, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	complain(reader, node->start_mark.line + 1, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

void config_warn(struct config_reader *reader, const yaml_node_t *node, const char *format, ...)
{
	char line[512];
	va_list arguments;
	int n;

	if (!reader->warn)
		return;
	n = snprintf(line, sizeof(line), "%s:%zu: ", reader->file, node->start_mark.line + 1);
	if (n < 0 || (size_t)n >= sizeof(line))
		return;
	va_start(arguments, format);
	vsnprintf(line + n, sizeof(line) - (size_t)n, format, arguments);
	va_end(arguments);
	reader->warn(line);
}

/* The whole file, malloc'ed. */
static int read_file(struct config_reader *reader, unsigned char **text, size_t *length)
{
	unsigned char *buffer = NULL;
	size_t used = 0;
	ssize_t n;
	int fd, rc = 0;

	fd = open(reader->file, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		rc = -errno;
		refuse_line(reader, 0, "cannot be opened: %s", strerror(-rc));
		return rc;
	}
	buffer = malloc(FILE_MAX + 1);
	if (!buffer) {
		rc = -ENOMEM;
		refuse_line(reader, 0, "no memory to read it");
		goto out;
	}
	while (used <= FILE_MAX) {
		n = read(fd, buffer + used, FILE_MAX + 1 - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			rc = -errno;
			refuse_line(reader, 0, "cannot be read: %s", strerror(-rc));
			goto out;
		}
		if (!n)
			break;
		used += (size_t)n;
	}
	if (used > FILE_MAX)
		rc = refuse_line(reader, 0, "is larger than 1 MiB: this is no configuration file");
out:
	close(fd);
	if (rc < 0) {
		free(buffer);
		return rc;
	}
	*text = buffer;
	*length = used;
	return 0;
}

static void parser_start(yaml_parser_t *parser, const unsigned char *text, size_t length)
{
	/* a fixed encoding: offsets in messages are offsets in the file */
	yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(parser, text, length);
}

/* What libyaml says went wrong. Its reader knows only the offset of a bad byte. */
static int refuse_syntax(
	struct config_reader *reader, const yaml_parser_t *parser, const unsigned char *text)
{
	size_t line = parser->problem_mark.line + 1;
	const char *problem = parser->problem ? parser->problem : "no memory";

	if (parser->error == YAML_MEMORY_ERROR)
		return refuse_line(reader, 0, "no memory to parse it");
	if (parser->error == YAML_READER_ERROR) {
		line = 1;
		for (size_t i = 0; i < parser->problem_offset; i++)
			line += text[i] == '\n';
		return refuse_line(reader, line,
			"not a text file in UTF-8 (%s): remove the strange byte", problem);
	}
	return refuse_line(reader, line,
		"not valid YAML (%s): look at the indentation, quotes and brackets here", problem);
}

/* Refuse what needs care that a configuration does not need. */
static int check_event(struct config_reader *reader, const yaml_event_t *event, unsigned *depth,
	unsigned *documents)
{
	size_t line = event->start_mark.line + 1;
	const yaml_char_t *anchor = NULL, *tag = NULL;

	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++*documents > 1)
			return refuse_line(reader, line,
				"a second document begins here: one file holds one configuration");
		break;
	case YAML_ALIAS_EVENT:
		return refuse_line(
			reader, line, "aliases (*name) are not taken here: write the value out");
	case YAML_SCALAR_EVENT:
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
		++*depth;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
		++*depth;
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		--*depth;
		break;
	default:
		break;
	}
	if (anchor)
		return refuse_line(
			reader, line, "anchors (&name) are not taken here: write the value out");
	if (tag)
		return refuse_line(reader, line, "tags (!type) are not taken here: leave it out");
	if (*depth > DEPTH_MAX)
		return refuse_line(
			reader, line, "nested too deeply: no key of Hearth lies that deep");
	return 0;
}

/* A first pass over the events, so that nothing hostile reaches the document loader. */
static int check_events(struct config_reader *reader, const unsigned char *text, size_t length)
{
	unsigned depth = 0, documents = 0;
	yaml_parser_t parser;
	yaml_event_t event;
	bool end = false;
	int rc = 0;

	if (!yaml_parser_initialize(&parser))
		return refuse_line(reader, 0, "no memory to parse it");
	parser_start(&parser, text, length);
	while (!end && rc == 0) {
		if (!yaml_parser_parse(&parser, &event)) {
			rc = refuse_syntax(reader, &parser, text);
			break;
		}
		rc = check_event(reader, &event, &depth, &documents);
		end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return rc;
}

int config_yaml_parse(struct config_reader *reader, const unsigned char *text, size_t length)
{
	yaml_parser_t parser;
	int rc;

	if (length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
		text += 3;
		length -= 3;
	}
	rc = check_events(reader, text, length);
	if (rc < 0)
		return rc;
	if (!yaml_parser_initialize(&parser))
		return refuse_line(reader, 0, "no memory to parse it");
	parser_start(&parser, text, length);
	if (!yaml_parser_load(&parser, &reader->document))
		rc = refuse_syntax(reader, &parser, text);
	else if (!yaml_document_get_root_node(&reader->document)) {
		yaml_document_delete(&reader->document);
		rc = refuse_line(reader, 1, "the file is empty: it needs %s", reader->needs);
	}
	yaml_parser_delete(&parser);
	return rc;
}

int config_yaml_open(struct config_reader *reader)
{
	unsigned char *text = NULL;
	size_t length = 0;
	int rc;

	rc = read_file(reader, &text, &length);
	if (rc < 0)
		return rc;
	rc = config_yaml_parse(reader, text, length);
	free(text);
	return rc;
}

void config_yaml_close(struct config_reader *reader)
{
	yaml_document_delete(&reader->document);
}
