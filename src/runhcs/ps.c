/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "base/subprocess.h"
#include "runhcs/command.h"
#include "cli/output.h"

/* What ps may print for a whole host; more is not a process list. */
#define PS_OUTPUT_MAX ((size_t)256 * 1024 * 1024)
#define PS_TIMEOUT_MS 60000
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct values {
	const char *format;
};

static const struct option options[] = {
	OPT_VALUE("format", 'f', struct values, format, "FORMAT",
		  "table (default), or json: the pids alone"),
	OPT_END,
};

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
					 "there is no ps program in PATH; install procps, or use "
					 "--format json");
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

static int run_ps(const char *path, char **arguments, int count, char **ret, size_t *ret_len,
		  struct error *err)
{
	_cleanup_free_ char *message = NULL;
	_cleanup_free_ char **argv = calloc((size_t)count + 3, sizeof(*argv));
	static char name[] = "ps", all_full[] = "-ef";
	_cleanup_close_ int fd = -1;
	int r;

	if (!argv)
		return error_oom(err);
	argv[0] = name;
	argv[1] = all_full;
	if (count)
		memcpy(argv + 1, arguments, (size_t)count * sizeof(*argv));
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
static int filter_table(struct output *out, char *text, const struct pid_list *pids,
			struct error *err)
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
		output_format(out, "%s\n", line);
	}
	return 0;
}

static void print_json(struct output *out, const struct pid_list *pids)
{
	put_open(out, NULL, '[');
	for (size_t i = 0; i < pids->len; i++)
		put_signed(out, NULL, pids->items[i]);
	put_close(out, ']');
	output_text(out, "\n");
}

static int run(const struct invocation *invocation, int argc, char **argv, int *ret_status,
	       struct error *err)
{
	_cleanup_output_ struct output out = OUTPUT_INIT;
	_cleanup_free_ char *text = NULL, *path = NULL;
	_cleanup_free_ pid_t *owned = NULL;
	struct values given = { .format = "table" };
	struct arguments arguments;
	struct pid_list pids;
	size_t len;
	int r;

	(void)ret_status;
	r = options_parse(&command_ps, argc, argv, &given, &arguments, err);
	if (r)
		return r;
	if (strcmp(given.format, "table") != 0 && strcmp(given.format, "json") != 0)
		return usage_error(&command_ps, err, "--format is table or json, not \"%s\"",
				   given.format);
	r = compute_pids(&invocation->host, arguments.items[0], &owned, &len, err);
	if (r < 0)
		return r;
	pids = (struct pid_list){ .items = owned, .len = len };
	if (len)
		qsort(owned, len, sizeof(*owned), compare_pids);
	if (!strcmp(given.format, "json")) {
		print_json(&out, &pids);
		return output_flush(&out, err);
	}
	r = find_ps(&path, err);
	if (r < 0)
		return r;
	r = compute_ps(&invocation->host, arguments.items[0], path, arguments.items + 1, &text,
		       &len, err);
	/* Pid 1 is ps itself, in its sandbox; a container's in a guest never is. */
	pids.but_first = r == 0;
	if (r == -EOPNOTSUPP) {
		error_done(err);
		r = run_ps(path, arguments.items + 1, arguments.len - 1, &text, &len, err);
	}
	if (r == 0)
		r = filter_table(&out, text, &pids, err);
	return r < 0 ? r : output_flush(&out, err);
}

const struct command command_ps = {
	.name = "ps",
	.summary = "show the processes of a container",
	.usage = "[options] ID [ps options]",
	.description =
		"Shows the container's processes as the host numbers them; with hyperv isolation "
		"as the guest does in the table, and in json those of the host that stand for "
		"them. The table is what the host's ps prints, with the options after "
		"ID (default: -ef), less the processes of others; it must have a PID column.",
	.examples = "  runhcs ps web\n"
		    "  runhcs ps web -o pid,rss,args\n"
		    "  runhcs ps --format json web\n",
	.options = options,
	.min_args = 1,
	.max_args = -1,
	.stop_after = 1,
	.run = run,
};
