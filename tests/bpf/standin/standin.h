/* SPDX-License-Identifier: GPL-2.0 */
/* The system call that stands in for asi:asi_fault: pid, vm, vcpu, address, ip, exit reason. */
#ifndef FAULTLINE_STANDIN_H
#define FAULTLINE_STANDIN_H

/* lib.sh sets it by where the tree is: what another one tests on this machine is not counted here */
#ifndef STANDIN_NR
#define STANDIN_NR 0xfa17
#endif

#endif
