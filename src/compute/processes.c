/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/processes.h"

#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "compute/hyperv/base64_decode.h"
#include "compute/hyperv/ps_snapshot.h"
#include "compute/isolation.h"
#include "compute/store.h"

#define FILE_MAX ((size_t)PS_SNAPSHOT_FILE_MAX)
#define PID_LIMIT 4194304 /* PID_MAX_LIMIT */
#define NS_PER_S 1000000000ull

/* The texts of /proc/PID that are read; of a guest they may be anything. */
struct texts {
	char *comm, *stat, *status; /* owned */
};

static void texts_done(struct texts *texts)
{
	free(texts->comm);
	free(texts->stat);
	free(texts->status);
}

static void parse_name(const char *comm, struct compute_process_usage *p)
{
	size_t len = strcspn(comm, "\n");

	for (size_t i = 0; i < len && i + 1 < sizeof(p->name); i++)
		p->name[i] = comm[i] >= ' ' && comm[i] < 0x7f ? comm[i] : '?';
}

/* proc_pid_stat(5): utime and stime are the 14th and 15th field; the second is in parentheses, and may
 * have spaces and parentheses itself. */
static void parse_cpu(const char *stat, struct compute_process_usage *p)
{
	const uint64_t tick = NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);
	const char *at = strrchr(stat, ')');
	unsigned long long user, system;

	if (at &&
	    sscanf(at + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu", &user,
		   &system) == 2 &&
	    user < UINT64_MAX / tick / 2 && system < UINT64_MAX / tick / 2)
		p->cpu = (user + system) * tick;
}

static void parse_memory(const char *status, struct compute_process_usage *p)
{
	const char *line = strstr(status, "\nRssAnon:");
	unsigned long long kib;

	if (line && sscanf(line, "\nRssAnon: %llu kB", &kib) == 1 && kib < UINT64_MAX / 1024)
		p->private_ = kib * 1024;
}

static void parse(const struct texts *texts, pid_t pid, struct compute_process_usage *p)
{
	*p = (struct compute_process_usage){ .pid = pid };
	parse_name(texts->comm, p);
	parse_cpu(texts->stat, p);
	parse_memory(texts->status, p);
}

static char *read_file(int dir, const char *name)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	size_t len;

	return fd < 0 || fd_read_all(fd, FILE_MAX, &text, &len) < 0 ? NULL : text;
}

static bool read_here(pid_t pid, struct compute_process_usage *p)
{
	_cleanup_(texts_done) struct texts texts = { 0 };
	_cleanup_close_ int dir = -1;
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return false;
	texts.comm = read_file(dir, "comm");
	texts.stat = read_file(dir, "stat");
	texts.status = read_file(dir, "status");
	if (!texts.comm || !texts.stat || !texts.status)
		return false;
	parse(&texts, pid, p);
	return true;
}

static int list_here(const struct stored *s, const struct isolation_ops *ops,
		     struct compute_process_usage **ret, size_t *ret_len, struct error *err)
{
	_cleanup_free_ struct compute_process_usage *list = NULL;
	_cleanup_free_ pid_t *pids = NULL;
	size_t len, n = 0;
	int r = ops->pids(s, &pids, &len, err);

	if (r < 0)
		return r;
	list = calloc(len + 1, sizeof(*list));
	if (!list)
		return error_oom(err);
	for (size_t i = 0; i < len; i++)
		n += read_here(pids[i], &list[n]);
	*ret = TAKE_PTR(list);
	*ret_len = n;
	return 0;
}

static char *decode(const json_t *process, const char *name)
{
	const json_t *value = json_object_get(process, name);
	size_t len = json_string_length(value);
	char *text;
	ssize_t n;

	if (!json_is_string(value) || len > (FILE_MAX + 2) / 3 * 4)
		return NULL;
	text = malloc(len / 4 * 3 + 1);
	if (!text)
		return NULL;
	n = base64_decode(json_string_value(value), len, (uint8_t *)text);
	if (n < 0) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	return text;
}

static bool read_answer(const json_t *from, struct compute_process_usage *p)
{
	const json_int_t pid = json_integer_value(json_object_get(from, "pid"));
	_cleanup_(texts_done) struct texts texts = { .comm = decode(from, "comm"),
						     .stat = decode(from, "stat"),
						     .status = decode(from, "status") };

	if (pid < 2 || pid > PID_LIMIT || !texts.comm || !texts.stat || !texts.status)
		return false;
	parse(&texts, (pid_t)pid, p);
	return true;
}

static int list_guest(const struct stored *s, const struct isolation_ops *ops,
		      struct compute_process_usage **ret, size_t *ret_len, struct error *err)
{
	json_t *answer = ops->processes(s, err), *processes;
	struct compute_process_usage *list;
	size_t len, n = 0;

	if (!answer)
		return -err->code;
	processes = json_object_get(answer, "processes");
	len = json_array_size(processes);
	list = calloc(len + 1, sizeof(*list));
	for (size_t i = 0; list && i < len; i++)
		n += read_answer(json_array_get(processes, i), &list[n]);
	json_decref(answer);
	if (!list)
		return error_oom(err);
	*ret = list;
	*ret_len = n;
	return 0;
}

static int by_pid(const void *a, const void *b)
{
	const struct compute_process_usage *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

int compute_processes(const struct compute_host *host, const char *id,
		      struct compute_process_usage **ret, size_t *ret_len, struct error *err)
{
	_cleanup_stored_ struct stored s = { .dir_fd = -1 };
	const struct isolation_ops *ops;
	int r = store_open(host, id, STORE_READ, &s, err);

	if (r < 0)
		return r;
	ops = isolation_get(s.isolation);
	r = ops->processes ? list_guest(&s, ops, ret, ret_len, err)
			   : list_here(&s, ops, ret, ret_len, err);
	if (r == 0 && *ret_len)
		qsort(*ret, *ret_len, sizeof(**ret), by_pid);
	return r;
}
