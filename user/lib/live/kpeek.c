// SPDX-License-Identifier: GPL-2.0
#include <errno.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "abi.h"
#include "klayout.h"
#include "kpeek.skel.h"
#include "util.h"

static int peek(void *ctx, uint64_t address, uint64_t *ret_value)
{
	struct fl_kpeek word = { .address = address };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &word, .ctx_size_in = sizeof(word));
	struct kpeek *skel = ctx;

	if (bpf_prog_test_run_opts(bpf_program__fd(skel->progs.kpeek), &opts))
		return -errno;
	if (word.err)
		return word.err;
	*ret_value = word.value;
	return 0;
}

int klayout__read(struct klayout *ret_layout, const struct ksyms *ksyms)
{
	struct kpeek *skel = kpeek__open_and_load();
	int peek_err = skel ? 0 : -errno;
	int err = klayout__init(ret_layout, ksyms, libbpf_num_possible_cpus(), skel ? peek : NULL,
				skel);

	if (!err && peek_err)
		ret_layout->peek_err = peek_err;
	kpeek__destroy(skel);
	return err;
}
