/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ROOT_H
#define ROOT_H

/* /dev, /proc and /sys, which the wire needs. */
void root_first_mounts(void);

/* Make this the command's root, with everything mounted that it counts on; repo is where it will be. */
void root_from_host(const char *repo); /* the host's own, read-only, over 9p */
void root_from_initramfs(const char *repo); /* what the initramfs brought */

#endif
