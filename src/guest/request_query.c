/* SPDX-License-Identifier: Apache-2.0 */
/* What a container runs and uses. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "guest/base64.h"
#include "guest/request.h"
#include "wire/frame.h"
#include "wire/stats.h"

/* Of one file: a command line may have 2 MiB, of which nobody shows more. */
#define FILE_MAX 16384
/* An answer is cut here, to be continued. The system's files and one more process still fit. */
#define PROCESSES_SIZE (WIRE_RESPONSE_MAX / 2)

int request_pids(struct request *request, json_t **ret_result, struct error *err)
{
	_cleanup_free_ pid_t *pids = NULL;
	json_t *array;
	size_t len;
	int r;

	r = compute_pids(&request->host, request->id, &pids, &len, err);
	if (r < 0)
		return r;
	array = json_array();
	for (size_t i = 0; i < len; i++)
		if (json_array_append_new(array, json_integer(pids[i])) < 0)
			return error_oom(err);
	*ret_result = json_pack("{s:o}", "pids", array);
	return *ret_result ? 0 : error_oom(err);
}

/* Adds what dir_fd/name has, up to FILE_MAX, as base64: it need not be text. What cannot be read is
 * left out. Returns its size in the answer. */
static size_t add_file(json_t *object, int dir_fd, const char *name)
{
	_cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	char data[FILE_MAX], text[BASE64_SIZE(FILE_MAX)];
	size_t len = 0;

	if (fd < 0)
		return 0;
	while (len < sizeof(data)) {
		ssize_t n = read(fd, data + len, sizeof(data) - len);

		if (n < 0)
			return 0;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	(void)json_object_set_new_nocheck(object, name,
					  json_stringn_nocheck(text, base64(data, len, text)));
	return BASE64_SIZE(len) + strlen(name) + 8;
}

/* What ps(1) of procps reads. */
static size_t add_process(json_t *array, pid_t pid)
{
	static const char *const files[] = { "stat",  "status", "cmdline", "comm",
					     "statm", "wchan",  "cgroup" };
	_cleanup_close_ int fd = -1;
	json_t *process;
	char path[32];
	size_t size = 32;

	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return 0; /* it has ended meanwhile */
	process = json_pack("{s:i}", "pid", (int)pid);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		size += add_file(process, fd, files[i]);
	if (!json_object_get(process, "stat")) {
		json_decref(process);
		return 0;
	}
	(void)json_array_append_new(array, process);
	return size;
}

static json_t *system_files(void)
{
	static const char *const files[] = { "uptime",
					     "stat",
					     "meminfo",
					     "loadavg",
					     "cpuinfo",
					     "version",
					     "sys/kernel/pid_max",
					     "sys/kernel/osrelease" };
	_cleanup_close_ int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	json_t *object = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		(void)add_file(object, fd, files[i]);
	return object;
}

static int compare_pids(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int request_processes(struct request *request, json_t **ret_result, struct error *err)
{
	json_int_t after = json_integer_value(json_object_get(request->root, "after"));
	_cleanup_free_ pid_t *pids = NULL;
	json_t *array;
	size_t len, size = 0, i;
	int r;

	r = compute_pids(&request->host, request->id, &pids, &len, err);
	if (r < 0)
		return r;
	if (len)
		qsort(pids, len, sizeof(*pids), compare_pids);
	array = json_array();
	for (i = 0; i < len && size < PROCESSES_SIZE; i++)
		if (pids[i] > after)
			size += add_process(array, pids[i]);
	*ret_result = json_pack("{s:o, s:o, s:b}", "processes", array, "system", system_files(),
				"more", i < len);
	return *ret_result ? 0 : error_oom(err);
}

int request_stats(struct request *request, json_t **ret_result, struct error *err)
{
	struct cgroup_stats stats = { 0 };
	json_t *json;
	int r;

	r = compute_stats(&request->host, request->id, &stats, err);
	if (r < 0)
		return r;
	json = wire_stats_json(&stats);
	cgroup_stats_done(&stats);
	*ret_result = json ? json_pack("{s:o}", "stats", json) : NULL;
	return *ret_result ? 0 : error_oom(err);
}

struct watch {
	struct request *request;
	uint64_t count;
};

static int on_event(const char *type, const struct cgroup_stats *stats,
		    const struct compute_vm_stats *vm, void *data, struct error *err)
{
	struct watch *watch = data;
	char text[64];
	int n, r;

	(void)stats;
	(void)vm;
	/* The first, at once, says that the kills are counted from here. */
	if (!watch->request->answered) {
		r = worker_answer(watch->request, NULL);
		if (r < 0)
			return error_sys(err, -r, "answer");
	}
	if (strcmp(type, "oom") != 0)
		return 0;
	n = snprintf(text, sizeof(text), "{\"event\":\"oom\",\"count\":%llu}",
		     (unsigned long long)++watch->count);
	r = worker_send(watch->request->channel, WORKER_EVENT, text, (size_t)n, -1);
	return r < 0 ? error_sys(err, -r, "report an event") : 0;
}

int request_watch(struct request *request, json_t **ret_result, struct error *err)
{
	struct watch watch = { .request = request };

	(void)ret_result;
	return compute_events(&request->host, request->id, INT_MAX, on_event, &watch, err);
}
