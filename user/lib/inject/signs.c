// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "inject/signs.h"
#include "need.h"
#include "util.h"

#define EVENT "memory_failure_event"
#define INSTANCE "instances/rasinject"

const char *const sign_names[SIGN_COUNT] = { EVENT, "KPF_HWPOISON", "HardwareCorrupted" };

int signs_corrupted(uint64_t *ret_kb)
{
	cleanup_fclose FILE *file = fopen("/proc/meminfo", "re");
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "HardwareCorrupted: %" SCNu64 " kB", ret_kb) == 1)
			return 0;
	return file ? -ENODATA : -errno;
}

/* By its name: the system it belongs to was renamed and renamed back. 0 or -ENOENT. */
static int find_event(char *dir, size_t size)
{
	cleanup_fclose FILE *file = NULL;
	char path[128], line[160];

	if (need_tracefs("available_events", path, sizeof(path)))
		return -ENOENT;
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		char *name = strchr(line, ':');

		line[strcspn(line, "\n")] = '\0';
		if (!name || strcmp(name + 1, EVENT))
			continue;
		*name = '/';
		snprintf(dir, size, "events/%.60s", line);
		return 0;
	}
	return -ENOENT;
}

static int arm_event(struct signs *signs)
{
	char path[200];
	int err;

	if (find_event(signs->event, sizeof(signs->event)) ||
	    need_tracefs("instances", path, sizeof(path)))
		return -ENOENT;
	snprintf(signs->root, sizeof(signs->root), "%.50s/rasinject", path);
	/* the journal's lock is held: one that is there is a killed rasinject's */
	rmdir(signs->root);
	if (mkdir(signs->root, 0700))
		return -errno;
	signs->watching = true;
	/* whose line it is does not matter, and to know it the kernel would patch its scheduler */
	snprintf(path, sizeof(path), "%s/options/record-cmd", signs->root);
	backend_write(path, 0);
	snprintf(path, sizeof(path), "%s/%s/enable", signs->root, signs->event);
	err = backend_write(path, 1);
	if (err)
		signs_disarm(signs);
	return err;
}

int signs_arm(struct signs *signs, unsigned int wanted, char *why, size_t size)
{
	int err = 0;

	*signs = (struct signs){ .wanted = wanted };
	if (wanted & SIGN_COUNTER)
		err = signs_corrupted(&signs->corrupted_before);
	if (err) {
		snprintf(why, size, "no HardwareCorrupted in /proc/meminfo");
		return err;
	}
	if (wanted & SIGN_EVENT)
		err = arm_event(signs);
	if (err)
		snprintf(why, size, "cannot watch for " EVENT " in tracefs: %s", strerror(-err));
	return err;
}

bool signs_parse_event(const char *line, uint64_t pfn, struct signs *signs)
{
	char page[sizeof(signs->event_page)], result[sizeof(signs->event_result)];
	const char *event = strstr(line, EVENT ": pfn ");
	uint64_t event_pfn;

	if (!event || sscanf(event, EVENT ": pfn %" SCNx64 ": recovery action for %63[^:]: %23s",
			     &event_pfn, page, result) != 3)
		return false;
	if (event_pfn != pfn)
		return false;
	strcpy(signs->event_page, page);
	strcpy(signs->event_result, result);
	return true;
}

static void collect_event(struct signs *signs, uint64_t pfn)
{
	cleanup_fclose FILE *file = NULL;
	char path[80], line[512];

	snprintf(path, sizeof(path), "%s/trace", signs->root);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (signs_parse_event(line, pfn, signs))
			signs->seen |= SIGN_EVENT;
}

void signs_collect(struct signs *signs, uint64_t pfn)
{
	uint64_t flags;

	if (signs->watching)
		collect_event(signs, pfn);
	if (!page_flags(pfn, &flags) && flags & KPF(HWPOISON))
		signs->seen |= SIGN_FLAG;
	if (!(signs->wanted & SIGN_COUNTER) || signs_corrupted(&signs->corrupted_after))
		return;
	if (signs->corrupted_after >= signs->corrupted_before + page_size() / 1024)
		signs->seen |= SIGN_COUNTER;
}

void signs_disarm(struct signs *signs)
{
	if (signs->watching && rmdir(signs->root)) {
		char path[200];

		/* an instance that is being read, say, cannot go: at least it costs nothing */
		snprintf(path, sizeof(path), "%s/%s/enable", signs->root, signs->event);
		backend_write(path, 0);
	}
	signs->watching = false;
}

void signs_remove_leftover(void)
{
	char path[128];

	if (!need_tracefs(INSTANCE, path, sizeof(path)))
		rmdir(path);
}

enum verdict signs_judge(const struct signs *signs, int err, bool was_poisoned)
{
	bool failed = signs->seen & SIGN_EVENT && (!strcmp(signs->event_result, "Ignored") ||
						   !strcmp(signs->event_result, "Failed"));
	bool poisoned = signs->seen & SIGN_FLAG && !was_poisoned;

	if (err && !poisoned)
		return VERDICT_KERNEL_REFUSED;
	if (poisoned && (failed || err))
		return VERDICT_NOT_RECOVERED;
	/* a backend without any sign here leaves everything open */
	if (!signs->wanted || (signs->wanted & ~signs->seen))
		return VERDICT_NOT_VERIFIED;
	return VERDICT_VERIFIED;
}
