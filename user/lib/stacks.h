/* SPDX-License-Identifier: GPL-2.0 */
/* Kernel stacks, by the id that the program gave them; an id's stack never changes. */
#ifndef FAULTLINE_STACKS_H
#define FAULTLINE_STACKS_H

#include <stddef.h>
#include <stdint.h>

#include "abi.h"

struct stack {
	int32_t id;
	uint32_t n;
	uint64_t frames[FL_STACK_DEPTH]; /* addresses, innermost first */
};

struct stacks {
	struct stack *all; /* in the order in which they came */
	size_t n, room;
	uint32_t *slots; /* hash table: index into all and 1; 0: free */
	size_t n_slots;
};

/* The first of an id stays. n: frames, at most FL_STACK_DEPTH. 0 or -ENOMEM. */
int stacks__add(struct stacks *stacks, int32_t id, const uint64_t *frames, uint32_t n);

/* NULL: not there. stacks may be NULL. The pointer is good until the next stacks__add(). */
const struct stack *stacks__find(const struct stacks *stacks, int32_t id);

void stacks__fini(struct stacks *stacks);

/*
 * The index of the frame where the fault happened: what the kernel did about the fault is before
 * it. 0 if ip is not in the stack.
 */
uint32_t stack__start(const struct stack *stack, uint64_t ip);

#endif
