/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HOLD_H
#define HOLD_H

/* Make a VM, if there is KVM, and keep it as long as the machine runs. */
void hold_vm(void);

#endif
