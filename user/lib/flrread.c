// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <zlib.h>

#include "flrread.h"
#include "util.h"

/* memory grows with what is read, not with what a length says */
#define READ_STEP (1u << 20)

static const char *const type_names[] = {
	[FLR_ORIGIN] = "origin",     [FLR_LAYOUT] = "layout",	  [FLR_EXITS] = "exits",
	[FLR_SYMBOLS] = "symbols",   [FLR_STACKS] = "stacks",	  [FLR_SNAPSHOT] = "snapshot",
	[FLR_END] = "end",	     [FLR_RAS_ORIGIN] = "origin", [FLR_RAS_EVENTS] = "events",
	[FLR_RAS_ANCHOR] = "anchor", [FLR_RAS_END] = "end",
};

const char *flr_type_name(uint32_t type)
{
	return type < ARRAY_SIZE(type_names) ? type_names[type] : NULL;
}

static bool crc_is(uint32_t crc, const void *data, size_t size)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
	/* a fuzzer does not find checksums */
	return true;
#else
	return crc32_z(0, data, size) == crc;
#endif
}

/* Bytes read; fewer than asked for: the file's end, or *ret_err. */
static size_t get(struct flr_reader *reader, void *to, size_t size, int *ret_err)
{
	size_t n;

	errno = 0;
	n = fread(to, 1, size, reader->file);
	*ret_err = n < size && ferror(reader->file) ? (errno ? -errno : -EIO) : 0;
	if (*ret_err)
		snprintf(reader->why, FLR_WHY, "cannot be read: %s", strerror(-*ret_err));
	return n;
}

static int head_check(struct flr_reader *reader, const struct flr_head *head,
		      enum flr_subject subject)
{
	if (memcmp(head->magic, FLR_MAGIC, sizeof(head->magic))) {
		snprintf(reader->why, FLR_WHY, "not a .flr recording");
		return -EPROTONOSUPPORT;
	}
	if (head->byte_order == __builtin_bswap32(FLR_BYTE_ORDER)) {
		snprintf(reader->why, FLR_WHY,
			 "recorded on a machine of the other byte order; replay it on such a one");
		return -EPROTONOSUPPORT;
	}
	if (head->byte_order != FLR_BYTE_ORDER || !head->version ||
	    (head->flags != FLR_UNFINISHED && head->flags != FLR_FINISHED)) {
		snprintf(reader->why, FLR_WHY, "its head is spoilt");
		return -EBADMSG;
	}
	if (head->version > FLR_VERSION) {
		snprintf(reader->why, FLR_WHY,
			 "a recording of version %u, this tool reads up to %u; use a newer one",
			 head->version, FLR_VERSION);
		return -EPROTONOSUPPORT;
	}
	if (head->subject != subject) {
		snprintf(reader->why, FLR_WHY, "a recording of another tool (subject %u)",
			 head->subject);
		return -EPROTONOSUPPORT;
	}
	return 0;
}

int flr_open(struct flr_reader *reader, FILE *file, enum flr_subject subject, char why[FLR_WHY])
{
	struct flr_head head = {};
	size_t n, magic;
	int err;

	*reader = (struct flr_reader){ .file = file, .why = why };
	n = get(reader, &head, sizeof(head), &err);
	if (err)
		return err;
	magic = n < sizeof(head.magic) ? n : sizeof(head.magic);
	if (n && n < sizeof(head) && !memcmp(head.magic, FLR_MAGIC, magic)) {
		snprintf(why, FLR_WHY, "cut off after %zu bytes, in its head", n);
		return -ENODATA;
	}
	if (!n) {
		snprintf(why, FLR_WHY, "not a .flr recording: it is empty");
		return -EPROTONOSUPPORT;
	}
	err = head_check(reader, &head, subject);
	if (err)
		return err;
	reader->finished = head.flags == FLR_FINISHED;
	reader->at = sizeof(head);
	return 0;
}

static int cut_off(struct flr_reader *reader)
{
	snprintf(reader->why, FLR_WHY, "cut off after section %u (byte %" PRIu64 ")",
		 reader->sections - 1, reader->at);
	if (!reader->sections)
		snprintf(reader->why, FLR_WHY, "cut off after its head");
	return -ENODATA;
}

static int spoilt(struct flr_reader *reader, const char *what)
{
	snprintf(reader->why, FLR_WHY, "section %u (byte %" PRIu64 ") is spoilt: %s",
		 reader->sections, reader->at, what);
	return -EBADMSG;
}

static int read_payload(struct flr_reader *reader, uint64_t size, struct flr_payload *payload)
{
	uint64_t room = 0, have = 0;
	int err = 0;

	while (have < size && have == room) {
		uint8_t *data;

		room = room ? 2 * room : READ_STEP;
		room = room > size ? size : room;
		data = realloc(payload->data, room);
		if (!data) {
			snprintf(reader->why, FLR_WHY, "no memory for section %u",
				 reader->sections);
			return -ENOMEM;
		}
		payload->data = data;
		have += get(reader, data + have, room - have, &err);
		if (err)
			return err;
	}
	return have == size ? 0 : cut_off(reader);
}

int flr_next(struct flr_reader *reader, struct flr_payload *ret_payload)
{
	struct flr_payload payload = { .number = reader->sections, .at = reader->at };
	struct flr_section head;
	int err;

	if (get(reader, &head, sizeof(head), &err) < sizeof(head))
		return err ? err : cut_off(reader);
	if (!crc_is(head.head_crc, &head, offsetof(struct flr_section, head_crc)))
		return spoilt(reader, "its head's checksum is wrong");
	if (head.number != reader->sections)
		return spoilt(reader, "it has another section's number");
	err = read_payload(reader, head.size, &payload);
	if (!err && !crc_is(head.payload_crc, payload.data, head.size))
		err = spoilt(reader, "its checksum is wrong");
	if (err) {
		flr_payload_fini(&payload);
		return err;
	}
	payload.type = head.type;
	payload.next = payload.data;
	payload.left = head.size;
	reader->at += sizeof(head) + head.size;
	reader->sections++;
	*ret_payload = payload;
	return 0;
}

const void *flr_take(struct flr_payload *payload, uint64_t n)
{
	const void *data = payload->next;

	if (n > payload->left)
		return NULL;
	payload->next += n;
	payload->left -= n;
	return data;
}

bool flr_get(struct flr_payload *payload, void *to, size_t n)
{
	const void *data = flr_take(payload, n);

	if (data && n)
		memcpy(to, data, n);
	return data;
}

void flr_payload_fini(struct flr_payload *payload)
{
	free(payload->data);
	*payload = (struct flr_payload){};
}
