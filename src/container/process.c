/* SPDX-License-Identifier: Apache-2.0 */
#include "container/process.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "container/lsm.h"
#include "container/rootfs.h"
#include "container/sched.h"
#include "container/sync.h"

static int check_words(const struct oci_process *oci, const struct oci_linux *l, const char *where,
		       struct error *err)
{
	char sub[96];
	int r;

	(void)snprintf(sub, sizeof(sub), "%s.scheduler", where);
	r = scheduler_check(oci->scheduler, sub, err);
	if (r < 0)
		return r;
	(void)snprintf(sub, sizeof(sub), "%s.ioPriority", where);
	r = io_priority_check(oci->io_priority, sub, err);
	if (r < 0)
		return r;
	if (oci->exec_cpu_affinity) {
		(void)snprintf(sub, sizeof(sub), "%s.execCPUAffinity.initial", where);
		r = cpu_affinity_check(oci->exec_cpu_affinity->initial, sub, err);
		if (r < 0)
			return r;
		(void)snprintf(sub, sizeof(sub), "%s.execCPUAffinity.final", where);
		r = cpu_affinity_check(oci->exec_cpu_affinity->final, sub, err);
		if (r < 0)
			return r;
	}
	r = lsm_check(oci->apparmor_profile, oci->selinux_label, where, err);
	if (r < 0 || !l)
		return r;
	r = memory_policy_check(l->memory_policy, "linux.memoryPolicy", err);
	if (r < 0)
		return r;
	return personality_check(l->personality, "linux.personality", err);
}

int process_plan_make(struct process_plan *plan, const struct oci_process *oci,
		      const struct oci_spec *spec, const char *where, int cache_fd,
		      struct error *err)
{
	char sub[96];
	int r;

	*plan = (struct process_plan){ .oci = oci, .linux_ = spec->linux_, .console_sock = -1 };
	(void)snprintf(sub, sizeof(sub), "%s.capabilities", where);
	r = caps_parse(oci->capabilities, sub, &plan->caps, err);
	if (r < 0)
		return r;
	(void)snprintf(sub, sizeof(sub), "%s.rlimits", where);
	r = rlimits_parse(&oci->rlimits, sub, &plan->rlimits, err);
	if (r < 0)
		return r;
	r = check_words(oci, spec->linux_, where, err);
	if (r < 0)
		return r;
	if (spec->linux_ && spec->linux_->seccomp) {
		r = seccomp_compile(spec->linux_->seccomp, cache_fd, &plan->seccomp, err);
		if (r < 0)
			return r;
		plan->has_seccomp = true;
	}
	plan->env = oci->env;
	return 0;
}

/* One line for all of a kind. */
static void warn_of(uint64_t removed, const char *where, const char *set, const char *why,
		    void (*warn)(const char *message, void *data), void *data)
{
	char names[1024] = "", text[1280];
	size_t len = 0;

	for (unsigned n = 0; n < 64 && len + 64 < sizeof(names); n++)
		if (removed & UINT64_C(1) << n)
			len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s",
						len ? " " : "", caps_name(n));
	if (!removed || !warn)
		return;
	(void)snprintf(text, sizeof(text), "%s.capabilities%s: left out, %s: %s", where, set, why,
		       names);
	warn(text, data);
}

int process_warn_caps(const struct process_plan *plan, const char *where,
		      void (*warn)(const char *message, void *data), void *data, struct error *err)
{
	const struct caps *asked = &plan->caps;
	struct caps left = *asked;
	uint64_t removed = 0, gone;
	int r = caps_limit(&left, &removed, err);

	if (r < 0)
		return r;
	gone = (asked->permitted & ~left.permitted) | (asked->effective & ~left.effective) |
	       (asked->inheritable & ~left.inheritable);
	warn_of(gone, where, "", "the runtime does not have them", warn, data);
	warn_of(asked->ambient & ~left.ambient & ~gone, where, ".ambient",
		"they are not inheritable as well", warn, data);
	return 0;
}

void process_plan_done(struct process_plan *plan)
{
	if (plan->has_seccomp)
		seccomp_filter_done(&plan->seccomp);
	plan->has_seccomp = false;
	free(TAKE_PTR(plan->path));
	for (size_t i = 0; i < ARRAY_SIZE(plan->added); i++)
		free(TAKE_PTR(plan->added[i]));
}

void process_reset_signals(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int sig = 1; sig <= SIGRTMAX; sig++)
		(void)sigaction(sig, &action, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* CVE-2024-21626: a working directory that is a descriptor of the host shows as unreachable. */
static int check_cwd(const char *cwd, struct error *err)
{
	char buf[4096];

	if (syscall(SYS_getcwd, buf, sizeof(buf)) < 0)
		return error_sys(err, errno, "process.cwd %s", cwd);
	if (buf[0] != '/')
		return error_set(err, EPERM, "process.cwd %s is outside the container's root", cwd);
	return 0;
}

/* 0, or 1 when it can only be entered as the user. */
static int enter_cwd(const struct oci_process *oci, struct error *err)
{
	if (chdir(oci->cwd) < 0) {
		if (errno == EACCES)
			return 1;
		return error_sys(err, errno, "process.cwd %s", oci->cwd);
	}
	return check_cwd(oci->cwd, err);
}

static int set_groups(const struct process_plan *plan, struct rootfs *fs, struct error *err)
{
	const struct oci_user *user = &plan->oci->user;
	_cleanup_close_ int fd = -1;
	char word[8] = "";

	if (setgroups(user->additional_gids_len, user->additional_gids) == 0)
		return 0;
	if (errno == EPERM && user->additional_gids_len == 0 && rootfs_open_proc(fs, err) == 0) {
		/* Given up for ever with the gid map (user_namespaces(7)): nothing to drop by. */
		fd = openat(fs->proc_fd, "self/setgroups", O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && read(fd, word, sizeof(word) - 1) > 0 &&
		    strncmp(word, "deny", 4) == 0)
			return 0;
		errno = EPERM;
	}
	return error_sys(err, errno, "process.user.additionalGids: setgroups");
}

static int set_user(const struct process_plan *plan, struct rootfs *fs, struct error *err)
{
	const struct oci_user *user = &plan->oci->user;
	int r;

	r = set_groups(plan, fs, err);
	if (r < 0)
		return r;
	if (setresgid(user->gid, user->gid, user->gid) < 0)
		return error_sys(err, errno, "process.user.gid %u%s", user->gid,
				 errno == EINVAL ? " is not in linux.gidMappings" : "");
	if (setresuid(user->uid, user->uid, user->uid) < 0)
		return error_sys(err, errno, "process.user.uid %u%s", user->uid,
				 errno == EINVAL ? " is not in linux.uidMappings" : "");
	return 0;
}

/* The user must be able to open /dev/stdout and its like again, whatever made the pipe. Failure is
 * the file system's choice and no error. */
static void own_stdio(uint32_t uid)
{
	for (int fd = 0; fd < 3; fd++) {
		struct stat st;

		if (fstat(fd, &st) < 0 || st.st_uid == uid)
			continue;
		if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
			continue;
		(void)fchown(fd, uid, st.st_gid);
	}
}

/* The filter may be on from here: only write, read, capset and execve are still to come. */
static int load_seccomp(const struct process_plan *plan, int sync, struct error *err)
{
	int listener = -1, r;

	r = seccomp_install(&plan->seccomp, &listener, err);
	if (r < 0 || listener < 0)
		return r;
	/* The runtime takes the descriptor out of this process by pidfd_getfd(2) and answers. */
	r = sync_send(sync, SYNC_LISTENER, listener);
	if (r < 0)
		return error_sys(err, -r, "hand over the seccomp listener");
	return sync_expect(sync, SYNC_LISTENER_SENT, NULL, err);
}

static int drop_privileges(struct process_plan *plan, struct rootfs *fs, struct error *err)
{
	bool nnp = plan->oci->no_new_privileges;
	uint64_t extra = plan->has_seccomp && !nnp ? UINT64_C(1) << CAP_SYS_ADMIN : 0;
	uint64_t removed;
	int r;

	/* The runtime has warned of what it takes out: see process_warn_caps. */
	r = caps_limit(&plan->caps, &removed, err);
	if (r == 0)
		r = caps_drop_bounding(&plan->caps, err);
	if (r == 0)
		r = caps_keep(err);
	if (r == 0)
		r = set_user(plan, fs, err);
	if (r == 0)
		r = caps_apply(&plan->caps, extra, err);
	if (r < 0)
		return r;
	if (nnp && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys(err, errno, "process.noNewPrivileges");
	return 0;
}

static int set_scheduling(const struct process_plan *plan, struct error *err)
{
	const struct oci_process *oci = plan->oci;
	int r;

	r = scheduler_apply(oci->scheduler, err);
	if (r == 0)
		r = io_priority_apply(oci->io_priority, err);
	if (r == 0 && oci->exec_cpu_affinity && !plan->is_init)
		r = cpu_affinity_apply(oci->exec_cpu_affinity->final, err);
	if (r == 0 && plan->linux_)
		r = memory_policy_apply(plan->linux_->memory_policy, err);
	if (r == 0 && plan->linux_)
		r = personality_apply(plan->linux_->personality, err);
	return r;
}

static int set_limits(const struct process_plan *plan, struct rootfs *fs, struct error *err)
{
	const struct oci_process *oci = plan->oci;
	bool labelled = (oci->apparmor_profile && *oci->apparmor_profile) ||
			(oci->selinux_label && *oci->selinux_label);
	int r = 0;

	if (labelled) {
		r = rootfs_open_proc(fs, err);
		if (r == 0)
			r = lsm_set_exec(fs->proc_fd, oci->apparmor_profile, oci->selinux_label,
					 err);
	}
	/* After what opens files: the limit may allow few. */
	return r == 0 ? rlimits_apply(&plan->rlimits, err) : r;
}

int process_execute(struct process_plan *plan, struct rootfs *fs, int sync, struct error *err)
{
	const struct oci_process *oci = plan->oci;
	uint32_t first_closed = 3 + plan->preserve_fds;
	int late_cwd, r;

	r = set_scheduling(plan, err);
	if (r == 0)
		r = set_limits(plan, fs, err);
	if (r < 0)
		return r;
	(void)umask(oci->user.umask.set ? (mode_t)oci->user.umask.value : 0022);
	own_stdio(oci->user.uid);
	late_cwd = enter_cwd(oci, err);
	if (late_cwd < 0)
		return late_cwd;
	r = drop_privileges(plan, fs, err);
	if (r < 0)
		return r;
	if (late_cwd) {
		if (chdir(oci->cwd) < 0)
			return error_sys(err, errno, "process.cwd %s", oci->cwd);
		r = check_cwd(oci->cwd, err);
		if (r < 0)
			return r;
	}
	/* Nothing of the host's may get in (CVE-2024-21626, CVE-2016-9962). */
	if (close_range(first_closed, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return error_sys(err, errno, "close descriptors");
	process_reset_signals();
	(void)prctl(PR_SET_PDEATHSIG, 0);
	if (plan->has_seccomp) {
		r = load_seccomp(plan, sync, err);
		if (r == 0 && !oci->no_new_privileges)
			r = caps_drop_extra(&plan->caps, err);
		if (r < 0)
			return r;
	}
	(void)execve(plan->path, oci->args.items, plan->env.items);
	return process_explain_exec(plan, errno, err);
}
