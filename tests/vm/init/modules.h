/* SPDX-License-Identifier: GPL-2.0 */
#ifndef MODULES_H
#define MODULES_H

/* Load what is in /modules of the initramfs, in the order of the names; nothing if there is none. */
void load_modules(void);

#endif
