/* SPDX-License-Identifier: GPL-2.0 */
/* The system call that stands in for asi:asi_fault: pid, vm, vcpu, address, ip, exit reason. */
#ifndef FAULTLINE_STANDIN_H
#define FAULTLINE_STANDIN_H

#define STANDIN_NR 0xfa17

#endif
