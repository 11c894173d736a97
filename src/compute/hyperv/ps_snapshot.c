/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/hyperv/ps_snapshot.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "compute/hyperv/base64_decode.h"
#include "compute/hyperv/ps_sandbox.h"

#define PID_LIMIT 4194304 /* PID_MAX_LIMIT */
#define PS_TIMEOUT_MS 60000

/* What ps reads of a process, and of the system; nothing else gets a name in the tree. */
static const char *const process_files[] = { "stat",  "status", "cmdline", "comm",
					     "statm", "wchan",  "cgroup" };
static const char *const system_files[] = { "uptime",
					    "stat",
					    "meminfo",
					    "loadavg",
					    "version",
					    "cpuinfo",
					    "sys/kernel/pid_max",
					    "sys/kernel/osrelease" };

static int wrong(const char *what, struct error *err)
{
	return error_set(err, EPROTO, "processes from the guest: %s is not right", what);
}

static void tree_done(struct ps_tree *tree)
{
	for (size_t i = 0; i < tree->len; i++)
		free(tree->files[i].data);
	free(tree->files);
	free(tree->processes);
}

/* file: what stands under name in from, if anything. Takes no file that has been taken before: the
 * decoder has kept the last of two members of one name. */
static int add_file(struct ps_tree *tree, const json_t *from, int pid, const char *name,
		    struct error *err)
{
	const json_t *value = json_object_get(from, name);
	size_t len = json_string_length(value);
	struct ps_file *file = &tree->files[tree->len];
	ssize_t n;

	if (!value)
		return 0;
	if (!json_is_string(value) || len > (PS_SNAPSHOT_FILE_MAX + 2) / 3 * 4)
		return wrong(name, err);
	*file = (struct ps_file){ .pid = pid, .name = name, .data = malloc(len / 4 * 3 + 1) };
	if (!file->data)
		return error_oom(err);
	tree->len++;
	n = base64_decode(json_string_value(value), len, file->data);
	if (n < 0 || n > PS_SNAPSHOT_FILE_MAX)
		return wrong(name, err);
	file->len = (size_t)n;
	file->data[n] = '\0';
	tree->size += file->len;
	if (tree->size > PS_SNAPSHOT_SIZE_MAX)
		return error_set(err, EPROTO, "processes from the guest: more than %zu MiB",
				 PS_SNAPSHOT_SIZE_MAX >> 20);
	return 0;
}

/* The second number of "Uid:" and the like: the effective id, which ps takes from the owner of the
 * process's directory. */
static uint32_t effective_id(const char *status, const char *key)
{
	for (const char *line = status; line && *line; line = strchr(line, '\n')) {
		unsigned long id;
		char *end;

		line += *line == '\n';
		if (strncmp(line, key, strlen(key)) != 0)
			continue;
		line += strlen(key);
		(void)strtoul(line, &end, 10);
		id = strtoul(end, NULL, 10);
		return id < UINT32_MAX ? (uint32_t)id : 0;
	}
	return 0;
}

static int compare_processes(const void *a, const void *b)
{
	const struct ps_process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static int add_process(struct ps_tree *tree, const json_t *from, struct error *err)
{
	const json_t *pid = json_object_get(from, "pid");
	struct ps_process *process = &tree->processes[tree->processes_len];
	int r = 0;

	/* 1 is the agent, which is in no container. */
	if (!json_is_integer(pid) || json_integer_value(pid) < 2 ||
	    json_integer_value(pid) > PID_LIMIT)
		return wrong("a pid", err);
	*process = (struct ps_process){ .pid = (int)json_integer_value(pid), .files = tree->len };
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(process_files); i++) {
		size_t before = tree->len;

		r = add_file(tree, from, process->pid, process_files[i], err);
		if (r < 0 || tree->len == before || strcmp(process_files[i], "status") != 0)
			continue;
		process->uid = effective_id((char *)tree->files[before].data, "Uid:");
		process->gid = effective_id((char *)tree->files[before].data, "Gid:");
	}
	tree->processes_len++;
	process->files_len = tree->len - process->files;
	return r;
}

static int read_answer(const json_t *answer, struct ps_tree *tree, struct error *err)
{
	const json_t *processes = json_object_get(answer, "processes");
	const json_t *system = json_object_get(answer, "system");
	size_t len = json_array_size(processes);
	int r = 0;

	if (!json_is_array(processes) || len > PS_SNAPSHOT_PROCESSES_MAX)
		return wrong("the list", err);
	if (!json_is_object(system))
		return wrong("the system", err);
	tree->processes = calloc(len + 1, sizeof(*tree->processes));
	tree->files = calloc(len * ARRAY_SIZE(process_files) + ARRAY_SIZE(system_files),
			     sizeof(*tree->files));
	if (!tree->processes || !tree->files)
		return error_oom(err);
	for (size_t i = 0; r == 0 && i < len; i++)
		r = add_process(tree, json_array_get(processes, i), err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(system_files); i++)
		r = add_file(tree, system, 0, system_files[i], err);
	if (r < 0)
		return r;
	qsort(tree->processes, tree->processes_len, sizeof(*tree->processes), compare_processes);
	for (size_t i = 1; i < tree->processes_len; i++)
		if (tree->processes[i].pid == tree->processes[i - 1].pid)
			return wrong("a pid that comes twice", err);
	return 0;
}

/* The first line that it wrote to fd, printable. */
static void first_line(int fd, char *buf, size_t size)
{
	ssize_t n = pread(fd, buf, size - 1, 0);

	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	for (char *c = buf; *c; c++)
		if (!isprint((unsigned char)*c))
			*c = '?';
}

/* ps keeps control characters of names and command lines back, but not every version and in every
 * column; those of C1 are two bytes in UTF-8. */
static void make_harmless(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
			text[i] = '?';
		else if (c == 0xc2 && i + 1 < len && (unsigned char)text[i + 1] >= 0x80 &&
			 (unsigned char)text[i + 1] < 0xa0)
			text[i] = text[i + 1] = '?';
	}
}

int ps_snapshot_run(const json_t *answer, const char *program, char *const *args, char **ret,
		    size_t *ret_len, struct error *err)
{
	_cleanup_close_ int out = -1, errors = -1;
	_cleanup_(tree_done) struct ps_tree tree = { 0 };
	char said[256];
	int r;

	r = read_answer(answer, &tree, err);
	if (r < 0)
		return r;
	out = memfd_create("ps", MFD_CLOEXEC);
	errors = memfd_create("ps", MFD_CLOEXEC);
	if (out < 0 || errors < 0)
		return error_sys(err, errno, "cannot keep the output of ps");
	r = ps_sandbox_run(&(struct ps_sandbox){ .tree = &tree,
						 .program = program,
						 .args = args,
						 .out = out,
						 .errors = errors,
						 .output_max = PS_SNAPSHOT_OUTPUT_MAX,
						 .timeout_ms = PS_TIMEOUT_MS },
			   err);
	if (r < 0)
		return r;
	first_line(errors, said, sizeof(said));
	/* 1 without a word: none of the processes was asked for. */
	if (r > 1 || (r == 1 && *said))
		return error_set(err, EINVAL, "ps failed with status %d: %s", r,
				 *said ? said : "it did not say why");
	if (lseek(out, 0, SEEK_SET) < 0)
		return error_sys(err, errno, "cannot read the output of ps");
	r = fd_read_all(out, PS_SNAPSHOT_OUTPUT_MAX, ret, ret_len);
	if (r < 0)
		return error_sys(err, -r, "cannot read the output of ps");
	make_harmless(*ret, *ret_len);
	return 0;
}
