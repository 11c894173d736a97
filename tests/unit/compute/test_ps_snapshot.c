/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots of this host's own /proc, which no guest could lie about better, and hostile ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "compute/hyperv/base64_decode.h"
#include "compute/hyperv/ps_snapshot.h"

#define PS "/usr/bin/ps"

static json_t *base64(const char *data, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	_cleanup_free_ char *text = malloc(len / 3 * 4 + 5);
	size_t n = 0;

	for (size_t i = 0; i < len; i += 3) {
		uint32_t bits = 0;

		for (size_t k = 0; k < 3; k++)
			bits = bits << 8 | (i + k < len ? (unsigned char)data[i + k] : 0);
		for (size_t k = 0; k < 4; k++)
			text[n++] = i + k > len ? '=' : digits[bits >> (18 - 6 * k) & 63];
	}
	return json_stringn(text, n);
}

static void add_file(json_t *object, const char *dir, const char *name)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	size_t len;

	assert_true(asprintf(&path, "%s/%s", dir, name) > 0);
	if (file_read(AT_FDCWD, path, PS_SNAPSHOT_FILE_MAX, &text, &len) == 0)
		json_object_set_new(object, name, base64(text, len));
}

static json_t *process_of(pid_t pid)
{
	static const char *const files[] = { "stat",  "status", "cmdline", "comm",
					     "statm", "wchan",  "cgroup" };
	json_t *process = json_pack("{s:i}", "pid", (int)pid);
	char dir[32];

	(void)snprintf(dir, sizeof(dir), "/proc/%d", (int)pid);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		add_file(process, dir, files[i]);
	return process;
}

/* /proc/stat, without the long lines. */
static json_t *boot_time(void)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	char *intr, *rest;

	assert_int_equal(file_read(AT_FDCWD, "/proc/stat", 1 << 20, &text, &len), 0);
	intr = strstr(text, "\nintr ");
	rest = intr ? strstr(intr, "\nctxt ") : NULL;
	assert_non_null(rest);
	memmove(intr + 7, rest, strlen(rest) + 1);
	rest = strstr(text, "\nsoftirq ");
	if (rest)
		rest[1] = '\0';
	return base64(text, strlen(text));
}

static json_t *snapshot(const pid_t *pids, size_t len)
{
	static const char *const files[] = { "uptime",
					     "stat",
					     "meminfo",
					     "loadavg",
					     "version",
					     "sys/kernel/pid_max",
					     "sys/kernel/osrelease" };
	json_t *processes = json_array(), *system = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		add_file(system, "/proc", files[i]);
	/* The interrupts of a large host are more than a guest has. */
	json_object_set_new(system, "stat", boot_time());
	for (size_t i = 0; i < len; i++)
		json_array_append_new(processes, process_of(pids[i]));
	return json_pack("{s:o, s:o, s:b}", "processes", processes, "system", system, "more", 0);
}

/* A process to look at: it sleeps until it is killed. Its user is 33. */
static pid_t sleeper;

static int begin(void **state)
{
	(void)state;
	sleeper = fork();
	if (sleeper == 0) {
		if (setgid(33) == 0 && setuid(33) == 0)
			(void)execl("/bin/sleep", "sleep\033[31m", "1000", (char *)NULL);
		if (execl("/bin/sleep", "sleep", "1000", (char *)NULL) < 0)
			_exit(1);
	}
	return sleeper < 0;
}

static int end(void **state)
{
	(void)state;
	(void)kill(sleeper, SIGKILL);
	return waitpid(sleeper, NULL, 0) != sleeper;
}

static bool may(void)
{
	return geteuid() == 0;
}

/* Namespaces for the sandbox need root; nobody but root runs utility VMs. */
#define NEEDS_ROOT()                                                                               \
	if (!may())                                                                                \
	skip()

/* Takes out the line of ps itself, whose pid is in the column that begins at the title. */
static void drop_self(char *text)
{
	char *to = text, *next;
	const char *title = strstr(text, "PID");
	size_t end = title ? (size_t)(title - text) + 3 : 0;

	for (char *line = text; *line; line = next) {
		size_t len = strcspn(line, "\n");
		bool self = len > end && end > 2 && memcmp(line + end - 2, " 1", 2) == 0;

		len += line[len] == '\n';
		next = line + len;
		if (!self) {
			memmove(to, line, len);
			to += len;
		}
	}
	*to = '\0';
}

static char *ps_of(const json_t *answer, char *const *args)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	char *text = NULL;
	size_t len;

	if (ps_snapshot_run(answer, PS, args, &text, &len, &err) < 0)
		fail_msg("%s", error_text(&err));
	assert_int_equal(strlen(text), len);
	drop_self(text);
	return text;
}

/* What the host's own ps says of the process with the options. */
static char *ps_here(const char *options)
{
	_cleanup_free_ char *command = NULL;
	char *text = calloc(1, 65536);
	int out[2];
	pid_t pid;
	ssize_t n;
	size_t len = 0;

	assert_int_equal(pipe(out), 0);
	assert_true(asprintf(&command, "exec ps %s -p %d,%d", options, (int)getpid(),
			     (int)sleeper) > 0);
	pid = fork();
	if (pid == 0) {
		(void)dup2(out[1], 1);
		(void)setsid();
		(void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	(void)close(out[1]);
	while ((n = read(out[0], text + len, 65535 - len)) > 0)
		len += (size_t)n;
	(void)close(out[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return text;
}

static void the_table_is_what_ps_says_of_the_real_proc(void **state)
{
	static const struct {
		char *args[4];
		const char *here;
	} cases[] = {
		{ { "-eo", "pid,ppid,user,uid,gid,group,comm,args,tty,sess,pgid,ni,nlwp", NULL },
		  "-o pid,ppid,user,uid,gid,group,comm,args,tty,sess,pgid,ni,nlwp" },
		{ { "-eo", "pid,lstart,vsz,rss,wchan,cgroup,psr,cls", NULL },
		  "-o pid,lstart,vsz,rss,wchan,cgroup,psr,cls" },
	};
	const pid_t pids[] = { getpid(), sleeper };
	json_t *answer;

	(void)state;
	NEEDS_ROOT();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *here = ps_here(cases[i].here), *there = NULL;

		answer = snapshot(pids, 2);
		there = ps_of(answer, cases[i].args);
		/* Its own memory changes from look to look: the sleeper's line, and the titles. */
		assert_non_null(strchr(here, '\n'));
		if (i == 0)
			assert_string_equal(there, here);
		else
			assert_non_null(strstr(there, strchr(strchr(here, '\n') + 1, '\n')));
		json_decref(answer);
	}
}

static void the_default_and_usual_options_work(void **state)
{
	char *const options[][3] = {
		{ NULL }, { "aux", NULL }, { "-eLf", NULL }, { "-ejH", NULL }, { "axms", NULL }
	};
	json_t *answer;

	(void)state;
	NEEDS_ROOT();
	answer = snapshot(&sleeper, 1);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		_cleanup_free_ char *text = ps_of(answer, options[i]), *pid = NULL;

		assert_true(asprintf(&pid, "%d", (int)sleeper) > 0);
		if (!strstr(text, "sleep") || !strstr(text, pid))
			fail_msg("no sleeper in: %s", text);
		assert_null(strchr(text, '\033'));
	}
	json_decref(answer);
}

static void without_processes_there_are_only_titles(void **state)
{
	char *const all[] = { "-ef", NULL };
	_cleanup_free_ char *text = NULL;
	json_t *answer;

	(void)state;
	NEEDS_ROOT();
	answer = json_pack("{s:[], s:{}}", "processes", "system");
	text = ps_of(answer, all);
	assert_non_null(strstr(text, "PID"));
	assert_ptr_equal(strchr(text, '\n'), strrchr(text, '\n'));
	json_decref(answer);
}

static void nothing_selected_is_no_error(void **state)
{
	char *const other[] = { "-f", "-u", "42", NULL };
	_cleanup_free_ char *text = NULL;
	json_t *answer;

	(void)state;
	NEEDS_ROOT();
	answer = snapshot(&sleeper, 1);
	text = ps_of(answer, other);
	assert_ptr_equal(strchr(text, '\n'), strrchr(text, '\n'));
	json_decref(answer);
}

static void ps_s_own_complaint_is_passed_on(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT, none = ERROR_INIT;
	char *const bad[] = { "-o", "nonsense", NULL };
	char *text = NULL;
	json_t *answer;
	size_t len;

	(void)state;
	NEEDS_ROOT();
	answer = snapshot(&sleeper, 1);
	assert_int_equal(ps_snapshot_run(answer, PS, bad, &text, &len, &err), -EINVAL);
	assert_non_null(strstr(error_text(&err), "nonsense"));
	assert_int_equal(ps_snapshot_run(answer, "/nonexistent", bad, &text, &len, &none), -ENOENT);
	assert_non_null(strstr(error_text(&none), "/nonexistent: execute"));
	json_decref(answer);
}

/* What another program in place of ps finds there. */
static char *seen(const char *program, char *first, char *second)
{
	char *const args[] = { first, second, NULL };
	_cleanup_error_ struct error err = ERROR_INIT;
	json_t *answer = snapshot(&sleeper, 1);
	char *text = NULL;
	size_t len;

	if (ps_snapshot_run(answer, program, args, &text, &len, &err) < 0)
		fail_msg("%s", error_text(&err));
	json_decref(answer);
	return text;
}

static void assert_says(const char *text, const char *wanted)
{
	if (!strstr(text, wanted))
		fail_msg("\"%s\" not in: %s", wanted, text);
}

static void it_runs_as_nobody_without_anything(void **state)
{
	char list[] = "-1", proc[] = "/proc", dump[] = "--dump";
	char limits[] = "-c", ulimit[] = "ulimit -p; ulimit -c; ulimit -f; ulimit -n";
	char write[] = "echo >/proc/x || echo >/proc/1/x || echo no";
	_cleanup_free_ char *rights = NULL, *files = NULL, *size = NULL, *written = NULL;
	_cleanup_free_ char *wanted = NULL;

	(void)state;
	NEEDS_ROOT();
	rights = seen("/usr/bin/setpriv", dump, dump);
	assert_says(rights, "uid: 65534\neuid: 65534\ngid: 65534\negid: 65534\n");
	assert_says(rights, "Supplementary groups: [none]\n");
	assert_says(rights, "no_new_privs: 1\n");
	assert_says(rights, "Effective capabilities: [none]\nPermitted capabilities: [none]\n");
	assert_says(rights, "Capability bounding set: [none]\n");
	files = seen("/bin/ls", list, proc);
	assert_true(asprintf(&wanted,
			     "1\n%d\ncpuinfo\nloadavg\nmeminfo\nself\nstat\nsys\nuptime\nversion\n",
			     (int)sleeper) > 0);
	assert_string_equal(files, wanted);
	size = seen("/bin/sh", limits, ulimit);
	assert_string_equal(size, "0\n0\n32768\n64\n");
	written = seen("/bin/sh", limits, write);
	assert_string_equal(written, "no\n");
}

/* What it must not do with the machine: go on for ever in output or forks. */
static void its_appetite_is_bounded(void **state)
{
	static const struct {
		const char *program;
		char *args[3];
	} greedy[] = {
		{ "/bin/cat", { "/dev/zero", NULL } },
		{ "/bin/sh", { "-c", "/bin/true; exit 0", NULL } },
	};
	json_t *answer;

	(void)state;
	NEEDS_ROOT();
	answer = snapshot(&sleeper, 1);
	for (size_t i = 0; i < ARRAY_SIZE(greedy); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		char *text = NULL;
		size_t len;

		assert_int_equal(ps_snapshot_run(answer, greedy[i].program, greedy[i].args, &text,
						 &len, &err),
				 -EINVAL);
		assert_null(text);
		assert_null(strpbrk(error_text(&err), "\n\033"));
	}
	json_decref(answer);
}

/* The host's mounts, and our own /proc, are as they were. */
static void the_caller_keeps_its_proc(void **state)
{
	char path[32];

	(void)state;
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)getpid());
	assert_int_equal(access(path, F_OK), 0);
}

static void assert_refused(json_t *answer, const char *what)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	char *const args[] = { NULL };
	char *text = NULL;
	size_t len;

	if (ps_snapshot_run(answer, PS, args, &text, &len, &err) != -EPROTO)
		fail_msg("%s: taken, or refused otherwise: %s", what, error_text(&err));
	assert_null(text);
	assert_null(strpbrk(error_text(&err), "\n\033"));
	json_decref(answer);
}

static void hostile_answers_are_refused(void **state)
{
	static const char *const answers[] = {
		"{}",
		"[]",
		"{\"processes\":[]}",
		"{\"processes\":{},\"system\":{}}",
		"{\"processes\":[1],\"system\":{}}",
		"{\"processes\":[{}],\"system\":{}}",
		"{\"processes\":[{\"pid\":1}],\"system\":{}}",
		"{\"processes\":[{\"pid\":0}],\"system\":{}}",
		"{\"processes\":[{\"pid\":-1}],\"system\":{}}",
		"{\"processes\":[{\"pid\":4194305}],\"system\":{}}",
		"{\"processes\":[{\"pid\":\"../1\"}],\"system\":{}}",
		"{\"processes\":[{\"pid\":1.5}],\"system\":{}}",
		"{\"processes\":[{\"pid\":3},{\"pid\":2},{\"pid\":3}],\"system\":{}}",
		"{\"processes\":[{\"pid\":2,\"stat\":7}],\"system\":{}}",
		"{\"processes\":[{\"pid\":2,\"stat\":\"abc\"}],\"system\":{}}",
		"{\"processes\":[{\"pid\":2,\"stat\":\"a=bc\"}],\"system\":{}}",
		"{\"processes\":[{\"pid\":2,\"stat\":\"====\"}],\"system\":{}}",
		"{\"processes\":[{\"pid\":2,\"stat\":\"YW\\n=\"}],\"system\":{}}",
		"{\"processes\":[],\"system\":{\"uptime\":[]}}",
	};
	_cleanup_free_ char *large = calloc(1, PS_SNAPSHOT_FILE_MAX + 1);
	json_t *many = json_array();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
		assert_refused(json_loads(answers[i], 0, NULL), answers[i]);
	assert_refused(json_pack("{s:[{s:i, s:o}], s:{}}", "processes", "pid", 2, "stat",
				 base64(large, PS_SNAPSHOT_FILE_MAX + 1), "system"),
		       "a large file");
	for (int i = 2; i <= PS_SNAPSHOT_PROCESSES_MAX + 2; i++)
		json_array_append_new(many, json_pack("{s:i}", "pid", i));
	assert_refused(json_pack("{s:o, s:{}}", "processes", many, "system"), "many processes");
}

static void names_that_are_not_ps_s_make_no_files(void **state)
{
	char *const args[] = { "-ef", NULL };
	json_t *answer, *process;
	char *text;

	(void)state;
	NEEDS_ROOT();
	answer = snapshot(&sleeper, 1);
	process = json_array_get(json_object_get(answer, "processes"), 0);
	json_object_set_new(process, "../../tmp/hcs-escaped", base64("x", 1));
	json_object_set_new(process, "environ", json_integer(1));
	json_object_set_new(json_object_get(answer, "system"), "/tmp/hcs-escaped", base64("x", 1));
	text = ps_of(answer, args);
	assert_int_equal(access("/tmp/hcs-escaped", F_OK), -1);
	free(text);
	json_decref(answer);
}

/* Nothing that files say crashes us, or keeps ps for ever: it says something or fails. */
static void hostile_files_do_no_harm(void **state)
{
	static const char *const contents[] = {
		"",
		"\n",
		"1",
		"1 (",
		"1 (x) R",
		"1 (x) R -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1",
		"99999999999999999999999 (x) R 99999999999999999999999",
		"Uid:\nGid:\n",
		"Name:\t\\\\\\\nUid:\t-1 -1 -1 -1\nGroups:\t1 2 3 4 5 6 7 8 9 10 11 12\nSigQ:\n",
		"\xff\xfe\x80\x1b]0;x\x07\n",
	};
	static const char *const names[] = { "stat", "status", "cmdline", "cgroup", "statm" };
	char *const args[] = { "-eo", "pid,user,args,cgroup,rss,lstart,supgrp", NULL };

	(void)state;
	NEEDS_ROOT();
	for (size_t i = 0; i < ARRAY_SIZE(contents) * ARRAY_SIZE(names); i++) {
		const char *content = contents[i / ARRAY_SIZE(names)];
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_free_ char *text = NULL;
		json_t *answer = snapshot(&sleeper, 1);
		size_t len;
		int r;

		json_object_set_new(json_array_get(json_object_get(answer, "processes"), 0),
				    names[i % ARRAY_SIZE(names)], base64(content, strlen(content)));
		r = ps_snapshot_run(answer, PS, args, &text, &len, &err);
		if (r < 0) {
			assert_null(strpbrk(error_text(&err), "\n\033"));
		} else {
			assert_int_equal(strlen(text), len);
			assert_null(strchr(text, '\033'));
		}
		json_decref(answer);
	}
}

static void base64_is_decoded_exactly(void **state)
{
	static const struct {
		const char *text, *bytes;
		ssize_t len;
	} cases[] = {
		{ "", "", 0 },           { "YQ==", "a", 1 },          { "YWI=", "ab", 2 },
		{ "YWJj", "abc", 3 },    { "/+8A", "\xff\xef\0", 3 }, { "YQ", "", -EINVAL },
		{ "Y===", "", -EINVAL }, { "Y Q=", "", -EINVAL },     { "YQ==YQ==", "", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t out[8];
		ssize_t n = base64_decode(cases[i].text, strlen(cases[i].text), out);

		assert_int_equal(n, cases[i].len);
		if (n > 0)
			assert_memory_equal(out, cases[i].bytes, (size_t)n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_is_decoded_exactly),
		cmocka_unit_test(the_table_is_what_ps_says_of_the_real_proc),
		cmocka_unit_test(the_default_and_usual_options_work),
		cmocka_unit_test(without_processes_there_are_only_titles),
		cmocka_unit_test(nothing_selected_is_no_error),
		cmocka_unit_test(ps_s_own_complaint_is_passed_on),
		cmocka_unit_test(it_runs_as_nobody_without_anything),
		cmocka_unit_test(its_appetite_is_bounded),
		cmocka_unit_test(the_caller_keeps_its_proc),
		cmocka_unit_test(hostile_answers_are_refused),
		cmocka_unit_test(names_that_are_not_ps_s_make_no_files),
		cmocka_unit_test(hostile_files_do_no_harm),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
