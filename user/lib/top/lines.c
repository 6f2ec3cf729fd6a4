// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "top/lines.h"

/* how much further what goes on is indented */
#define HANGING 2

static int add(struct lines *lines, const char *text, size_t size, size_t indent)
{
	char **line = reallocarray(lines->line, lines->n + 1, sizeof(*line));

	if (!line)
		return -ENOMEM;
	lines->line = line;
	if (asprintf(&line[lines->n], "%*s%.*s", (int)indent, "", (int)size, text) < 0)
		return -ENOMEM;
	lines->n++;
	return 0;
}

/* How much of size bytes of text goes into room: to the end of a part, a word, or until it is full. */
static size_t piece(const char *text, size_t size, size_t room)
{
	if (size <= room)
		return size;
	for (size_t n = room + 1; n-- > room / 2;)
		if (n && text[n] == ' ' && text[n - 1] == ';')
			return n;
	for (size_t n = room + 1; n-- > room / 2;)
		if (n && text[n] == ' ')
			return n;
	return room;
}

static int add_wrapped(struct lines *lines, const char *text, size_t size, size_t width,
		       size_t indent)
{
	/* not where that would leave no room */
	size_t hanging = width > indent + 4 * HANGING ? indent + HANGING : indent;
	int err;

	do {
		size_t n = piece(text, size, width > indent ? width - indent : 1);

		err = add(lines, text, n, indent);
		while (n < size && text[n] == ' ')
			n++;
		text += n;
		size -= n;
		indent = hanging;
	} while (!err && size);
	return err;
}

int lines__add(struct lines *lines, const char *text, size_t width, size_t indent)
{
	int err = 0;

	while (!err && *text) {
		size_t size = strcspn(text, "\n");

		err = add_wrapped(lines, text, size, width, indent);
		text += size + (text[size] == '\n');
	}
	return err;
}

void lines__fini(struct lines *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		free(lines->line[i]);
	free(lines->line);
	*lines = (struct lines){};
}
