/* SPDX-License-Identifier: GPL-2.0 */
/* A connection to QEMU's monitor: its QMP socket, one command after the other. */
#ifndef FAULTLINE_QMP_H
#define FAULTLINE_QMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct qmp;

#define QMP_WHY 200

/*
 * Connects and leaves the negotiation behind. 0 or negative errno: -EPROTO if it is no QMP, -ETIMEDOUT if
 * nobody answers for 5 s (another client is connected: QEMU serves one at a time). why says more.
 */
int qmp__open(const char *path, struct qmp **ret_qmp, char why[QMP_WHY]);
struct qmp *qmp__free(struct qmp *qmp); /* NULL */

/* The process that made the socket: QEMU, unless somebody passed it an open one. 0: unknown. */
uint32_t qmp__peer(const struct qmp *qmp);

/* Whether this QEMU knows a command of that name: 1, 0, or negative errno. */
int qmp__has(struct qmp *qmp, const char *command, char why[QMP_WHY]);

/*
 * Where a guest's physical address is in QEMU's memory, by the command gpa2hva. -ENXIO: no memory of the
 * guest is there, as why says.
 */
int qmp__gpa2hva(struct qmp *qmp, uint64_t gpa, uint64_t *ret_hva, char why[QMP_WHY]);

/* The command that the series in qemu-patches/ adds. */
#define QMP_INJECT "x-inject-memory-error"

/*
 * Has a memory error at that address told to the guest. *ret_sequence: the error's number.
 * -EREMOTEIO: QEMU refused, as why says.
 */
int qmp__inject(struct qmp *qmp, uint64_t gpa, uint64_t *ret_sequence, char why[QMP_WHY]);

#endif
