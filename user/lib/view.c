// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "duration.h"
#include "util.h"
#include "timestamp.h"
#include "view.h"

void resolver__fini(struct resolver *resolver)
{
	ksyms__free(resolver->ksyms);
	klayout__fini(&resolver->layout);
	exitnames__free(resolver->exits);
	*resolver = (struct resolver){};
}

/* Code is in the kernel's text or a module's; the nearest symbol before anything else is not it. */
static bool find_function(const struct resolver *resolver, uint64_t ip, struct ksym *ret_sym)
{
	const struct kspan *text = &resolver->layout.text;

	if (!ksyms__find(resolver->ksyms, ip, ret_sym))
		return false;
	return ret_sym->module || !text->end || (ip >= text->start && ip < text->end);
}

static void print_function(const struct resolver *resolver, uint64_t ip, char buf[VIEW_NAME])
{
	struct ksym sym;

	if (!find_function(resolver, ip, &sym))
		snprintf(buf, VIEW_NAME, "0x%" PRIx64, ip);
	else if (sym.module)
		snprintf(buf, VIEW_NAME, "%s[%s]+0x%" PRIx64, sym.name, sym.module,
			 ip - sym.address);
	else
		snprintf(buf, VIEW_NAME, "%s+0x%" PRIx64, sym.name, ip - sym.address);
}

static int resolve_stack(const struct resolver *resolver, struct view_row *view)
{
	const struct stack *stack = stacks__find(resolver->stacks, view->row->stack_id);
	uint32_t first;

	if (!stack || !stack->n)
		return 0;
	first = stack__start(stack, view->row->ip);
	view->frames = calloc(stack->n - first, sizeof(*view->frames));
	if (!view->frames)
		return -ENOMEM;
	for (uint32_t i = first; i < stack->n; i++) {
		struct view_frame *frame = &view->frames[view->n_frames++];

		frame->address = stack->frames[i];
		print_function(resolver, frame->address, frame->name);
	}
	return 0;
}

static void resolve_site(const struct resolver *resolver, const struct row *row,
			 struct view_row *view)
{
	print_function(resolver, row->ip, view->site);
	if (find_function(resolver, row->ip, &view->function))
		view->function_offset = row->ip - view->function.address;
	region_decode(&resolver->layout, resolver->ksyms, row->address_min, &view->region);
	region_print(&view->region, view->object, sizeof(view->object));
}

static int resolve(const struct resolver *resolver, const struct row *row, struct view_row *view)
{
	view->row = row;
	memcpy(view->comm, row->comm, sizeof(view->comm));
	resolve_site(resolver, row, view);
	for (unsigned int i = 0; i < row->n_exits; i++)
		exitnames__print(resolver->exits, row->exits[i].isa, row->exits[i].reason,
				 view->exits[i], sizeof(view->exits[i]));
	return resolve_stack(resolver, view);
}

void resolver__ask(const struct resolver *resolver, const struct site *site)
{
	const struct stack *stack = stacks__find(resolver->stacks, site->value.stack_id);
	struct region region;
	struct ksym sym;

	find_function(resolver, site->key.ip, &sym);
	region_decode(&resolver->layout, resolver->ksyms, site->value.address_min, &region);
	region_decode(&resolver->layout, resolver->ksyms, site->value.address_max, &region);
	for (uint32_t i = 0; stack && i < stack->n; i++)
		find_function(resolver, stack->frames[i], &sym);
}

bool view_matches(const struct resolver *resolver, const struct row *row, const char *text)
{
	struct view_row view = {};

	resolve_site(resolver, row, &view);
	return strcasestr(view.site, text) || strcasestr(view.object, text);
}

int view__init_part(struct view *ret_view, const struct report *report,
		    const struct resolver *resolver, const struct row *rows, size_t n)
{
	struct view view = { .report = report, .resolver = resolver };

	view.time.tv_sec = report->to_real_ns / NSEC_PER_SEC;
	view.time.tv_nsec = report->to_real_ns % NSEC_PER_SEC;
	view.rows = calloc(n ? n : 1, sizeof(*view.rows));
	if (!view.rows)
		return -ENOMEM;
	while (view.n < n) {
		if (resolve(resolver, &rows[view.n], &view.rows[view.n])) {
			view__fini(&view);
			return -ENOMEM;
		}
		view.shown += rows[view.n++].count;
	}
	*ret_view = view;
	return 0;
}

int view__init(struct view *ret_view, const struct report *report, const struct resolver *resolver,
	       uint32_t max_rows, bool total)
{
	size_t n = max_rows && max_rows < report->n ? max_rows : report->n;
	int err = view__init_part(ret_view, report, resolver, report->rows, n);

	if (!err)
		ret_view->total = total;
	return err;
}

void view__fini(struct view *view)
{
	for (size_t i = 0; i < view->n; i++)
		free(view->rows[i].frames);
	free(view->rows);
	*view = (struct view){};
}

double view__seconds(const struct view *view)
{
	uint64_t ns = view->report->to_ns - view->report->from_ns;

	return (ns ? ns : 1) / 1e9;
}

double view__rate(const struct view *view, const struct row *row)
{
	uint64_t ns = view->report->recent_ns;

	return row->recent * 1e9 / (ns ? ns : 1);
}

void view__time(const struct view *view, char buf[40])
{
	timestamp_print(&view->time, buf);
}
