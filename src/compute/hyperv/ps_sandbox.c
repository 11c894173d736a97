/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/hyperv/ps_sandbox.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/pid.h"
#include "container/caps.h"

#define NOBODY 65534
#define SECONDS_MAX 20 /* of CPU */
#define MEMORY_MAX ((rlim_t)1 << 30)

/* Why the child did not come to its program; written to a pipe of ours. */
struct complaint {
	int code;
	char what[32];
};

static int fail(struct complaint *c, const char *what)
{
	c->code = errno ? errno : EIO;
	(void)snprintf(c->what, sizeof(c->what), "%s", what);
	return -1;
}

/* The names are ours, never the guest's. */
static int write_file(int dir_fd, const struct ps_file *file)
{
	_cleanup_close_ int fd = openat(dir_fd, file->name,
					O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0444);
	int r = fd < 0 ? -errno : fd_write_all(fd, file->data, file->len);

	if (r < 0)
		errno = -r;
	return r < 0 ? -1 : 0;
}

static int write_text(int dir_fd, const char *name, const char *text)
{
	struct ps_file file = { .name = name,
				.data = (uint8_t *)(uintptr_t)text,
				.len = strlen(text) };

	return write_file(dir_fd, &file);
}

static int make_dir(int dir_fd, const char *name)
{
	if (mkdirat(dir_fd, name, 0755) < 0 && errno != EEXIST)
		return -1;
	return openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static int link_file(int from, int to, const char *name)
{
	return linkat(from, name, to, name, 0) < 0 && errno != ENOENT ? -1 : 0;
}

/* Each process has its first thread: the others are not asked of the guest. */
static int make_thread(int process_fd, const char *name)
{
	_cleanup_close_ int task = make_dir(process_fd, "task"), thread = -1;

	thread = task < 0 ? -1 : make_dir(task, name);
	if (thread < 0)
		return -1;
	return link_file(process_fd, thread, "stat") < 0 ||
			       link_file(process_fd, thread, "status") < 0
		       ? -1
		       : 0;
}

static int make_process(int proc_fd, const struct ps_tree *tree, const struct ps_process *process,
			const char *name)
{
	_cleanup_close_ int fd = make_dir(proc_fd, name);

	if (fd < 0)
		return -1;
	for (size_t i = 0; i < process->files_len; i++)
		if (write_file(fd, &tree->files[process->files + i]) < 0)
			return -1;
	if (make_thread(fd, name) < 0)
		return -1;
	/* ps takes the user from here. */
	return fchown(fd, process->uid, process->gid);
}

/* ps looks itself up before anything else, and is pid 1 of its namespace. Its terminal and user, by
 * which it selects without options, are those of the first process, the container's init. */
static int make_self(int proc_fd, const struct ps_tree *tree)
{
	static const char none[] =
		" (ps) R 0 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 0 0 0 0 0 0 0 0 0 0 "
		"0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n";
	const struct ps_process nobody = { .uid = NOBODY, .gid = NOBODY };
	const struct ps_process *as = tree->processes_len ? &tree->processes[0] : &nobody;
	_cleanup_close_ int fd = make_dir(proc_fd, "1");
	_cleanup_free_ char *stat = NULL, *status = NULL;
	const char *rest = none;

	if (fd < 0 || symlinkat("1", proc_fd, "self") < 0)
		return -1;
	for (size_t i = 0; i < as->files_len; i++) {
		const struct ps_file *file = &tree->files[as->files + i];

		if (strcmp(file->name, "stat") == 0 && strchr((char *)file->data, ' '))
			rest = strchr((char *)file->data, ' ');
	}
	if (asprintf(&stat, "1%s", rest) < 0)
		return -1;
	if (asprintf(&status,
		     "Name:\tps\nTgid:\t1\nPid:\t1\nPPid:\t0\nUid:\t%u\t%u\t%u\t%u\n"
		     "Gid:\t%u\t%u\t%u\t%u\nThreads:\t1\n",
		     as->uid, as->uid, as->uid, as->uid, as->gid, as->gid, as->gid, as->gid) < 0)
		return -1;
	if (write_text(fd, "stat", stat) < 0 || write_text(fd, "status", status) < 0 ||
	    make_thread(fd, "1") < 0)
		return -1;
	return fchown(fd, as->uid, as->gid);
}

/* What ps cannot do without, where the guest did not say it. */
static int fill_gaps(int proc_fd)
{
	static const struct {
		const char *name, *text;
	} gaps[] = {
		{ "uptime", "1.00 1.00\n" },
		{ "stat", "cpu  0 0 0 0 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0 0 0\nintr 0\nctxt 0\n"
			  "btime 1\nprocesses 1\nprocs_running 1\nprocs_blocked 0\n" },
		{ "meminfo", "MemTotal: 1 kB\nMemFree: 0 kB\n" },
		{ "cpuinfo", "processor\t: 0\n\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(gaps); i++)
		if (write_text(proc_fd, gaps[i].name, gaps[i].text) < 0 && errno != EEXIST)
			return -1;
	return 0;
}

static int fill(int proc_fd, const struct ps_tree *tree)
{
	_cleanup_close_ int sys = make_dir(proc_fd, "sys"), kernel = -1;
	char name[16];

	kernel = sys < 0 ? -1 : make_dir(sys, "kernel");
	if (kernel < 0 || make_self(proc_fd, tree) < 0)
		return -1;
	/* A tmpfs lists the newest first. */
	for (size_t i = tree->processes_len; i > 0; i--) {
		(void)snprintf(name, sizeof(name), "%d", tree->processes[i - 1].pid);
		if (make_process(proc_fd, tree, &tree->processes[i - 1], name) < 0)
			return -1;
	}
	for (size_t i = 0; i < tree->len; i++)
		if (tree->files[i].pid == 0 && write_file(proc_fd, &tree->files[i]) < 0)
			return -1;
	return fill_gaps(proc_fd);
}

static int mount_tree(const struct ps_tree *tree, struct complaint *c)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	_cleanup_close_ int fd = -1;
	char options[96];

	/* A page for each file, and more of them than the tree has. */
	(void)snprintf(options, sizeof(options), "mode=0755,size=%zu,nr_inodes=%zu",
		       tree->size + (tree->len + 64) * 4096,
		       tree->len + tree->processes_len * 4 + 64);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/proc", "tmpfs", flags, options) < 0)
		return fail(c, "mount");
	fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fill(fd, tree) < 0)
		return fail(c, "lay out /proc");
	if (mount(NULL, "/proc", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, NULL) < 0)
		return fail(c, "make /proc read-only");
	return 0;
}

static int limit(int resource, rlim_t most)
{
	struct rlimit now;

	if (getrlimit(resource, &now) < 0)
		return -1;
	if (now.rlim_max > most)
		now.rlim_max = most;
	if (now.rlim_cur > now.rlim_max)
		now.rlim_cur = now.rlim_max;
	return setrlimit(resource, &now);
}

static int become_nobody(const struct ps_sandbox *sandbox, struct complaint *c)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct caps none = { 0 };

	if (caps_drop_bounding(&none, &err) < 0) {
		errno = err.code;
		return fail(c, "drop capabilities");
	}
	if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return fail(c, "become nobody");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(c, "set no_new_privs");
	/* Again: the change of user has cleared it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return fail(c, "set the parent's death signal");
	if (limit(RLIMIT_FSIZE, sandbox->output_max) < 0 || limit(RLIMIT_CPU, SECONDS_MAX) < 0 ||
	    limit(RLIMIT_AS, MEMORY_MAX) < 0 || limit(RLIMIT_NOFILE, 64) < 0 ||
	    limit(RLIMIT_NPROC, 0) < 0 || limit(RLIMIT_CORE, 0) < 0)
		return fail(c, "set limits");
	return 0;
}

static int set_descriptors(const struct ps_sandbox *sandbox, struct complaint *c)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null < 0 || dup2(null, 0) < 0 || dup2(sandbox->out, 1) < 0 ||
	    dup2(sandbox->errors, 2) < 0)
		return fail(c, "set stdio");
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return fail(c, "close descriptors");
	return 0;
}

static _Noreturn void child(const struct ps_sandbox *sandbox, char *const *argv, int report)
{
	struct complaint c = { 0 };
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	/* Without the user's terminal, into which it could type (TIOCSTI). */
	(void)setsid();
	(void)umask(0022);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (mount_tree(sandbox->tree, &c) == 0 && set_descriptors(sandbox, &c) == 0 &&
	    become_nobody(sandbox, &c) == 0 && execv(sandbox->program, argv) < 0)
		(void)fail(&c, "execute");
	(void)!write(report, &c, sizeof(c));
	_exit(127);
}

/* As fork, into new namespaces: no process is in them, no network, and none of the host's mounts is
 * changed. The pid in this one. */
static pid_t fork_apart(void)
{
	return (pid_t)syscall(SYS_clone,
			      (unsigned long)(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
					      CLONE_NEWIPC | CLONE_NEWUTS | SIGCHLD),
			      NULL, NULL, NULL, NULL);
}

/* ps's own idea of what to show without being told is processes of its user and terminal: of nobody's,
 * here. Options that only say how, not which, mean all. */
static bool selects_nothing(const char *option)
{
	return strncmp(option, "-o", 2) == 0 || strncmp(option, "-O", 2) == 0 ||
	       strcmp(option, "o") == 0 || strncmp(option, "--format", 8) == 0;
}

static char **make_argv(char *const *args)
{
	static char name[] = "ps", all_full[] = "-ef", all[] = "-e";
	size_t n = 0, first = 1;
	char **argv;

	while (args[n])
		n++;
	argv = calloc(n + 4, sizeof(*argv));
	if (!argv)
		return NULL;
	argv[0] = name;
	argv[1] = all_full;
	if (n > 0 && selects_nothing(args[0]))
		argv[first++] = all;
	if (n > 0)
		memcpy(argv + first, args, n * sizeof(*argv));
	return argv;
}

/* Its complaint, until the pipe ends with its exec; then its end. */
static int follow(const struct ps_sandbox *sandbox, int pidfd, int report, struct error *err)
{
	struct complaint c = { 0 };
	ssize_t n;
	int r;

	do
		n = read(report, &c, sizeof(c));
	while (n < 0 && errno == EINTR);
	r = n > 0 ? 1 : pidfd_wait_end(pidfd, sandbox->timeout_ms);
	if (r <= 0)
		(void)pidfd_kill(pidfd, SIGKILL);
	if (r == 0) {
		(void)pidfd_reap(pidfd);
		return error_set(err, ETIMEDOUT, "ps: killed at its timeout of %d ms",
				 sandbox->timeout_ms);
	}
	if (r > 0)
		r = pidfd_reap(pidfd);
	else
		(void)pidfd_reap(pidfd);
	if (n == (ssize_t)sizeof(c)) {
		c.what[sizeof(c.what) - 1] = '\0';
		return error_sys(err, c.code, "%s: %s", sandbox->program, c.what);
	}
	return r < 0 ? error_sys(err, -r, "wait for %s", sandbox->program) : r;
}

int ps_sandbox_run(const struct ps_sandbox *sandbox, struct error *err)
{
	_cleanup_close_ int report_r = -1, report_w = -1, pidfd = -1;
	_cleanup_free_ char **argv = make_argv(sandbox->args);
	int report[2];
	pid_t pid;

	if (!argv)
		return error_oom(err);
	if (pipe2(report, O_CLOEXEC) < 0)
		return error_sys(err, errno, "pipe");
	report_r = report[0];
	report_w = report[1];
	pid = fork_apart();
	if (pid < 0)
		return error_sys(err, errno, "make namespaces for %s", sandbox->program);
	if (pid == 0)
		child(sandbox, argv, report_w);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0) {
		int e = errno;

		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return error_sys(err, e, "watch %s", sandbox->program);
	}
	report_w = close_fd(report_w);
	return follow(sandbox, pidfd, report_r, err);
}
