// SPDX-License-Identifier: GPL-2.0
/*
 * ras-victim - a process with one page of memory to be taken for bad.
 *
 * Prints "PID VADDR PFN", then does what each line on its standard input says, with one line each:
 *   touch  reads the page: "value 23", or "sigbus CODE ADDRESS" and an end with exit code 3
 *   store  writes to it: "value 24", or the same
 *   fetch  calls what is in it, a return: "value 0", or the same
 *   where  "pfn PFN" as it is now
 *   quit   ends with 0
 * Nothing but loads and stores of its own touches the page: the kernel must not read it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define VALUE 23
#define CODE_AT 64 /* there is code in the page */
#define EXIT_SIGBUS 3

static sigjmp_buf after;
static volatile int sig_code;
static void *volatile sig_address;

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	sig_code = info->si_code;
	sig_address = info->si_addr;
	siglongjmp(after, 1);
}

static uint64_t pfn_of(const void *address)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t entry = 0;

	if (fd < 0 ||
	    pread(fd, &entry, sizeof(entry), (uintptr_t)address / getpagesize() * 8) != 8) {
		perror("ras-victim: /proc/self/pagemap");
		exit(1);
	}
	close(fd);
	return entry & ((1ULL << 55) - 1);
}

#if defined(__aarch64__)
static const uint32_t code_return = 0xd65f03c0;
#elif defined(__x86_64__)
static const uint8_t code_return = 0xc3;
#endif

/* Anonymous memory, or a file's of memfd_create(), shared. */
static volatile unsigned char *make(int shared)
{
	int fd = shared ? memfd_create("ras-victim", 0) : -1;
	size_t size = getpagesize();
	void *page;

	if (shared && (fd < 0 || ftruncate(fd, size))) {
		perror("ras-victim: memfd");
		exit(1);
	}
	page = mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC,
		    shared ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, fd, 0);
	if (page == MAP_FAILED) {
		perror("ras-victim: mmap");
		exit(1);
	}
	memset(page, VALUE, size);
	memcpy((char *)page + CODE_AT, &code_return, sizeof(code_return));
	__builtin___clear_cache((char *)page, (char *)page + size);
	return page;
}

static int run_into(volatile unsigned char *page, char how)
{
	if (sigsetjmp(after, 1)) {
		printf("sigbus %d %p\n", sig_code, sig_address);
		return EXIT_SIGBUS;
	}
	if (how == 's')
		*page = VALUE + 1;
	if (how == 'f')
		((void (*)(void))(uintptr_t)(page + CODE_AT))();
	printf("value %d\n", how == 'f' ? 0 : *page);
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	volatile unsigned char *page = make(argc > 1 && !strcmp(argv[1], "--shared"));
	char line[32];

	sigaction(SIGBUS, &action, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("%d %p 0x%llx\n", getpid(), (void *)page, (unsigned long long)pfn_of((void *)page));
	while (fgets(line, sizeof(line), stdin)) {
		int code = 0;

		if (!strcmp(line, "touch\n") || !strcmp(line, "store\n") ||
		    !strcmp(line, "fetch\n"))
			code = run_into(page, line[0]);
		else if (!strcmp(line, "where\n"))
			printf("pfn 0x%llx\n", (unsigned long long)pfn_of((void *)page));
		else
			return 0;
		if (code)
			return code;
	}
	return 0;
}
