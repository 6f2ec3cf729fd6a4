/* SPDX-License-Identifier: GPL-2.0 */
/* How libFuzzer changes a recording: mostly one section at a time. Included once, by each fuzzer. */
#ifndef FAULTLINE_FUZZ_MUTATE_H
#define FAULTLINE_FUZZ_MUTATE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "flr.h"
#include "util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
/* libFuzzer's */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* Where section n starts, or the end of what is in order. */
static size_t section_at(const uint8_t *data, size_t size, size_t n)
{
	size_t at = sizeof(struct flr_head);
	struct flr_section head;

	while (n-- && at + sizeof(head) <= size) {
		memcpy(&head, data + at, sizeof(head));
		if (head.size > size - at - sizeof(head))
			break;
		at += sizeof(head) + head.size;
	}
	return at;
}

/*
 * A section whose length changes takes those behind it out of step, and the reader refuses all of it:
 * mostly, one section's payload is changed and its head put right.
 */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	size_t at = section_at(data, size, seed / 8 % 32), rest, old, new;
	struct flr_section head;
	cleanup_free uint8_t *behind = NULL;

	if (seed % 8 == 0 || at + sizeof(head) > size)
		return LLVMFuzzerMutate(data, size, max_size);
	memcpy(&head, data + at, sizeof(head));
	at += sizeof(head);
	old = head.size < size - at ? head.size : size - at;
	rest = size - at - old;
	behind = malloc(rest + 1);
	if (!behind)
		abort();
	memcpy(behind, data + at + old, rest);
	new = LLVMFuzzerMutate(data + at, old, max_size - at - rest);
	memcpy(data + at + new, behind, rest);
	head.size = new;
	memcpy(data + at - sizeof(head), &head, sizeof(head));
	return at + new + rest;
}

#endif
