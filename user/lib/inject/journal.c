// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <zlib.h>

#include "inject/journal.h"
#include "output.h"
#include "util.h"

#define LINE 512
#define MAGIC "rasinject1" /* and the version of the format: each line starts with it */

static const char *const state_names[] = {
	[JOURNAL_BEGUN] = "begun",
	[JOURNAL_INJECTED] = "injected",
	[JOURNAL_CLOSED] = "closed",
};

void journal_boot_id(char boot[40])
{
	cleanup_fclose FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (!file || fscanf(file, "%39s", boot) != 1)
		strcpy(boot, "unknown");
}

int journal_open(const char *dir, struct journal *ret_journal)
{
	struct journal journal = { .fd = -1, .dir = -1 };
	int err = 0;

	if (mkdir(dir, 0700) && errno != EEXIST)
		return -errno;
	journal.dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (journal.dir < 0)
		return -errno;
	snprintf(journal.path, sizeof(journal.path), "%s/" JOURNAL_FILE, dir);
	journal.fd = openat(journal.dir, JOURNAL_FILE,
			    O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (journal.fd < 0 || flock(journal.fd, LOCK_EX | LOCK_NB) || fsync(journal.dir))
		err = -errno;
	if (err)
		journal_close(&journal);
	else
		*ret_journal = journal;
	return err;
}

void journal_close(struct journal *journal)
{
	if (journal->fd >= 0)
		close(journal->fd);
	if (journal->dir >= 0)
		close(journal->dir);
	journal->fd = journal->dir = -1;
}

/* After a line that was cut off, a new one begins: they must not become one damaged line. */
static bool ends_whole(int fd)
{
	struct stat stat;
	char last;

	return fstat(fd, &stat) || !stat.st_size || pread(fd, &last, 1, stat.st_size - 1) != 1 ||
	       last == '\n';
}

static int append(struct journal *journal, const char *text)
{
	char line[LINE + 32];
	int n = snprintf(line, sizeof(line), "%s%s crc=%08lx\n",
			 ends_whole(journal->fd) ? "" : "\n", text,
			 crc32(0, (const unsigned char *)text, strlen(text)));
	int err = output_write(journal->fd, line, n);

	if (!err && fdatasync(journal->fd))
		err = -errno;
	return err;
}

int journal_begin(struct journal *journal, struct journal_entry *entry)
{
	struct timespec now;
	char text[LINE];

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(entry->id, sizeof(entry->id), "%llx.%x", now.tv_sec * 1000000000ULL + now.tv_nsec,
		 (unsigned int)getpid());
	journal_boot_id(entry->boot);
	entry->state = JOURNAL_BEGUN;
	snprintf(text, sizeof(text),
		 MAGIC " begun %s boot=%s pfn=%#" PRIx64 " has_pfn=%d backend=%s flags=%#" PRIx64
		       " filter_changed=%d filter_enable=%" PRIu64 " filter_memcg=%" PRIu64,
		 entry->id, entry->boot, entry->pfn, entry->has_pfn, backend_names[entry->backend],
		 entry->flags, entry->filter_changed, entry->filter.enable, entry->filter.memcg);
	return append(journal, text);
}

int journal_mark(struct journal *journal, const char *id, enum journal_state state, const char *why)
{
	char text[LINE];

	snprintf(text, sizeof(text), MAGIC " %s %s why=%s", state_names[state], id, why);
	return append(journal, text);
}

/* Cuts the checksum off the line, and tells whether it is right. */
static bool whole(char *line)
{
	char *crc = strstr(line, " crc=");
	unsigned long sum;
	int end = 0;

	if (!crc || sscanf(crc, " crc=%8lx%n", &sum, &end) != 1 || crc[end] != '\n')
		return false;
	*crc = '\0';
	return sum == crc32(0, (const unsigned char *)line, strlen(line));
}

static bool parse_begun(const char *line, struct journal_entry *entry)
{
	int has_pfn, filter_changed;
	char backend[24];

	if (sscanf(line,
		   MAGIC " begun %23s boot=%39s pfn=%" SCNx64
			 " has_pfn=%d backend=%23s flags=%" SCNx64
			 " filter_changed=%d filter_enable=%" SCNu64 " filter_memcg=%" SCNu64,
		   entry->id, entry->boot, &entry->pfn, &has_pfn, backend, &entry->flags,
		   &filter_changed, &entry->filter.enable, &entry->filter.memcg) != 9)
		return false;
	entry->has_pfn = has_pfn;
	entry->filter_changed = filter_changed;
	for (int i = 0; i < BACKENDS; i++) {
		if (strcmp(backend, backend_names[i]))
			continue;
		entry->backend = i;
		return true;
	}
	return false;
}

/* A mark without its entry is damage, too: the entry's line is one that was left out. */
static bool parse_mark(const char *line, struct journal_entry *entries, size_t n)
{
	char state[16], id[24];

	if (sscanf(line, MAGIC " %15s %23s why=", state, id) != 2)
		return false;
	for (size_t i = n; i-- > 0;) {
		if (strcmp(entries[i].id, id))
			continue;
		for (int s = JOURNAL_INJECTED; s <= JOURNAL_CLOSED; s++) {
			if (strcmp(state, state_names[s]))
				continue;
			entries[i].state = s;
			return true;
		}
	}
	return false;
}

int journal_load(const struct journal *journal, struct journal_entry **ret_entries, size_t *ret_n,
		 unsigned int *ret_damaged)
{
	cleanup_free struct journal_entry *entries = NULL;
	cleanup_fclose FILE *file = NULL;
	cleanup_free char *line = NULL;
	unsigned int damaged = 0;
	size_t n = 0, size = 0;
	int fd = openat(journal->dir, JOURNAL_FILE, O_RDONLY | O_CLOEXEC);

	file = fd < 0 ? NULL : fdopen(fd, "r");
	if (!file)
		return -errno;
	while (getline(&line, &size, file) > 0) {
		struct journal_entry entry = {}, *more;

		if (*line == '\n')
			continue;
		if (!whole(line)) {
			damaged++;
		} else if (parse_begun(line, &entry)) {
			more = reallocarray(entries, n + 1, sizeof(*entries));
			if (!more)
				return -ENOMEM;
			entries = more;
			entries[n++] = entry;
		} else if (!parse_mark(line, entries, n)) {
			damaged++;
		}
	}
	if (ferror(file))
		return -EIO;
	*ret_entries = entries;
	entries = NULL;
	*ret_n = n;
	*ret_damaged = damaged;
	return 0;
}
