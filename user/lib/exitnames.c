// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "abi.h"
#include "exitnames.h"
#include "util.h"

/* trace_kvm_exit: the rest of VMX's exit_reason is flags */
#define VMX_BASIC_MASK 0xffff

struct exitnames {
	struct exitname *all;
	size_t n;
};

int exitnames__add(struct exitnames *names, uint32_t isa, uint32_t reason, const char *name)
{
	struct exitname *all = reallocarray(names->all, names->n + 1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	names->all = all;
	all += names->n++;
	all->isa = isa;
	all->reason = reason;
	snprintf(all->name, sizeof(all->name), "%s", name);
	for (char *c = all->name; *c; c++)
		*c = *c == ' ' ? '_' : *c;
	return 0;
}

/* "0x400" or "0x040 + 13": enough of C for what kvm's headers hold */
static const char *reason_parse(const char *p, uint32_t *ret_reason)
{
	long long sum = 0;
	char *end;

	for (;; p = end + strspn(end, " +")) {
		sum += strtoll(p, &end, 0);
		if (end == p)
			return NULL;
		if (end[strspn(end, " ")] != '+')
			break;
	}
	*ret_reason = sum;
	return end;
}

/* "{ 0x400, "npf" }, ..." up to the parenthesis that ends the call */
static int list_parse(struct exitnames *names, uint32_t isa, const char **p)
{
	const char *start = strchr(*p, '{'), *end = strchr(*p, ')');
	char text[sizeof((struct exitname){}.name)];
	uint32_t reason;
	int used;

	while (start && end && start < end) {
		start = reason_parse(start + 1, &reason);
		used = 0;
		if (!start || sscanf(start, " , \"%39[^\"]\" }%n", text, &used) != 1 || !used)
			return -EBADMSG;
		if (exitnames__add(names, isa, reason, text))
			return -ENOMEM;
		start = strchr(start + used, '{');
	}
	*p = end;
	return end ? 0 : -EBADMSG;
}

static int format_parse(struct exitnames *names, const char *format)
{
	static const uint32_t order[] = { FL_ISA_VMX, FL_ISA_SVM };
	static const char call[] = "__print_symbolic(";
	const char *p = strstr(format, "print fmt:");
	const char *isa = p ? strstr(p, "isa == 1") : NULL;
	int err;

	if (!isa)
		return -EBADMSG;
	p = isa;
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		p = strstr(p, call);
		if (!p)
			return -EBADMSG;
		p += strlen(call);
		err = list_parse(names, order[i], &p);
		if (err)
			return err;
	}
	return 0;
}

int exitnames__new(struct exitnames **ret_names)
{
	struct exitnames *names = calloc(1, sizeof(*names));

	if (!names)
		return -ENOMEM;
	*ret_names = names;
	return 0;
}

const struct exitname *exitnames__all(const struct exitnames *names, size_t *ret_n)
{
	*ret_n = names ? names->n : 0;
	return names ? names->all : NULL;
}

int exitnames__parse(const char *format, struct exitnames **ret_names)
{
	struct exitnames *names;
	int err;

	if (exitnames__new(&names))
		return -ENOMEM;
	err = format_parse(names, format);
	if (err) {
		exitnames__free(names);
		return err;
	}
	*ret_names = names;
	return 0;
}

int exitnames__load(struct exitnames **ret_names)
{
	static const char *const paths[] = {
		"/sys/kernel/tracing/events/kvm/kvm_exit/format",
		"/sys/kernel/debug/tracing/events/kvm/kvm_exit/format",
	};
	cleanup_free char *text = NULL;
	cleanup_fclose FILE *file = NULL;
	size_t room = 0;

	for (size_t i = 0; i < ARRAY_SIZE(paths) && !file; i++)
		file = fopen(paths[i], "re");
	if (!file)
		return -errno;
	if (getdelim(&text, &room, '\0', file) < 0)
		return -EIO;
	return exitnames__parse(text, ret_names);
}

struct exitnames *exitnames__free(struct exitnames *names)
{
	if (!names)
		return NULL;
	free(names->all);
	free(names);
	return NULL;
}

void exitnames__print(const struct exitnames *names, uint32_t isa, uint32_t reason, char *buf,
		      size_t size)
{
	uint32_t basic = isa == FL_ISA_VMX ? reason & VMX_BASIC_MASK : reason;

	if (reason == FL_EXIT_NONE) {
		snprintf(buf, size, "-");
		return;
	}
	for (size_t i = 0; names && i < names->n; i++) {
		if (names->all[i].isa != isa || names->all[i].reason != basic)
			continue;
		if (basic == reason)
			snprintf(buf, size, "%s", names->all[i].name);
		else
			snprintf(buf, size, "%s|0x%x", names->all[i].name, reason & ~basic);
		return;
	}
	if (isa == FL_ISA_VMX || isa == FL_ISA_SVM)
		snprintf(buf, size, "%s:0x%x", isa == FL_ISA_VMX ? "vmx" : "svm", reason);
	else
		snprintf(buf, size, "isa%u:0x%x", isa, reason);
}
