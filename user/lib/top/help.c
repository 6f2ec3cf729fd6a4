// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <string.h>

#include "util.h"
#include "top/help.h"

const char *help_text(void)
{
	return "asi-faulttop: what is missing from the page tables of isolated VMs\n"
	       "\n"
	       "  q          quit; the report over the whole run follows\n"
	       "  h ?        this help\n"
	       "  p          pause: nothing moves, counting goes on; p again: go on\n"
	       "  space      read now, also while it is paused\n"
	       "  s  r       next sort key; reverse the order\n"
	       "  /          only rows whose function or object contain a text\n"
	       "  Enter      the selected row with all that is known of it, and back\n"
	       "  Up Down    select a row; also PageUp PageDown Home End, k j\n"
	       "  + -        longer or shorter interval\n"
	       "  z          zero: count from now\n"
	       "  w          write all rows to a new file, as JSON\n"
	       "  Esc        close the selected row; drop the filter\n"
	       "  ^Z         suspend\n"
	       "\n"
	       "COUNT and SHARE are since the start, or the last z; RATE/s is of the last interval.\n"
	       "\"not shown\" are rows above and below the screen, and what the filter leaves out.\n"
	       "\"lost\" are faults that are in no row.\n";
}

void help_keys(char *buf, size_t size, size_t width)
{
	static const char *const keys[] = {
		"q:quit",   "h:help",	    "p:pause", "s:sort",  "r:reverse",
		"/:filter", "Enter:expand", "z:zero",  "w:write", "+-:interval",
	};
	size_t n = 0;

	*buf = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		size_t more = strlen(keys[i]) + !!n;

		if (n + more > width || n + more >= size)
			return;
		n += snprintf(buf + n, size - n, "%s%s", n ? " " : "", keys[i]);
	}
}
