// SPDX-License-Identifier: GPL-2.0
#include "loss.h"

static const struct {
	const char *name;
	const char *remedy;
	bool event;
} kinds[LOSS_MAX] = {
	[LOSS_MAP_FULL] = { "map_full", "raise --sites", true },
	[LOSS_VM_FULL] = { "vm_full", "choose one VMM with -p", true },
	[LOSS_BUSY] = { "busy", "the kernel refused a map update", true },
	[LOSS_STACK] = { "stack", "raise --sites", false },
	[LOSS_NESTED] = { "nested", "a fault came while the program ran on that CPU", true },
	[LOSS_VM_BUSY] = { "vm_busy", "the kernel refused to add a VM", true },
	[LOSS_RANGE] = { "range", "CPUs collided; the addresses shown may be too few", false },
};

const char *loss_name(enum fl_loss loss)
{
	return kinds[loss].name;
}

const char *loss_remedy(enum fl_loss loss)
{
	return kinds[loss].remedy;
}

bool loss_is_event(enum fl_loss loss)
{
	return kinds[loss].event;
}

uint64_t losses_events(const struct losses *losses)
{
	uint64_t sum = 0;

	for (int i = 0; i < LOSS_MAX; i++)
		sum += loss_is_event(i) ? losses->n[i] : 0;
	return sum;
}

uint64_t losses_no_vm(const struct losses *losses)
{
	return losses->n[LOSS_VM_FULL] + losses->n[LOSS_VM_BUSY];
}

bool losses_any(const struct losses *losses)
{
	for (int i = 0; i < LOSS_MAX; i++)
		if (losses->n[i])
			return true;
	return false;
}

struct losses losses_since(const struct losses *now, const struct losses *before)
{
	struct losses since;

	for (int i = 0; i < LOSS_MAX; i++)
		since.n[i] = now->n[i] - before->n[i];
	return since;
}
