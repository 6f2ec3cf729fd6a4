// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "ksyms.h"
#include "util.h"

#define NO_MODULE UINT32_MAX

/* Names are offsets, not pointers: the text moves while it grows. */
struct entry {
	uint64_t address;
	uint32_t name;
	uint32_t module;
	char type;
	enum { UNASKED, FOUND, TAKEN } state;
};

struct ksyms {
	struct entry *entries;
	size_t n, room;
	char *text;
	size_t text_n, text_room;
};

static int grow(void **mem, size_t *room, size_t want, size_t item)
{
	size_t more = *room ? *room : 4096;
	void *p;

	while (more < want)
		more *= 2;
	if (more == *room)
		return 0;
	p = realloc(*mem, more * item);
	if (!p)
		return -ENOMEM;
	*mem = p;
	*room = more;
	return 0;
}

static int text_add(struct ksyms *ksyms, const char *text, uint32_t *ret_offset)
{
	size_t n = strlen(text) + 1;

	if (grow((void **)&ksyms->text, &ksyms->text_room, ksyms->text_n + n, 1))
		return -ENOMEM;
	memcpy(ksyms->text + ksyms->text_n, text, n);
	*ret_offset = ksyms->text_n;
	ksyms->text_n += n;
	return 0;
}

int ksyms__add(struct ksyms *ksyms, const struct ksym *sym)
{
	struct entry *last = ksyms->n ? &ksyms->entries[ksyms->n - 1] : NULL;
	uint32_t name, module = NO_MODULE;

	if (text_add(ksyms, sym->name, &name))
		return -ENOMEM;
	/* a module's symbols come together: share its name */
	if (sym->module && last && last->module != NO_MODULE &&
	    !strcmp(ksyms->text + last->module, sym->module))
		module = last->module;
	else if (sym->module && text_add(ksyms, sym->module, &module))
		return -ENOMEM;
	if (grow((void **)&ksyms->entries, &ksyms->room, ksyms->n + 1, sizeof(*ksyms->entries)))
		return -ENOMEM;
	ksyms->entries[ksyms->n++] = (struct entry){
		.address = sym->address,
		.name = name,
		.module = module,
		.type = sym->type,
	};
	return 0;
}

/* "ffffffffc0a01000 t name\t[module]" */
static int line_add(struct ksyms *ksyms, char *line)
{
	struct ksym sym = {};
	char *end, *save, *word;

	sym.address = strtoull(line, &end, 16);
	if (end == line || end[0] != ' ' || !end[1] || end[2] != ' ')
		return 0;
	sym.type = end[1];
	sym.name = strtok_r(end + 3, " \t\n", &save);
	if (!sym.name)
		return 0;
	word = strtok_r(NULL, " \t\n", &save);
	if (word && *word == '[') {
		word[strcspn(word, "]")] = '\0';
		sym.module = word + 1;
	}
	return ksyms__add(ksyms, &sym);
}

/* Lower is better: what one would call the thing at that address. */
static int rank(const struct entry *entry, const char *name)
{
	return 4 * (name[0] == '_') + 2 * !isupper((unsigned char)entry->type) +
	       (entry->type == 'A' || entry->type == 'a');
}

static int entry_cmp(const void *a, const void *b, void *ctx)
{
	const struct entry *x = a, *y = b;
	const char *text = ctx;
	int diff;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	diff = rank(x, text + x->name) - rank(y, text + y->name);
	/* offsets are in file order */
	return diff ? diff : (x->name > y->name) - (x->name < y->name);
}

void ksyms__sort(struct ksyms *ksyms)
{
	if (ksyms->n)
		qsort_r(ksyms->entries, ksyms->n, sizeof(*ksyms->entries), entry_cmp, ksyms->text);
}

int ksyms__new(struct ksyms **ret_ksyms)
{
	struct ksyms *ksyms = calloc(1, sizeof(*ksyms));

	if (!ksyms)
		return -ENOMEM;
	*ret_ksyms = ksyms;
	return 0;
}

int ksyms__load(const char *path, struct ksyms **ret_ksyms)
{
	__attribute__((cleanup(ksyms__freep))) struct ksyms *ksyms = NULL;
	cleanup_fclose FILE *file = NULL;
	cleanup_free char *line = NULL;
	bool visible = false;
	size_t room = 0;

	if (ksyms__new(&ksyms))
		return -ENOMEM;
	file = fopen(path ? path : "/proc/kallsyms", "re");
	if (!file)
		return -errno;
	while (getline(&line, &room, file) > 0) {
		if (line_add(ksyms, line))
			return -ENOMEM;
	}
	if (ferror(file))
		return -EIO;
	if (!ksyms->n)
		return -ENODATA;
	for (size_t i = 0; i < ksyms->n && !visible; i++)
		visible = ksyms->entries[i].address;
	if (!visible)
		return -EPERM;
	ksyms__sort(ksyms);
	*ret_ksyms = ksyms;
	ksyms = NULL;
	return 0;
}

struct ksyms *ksyms__free(struct ksyms *ksyms)
{
	if (!ksyms)
		return NULL;
	free(ksyms->entries);
	free(ksyms->text);
	free(ksyms);
	return NULL;
}

static struct ksym sym_of(const struct ksyms *ksyms, const struct entry *entry)
{
	return (struct ksym){
		.name = ksyms->text + entry->name,
		.module = entry->module == NO_MODULE ? NULL : ksyms->text + entry->module,
		.address = entry->address,
		.type = entry->type,
	};
}

bool ksyms__find(const struct ksyms *ksyms, uint64_t address, struct ksym *ret_sym)
{
	size_t low = 0, high = ksyms ? ksyms->n : 0;
	struct entry *entry;

	/* the number of entries at or before address ends up in low */
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (ksyms->entries[mid].address <= address)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low)
		return false;
	/* the best name is the first of its address */
	entry = &ksyms->entries[low - 1];
	while (entry > ksyms->entries && entry[-1].address == entry->address)
		entry--;
	/* a note of the table's own: what it says does not change */
	if (entry->state == UNASKED)
		entry->state = FOUND;
	*ret_sym = sym_of(ksyms, entry);
	return true;
}

bool ksyms__next_found(struct ksyms *ksyms, size_t *cursor, struct ksym *ret_sym)
{
	for (; *cursor < ksyms->n; (*cursor)++) {
		struct entry *entry = &ksyms->entries[*cursor];

		if (entry->state != FOUND)
			continue;
		entry->state = TAKEN;
		*ret_sym = sym_of(ksyms, entry);
		return true;
	}
	return false;
}

bool ksyms__address(const struct ksyms *ksyms, const char *name, uint64_t *ret_address)
{
	for (size_t i = 0; ksyms && i < ksyms->n; i++) {
		const struct entry *entry = &ksyms->entries[i];

		if (entry->module != NO_MODULE || strcmp(ksyms->text + entry->name, name))
			continue;
		*ret_address = entry->address;
		return true;
	}
	return false;
}
