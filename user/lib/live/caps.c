// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <string.h>
#include <sys/utsname.h>

#include <bpf/btf.h>

#include "caps.h"
#include "util.h"

#define EVENT "events/asi/asi_fault"
#define EXIT_FORMAT "events/kvm/kvm_exit/format"
#define PARAMETER "/sys/module/kvm/parameters/address_space_isolation"

#define REMEDY_PRIVILEGES "run it as root, or give it CAP_BPF and CAP_PERFMON"
#define REMEDY_KERNEL "boot the kernel of 'make kernel' with kvm.address_space_isolation=1"
#define REMEDY_OFF "boot with kvm.address_space_isolation=1"
#define REMEDY_TRACEFS "mount -t tracefs tracefs /sys/kernel/tracing"
#define REMEDY_STATS "run it as root, or give it CAP_SYS_ADMIN, too"

static bool has(uint64_t caps, int cap)
{
	/* CAP_SYS_ADMIN has what CAP_BPF and CAP_PERFMON were split from (Linux 5.8) */
	return caps & (1ULL << cap | 1ULL << CAP_SYS_ADMIN);
}

static void check_privileges(struct need *need)
{
	uint64_t caps = need_caps();
	bool bpf = has(caps, CAP_BPF), perfmon = has(caps, CAP_PERFMON);

	*need = (struct need){ .what = "privileges",
			       .required = true,
			       .met = bpf && perfmon,
			       .remedy = REMEDY_PRIVILEGES };
	snprintf(need->why, sizeof(need->why), "%s",
		 need->met ? "CAP_BPF and CAP_PERFMON" :
		 bpf	   ? "no CAP_PERFMON" :
		 perfmon   ? "no CAP_BPF" :
			     "neither CAP_BPF nor CAP_PERFMON");
}

/* BTF has a typedef for each tracepoint, and is there when tracefs is not mounted. */
static bool btf_has_event(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool found = btf &&
		     btf__find_by_name_kind(btf, "btf_trace_asi_fault", BTF_KIND_TYPEDEF) > 0;

	btf__free(btf);
	return found;
}

static void check_tracepoint(struct need *need)
{
	struct utsname uts;
	char path[128];

	uname(&uts);
	*need = (struct need){ .what = "tracepoint", .required = true, .remedy = REMEDY_KERNEL };
	need->met = !need_tracefs(EVENT, path, sizeof(path)) || btf_has_event();
	snprintf(need->why, sizeof(need->why), "%s asi:asi_fault in Linux %s",
		 need->met ? "found" : "no", uts.release);
}

bool caps_parameter_on(const char *text)
{
	return *text == 'Y' || *text == 'y' || *text == '1';
}

static void check_parameter(struct need *need)
{
	cleanup_fclose FILE *file = fopen(PARAMETER, "re");
	char text[8] = "";

	*need = (struct need){ .what = "isolation", .required = true, .remedy = REMEDY_OFF };
	if (!file && errno == ENOENT) {
		need->remedy = REMEDY_KERNEL;
		snprintf(need->why, sizeof(need->why), "no kvm.address_space_isolation");
		return;
	}
	if (!file || !fgets(text, sizeof(text), file)) {
		need->unknown = true;
		snprintf(need->why, sizeof(need->why), "cannot read %s", PARAMETER);
		return;
	}
	need->met = caps_parameter_on(text);
	snprintf(need->why, sizeof(need->why), "kvm.address_space_isolation is %s",
		 need->met ? "on" : "off");
}

/* The first symbols can be per-CPU ones, whose addresses start at 0 when nothing is hidden. */
static bool symbols_visible(FILE *file)
{
	cleanup_free char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, file) > 0)
		if (strtoull(line, NULL, 16))
			return true;
	return false;
}

void caps_symbols(int kptr_restrict, int perf_event_paranoid, char *why, size_t size,
		  const char **ret_remedy)
{
	bool perf = perf_event_paranoid > 1;

	if (kptr_restrict < 0) {
		snprintf(why, size, "hidden, perhaps by kptr_restrict or perf_event_paranoid");
		*ret_remedy = "give it CAP_SYSLOG";
	} else if (kptr_restrict > 1) {
		snprintf(why, size, "hidden by kptr_restrict %d", kptr_restrict);
		*ret_remedy = "sysctl kernel.kptr_restrict=1, and give it CAP_SYSLOG";
	} else if (kptr_restrict && perf) {
		snprintf(why, size, "hidden by kptr_restrict %d and perf_event_paranoid %d",
			 kptr_restrict, perf_event_paranoid);
		*ret_remedy = "give it CAP_SYSLOG, or sysctl kernel.kptr_restrict=0 "
			      "kernel.perf_event_paranoid=1";
	} else if (kptr_restrict) {
		snprintf(why, size, "hidden by kptr_restrict %d", kptr_restrict);
		*ret_remedy = "give it CAP_SYSLOG, or sysctl kernel.kptr_restrict=0";
	} else {
		snprintf(why, size, "hidden by perf_event_paranoid %d", perf_event_paranoid);
		*ret_remedy = "give it CAP_SYSLOG, or sysctl kernel.perf_event_paranoid=1";
	}
}

static int sysctl(const char *path)
{
	cleanup_fclose FILE *file = fopen(path, "re");
	int value;

	return file && fscanf(file, "%d", &value) == 1 ? value : -1;
}

static void symbols_hidden(char *why, size_t size, const char **ret_remedy)
{
	caps_symbols(sysctl("/proc/sys/kernel/kptr_restrict"),
		     sysctl("/proc/sys/kernel/perf_event_paranoid"), why, size, ret_remedy);
}

void caps_symbols_hidden(char *why, size_t size)
{
	const char *remedy;

	symbols_hidden(why, size, &remedy);
}

static void check_symbols(struct need *need)
{
	cleanup_fclose FILE *file = fopen("/proc/kallsyms", "re");

	*need = (struct need){ .what = "symbols", .remedy = "mount /proc" };
	need->met = file && symbols_visible(file);
	if (need->met)
		snprintf(need->why, sizeof(need->why), "/proc/kallsyms shows addresses");
	else if (file)
		symbols_hidden(need->why, sizeof(need->why), &need->remedy);
	else
		snprintf(need->why, sizeof(need->why), "cannot read /proc/kallsyms");
}

static void check_stats(struct need *need)
{
	*need = (struct need){ .what = "--stats", .remedy = REMEDY_STATS };
	need->met = need_caps() & 1ULL << CAP_SYS_ADMIN;
	snprintf(need->why, sizeof(need->why), "%s CAP_SYS_ADMIN to have the program's runs timed",
		 need->met ? "has" : "no");
}

static void check_exit_names(struct need *need)
{
	char path[128];
	int err = need_tracefs(EXIT_FORMAT, path, sizeof(path));

	*need = (struct need){ .what = "VM-exit names", .met = !err, .remedy = REMEDY_TRACEFS };
	if (err)
		snprintf(need->why, sizeof(need->why), "cannot find " EXIT_FORMAT " in tracefs");
	else
		snprintf(need->why, sizeof(need->why), "kvm:kvm_exit in tracefs");
}

static void check_machine(struct need *need)
{
	struct utsname uts;

	uname(&uts);
	*need = (struct need){ .what = "machine",
			       .required = true,
			       .met = !strcmp(uts.machine, "x86_64"),
			       .remedy = "isolation exists on x86_64 only" };
	snprintf(need->why, sizeof(need->why), "%s", uts.machine);
}

void caps_check(struct need ret_needs[CAPS_NEEDS])
{
	check_machine(&ret_needs[0]);
	check_privileges(&ret_needs[1]);
	check_tracepoint(&ret_needs[2]);
	check_parameter(&ret_needs[3]);
	check_symbols(&ret_needs[4]);
	check_exit_names(&ret_needs[5]);
	check_stats(&ret_needs[6]);
}
