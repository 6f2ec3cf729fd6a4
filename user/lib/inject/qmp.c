// SPDX-License-Identifier: GPL-2.0
#include "exitcode.h"
#include "inject/qmp.h"

int qmp_resolve(struct injection *injection)
{
	return inject_fail(injection, EXIT_LACKING, "--qmp: not yet");
}

int qmp_inject_journalled(struct injection *injection)
{
	return inject_fail(injection, EXIT_LACKING, "--qmp: not yet");
}
