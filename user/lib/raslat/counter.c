// SPDX-License-Identifier: GPL-2.0
#include "raslat/counter.h"
#include "waiter.h"

#define READINGS 200

#ifdef __aarch64__
static uint64_t counter(void)
{
	uint64_t value;

	/* isb: not before what precedes it is done */
	asm volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(value)::"memory");
	return value;
}

uint64_t counter_hz(void)
{
	uint64_t hz;

	asm volatile("mrs %0, cntfrq_el0" : "=r"(hz));
	return hz;
}
#else
static uint64_t counter(void)
{
	return 0;
}

uint64_t counter_hz(void)
{
	return 0;
}
#endif

struct flr_ras_anchor counter_anchor(void)
{
	struct flr_ras_anchor best = { .error_ns = UINT64_MAX };

	for (int i = 0; i < READINGS; i++) {
		uint64_t before = waiter_now_ns(), value = counter(), after = waiter_now_ns();

		if ((after - before + 1) / 2 < best.error_ns)
			best = (struct flr_ras_anchor){
				.ns = before + (after - before) / 2,
				.counter = value,
				.error_ns = (after - before + 1) / 2,
			};
	}
	return best;
}
