/* SPDX-License-Identifier: Apache-2.0 */
/* Logs, written and read again: in whatever pieces the output comes, and however often files are turned. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/remove.h"
#include "service/log_read.h"

static char directory[] = "/tmp/hcs-log-XXXXXX";
static int dir_fd;

static int set_up(void **state)
{
	(void)state;
	memcpy(directory + sizeof(directory) - 7, "XXXXXX", 6);
	if (!mkdtemp(directory))
		return -1;
	dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir_fd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	(void)close(dir_fd);
	return remove_tree(AT_FDCWD, directory);
}

static void write_in_pieces(const char *text, size_t len, size_t piece, uint64_t max,
			    unsigned files)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_log_file_ struct log_file log = LOG_FILE_INIT;

	assert_int_equal(log_file_open(dir_fd, "id", max, files, &log, &err), 0);
	for (size_t at = 0; at < len; at += piece)
		log_file_write(&log, LOG_STDOUT, text + at, len - at < piece ? len - at : piece);
	log_file_flush(&log);
	assert_false(log.failed);
}

/* All that is there, put together; caller frees. */
static char *read_back(int64_t tail, size_t *ret_records)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_log_reader_ struct log_reader reader = { .fd = -1 };
	struct log_record record;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	assert_int_equal(log_reader_open(dir_fd, "id", tail, &reader, &err), 0);
	*ret_records = 0;
	while (log_reader_next(&reader, &record, &err) == 1) {
		assert_int_equal(fwrite(record.text, 1, record.len, f), record.len);
		++*ret_records;
		log_record_done(&record);
	}
	(void)fclose(f);
	return text;
}

static void pieces(void **state)
{
	static const char text[] = "one\ntwo \"quoted\"\\\n\n\xc3\xa9\xf0\x9f\x98\x80 \x01\x7f\n"
				   "unfinished";
	size_t records;

	(void)state;
	for (size_t piece = 1; piece <= sizeof(text) - 1; piece++) {
		char *back;

		write_in_pieces(text, sizeof(text) - 1, piece, 0, 1);
		back = read_back(-1, &records);
		assert_string_equal(back, text);
		assert_int_equal(records, 5);
		free(back);
		assert_int_equal(unlinkat(dir_fd, "id-json.log", 0), 0);
	}
}

static void long_lines_are_not_cut_within_a_character(void **state)
{
	size_t len = 3 * LOG_LINE_MAX, records;
	char *text = malloc(len + 3), *back;

	(void)state;
	memset(text, 'a', len);
	/* Over the edge of the first part. */
	memcpy(text + LOG_LINE_MAX - 1, "\xc3\xa9", 2);
	memcpy(text + len, "\n", 2);
	write_in_pieces(text, len + 1, 1000, 0, 1);
	back = read_back(-1, &records);
	assert_string_equal(back, text);
	assert_int_equal(records, 4);
	free(back);
	free(text);
}

static void turned_files_are_one_log(void **state)
{
	char *text = NULL, *back;
	size_t len = 0, records;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	for (int i = 0; i < 2000; i++)
		(void)fprintf(f, "line %d\n", i);
	(void)fclose(f);
	write_in_pieces(text, len, 777, 10000, 50);
	back = read_back(-1, &records);
	assert_string_equal(back, text);
	free(back);
	for (int64_t tail = 0; tail < 2100; tail += 99) {
		const char *from = text;

		for (int64_t skip = 2000 - tail; skip > 0; skip--)
			from = strchr(from, '\n') + 1;
		back = read_back(tail, &records);
		assert_int_equal(records, tail < 2000 ? tail : 2000);
		assert_string_equal(back, from);
		free(back);
	}
	free(text);
}

static void a_file_that_was_cut_is_gone_on_with(void **state)
{
	size_t records;
	char *back;
	int fd = openat(dir_fd, "id-json.log", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	(void)state;
	assert_int_equal(write(fd, "{\"log\":\"cut", 11), 11);
	(void)close(fd);
	write_in_pieces("after\n", 6, 6, 0, 1);
	back = read_back(-1, &records);
	assert_string_equal(back, "after\n");
	free(back);
}

static void a_reader_follows(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_log_file_ struct log_file log = LOG_FILE_INIT;
	_cleanup_log_reader_ struct log_reader reader = { .fd = -1 };
	struct log_record record;

	(void)state;
	assert_int_equal(log_reader_open(dir_fd, "id", -1, &reader, &err), 0);
	assert_int_equal(log_reader_next(&reader, &record, &err), 0);
	assert_int_equal(log_file_open(dir_fd, "id", 200, 100, &log, &err), 0);
	for (int i = 0; i < 100; i++) {
		char line[16];
		int n = snprintf(line, sizeof(line), "%d\n", i);

		log_file_write(&log, i % 2 ? LOG_STDERR : LOG_STDOUT, line, (size_t)n);
		assert_int_equal(log_reader_next(&reader, &record, &err), 1);
		assert_int_equal(record.stream, i % 2 ? LOG_STDERR : LOG_STDOUT);
		assert_string_equal(record.text, line);
		log_record_done(&record);
		assert_int_equal(log_reader_next(&reader, &record, &err), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pieces, set_up, tear_down),
		cmocka_unit_test_setup_teardown(long_lines_are_not_cut_within_a_character, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(turned_files_are_one_log, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_file_that_was_cut_is_gone_on_with, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_reader_follows, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
