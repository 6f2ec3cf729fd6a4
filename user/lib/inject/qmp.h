/* SPDX-License-Identifier: GPL-2.0 */
/* What rasinject asks of a QEMU over its monitor socket. */
#ifndef FAULTLINE_INJECT_QMP_H
#define FAULTLINE_INJECT_QMP_H

#include "inject/inject.h"

/*
 * Where the guest's page is in QEMU: fills in pid and vaddr of the injection. Exit status, after saying
 * what is wrong.
 */
int qmp_resolve(struct injection *injection);

/* Has QEMU inject the error, journalled. Exit status, after saying what is wrong. */
int qmp_inject_journalled(struct injection *injection);

#endif
