/* SPDX-License-Identifier: GPL-2.0 */
/* The end of BPF programs that were detached. */
#ifndef FAULTLINE_QUIESCE_H
#define FAULTLINE_QUIESCE_H

/*
 * Waits until no CPU runs a program that was detached before. Negative errno: there was no way to wait;
 * one may still run.
 */
int quiesce(void);

#endif
