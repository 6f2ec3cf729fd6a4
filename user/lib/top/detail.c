// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>

#include "top/detail.h"

static void print_address(FILE *out, const struct view_row *row)
{
	const struct row *r = row->row;

	fprintf(out, "address   0x%" PRIx64, r->address_min);
	if (r->address_max != r->address_min)
		fprintf(out, " to 0x%" PRIx64, r->address_max);
	fputs(r->error_bits & ROW_ERROR_WRITE ? ", some writes" : ", no writes", out);
	fputs(r->error_bits & ROW_ERROR_FETCH ? ", some instruction fetches\n" : "\n", out);
	fprintf(out, "object    %s\n", row->object);
}

static void print_exits(FILE *out, const struct view_row *row)
{
	const struct row *r = row->row;

	fputs("VM exits  ", out);
	for (unsigned int i = 0; i < r->n_exits; i++)
		fprintf(out, "%s%s %" PRIu64, i ? ", " : "", row->exits[i], r->exits[i].count);
	if (r->exits_other)
		fprintf(out, ", others %" PRIu64, r->exits_other);
	fputc('\n', out);
}

/* "0-3,5"; those from FL_VCPU_LAST on are not told apart */
static void print_vcpus(FILE *out, uint64_t vcpus)
{
	const char *before = "";

	for (int i = 0; i < FL_VCPU_LAST; i++) {
		int first = i;

		if (!(vcpus & 1ULL << i))
			continue;
		while (i + 1 < FL_VCPU_LAST && vcpus & 1ULL << (i + 1))
			i++;
		fprintf(out, first == i ? "%s%d" : "%s%d-%d", before, first, i);
		before = ",";
	}
	if (vcpus & 1ULL << FL_VCPU_LAST)
		fprintf(out, "%sfrom %d on", before, FL_VCPU_LAST);
}

static void print_seen(FILE *out, const struct view *view, const struct row *row)
{
	uint64_t now = view->report->to_ns;

	fprintf(out, "seen      first %.3f s, last %.3f s before this\n",
		(now - row->first_ns) / 1e9, (now - row->last_ns) / 1e9);
}

static void print_stack(FILE *out, const struct view_row *row, bool stacks)
{
	if (!row->n_frames)
		fprintf(out, "stack     %s\n", stacks ? "not kept" : "not asked for (-S)");
	for (int i = 0; i < row->n_frames; i++)
		fprintf(out, "%-9s %s\n", i ? "" : "stack", row->frames[i].name);
}

void detail_print(FILE *out, const struct view *view, const struct view_row *row, bool stacks)
{
	const struct row *r = row->row;

	fprintf(out, "function  %s, ip 0x%" PRIx64 "\n", row->site, r->ip);
	fprintf(out, "faults    %" PRIu64 ", %.1f%% of all, %.1f/s in the last interval\n",
		r->count, 100.0 * r->count / view->report->counted, view__rate(view, r));
	print_address(out, row);
	print_exits(out, row);
	fprintf(out, "VM        %u of process %u%s%s%s, vCPUs ", r->vm, r->pid,
		row->comm[0] ? " (" : "", row->comm, row->comm[0] ? ")" : "");
	print_vcpus(out, r->vcpus);
	fputc('\n', out);
	print_seen(out, view, r);
	print_stack(out, row, stacks);
}
