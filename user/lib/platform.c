// SPDX-License-Identifier: GPL-2.0
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "platform.h"
#include "util.h"

#define CPUID_HYPERVISOR_BIT (1u << 31)
#define CPUID_HYPERVISOR_LEAF 0x40000000

/* The hypervisor's signature as CPUID tells it; "" without one. */
static void hypervisor(char sign[13])
{
	memset(sign, 0, 13);
#if defined(__x86_64__)
	uint32_t a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & CPUID_HYPERVISOR_BIT))
		return;
	__cpuid(CPUID_HYPERVISOR_LEAF, a, b, c, d);
	memcpy(sign, &b, 4);
	memcpy(sign + 4, &c, 4);
	memcpy(sign + 8, &d, 4);
	if (!sign[0])
		strcpy(sign, "unknown");
#endif
}

static const char *hypervisor_name(const char *sign)
{
	static const char *const known[][2] = {
		{ "TCGTCGTCGTCG", "QEMU TCG" },	     { "KVMKVMKVM", "KVM guest" },
		{ "Microsoft Hv", "Hyper-V guest" }, { "VMwareVMware", "VMware guest" },
		{ "XenVMMXenVMM", "Xen guest" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcmp(sign, known[i][0]))
			return known[i][1];
	return "virtual machine";
}

static bool first_line(const char *path, char *buf, size_t size)
{
	cleanup_fclose FILE *file = fopen(path, "re");

	if (!file || !fgets(buf, size, file))
		return false;
	buf[strcspn(buf, "\n")] = '\0';
	return *buf;
}

static bool dmi(const char *name, char *buf, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/class/dmi/id/%s", name);
	return first_line(path, buf, size);
}

/* Where the CPU has no word for it (arm64), firmware or device tree has. */
bool platform_virtual(void)
{
	static const char *const vendors[] = { "QEMU", "Bochs", "KVM", "VMware", "Xen", "innotek" };
	char sign[13], text[64] = "";

	hypervisor(sign);
	if (*sign || !access("/proc/device-tree/hypervisor", F_OK))
		return true;
	if (!first_line("/sys/class/dmi/id/sys_vendor", text, sizeof(text)))
		first_line("/proc/device-tree/compatible", text, sizeof(text));
	for (size_t i = 0; i < ARRAY_SIZE(vendors); i++)
		if (!strncmp(text, vendors[i], strlen(vendors[i])))
			return true;
	return !strcmp(text, "linux,dummy-virt");
}

/*
 * Where the CPU has no word for it: "" on bare metal. The counter of QEMU's TCG ticks 62.5 million times
 * a second by default, also in the guests of a machine that it emulates; no hardware's is known to.
 */
static const char *quiet_hypervisor(void)
{
#if defined(__aarch64__)
	uint64_t hz;

	asm volatile("mrs %0, cntfrq_el0" : "=r"(hz));
	if (platform_virtual())
		return hz == 62500000 ? "QEMU TCG" : "virtual machine";
#endif
	return "";
}

bool platform_print(char *buf, size_t size)
{
	char sign[13], vendor[64] = "", product[64] = "";
	const char *name;

	hypervisor(sign);
	name = *sign ? hypervisor_name(sign) : quiet_hypervisor();
	if (!*name)
		name = "bare metal";
	if (dmi("sys_vendor", vendor, sizeof(vendor)))
		dmi("product_name", product, sizeof(product));
	/* Bochs has no hypervisor bit; its firmware says who it is */
	if (!*sign && !strncmp(vendor, "Bochs", 5))
		name = "Bochs";
	if (*vendor)
		snprintf(buf, size, "%s (%s%s%s)", name, vendor, *product ? " " : "", product);
	else
		snprintf(buf, size, "%s", name);
	return !strcmp(name, "QEMU TCG") || !strcmp(name, "Bochs");
}
