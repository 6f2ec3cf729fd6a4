// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "flrwrite.h"
#include "output.h"
#include "util.h"

int flr_begin(int fd, enum flr_subject subject, struct flr_writer *ret_writer)
{
	const struct flr_head head = {
		.magic = FLR_MAGIC,
		.byte_order = FLR_BYTE_ORDER,
		.version = FLR_VERSION,
		.flags = FLR_UNFINISHED,
		.subject = subject,
	};
	struct stat stat;
	int err;

	if (fstat(fd, &stat))
		return -errno;
	if (!S_ISREG(stat.st_mode))
		return -EINVAL;
	err = output_write(fd, (void *)&head, sizeof(head));
	if (err)
		return err;
	*ret_writer = (struct flr_writer){ .fd = fd, .size = sizeof(head) };
	return 0;
}

static void *make_room(struct flr_draft *draft, size_t size)
{
	size_t room = draft->room ? draft->room : 4096;
	void *p;

	while (room < draft->n + size)
		room *= 2;
	if (room > draft->room) {
		p = realloc(draft->data, room);
		if (!p) {
			draft->failed = true;
			return NULL;
		}
		draft->data = p;
		draft->room = room;
	}
	p = draft->data + draft->n;
	draft->n += size;
	return p;
}

void flr_add(struct flr_draft *draft, const void *data, size_t size)
{
	void *p = size ? make_room(draft, size) : NULL;

	if (p)
		memcpy(p, data, size);
}

struct flr_draft flr_draft_new(void)
{
	static const struct flr_section none;
	struct flr_draft draft = {};

	/* the head is filled in last */
	flr_add(&draft, &none, sizeof(none));
	return draft;
}

size_t flr_draft_size(const struct flr_draft *draft)
{
	return draft->n - sizeof(struct flr_section);
}

void flr_patch(struct flr_draft *draft, size_t at, const void *data, size_t size)
{
	if (!draft->failed)
		memcpy(draft->data + sizeof(struct flr_section) + at, data, size);
}

int flr_write(struct flr_writer *writer, struct flr_draft *draft, enum flr_type type)
{
	cleanup_free uint8_t *data = draft->data;
	struct flr_section head = { .type = type, .number = writer->sections };

	if (writer->err)
		return writer->err;
	if (draft->failed)
		return writer->err = -ENOMEM;
	head.size = flr_draft_size(draft);
	head.payload_crc = crc32_z(0, data + sizeof(head), head.size);
	head.head_crc = crc32_z(0, (void *)&head, offsetof(struct flr_section, head_crc));
	memcpy(data, &head, sizeof(head));
	writer->err = output_write(writer->fd, (void *)data, draft->n);
	if (writer->err) {
		/* without it a reader finds where the last whole one ends, too */
		if (!ftruncate(writer->fd, writer->size))
			lseek(writer->fd, writer->size, SEEK_SET);
		return writer->err;
	}
	writer->size += draft->n;
	writer->sections++;
	return 0;
}

int flr_finish(struct flr_writer *writer)
{
	const uint32_t finished = FLR_FINISHED;
	ssize_t n;

	if (writer->err)
		return writer->err;
	n = pwrite(writer->fd, &finished, sizeof(finished), offsetof(struct flr_head, flags));
	if (n != sizeof(finished))
		writer->err = n < 0 ? -errno : -EIO;
	return writer->err;
}

void flr_copy(char *to, size_t size, const char *from)
{
	memcpy(to, from, strnlen(from, size - 1));
}
