/* SPDX-License-Identifier: Apache-2.0 */
/* The log as containerd's shim, podman and others read it. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>
#include <jansson.h>

#include "base/fd.h"
#include "runhcs/log.h"

/* A directory for the log, and the standard error caught in a file. */
struct fixture {
	char dir[32], path[64];
	int saved_stderr, caught;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	strcpy(f->dir, "/tmp/runhcs-log-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	(void)snprintf(f->path, sizeof(f->path), "%s/log", f->dir);
	f->saved_stderr = dup(STDERR_FILENO);
	f->caught = open(f->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (f->saved_stderr < 0 || f->caught < 0)
		return -1;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	(void)unlink(f->path);
	(void)rmdir(f->dir);
	close(f->saved_stderr);
	close(f->caught);
	free(f);
	return 0;
}

static void fail_with(struct fixture *f, const struct log *log, const char *message)
{
	assert_int_equal(dup2(f->caught, STDERR_FILENO), STDERR_FILENO);
	log_failure(log, message);
	assert_int_equal(dup2(f->saved_stderr, STDERR_FILENO), STDERR_FILENO);
}

static char *caught_stderr(struct fixture *f)
{
	char *text;
	size_t len;

	assert_int_equal(lseek(f->caught, 0, SEEK_SET), 0);
	assert_int_equal(fd_read_all(f->caught, 65536, &text, &len), 0);
	return text;
}

static char *logged(struct fixture *f)
{
	char *text;
	size_t len;

	assert_int_equal(file_read(AT_FDCWD, f->path, 65536, &text, &len), 0);
	return text;
}

static void errors_go_to_the_log_and_to_stderr(void **state)
{
	struct fixture *f = *state;
	_cleanup_log_ struct log log = LOG_INIT;
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_free_ char *text = NULL, *shown = NULL;
	const char *level, *msg, *when;
	json_error_t where;
	json_t *line;

	assert_int_equal(log_open(&log, f->path, "json", NULL, &err), 0);
	fail_with(f, &log, "cannot \"open\" x\nnow: \xff");
	text = logged(f);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1); /* one line */
	line = json_loads(text, 0, &where);
	assert_non_null(line);
	assert_int_equal(
		json_unpack(line, "{s:s, s:s, s:s}", "level", &level, "msg", &msg, "time", &when),
		0);
	assert_string_equal(level, "error");
	assert_string_equal(msg, "cannot \"open\" x\nnow: \xef\xbf\xbd");
	/* RFC 3339, as Go's time.Time wants it */
	assert_int_equal(strlen(when), strlen("2006-01-02T15:04:05Z"));
	assert_true(when[10] == 'T' && when[19] == 'Z');
	json_decref(line);
	shown = caught_stderr(f);
	assert_string_equal(shown, "runhcs: cannot \"open\" x now: \xff\n");
}

static void text_is_what_logrus_writes(void **state)
{
	struct fixture *f = *state;
	_cleanup_log_ struct log log = LOG_INIT;
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_free_ char *text = NULL;

	assert_int_equal(log_open(&log, f->path, "text", NULL, &err), 0);
	log_message(&log, LOG_LEVEL_WARNING, "a \"b\"");
	text = logged(f);
	assert_int_equal(strncmp(text, "time=\"", 6), 0);
	assert_string_equal(strstr(text, "Z\" "), "Z\" level=warning msg=\"a \\\"b\\\"\"\n");
}

static void the_log_is_appended_to_and_private(void **state)
{
	struct fixture *f = *state;
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_free_ char *text = NULL;
	struct stat st;

	for (int i = 0; i < 2; i++) {
		_cleanup_log_ struct log log = LOG_INIT;

		assert_int_equal(log_open(&log, f->path, "json", NULL, &err), 0);
		assert_true(fcntl(log.fd, F_GETFD) & FD_CLOEXEC);
		log_message(&log, LOG_LEVEL_ERROR, i ? "second" : "first");
	}
	text = logged(f);
	assert_non_null(strstr(text, "first"));
	assert_non_null(strstr(text, "second"));
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void levels_are_kept(void **state)
{
	struct fixture *f = *state;
	_cleanup_log_ struct log log = LOG_INIT;
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_free_ char *text = NULL;

	assert_int_equal(log_open(&log, f->path, NULL, "error", &err), 0);
	log_message(&log, LOG_LEVEL_WARNING, "warning");
	log_message(&log, LOG_LEVEL_DEBUG, "debug");
	log_message(&log, LOG_LEVEL_ERROR, "grave");
	text = logged(f);
	assert_null(strstr(text, "warning"));
	assert_null(strstr(text, "debug"));
	assert_non_null(strstr(text, "grave"));
}

static void what_cannot_be_logged_to_is_refused(void **state)
{
	struct fixture *f = *state;
	_cleanup_log_ struct log log = LOG_INIT;
	_cleanup_error_ struct error err = ERROR_INIT;

	assert_int_equal(log_open(&log, f->dir, NULL, NULL, &err), -EISDIR);
	assert_non_null(strstr(error_text(&err), f->dir));
	error_done(&err);
	assert_int_equal(log_open(&log, f->path, "xml", NULL, &err), -EINVAL);
	error_done(&err);
	assert_int_equal(log_open(&log, f->path, NULL, "loud", &err), -EINVAL);
	error_done(&err);
	assert_int_equal(log_open(&log, "journald:x", NULL, NULL, &err), -ENOTSUP);
	assert_int_equal(log.fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(errors_go_to_the_log_and_to_stderr, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(text_is_what_logrus_writes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_log_is_appended_to_and_private, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(levels_are_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_cannot_be_logged_to_is_refused, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
