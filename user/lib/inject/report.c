// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "inject/inject.h"
#include "inject/policy.h"
#include "jsonw.h"
#include "platform.h"
#include "timestamp.h"

#define FLAGS_TEXT 512
#define WHY_TEXT 256

static uint32_t shown_owners(const struct page *page)
{
	return page->found < PAGE_OWNERS ? page->found : PAGE_OWNERS;
}

static void text_memcg(const struct page *page)
{
	char path[256];

	if (!page->memcg_known) {
		printf("memcg     unknown: no /proc/kpagecgroup\n");
		return;
	}
	if (!page->memcg) {
		printf("memcg     none\n");
		return;
	}
	page_memcg_path(page->memcg, path, sizeof(path));
	printf("memcg     %s (inode %" PRIu64 ")\n", *path ? path : "?", page->memcg);
}

static void text_owners(const struct page *page)
{
	printf("mappings  %" PRIu64 ", found %u in %u process%s\n", page->mappings, page->found,
	       page->processes, page->processes == 1 ? "" : "es");
	for (uint32_t i = 0; i < shown_owners(page); i++) {
		const struct owner *owner = &page->owners[i];

		printf("owner     %u %s at %#" PRIx64 ", %s%s%s\n", owner->pid, owner->comm,
		       owner->vaddr, owner->shared ? "shared" : "private", *owner->file ? ", " : "",
		       owner->file);
	}
	if (page->found > PAGE_OWNERS)
		printf("owner     %u more mappings are not shown\n", page->found - PAGE_OWNERS);
}

static void text_page(const struct injection *injection)
{
	const struct page *page = &injection->page;
	char flags[FLAGS_TEXT], why[WHY_TEXT];

	printf("page      pfn %#" PRIx64 ", address %#" PRIx64 "%s%s\n", page->pfn,
	       page->pfn << page_shift(), *page->region ? ", " : "", page->region);
	if (page->online) {
		page_flag_names(page->flags, flags, sizeof(flags));
		printf("flags     %#" PRIx64 " %s\n", page->flags, flags);
		text_owners(page);
		text_memcg(page);
	}
	for (int i = 0; i < REFUSALS; i++) {
		if (!(injection->refusals & 1u << i))
			continue;
		policy_text(page, i, why, sizeof(why));
		printf("against   %s\n", why);
	}
	printf("decision  %s, backend %s\n",
	       !injection->refusals	 ? "inject" :
	       injection->options->force ? "inject: forced" :
					   "refuse",
	       backend_names[injection->backend]);
}

void report_page(const struct injection *injection)
{
	if (injection->options->format != FORMAT_TEXT)
		return;
	if (injection->has_page)
		text_page(injection);
	else
		printf("page      guest address %#" PRIx64 " of %s\n", injection->options->gpa,
		       injection->options->qmp);
	fflush(stdout);
}

/* What became of it, in a word. */
static const char *result(const struct injection *injection)
{
	switch (injection->code) {
	case EXIT_REFUSED:
		return "refused";
	case EXIT_KERNEL:
		return "kernel-refused";
	case EXIT_UNVERIFIED:
		return "not-verified";
	case EXIT_UNRECOVERED:
		return "not-recovered";
	case 0:
		return injection->options->dry_run ? "dry-run" : "verified";
	default:
		return "failed";
	}
}

static void text_signs(const struct signs *signs)
{
	if (signs->wanted & SIGN_EVENT)
		printf("sign      memory_failure_event: %s%s%s\n",
		       *signs->event_page ? signs->event_page : "none",
		       *signs->event_result ? ": " : "", signs->event_result);
	if (signs->wanted & SIGN_FLAG)
		printf("sign      KPF_HWPOISON: %s\n", signs->seen & SIGN_FLAG ? "set" : "not set");
	if (signs->wanted & SIGN_COUNTER)
		printf("sign      HardwareCorrupted: %" PRIu64 " kB before, %" PRIu64 " kB after\n",
		       signs->corrupted_before, signs->corrupted_after);
	if (!signs->wanted)
		printf("sign      none on this machine before the page is touched\n");
}

static void text_end(const struct injection *injection)
{
	char platform[160];

	if (injection->injected) {
		printf("journal   %s, entry %s\n", injection->journal.path, injection->entry.id);
		printf("asked     at %" PRIu64 ".%09" PRIu64 " s (monotonic), for %" PRIu64 " ns\n",
		       injection->start_ns / 1000000000, injection->start_ns % 1000000000,
		       injection->end_ns - injection->start_ns);
		if (injection->has_sequence)
			printf("qemu      error number %" PRIu64 "\n", injection->sequence);
		if (injection->has_page)
			text_signs(&injection->signs);
	}
	platform_print(platform, sizeof(platform));
	printf("platform  %s\n", platform);
	printf("result    %s\n", result(injection));
}

static void json_owners(struct jsonw *json, const struct page *page)
{
	jsonw_array(json, "owners");
	for (uint32_t i = 0; i < shown_owners(page); i++) {
		const struct owner *owner = &page->owners[i];

		jsonw_object(json, NULL);
		jsonw_uint(json, "pid", owner->pid);
		jsonw_string(json, "comm", *owner->comm ? owner->comm : NULL);
		jsonw_hex(json, "vaddr", owner->vaddr);
		jsonw_bool(json, "shared", owner->shared);
		jsonw_string(json, "file", *owner->file ? owner->file : NULL);
		jsonw_object_end(json);
	}
	jsonw_array_end(json);
}

static void json_flags(struct jsonw *json, uint64_t flags)
{
	char names[FLAGS_TEXT], *save = NULL;

	page_flag_names(flags, names, sizeof(names));
	jsonw_array(json, "flag_names");
	for (char *name = strtok_r(names, " ", &save); name; name = strtok_r(NULL, " ", &save))
		jsonw_string(json, NULL, name);
	jsonw_array_end(json);
}

static void json_page(struct jsonw *json, const struct page *page)
{
	char path[256];

	jsonw_hex(json, "pfn", page->pfn);
	jsonw_hex(json, "address", page->pfn << page_shift());
	jsonw_string(json, "region", *page->region ? page->region : NULL);
	jsonw_bool(json, "online", page->online);
	if (!page->online)
		return;
	jsonw_hex(json, "flags", page->flags);
	json_flags(json, page->flags);
	jsonw_uint(json, "mappings", page->mappings);
	jsonw_uint(json, "found", page->found);
	jsonw_uint(json, "processes", page->processes);
	json_owners(json, page);
	if (!page->memcg_known) {
		jsonw_string(json, "memcg", NULL);
		return;
	}
	page_memcg_path(page->memcg, path, sizeof(path));
	jsonw_uint(json, "memcg", page->memcg);
	jsonw_string(json, "memcg_path", *path ? path : NULL);
}

static void json_refusals(struct jsonw *json, const struct injection *injection)
{
	jsonw_array(json, "refusals");
	for (int i = 0; i < REFUSALS; i++)
		if (injection->refusals & 1u << i)
			jsonw_string(json, NULL, policy_name(i));
	jsonw_array_end(json);
}

static void json_signs(struct jsonw *json, const struct signs *signs)
{
	jsonw_object(json, "signs");
	for (int i = 0; i < SIGN_COUNT; i++)
		if (signs->wanted & 1u << i)
			jsonw_bool(json, sign_names[i], signs->seen & 1u << i);
	jsonw_string(json, "event_page", *signs->event_page ? signs->event_page : NULL);
	jsonw_string(json, "event_result", *signs->event_result ? signs->event_result : NULL);
	if (signs->wanted & SIGN_COUNTER) {
		jsonw_uint(json, "corrupted_before_kb", signs->corrupted_before);
		jsonw_uint(json, "corrupted_after_kb", signs->corrupted_after);
	}
	jsonw_object_end(json);
}

static void json_asked(struct jsonw *json, const struct injection *injection)
{
	jsonw_string(json, "journal_entry", injection->entry.id);
	jsonw_uint(json, "start_ns", injection->start_ns);
	jsonw_uint(json, "end_ns", injection->end_ns);
	/* as strings: a counter can be beyond what doubles have exactly */
	jsonw_hex(json, "start_counter", injection->start_counter);
	jsonw_hex(json, "end_counter", injection->end_counter);
	if (injection->has_sequence)
		jsonw_uint(json, "sequence", injection->sequence);
	if (injection->has_page)
		json_signs(json, &injection->signs);
}

static void json_end(const struct injection *injection)
{
	struct jsonw json = { .out = stdout };
	char time[TIMESTAMP_SIZE], platform[160];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	timestamp_print(&now, time);
	jsonw_object(&json, NULL);
	jsonw_string(&json, "type", "injection");
	jsonw_uint(&json, "schema", 1);
	jsonw_string(&json, "time", time);
	clock_gettime(CLOCK_MONOTONIC, &now);
	jsonw_uint(&json, "mono_ns", now.tv_sec * 1000000000ULL + now.tv_nsec);
	platform_print(platform, sizeof(platform));
	jsonw_string(&json, "platform", platform);
	jsonw_string(&json, "backend", backend_names[injection->backend]);
	if (injection->options->target == TARGET_GPA)
		jsonw_hex(&json, "gpa", injection->options->gpa);
	if (injection->has_page)
		json_page(&json, &injection->page);
	json_refusals(&json, injection);
	jsonw_bool(&json, "forced", injection->options->force);
	if (injection->injected)
		json_asked(&json, injection);
	jsonw_string(&json, "result", result(injection));
	jsonw_int(&json, "exit", injection->code);
	jsonw_string(&json, "message", *injection->message ? injection->message : NULL);
	jsonw_object_end(&json);
	jsonw_line_end(&json);
}

void report_end(const struct injection *injection)
{
	if (injection->options->format == FORMAT_JSON)
		json_end(injection);
	else
		text_end(injection);
	fflush(stdout);
}
