// SPDX-License-Identifier: GPL-2.0
#include "jsonw.h"
#include "render.h"

#define SCHEMA 1

static void render_head(struct jsonw *json, const struct view *view, const char *type)
{
	const struct report *report = view->report;
	char time[40];

	view__time(view, time);
	jsonw_string(json, "type", type);
	jsonw_uint(json, "schema", SCHEMA);
	jsonw_string(json, "scope", view->total ? "total" : "interval");
	jsonw_string(json, "time", time);
	jsonw_uint(json, "mono_ns", report->to_ns);
	jsonw_uint(json, "interval_ns", report->to_ns - report->from_ns);
}

static void render_exits(struct jsonw *json, const struct view_row *row)
{
	jsonw_array(json, "vm_exits");
	for (unsigned int i = 0; i < row->row->n_exits; i++) {
		const struct row_exit *exit = &row->row->exits[i];

		jsonw_object(json, NULL);
		jsonw_string(json, "name", row->exits[i]);
		jsonw_uint(json, "isa", exit->isa);
		jsonw_uint(json, "reason", exit->reason);
		jsonw_uint(json, "count", exit->count);
		jsonw_object_end(json);
	}
	jsonw_array_end(json);
	jsonw_uint(json, "vm_exits_other", row->row->exits_other);
}

static void render_object(struct jsonw *json, const struct view_row *row)
{
	jsonw_hex(json, "address_min", row->row->address_min);
	jsonw_hex(json, "address_max", row->row->address_max);
	jsonw_string(json, "region", region_name(row->region.kind));
	jsonw_string(json, "object", row->object);
	jsonw_string(json, "symbol", row->region.sym.name);
	jsonw_hex(json, "offset", row->region.offset);
	if (row->region.cpu >= 0)
		jsonw_int(json, "cpu", row->region.cpu);
	jsonw_bool(json, "write", row->row->error_bits & ROW_ERROR_WRITE);
	jsonw_bool(json, "fetch", row->row->error_bits & ROW_ERROR_FETCH);
	jsonw_hex(json, "error_bits", row->row->error_bits);
}

static void render_vcpus(struct jsonw *json, uint64_t vcpus)
{
	jsonw_array(json, "vcpus");
	for (int i = 0; i < FL_VCPU_LAST; i++)
		if (vcpus & 1ULL << i)
			jsonw_int(json, NULL, i);
	jsonw_array_end(json);
	/* numbers from FL_VCPU_LAST on are not told apart */
	jsonw_bool(json, "vcpus_beyond", vcpus & 1ULL << FL_VCPU_LAST);
}

static void render_row(struct jsonw *json, const struct view *view, const struct view_row *row)
{
	jsonw_object(json, NULL);
	render_head(json, view, "row");
	jsonw_uint(json, "pid", row->row->pid);
	jsonw_uint(json, "vm", row->row->vm);
	jsonw_string(json, "comm", row->comm[0] ? row->comm : NULL);
	jsonw_uint(json, "count", row->row->count);
	jsonw_double(json, "rate", row->row->count / view__seconds(view));
	jsonw_double(json, "share", (double)row->row->count / view->report->counted);
	jsonw_hex(json, "ip", row->row->ip);
	jsonw_string(json, "function", row->function.name);
	jsonw_uint(json, "function_offset", row->function_offset);
	jsonw_string(json, "module", row->function.module);
	render_object(json, row);
	render_exits(json, row);
	render_vcpus(json, row->row->vcpus);
	jsonw_uint(json, "first_ns", row->row->first_ns);
	jsonw_uint(json, "last_ns", row->row->last_ns);
	if (row->n_frames) {
		jsonw_array(json, "stack");
		for (int i = 0; i < row->n_frames; i++)
			jsonw_string(json, NULL, row->frames[i].name);
		jsonw_array_end(json);
	}
	jsonw_object_end(json);
	jsonw_line_end(json);
}

static void render_summary(struct jsonw *json, const struct view *view)
{
	const struct report *report = view->report;

	jsonw_object(json, NULL);
	render_head(json, view, "summary");
	jsonw_string(json, "platform", view->resolver->platform);
	jsonw_string(json, "symbols", *view->resolver->symbols ? view->resolver->symbols : "ok");
	jsonw_uint(json, "events", report->events);
	jsonw_uint(json, "vms", report->vms);
	jsonw_uint(json, "rows", report->n);
	jsonw_uint(json, "counted", report->counted);
	jsonw_uint(json, "rows_not_shown", report->n - view->n);
	jsonw_uint(json, "count_not_shown", report->counted - view->shown);
	if (report->cut_off)
		jsonw_string(json, "lost_events", NULL);
	else
		jsonw_uint(json, "lost_events", report->missed);
	jsonw_object(json, "lost");
	for (int i = 0; i < LOSS_MAX; i++)
		jsonw_uint(json, loss_name(i), report->losses.n[i]);
	jsonw_object_end(json);
	jsonw_bool(json, "lost_of_all_vmms", report->lost_of_all);
	jsonw_bool(json, "cut_off", report->cut_off);
	/* while the program runs, maps read one after the other cannot agree */
	if (report->quiet)
		jsonw_int(json, "unaccounted", report__unaccounted(report));
	if (report->cost.state == COST_KNOWN) {
		jsonw_uint(json, "bpf_runs", report->cost.runs);
		jsonw_uint(json, "bpf_run_ns", report->cost.ns);
	} else if (report->cost.state == COST_UNKNOWN) {
		jsonw_string(json, "bpf_runs", NULL);
		jsonw_string(json, "bpf_run_ns", NULL);
	}
	jsonw_object_end(json);
	jsonw_line_end(json);
}

void render_json(FILE *out, const struct view *view)
{
	struct jsonw json = { .out = out };

	for (size_t i = 0; i < view->n; i++)
		render_row(&json, view, &view->rows[i]);
	render_summary(&json, view);
}
