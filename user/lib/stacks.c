// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>

#include "stacks.h"
#include "util.h"

#define FIRST_ROOM 64

/* The slot that has the id, or the free one where it belongs. At most half of the slots are used. */
static size_t slot_of(const struct stacks *stacks, int32_t id)
{
	size_t slot = (uint32_t)id * 2654435761u % stacks->n_slots;

	while (stacks->slots[slot] && stacks->all[stacks->slots[slot] - 1].id != id)
		slot = (slot + 1) % stacks->n_slots;
	return slot;
}

static int grow(struct stacks *stacks)
{
	size_t room = stacks->room ? 2 * stacks->room : FIRST_ROOM;
	struct stack *all = reallocarray(stacks->all, room, sizeof(*all));
	uint32_t *slots;

	if (!all)
		return -ENOMEM;
	stacks->all = all;
	slots = calloc(2 * room, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(stacks->slots);
	stacks->slots = slots;
	stacks->n_slots = 2 * room;
	stacks->room = room;
	for (size_t i = 0; i < stacks->n; i++)
		slots[slot_of(stacks, all[i].id)] = i + 1;
	return 0;
}

int stacks__add(struct stacks *stacks, int32_t id, const uint64_t *frames, uint32_t n)
{
	struct stack *stack;

	if (stacks__find(stacks, id))
		return 0;
	if (stacks->n == stacks->room && grow(stacks))
		return -ENOMEM;
	stack = &stacks->all[stacks->n];
	*stack = (struct stack){ .id = id, .n = n };
	memcpy(stack->frames, frames, n * sizeof(*frames));
	stacks->slots[slot_of(stacks, id)] = ++stacks->n;
	return 0;
}

const struct stack *stacks__find(const struct stacks *stacks, int32_t id)
{
	size_t slot;

	if (!stacks || !stacks->n_slots)
		return NULL;
	slot = slot_of(stacks, id);
	return stacks->slots[slot] ? &stacks->all[stacks->slots[slot] - 1] : NULL;
}

void stacks__fini(struct stacks *stacks)
{
	free(stacks->all);
	free(stacks->slots);
	*stacks = (struct stacks){};
}

uint32_t stack__start(const struct stack *stack, uint64_t ip)
{
	for (uint32_t i = 0; i < stack->n; i++)
		if (stack->frames[i] == ip)
			return i;
	return 0;
}
