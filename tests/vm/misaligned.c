// SPDX-License-Identifier: GPL-2.0
/*
 * misaligned - adds to a number that lies across two pages, locked, until it is killed or its parent is gone.
 *
 * QEMU's TCG cannot do that with an instruction of the machine it runs on: it stops all other CPUs meanwhile, each
 * between two blocks of code, without an interrupt. So the others are stopped very often, and anywhere.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#define PAGE 4096

int main(int argc, char **argv)
{
	char *pages;

	(void)argv;
	if (argc != 1) {
		fputs("usage: misaligned\nStops the other CPUs of an emulated machine, over and over, until killed.\n",
		      stderr);
		return 2;
	}
	if (prctl(PR_SET_PDEATHSIG, SIGKILL)) {
		perror("misaligned: prctl");
		return 1;
	}
	pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED) {
		perror("misaligned: mmap");
		return 1;
	}
	for (;;) {
		asm volatile("lock incl %0" : "+m"(*(uint32_t *)(pages + PAGE - 2)));
		/* The others are to get somewhere. */
		for (int i = 0; i < 10000; i++)
			asm volatile("");
	}
}
