// SPDX-License-Identifier: GPL-2.0
/* fault COUNT PID VM VCPU ADDRESS IP REASON: COUNT faults for standin.bpf.c */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "standin.h"

int main(int argc, char **argv)
{
	unsigned long v[7];

	if (argc != 8) {
		fprintf(stderr, "fault: want COUNT PID VM VCPU ADDRESS IP REASON\n");
		return 2;
	}
	for (int i = 0; i < 7; i++)
		v[i] = strtoul(argv[i + 1], NULL, 0);
	for (unsigned long i = 0; i < v[0]; i++) {
		if (syscall(STANDIN_NR, v[1], v[2], v[3], v[4], v[5], v[6]) != -1 ||
		    errno != ENOSYS) {
			fprintf(stderr, "fault: system call %d exists here\n", STANDIN_NR);
			return 1;
		}
	}
	return 0;
}
