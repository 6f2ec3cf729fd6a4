// SPDX-License-Identifier: GPL-2.0
#include <errno.h>

#include "../cm.h"
#include "abi.h"
#include "exitnames.h"

/* as Linux 6.12 and 6.18 print it, shortened */
static const char format[] =
	"name: kvm_exit\nID: 103\nformat:\n\tfield:u32 isa;\toffset:24;\tsize:4;\tsigned:0;\n\n"
	"print fmt: \"vcpu %u reason %s%s%s rip 0x%lx\", REC->vcpu_id, (REC->isa == 1) ? "
	"__print_symbolic(REC->exit_reason & 0xffff, { 0, \"EXCEPTION_NMI\" }, { 48, "
	"\"EPT_VIOLATION\" }) : __print_symbolic(REC->exit_reason, { 0x000, \"read_cr0\" }, { "
	"0x040 + 14, \"PF excp\" }, { 0x400, \"npf\" }, { 0x80000001, \"vmgexit_mmio_read\" }, { "
	"-1, \"invalid_guest_state\" }), (REC->isa == 1 && REC->exit_reason & ~0xffff) ? \" \" : "
	"\"\", (REC->isa == 1) ? __print_flags(REC->exit_reason & ~0xffff, \" \", { 0x80000000, "
	"\"FAILED_VMENTRY\" }) : \"\", REC->guest_rip";

static void expect(const struct exitnames *names, uint32_t isa, uint32_t reason, const char *text)
{
	char buf[64];

	exitnames__print(names, isa, reason, buf, sizeof(buf));
	assert_string_equal(buf, text);
}

static void test_names(void **state)
{
	struct exitnames *names = NULL;

	assert_int_equal(exitnames__parse(format, &names), 0);
	expect(names, FL_ISA_VMX, 0, "EXCEPTION_NMI");
	expect(names, FL_ISA_VMX, 48, "EPT_VIOLATION");
	expect(names, FL_ISA_VMX, 0x80000030, "EPT_VIOLATION|0x80000000");
	expect(names, FL_ISA_SVM, 0, "read_cr0");
	expect(names, FL_ISA_SVM, 0x4e, "PF_excp");
	expect(names, FL_ISA_SVM, 0x400, "npf");
	expect(names, FL_ISA_SVM, 0x80000001, "vmgexit_mmio_read");
	/* a name of the one is none of the other */
	expect(names, FL_ISA_SVM, 48, "svm:0x30");
	expect(names, FL_ISA_VMX, 0x400, "vmx:0x400");
	expect(names, 3, 0, "isa3:0x0");
	expect(names, FL_ISA_SVM, FL_EXIT_NONE, "-");
	exitnames__free(names);
}

static void test_without(void **state)
{
	expect(NULL, FL_ISA_SVM, 0x400, "svm:0x400");
	expect(NULL, FL_ISA_VMX, FL_EXIT_NONE, "-");
}

static void test_malformed(void **state)
{
	static const char *const bad[] = {
		"",
		"name: kvm_exit\n",
		"print fmt: \"%s\", __print_symbolic(REC->x, { 0, \"a\" })",
		"print fmt: (REC->isa == 1) ? __print_symbolic(REC->x, { 0, \"a\" })",
		"print fmt: (REC->isa == 1) ? __print_symbolic(REC->x, { 0, \"a\"",
		"print fmt: (REC->isa == 1) ? __print_symbolic(x, { a, \"a\" }) : "
		"__print_symbolic(x, { 1, \"a\" })",
	};
	struct exitnames *names = NULL;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(exitnames__parse(bad[i], &names), -EBADMSG);
	assert_null(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_without),
		cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
