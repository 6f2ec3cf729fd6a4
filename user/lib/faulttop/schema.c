// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>

#include "exitcode.h"
#include "faulttop/app.h"

/* The file itself: what is printed cannot differ from what is documented and tested. */
__asm__(".pushsection .rodata\n"
	"schema_text:\n"
	".incbin \"docs/asi-faulttop.schema.json\"\n"
	".byte 0\n"
	".popsection\n");
extern const char schema_text[];

int print_schema(void)
{
	if (fputs(schema_text, stdout) == EOF || fflush(stdout))
		return fail(EXIT_RUNTIME, "cannot write to stdout", -errno, NULL);
	return EXIT_FINE;
}
