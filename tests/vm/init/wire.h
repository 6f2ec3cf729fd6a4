/* SPDX-License-Identifier: GPL-2.0 */
#ifndef WIRE_H
#define WIRE_H

#include <stddef.h>

/*
 * What connects init with scripts/vm. Under QEMU three virtio-serial ports:
 *
 *   faultline.out, faultline.err   the command's stdout and stderr, byte for byte
 *   faultline.ctl                  lines, see below
 *
 * (a fourth, faultline.monitor, is linked to in /dev/virtio-ports for the command, see lab-monitor.c).
 * Elsewhere one serial line, which carries the same in frames, see frame.h.
 *
 * Control lines to the runner:
 *   ready                                          the command is started next
 *   exit CODE SIGNAL OUT ERR TAINT_BEFORE TAINT_AFTER
 *                                                  it ended; OUT and ERR are the bytes it wrote
 *   fail TEXT                                      the machine could not be set up
 *                                                  (taint masks; -1: not known)
 * From the runner over faultline.ctl: one line after `exit` or `fail`, once all bytes have arrived. Then
 * the machine goes down.
 */
enum stream { STREAM_OUT, STREAM_ERR, STREAMS };

void wire_open_ports(void);
void wire_open_serial(const char *path);
void wire_write(enum stream to, const char *data, size_t len);

/* Until the wire is open what is told goes to the console. */
void tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void go_down(void) __attribute__((noreturn));
void die_of(int err, const char *what, const char *which) __attribute__((noreturn));
void die(const char *what, const char *which) __attribute__((noreturn));

#endif
