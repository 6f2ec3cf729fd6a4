// SPDX-License-Identifier: GPL-2.0
/* The journal: what goes in comes out, and damage costs only what it hit. */
#include "../cm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inject/journal.h"
#include "util.h"

static char dir[] = "/tmp/faultline-journal-XXXXXX";
static char path[64];

static int set_up(void **state)
{
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/" JOURNAL_FILE, dir);
	return 0;
}

static int tear_down(void **state)
{
	unlink(path);
	return rmdir(dir);
}

static struct journal_entry entry(uint64_t pfn)
{
	return (struct journal_entry){ .has_pfn = true,
				       .pfn = pfn,
				       .backend = BACKEND_HARD_OFFLINE,
				       .flags = 0x400205828,
				       .filter_changed = true,
				       .filter = { .enable = 1, .memcg = 23 } };
}

/* Two entries, the second marked; left closed. */
static void write_two(struct journal_entry entries[2])
{
	struct journal journal;

	assert_int_equal(journal_open(dir, &journal), 0);
	for (int i = 0; i < 2; i++) {
		entries[i] = entry(0x1234 + i);
		assert_int_equal(journal_begin(&journal, &entries[i]), 0);
	}
	assert_string_not_equal(entries[0].id, entries[1].id);
	assert_int_equal(journal_mark(&journal, entries[1].id, JOURNAL_INJECTED, "verified"), 0);
	journal_close(&journal);
}

static struct journal_entry *load(size_t want, unsigned int want_damaged)
{
	struct journal_entry *entries;
	struct journal journal;
	unsigned int damaged;
	size_t n;

	assert_int_equal(journal_open(dir, &journal), 0);
	assert_int_equal(journal_load(&journal, &entries, &n, &damaged), 0);
	journal_close(&journal);
	assert_int_equal(n, want);
	assert_int_equal(damaged, want_damaged);
	return entries;
}

static void test_round_trip(void **state)
{
	struct journal_entry wrote[2];
	struct journal_entry *read;
	struct journal journal;
	struct stat stat_;

	write_two(wrote);
	read = load(2, 0);
	for (int i = 0; i < 2; i++) {
		assert_string_equal(read[i].id, wrote[i].id);
		assert_string_equal(read[i].boot, wrote[i].boot);
		assert_int_equal(read[i].pfn, 0x1234 + i);
		assert_int_equal(read[i].backend, BACKEND_HARD_OFFLINE);
		assert_true(read[i].flags == 0x400205828);
		assert_true(read[i].has_pfn && read[i].filter_changed);
		assert_int_equal(read[i].filter.enable, 1);
		assert_int_equal(read[i].filter.memcg, 23);
	}
	assert_int_equal(read[0].state, JOURNAL_BEGUN);
	assert_int_equal(read[1].state, JOURNAL_INJECTED);
	free(read);
	assert_int_equal(stat(path, &stat_), 0);
	assert_int_equal(stat_.st_mode & 0777, 0600);

	assert_int_equal(journal_open(dir, &journal), 0);
	assert_int_equal(journal_mark(&journal, wrote[0].id, JOURNAL_CLOSED, "undone"), 0);
	journal_close(&journal);
	read = load(2, 0);
	assert_int_equal(read[0].state, JOURNAL_CLOSED);
	assert_int_equal(read[1].state, JOURNAL_INJECTED);
	free(read);
}

static void test_lock(void **state)
{
	struct journal journal, other;

	assert_int_equal(journal_open(dir, &journal), 0);
	assert_int_equal(journal_open(dir, &other), -EWOULDBLOCK);
	journal_close(&journal);
	assert_int_equal(journal_open(dir, &journal), 0);
	journal_close(&journal);
	assert_int_equal(journal_open("/proc/none/of/it", &journal), -ENOENT);
}

/* A symbolic link is not followed: root writes here. */
static void test_link(void **state)
{
	struct journal journal;

	assert_int_equal(symlink("/tmp/none-of-it", path), 0);
	assert_int_equal(journal_open(dir, &journal), -ELOOP);
}

/* Every byte of the first line, one after the other: the entry is lost and told, the other one never. */
static void test_spoilt(void **state)
{
	struct journal_entry wrote[2];
	struct journal_entry *read;
	char text[2048], *end;
	ssize_t size;
	int fd;

	write_two(wrote);
	fd = open(path, O_RDWR);
	size = pread(fd, text, sizeof(text) - 1, 0);
	assert_true(size > 0);
	text[size] = '\0';
	end = strchr(text, '\n');
	for (char *c = text; c < end; c++) {
		char spoilt = *c ^ 1;

		/* a newline makes two damaged lines of one */
		if (spoilt == '\n' || *c == '\n')
			continue;
		assert_int_equal(pwrite(fd, &spoilt, 1, c - text), 1);
		read = load(1, 1);
		assert_int_equal(read[0].pfn, 0x1235);
		assert_int_equal(read[0].state, JOURNAL_INJECTED);
		free(read);
		assert_int_equal(pwrite(fd, c, 1, c - text), 1);
	}
	close(fd);
	free(load(2, 0));
}

/* Cut off anywhere, as by a crash; what is appended after it is read again. */
static void test_cut_off(void **state)
{
	struct journal_entry wrote[2], third = entry(0x99);
	struct journal_entry *read;
	struct journal journal;
	struct stat whole;
	size_t n;
	unsigned int damaged;

	write_two(wrote);
	assert_int_equal(stat(path, &whole), 0);
	for (off_t size = whole.st_size - 1; size >= whole.st_size - 60; size -= 7) {
		assert_int_equal(truncate(path, size), 0);
		assert_int_equal(journal_open(dir, &journal), 0);
		assert_int_equal(journal_load(&journal, &read, &n, &damaged), 0);
		assert_int_equal(n, 2);
		assert_int_equal(read[1].state, JOURNAL_BEGUN);
		/* a cut after the last line's end but for its newline is no different */
		assert_int_equal(damaged, 1);
		free(read);
		journal_close(&journal);
	}
	assert_int_equal(journal_open(dir, &journal), 0);
	assert_int_equal(journal_begin(&journal, &third), 0);
	journal_close(&journal);
	read = load(3, 1);
	assert_int_equal(read[2].pfn, 0x99);
	free(read);
}

/* A right checksum over what no entry says, and marks of an entry that is not there. */
static void test_foreign(void **state)
{
	struct journal journal;

	assert_int_equal(journal_open(dir, &journal), 0);
	assert_int_equal(journal_mark(&journal, "1.2", JOURNAL_CLOSED, "undone"), 0);
	journal_close(&journal);
	free(load(0, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lock, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_link, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_spoilt, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cut_off, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_foreign, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
