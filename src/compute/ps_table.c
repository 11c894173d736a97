/* SPDX-License-Identifier: Apache-2.0 */
/* What the host's ps prints of a container's processes. */
#include <string.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "base/subprocess.h"
#include "compute/processes.h"

/* What ps may print for a whole host; more is not a process list. */
#define PS_OUTPUT_MAX ((size_t)256 * 1024 * 1024)
#define PS_TIMEOUT_MS 60000
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct pid_list {
	pid_t *items;
	size_t len;
	bool but_first; /* instead: every process but pid 1 */
};

static int compare_pids(const void *a, const void *b)
{
	const pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

static bool has_pid(const struct pid_list *pids, pid_t pid)
{
	if (pids->but_first)
		return pid != 1;
	return pids->len && bsearch(&pid, pids->items, pids->len, sizeof(pid), compare_pids);
}

/* The host's ps, by PATH; caller frees. Relative entries would depend on the directory we are in.
 */
static int find_ps(char **ret, struct error *err)
{
	const char *path = getenv("PATH");

	if (!path || !*path)
		path = DEFAULT_PATH;
	for (;;) {
		const size_t len = strcspn(path, ":");
		_cleanup_free_ char *candidate = NULL;

		if (len && path[0] == '/') {
			if (asprintf(&candidate, "%.*s/ps", (int)len, path) < 0) {
				candidate = NULL;
				return error_oom(err);
			}
			if (access(candidate, X_OK) == 0) {
				*ret = TAKE_PTR(candidate);
				return 0;
			}
		}
		if (!path[len])
			return error_set(err, ENOENT,
					 "there is no ps program in PATH: install procps");
		path += len + 1;
	}
}

/* The first line of ps's output that says why it failed, of what it left in message. */
static int report_ps(int status, char *message, struct error *err)
{
	if (message)
		message[strcspn(message, "\n")] = '\0';
	return error_set(err, EINVAL, "ps failed with status %d: %s", status,
			 message && *message ? message : "it did not say why");
}

static int run_ps(const char *path, char *const *args, char **ret, size_t *ret_len,
		  struct error *err)
{
	size_t count = 0;
	_cleanup_free_ char *message = NULL;
	_cleanup_free_ char **argv = NULL;
	static char name[] = "ps", all_full[] = "-ef";
	_cleanup_close_ int fd = -1;
	int r;

	while (args[count])
		count++;
	argv = calloc(count + 3, sizeof(*argv));
	if (!argv)
		return error_oom(err);
	argv[0] = name;
	argv[1] = all_full;
	if (count)
		memcpy(argv + 1, args, count * sizeof(*argv));
	fd = memfd_create("ps", MFD_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "cannot keep the output of ps");
	r = subprocess_run(&(struct subprocess){ .path = path,
						 .argv = argv,
						 .timeout_ms = PS_TIMEOUT_MS,
						 .stdout_fd = fd,
						 .stderr_fd = -1,
						 .cwd_fd = -1 },
			   &message, err);
	if (r < 0)
		return r;
	if (r > 0)
		return report_ps(r, message, err);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_sys(err, errno, "cannot read the output of ps");
	r = fd_read_all(fd, PS_OUTPUT_MAX, ret, ret_len);
	if (r < 0)
		return error_sys(err, -r, "cannot read the output of ps");
	return 0;
}

/* The start of the n-th field of a line (from 0), or NULL. */
static const char *find_field(const char *line, size_t n)
{
	for (;;) {
		line += strspn(line, " \t");
		if (!*line)
			return NULL;
		if (n-- == 0)
			return line;
		line += strcspn(line, " \t");
	}
}

static int find_pid_column(const char *header, size_t *ret, struct error *err)
{
	const char *field;

	for (size_t n = 0; (field = find_field(header, n)); n++)
		if (strcspn(field, " \t") == 3 && !strncmp(field, "PID", 3)) {
			*ret = n;
			return 0;
		}
	return error_set(err, EINVAL,
			 "ps prints no PID column with these options, so the container's processes "
			 "cannot be told from others");
}

/* Keeps the header and the lines of the container's processes. */
static int filter_table(FILE *out, char *text, const struct pid_list *pids, struct error *err)
{
	bool header = true;
	size_t column = 0;
	char *line;

	while ((line = strsep(&text, "\n"))) {
		const char *field;

		if (!*line)
			continue;
		if (header) {
			int r = find_pid_column(line, &column, err);

			if (r < 0)
				return r;
			header = false;
		} else {
			field = find_field(line, column);
			if (!field || !has_pid(pids, (pid_t)strtol(field, NULL, 10)))
				continue;
		}
		(void)fprintf(out, "%s\n", line);
	}
	return 0;
}

static int filter(char *text, const struct pid_list *pids, char **ret, struct error *err)
{
	char *table = NULL;
	size_t len;
	FILE *out = open_memstream(&table, &len);
	int r;

	if (!out)
		return error_oom(err);
	r = filter_table(out, text, pids, err);
	if (fclose(out) != 0 && r == 0)
		r = error_oom(err);
	if (r < 0)
		free(table);
	else
		*ret = table;
	return r;
}

int compute_ps_table(const struct compute_host *host, const char *id, char *const *args, char **ret,
		     struct error *err)
{
	_cleanup_free_ char *text = NULL, *path = NULL;
	_cleanup_free_ pid_t *owned = NULL;
	struct pid_list pids;
	size_t len;
	int r;

	r = compute_pids(host, id, &owned, &len, err);
	if (r < 0)
		return r;
	pids = (struct pid_list){ .items = owned, .len = len };
	if (len)
		qsort(owned, len, sizeof(*owned), compare_pids);
	r = find_ps(&path, err);
	if (r < 0)
		return r;
	r = compute_ps(host, id, path, args, &text, &len, err);
	/* Pid 1 is ps itself, in its sandbox; a container's in a guest never is. */
	pids.but_first = r == 0;
	if (r == -EOPNOTSUPP) {
		error_done(err);
		r = run_ps(path, args, &text, &len, err);
	}
	return r < 0 ? r : filter(text, &pids, ret, err);
}
