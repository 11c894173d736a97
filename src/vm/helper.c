/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "container/caps.h"
#include "vm/syscall_filter.h"

/* What a child says before it executes: the errno, and during what. */
struct complaint {
	int code;
	char what[60];
};

static int complain(struct complaint *c, const char *what)
{
	c->code = errno;
	(void)snprintf(c->what, sizeof(c->what), "%s", what);
	return -1;
}

static int own_mounts(const struct helper_spec *spec, struct complaint *c)
{
	struct mount_attr readonly = { .attr_set = MOUNT_ATTR_RDONLY };

	if (!spec->hide && !spec->readonly)
		return 0;
	if (unshare(CLONE_NEWNS) < 0)
		return complain(c, "unshare the mount namespace");
	/* First: what is done here would happen to the caller's mounts too. */
	if (mount(NULL, "/", NULL, MS_REC | (spec->hide ? MS_PRIVATE : MS_SLAVE), NULL) < 0)
		return complain(c, "make mounts its own");
	if (spec->hide && umount2(spec->hide, MNT_DETACH) < 0)
		return complain(c, "unmount the share");
	if (spec->readonly &&
	    mount_setattr(AT_FDCWD, spec->readonly, 0, &readonly, sizeof(readonly)) < 0)
		return complain(c, "make the share's root read-only");
	return 0;
}

static int set_limits(const struct helper_spec *spec, struct complaint *c)
{
	struct rlimit none = { 0 }, files;

	if (setrlimit(RLIMIT_CORE, &none) < 0 || setrlimit(RLIMIT_MEMLOCK, &none) < 0)
		return complain(c, "set limits");
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return complain(c, "get the limit of open files");
	if (spec->nofile) {
		struct rlimit want = { spec->nofile, spec->nofile };

		/* Raising the hard limit takes CAP_SYS_RESOURCE, which not every root has. */
		if (setrlimit(RLIMIT_NOFILE, &want) == 0)
			return 0;
		if (spec->nofile < files.rlim_max)
			files.rlim_max = spec->nofile;
	}
	files.rlim_cur = files.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &files) < 0 ? complain(c, "limit open files") : 0;
}

static int drop_privileges(const struct helper_spec *spec, struct complaint *c)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	/* Executing as root gives what the bounding set has: root without any is no more than nobody. */
	struct caps caps = { .bounding = spec->uid ? 0 : spec->caps };

	if (spec->keeps_caps && prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) < 0)
		return complain(c, "set secure bits");
	if (caps_drop_bounding(&caps, &err) < 0) {
		errno = err.code;
		return complain(c, "drop capabilities");
	}
	if (setgroups(0, NULL) < 0)
		return complain(c, "drop supplementary groups");
	if (spec->uid && (setresgid(spec->uid, spec->uid, spec->uid) < 0 ||
			  setresuid(spec->uid, spec->uid, spec->uid) < 0))
		return complain(c, "change the user");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return complain(c, "set no_new_privs");
	/* After the change of user, which clears it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return complain(c, "set the parent's death signal");
	return 0;
}

static int set_descriptors(const struct helper_spec *spec, int errors, struct complaint *c)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return complain(c, "open /dev/null");
	if (dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(errors, 2) < 0)
		return complain(c, "set stdio");
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return complain(c, "close descriptors");
	for (size_t i = 0; i < spec->fds_len; i++)
		if (spec->fds[i] >= 0 && fcntl(spec->fds[i], F_SETFD, 0) < 0)
			return complain(c, "pass descriptors");
	return 0;
}

static _Noreturn void child(const struct helper_spec *spec, int errors, int report)
{
	static char *const environment[] = { "PATH=/usr/bin", "LC_ALL=C", NULL };
	struct complaint c = { 0 };
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (set_descriptors(spec, errors, &c) == 0 && own_mounts(spec, &c) == 0 &&
	    set_limits(spec, &c) == 0 && drop_privileges(spec, &c) == 0) {
		if (syscall_filter_helper(spec->caps != 0) < 0)
			(void)complain(&c, "set the system call filter");
		else if (execve(spec->path, spec->argv, environment) < 0)
			(void)complain(&c, "execute");
	}
	(void)!write(report, &c, sizeof(c));
	_exit(127);
}

int helper_start(const struct helper_spec *spec, struct helper *ret, struct error *err)
{
	_cleanup_helper_ struct helper helper = HELPER_INIT;
	_cleanup_close_ int errors = -1, report = -1;
	const char *slash = strrchr(spec->path, '/');
	int pair[2];

	helper.name = slash ? slash + 1 : spec->path;
	if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0)
		return error_sys(err, errno, "pipe");
	helper.errors = pair[0];
	errors = pair[1];
	/* Its own stderr blocks: we read it. */
	if (fcntl(errors, F_SETFL, 0) < 0)
		return error_sys(err, errno, "pipe");
	if (pipe2(pair, O_CLOEXEC) < 0)
		return error_sys(err, errno, "pipe");
	helper.started = pair[0];
	report = pair[1];
	helper.pid = fork();
	if (helper.pid < 0)
		return error_sys(err, errno, "fork for %s", helper.name);
	if (helper.pid == 0)
		child(spec, errors, report);
	helper.pidfd = (int)syscall(SYS_pidfd_open, helper.pid, 0);
	if (helper.pidfd < 0)
		return error_sys(err, errno, "watch %s", helper.name);
	*ret = helper;
	helper = HELPER_INIT;
	return 0;
}

int helper_confirm(struct helper *helper, const struct helper_spec *spec, struct error *err)
{
	struct complaint c = { 0 };
	ssize_t n;

	do
		n = read(helper->started, &c, sizeof(c));
	while (n < 0 && errno == EINTR);
	helper->started = close_fd(helper->started);
	if (n == 0)
		return 0;
	if (n != (ssize_t)sizeof(c))
		return error_set(err, EIO, "%s could not be started", helper->name);
	helper_done(helper);
	c.what[sizeof(c.what) - 1] = '\0';
	if (c.code == ENOENT && strcmp(c.what, "execute") == 0)
		return error_set(err, ENOENT,
				 "%s is not there: hyperv isolation needs Debian's package %s",
				 spec->path, spec->package);
	return error_sys(err, c.code, "start %s: %s", spec->path, c.what);
}

void helper_done(struct helper *helper)
{
	if (helper->pid > 0) {
		(void)kill(helper->pid, SIGKILL);
		while (waitpid(helper->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	helper->pidfd = close_fd(helper->pidfd);
	helper->errors = close_fd(helper->errors);
	helper->started = close_fd(helper->started);
	*helper = HELPER_INIT;
}
