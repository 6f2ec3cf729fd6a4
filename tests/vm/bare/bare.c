// SPDX-License-Identifier: GPL-2.0
/*
 * bare - what runs in place of a guest's firmware on QEMU's Arm board, for scripts/l2-arm64 start --bare: it does
 * as it is told, one access to memory at a time, and says exactly what came of it. It acknowledges no error by
 * itself.
 *
 * It takes commands, one a line, from the serial port, and answers there with lines that end with "ok" or
 * "error TEXT". After the start it says "ready cpus 2" (or 1) and "ok". Numbers are hexadecimal.
 *
 *   place               take the error blocks (fw_cfg, etc/hardware_errors) into memory, and tell QEMU where they
 *                       are, as firmware does: place ADDRESS sources N block LENGTH
 *   read ADDRESS        8 bytes there: value 0xVALUE
 *   write ADDRESS VALUE
 *   bytes ADDRESS COUNT so many bytes there, 16 a line
 *   load | store | fetch ADDRESS
 *                       by the first CPU: value 0xVALUE, or abort esr 0xESR far 0xFAR. A fetch calls what is
 *                       there: the address of a return instruction, which write can put there.
 *   other load | store | fetch ADDRESS
 *                       have the second CPU do it; does not wait
 *   other               what came of it, or busy
 *   off                 power off
 */
#include <stdbool.h>
#include <stdint.h>

#define UART 0x09000000ul
#define UART_FR 0x18
#define UART_FR_RXFE (1 << 4)
#define UART_FR_TXFF (1 << 5)
#define UART_LCRH 0x2c
#define UART_CR 0x30

#define FW_CFG_DMA 0x09020010ul /* docs/specs/fw_cfg.rst of QEMU; all of it is big endian */
#define FW_CFG_ERROR 1
#define FW_CFG_READ 2
#define FW_CFG_SELECT 8
#define FW_CFG_WRITE 16
#define FW_CFG_DIRECTORY 0x19

#define PSCI_CPU_ON 0xc4000003
#define PSCI_SYSTEM_OFF 0x84000008

#define BLOCKS 0x40400000ul /* place puts them there */
#define WORDS 4 /* of a command */

/* One access to memory, and what came of it; in here vectors and accessors know the offsets. */
struct access {
	uint64_t resume; /* 0: where to go on after an abort */
	uint64_t esr; /* 8: of the abort; 0 if there was none */
	uint64_t far; /* 16 */
	uint64_t link; /* 24: of a fetch */
	uint64_t value;
};

static struct access accesses[2];
static char line[128];

/* What the second CPU has to do; kind 0: nothing. It alone sets done, the first CPU clears it. */
static struct {
	volatile char kind;
	volatile bool done;
	uint64_t address;
} other;

uint64_t do_load(uint64_t address, struct access *access);
uint64_t do_store(uint64_t address, struct access *access);
uint64_t do_fetch(uint64_t address, struct access *access);
void start_other(void);
extern uint64_t bss_start[], bss_end[]; /* bare.lds */

__asm__(".section .text.start, \"ax\"\n"
	"start:\n"
	"	ldr x0, =0x40300000\n"
	"	mov sp, x0\n"
	"	adr x0, vectors\n"
	"	msr vbar_el1, x0\n"
	"	b main\n"
	"start_other:\n"
	"	ldr x0, =0x40380000\n"
	"	mov sp, x0\n"
	"	adr x0, vectors\n"
	"	msr vbar_el1, x0\n"
	"	b main_other\n"
	"	.ltorg\n"
	/* Each exception is taken for an abort of the access; ESR_EL1 says what it really was. */
	"	.balign 2048\n"
	"vectors:\n"
	"	.rept 16\n"
	"	.balign 128\n"
	"	mrs x16, tpidr_el1\n"
	"	mrs x17, esr_el1\n"
	"	str x17, [x16, #8]\n"
	"	mrs x17, far_el1\n"
	"	str x17, [x16, #16]\n"
	"	ldr x17, [x16]\n"
	"	msr elr_el1, x17\n"
	"	eret\n"
	"	.endr\n"
	"do_load:\n"
	"	adr x2, 1f\n"
	"	str x2, [x1]\n"
	"	ldr x0, [x0]\n"
	"1:	ret\n"
	"do_store:\n"
	"	adr x2, 1f\n"
	"	str x2, [x1]\n"
	"	str x0, [x0]\n"
	"1:	ret\n"
	"do_fetch:\n"
	"	adr x2, 1f\n"
	"	str x2, [x1]\n"
	"	str x30, [x1, #24]\n"
	"	ic iallu\n"
	"	isb\n"
	"	blr x0\n"
	"1:	mrs x1, tpidr_el1\n"
	"	ldr x30, [x1, #24]\n"
	"	ret\n"
	".text\n");

static void put(char c)
{
	while (*(volatile uint32_t *)(UART + UART_FR) & UART_FR_TXFF)
		;
	*(volatile uint32_t *)UART = c;
}

static void say(const char *text)
{
	while (*text)
		put(*text++);
}

static void say_hex(uint64_t value)
{
	int shift = 60;

	say("0x");
	while (shift && !(value >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		put("0123456789abcdef"[value >> shift & 15]);
}

static char get(void)
{
	while (*(volatile uint32_t *)(UART + UART_FR) & UART_FR_RXFE)
		;
	return *(volatile uint32_t *)UART;
}

static void get_line(void)
{
	unsigned n = 0;
	char c;

	while ((c = get()) != '\n')
		if (n < sizeof(line) - 1)
			line[n++] = c;
	line[n] = '\0';
}

static bool equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* The words of the line, each ended by a 0; the others are "". */
static void split(const char *words[WORDS])
{
	char *at = line;
	int i;

	for (i = 0; i < WORDS; i++) {
		while (*at == ' ')
			at++;
		words[i] = at;
		while (*at && *at != ' ')
			at++;
		if (*at)
			*at++ = '\0';
	}
}

static bool number(const char *text, uint64_t *value)
{
	const char *digits = "0123456789abcdef", *digit;

	if (text[0] == '0' && text[1] == 'x')
		text += 2;
	if (!*text)
		return false;
	for (*value = 0; *text; text++) {
		for (digit = digits; *digit && *digit != *text; digit++)
			;
		if (!*digit)
			return false;
		*value = *value << 4 | (uint64_t)(digit - digits);
	}
	return true;
}

/* ---- the error blocks ---- */

static bool fw_cfg(uint32_t control, void *buffer, uint32_t length)
{
	struct {
		uint32_t control, length;
		uint64_t address;
	} dma = { __builtin_bswap32(control), __builtin_bswap32(length),
		  __builtin_bswap64((uintptr_t)buffer) };

	__asm__ volatile("dsb sy" ::: "memory");
	*(volatile uint64_t *)FW_CFG_DMA = __builtin_bswap64((uintptr_t)&dma);
	__asm__ volatile("dsb sy" ::: "memory");
	return !(*(volatile uint32_t *)&dma.control & __builtin_bswap32(FW_CFG_ERROR));
}

/* The file's key, as a control word has it, and its size; 0: none. */
static uint32_t find_file(const char *name, uint32_t *size)
{
	struct {
		uint32_t size;
		uint16_t key, reserved;
		char name[56];
	} file;
	uint32_t count = 0;

	fw_cfg(FW_CFG_DIRECTORY << 16 | FW_CFG_SELECT | FW_CFG_READ, &count, sizeof(count));
	for (count = __builtin_bswap32(count); count; count--) {
		fw_cfg(FW_CFG_READ, &file, sizeof(file));
		if (equal(file.name, name)) {
			*size = __builtin_bswap32(file.size);
			return (uint32_t)__builtin_bswap16(file.key) << 16;
		}
	}
	return 0;
}

/* docs/specs/acpi_hest_ghes.rst of QEMU: the blocks' addresses, the acknowledgements, the blocks. */
static const char *place(void)
{
	volatile uint64_t *words = (volatile uint64_t *)BLOCKS;
	uint64_t base = BLOCKS, length, sources, i;
	uint32_t size = 0, address_size, key = find_file("etc/hardware_errors", &size);
	uint32_t address_key = find_file("etc/hardware_errors_addr", &address_size);

	if (!key || !address_key)
		return "there are no error blocks";
	length = size % (4096 + 16) ? 1024 : 4096;
	sources = size / (length + 16);
	if (sources * (length + 16) != size)
		return "the size of the error blocks is neither of those that there are";
	if (!fw_cfg(key | FW_CFG_SELECT | FW_CFG_READ, (void *)BLOCKS, size))
		return "fw_cfg does not give the error blocks";
	for (i = 0; i < sources; i++)
		words[i] = BLOCKS + 16 * sources + i * length;
	if (!fw_cfg(address_key | FW_CFG_SELECT | FW_CFG_WRITE, &base, sizeof(base)))
		return "fw_cfg does not take their address";
	say("place ");
	say_hex(BLOCKS);
	say(" sources ");
	say_hex(sources);
	say(" block ");
	say_hex(length);
	put('\n');
	return 0;
}

/* ---- accesses ---- */

static char kind_of(const char *word)
{
	return equal(word, "load")  ? 'l' :
	       equal(word, "store") ? 's' :
	       equal(word, "fetch") ? 'f' :
				      0;
}

static void do_access(char kind, uint64_t address, struct access *access)
{
	access->esr = 0;
	access->value = kind == 'l' ? do_load(address, access) :
			kind == 's' ? do_store(address, access) :
				      do_fetch(address, access);
}

static void say_access(const struct access *access)
{
	if (access->esr) {
		say("abort esr ");
		say_hex(access->esr);
		say(" far ");
		say_hex(access->far);
	} else {
		say("value ");
		say_hex(access->value);
	}
	put('\n');
}

void __attribute__((noreturn)) main_other(void)
{
	__asm__ volatile("msr tpidr_el1, %0" ::"r"(&accesses[1]));
	for (;;) {
		other.done = true;
		while (!other.kind)
			;
		do_access(other.kind, other.address, &accesses[1]);
		other.kind = 0;
	}
}

static const char *with_other(const char *words[WORDS])
{
	char kind = kind_of(words[1]);

	if (!*words[1]) {
		if (other.kind)
			say("busy\n");
		else
			say_access(&accesses[1]);
		return 0;
	}
	if (!other.done)
		return "there is no other CPU";
	if (other.kind)
		return "the other CPU is busy";
	if (!kind || !number(words[2], &other.address))
		return "other wants an access and an address";
	__asm__ volatile("dsb sy" ::: "memory");
	other.kind = kind;
	return 0;
}

/* ---- commands ---- */

static long psci(uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
	register uint64_t x0 __asm__("x0") = function, x1 __asm__("x1") = a;
	register uint64_t x2 __asm__("x2") = b, x3 __asm__("x3") = c;

	__asm__ volatile("hvc #0"
			 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory", "x4", "x5", "x6",
			   "x7");
	return (long)x0;
}

static void say_bytes(uint64_t address, uint64_t count)
{
	uint64_t i;
	uint8_t byte;

	for (i = 0; i < count; i++) {
		byte = *(volatile uint8_t *)(address + i);
		put("0123456789abcdef"[byte >> 4]);
		put("0123456789abcdef"[byte & 15]);
		put(i % 16 == 15 || i == count - 1 ? '\n' : ' ');
	}
}

/* What is wrong with the command, or NULL. */
static const char *obey(const char *words[WORDS])
{
	uint64_t address, value;

	if (equal(words[0], "off")) {
		say("ok\n");
		psci(PSCI_SYSTEM_OFF, 0, 0, 0);
	}
	if (equal(words[0], "place"))
		return place();
	if (equal(words[0], "other"))
		return with_other(words);
	if (!number(words[1], &address))
		return "no such command, or no address";
	if (kind_of(words[0])) {
		do_access(kind_of(words[0]), address, &accesses[0]);
		say_access(&accesses[0]);
	} else if (equal(words[0], "read")) {
		say("value ");
		say_hex(*(volatile uint64_t *)address);
		put('\n');
	} else if (equal(words[0], "write") && number(words[2], &value)) {
		*(volatile uint64_t *)address = value;
	} else if (equal(words[0], "bytes") && number(words[2], &value)) {
		say_bytes(address, value);
	} else {
		return "no such command";
	}
	return 0;
}

/* The second CPU says by done that it is there; whether there is one, PSCI says. */
static bool have_other(void)
{
	if (psci(PSCI_CPU_ON, 1, (uintptr_t)start_other, 0))
		return false;
	while (!other.done)
		;
	return true;
}

void __attribute__((noreturn)) main(void)
{
	const char *words[WORDS], *wrong;
	volatile uint64_t *at;

	for (at = bss_start; at != bss_end; at++) /* there is what was there before a reset */
		*at = 0;
	__asm__ volatile("msr tpidr_el1, %0" ::"r"(&accesses[0]));
	*(volatile uint32_t *)(UART + UART_LCRH) = 0x70; /* 8 bits, FIFOs */
	*(volatile uint32_t *)(UART + UART_CR) = 0x301; /* on, both ways */
	say(have_other() ? "ready cpus 2\nok\n" : "ready cpus 1\nok\n");
	for (;;) {
		get_line();
		split(words);
		wrong = obey(words);
		if (wrong) {
			say("error ");
			say(wrong);
			put('\n');
		} else {
			say("ok\n");
		}
	}
}
