/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/system.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "container/loopback.h"
#include "guest/agent.h"
#include "guest/modules.h"
#include "vm/modules_layout.h"
#include "wire/message.h"

#define CGROUPS "/sys/fs/cgroup"
/* Descriptors: of ours, and the hard limit of containers (systemd's, and so Docker's). */
#define NOFILE 524288

struct mount_row {
	const char *type, *target, *options;
	unsigned long flags;
	bool optional; /* a kernel may be without it */
};

static const struct mount_row mounts[] = {
	{ "proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, false },
	{ "sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, false },
	{ "devtmpfs", "/dev", "mode=0755", MS_NOSUID, false },
	{ "devpts", "/dev/pts", "mode=0620,gid=5,ptmxmode=0666", MS_NOSUID | MS_NOEXEC, false },
	{ "tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV, false },
	{ "mqueue", "/dev/mqueue", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, true },
	{ "tmpfs", "/run", "mode=0755", MS_NOSUID | MS_NODEV, false },
	{ "cgroup2", CGROUPS, NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, false },
};

/* A kernel that is not ours has drivers and file systems beside it in the initramfs. */
static int load_modules(struct error *err)
{
	int r;

	if (access(MODULES_DIR "/" MODULES_LIST, F_OK) < 0)
		return 0;
	(void)mkdir("/proc", 0755);
	if (mount("proc", "/proc", "proc", 0, NULL) < 0)
		return error_sys(err, errno, "mount /proc");
	r = guest_load_modules(err);
	(void)umount2("/proc", MNT_DETACH);
	return r;
}

/* pivot_root(2), by which the engine gives containers their roots, does not leave the initramfs'. */
static int leave_initramfs(struct error *err)
{
	(void)mkdir("/system", 0755);
	if (mount("tmpfs", "/system", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0 ||
	    chdir("/system") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
	    chdir("/") < 0)
		return error_sys(err, errno, "leave the root of the initramfs");
	return 0;
}

static int mount_all(struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		const struct mount_row *m = &mounts[i];

		(void)mkdir(m->target, 0755);
		if (mount(m->type, m->target, m->type, m->flags, m->options) < 0 && !m->optional)
			return error_sys(err, errno, "mount %s", m->target);
	}
	(void)mkdir("/tmp", 01777);
	(void)mkdir(AGENT_RUN, 0711);
	return 0;
}

/* For containers' cgroups. The root one is exempt from the rule that a cgroup with processes has none
 * to give (cgroup-v2, "No Internal Process Constraint"), so the agent stays in it: moving costs 40 ms
 * of grace periods. */
static int enable_controllers(struct error *err)
{
	_cleanup_free_ char *names = NULL;
	size_t len;
	int r = file_read(AT_FDCWD, CGROUPS "/cgroup.controllers", 4096, &names, &len);

	if (r < 0)
		return error_sys(err, -r, "read the controllers of cgroup2");
	/* One at a time: one that cannot be had here (cpu with real-time processes) leaves the others. */
	for (char *rest = names, *name; (name = strsep(&rest, " \n"));) {
		char text[64];
		int n = snprintf(text, sizeof(text), "+%s", name);

		if (*name && n < (int)sizeof(text))
			(void)file_write(AT_FDCWD, CGROUPS "/cgroup.subtree_control", text,
					 (size_t)n);
	}
	return 0;
}

static void set_limits(void)
{
	const struct rlimit nofile = { NOFILE, NOFILE }, none = { RLIM_INFINITY, RLIM_INFINITY },
			    core = { 0, RLIM_INFINITY };
	static const struct {
		const char *path, *value;
	} settings[] = {
		{ "/proc/self/oom_score_adj", "-1000" },
		/* The host is told of a kernel that is broken by the end of the VM. */
		{ "/proc/sys/kernel/panic_on_oops", "1" },
		{ "/proc/sys/kernel/panic", "-1" },
		/* A container makes the kernel talk (its OOM kills), and the console is slow. */
		{ "/proc/sys/kernel/printk", "3 4 1 7" },
		/* What a container may have is its cgroup's to say. A guest is small: refusing what
		 * exceeds its memory at once would fail programs that a large host lets go on. */
		{ "/proc/sys/vm/overcommit_memory", "1" },
		/* A new network namespace has lo and nothing else (tunl0, sit0). */
		{ "/proc/sys/net/core/fb_tunnels_only_for_init_net", "2" },
	};

	(void)setrlimit(RLIMIT_NOFILE, &nofile);
	(void)setrlimit(RLIMIT_NPROC, &none); /* a cgroup limits them */
	(void)setrlimit(RLIMIT_SIGPENDING, &none);
	(void)setrlimit(RLIMIT_CORE, &core);
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		(void)file_write(AT_FDCWD, settings[i].path, settings[i].value,
				 strlen(settings[i].value));
}

int system_set_up(struct error *err)
{
	int r;

	(void)umask(0);
	r = load_modules(err);
	if (r == 0)
		r = leave_initramfs(err);
	if (r == 0)
		r = mount_all(err);
	if (r == 0)
		r = enable_controllers(err);
	(void)umask(022);
	if (r == 0)
		set_limits();
	return r;
}

int system_make_netns(struct error *err)
{
	_cleanup_close_ int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), file = -1;
	int r;

	if (own < 0)
		return error_sys(err, errno, "open our network namespace");
	r = loopback_up(err);
	if (r < 0)
		return r;
	file = open(GUEST_NETNS, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	if (file < 0 || unshare(CLONE_NEWNET) < 0)
		return error_sys(err, errno, "make the network namespace of containers");
	r = loopback_up(err);
	if (r == 0 && mount("/proc/self/ns/net", GUEST_NETNS, NULL, MS_BIND, NULL) < 0)
		r = error_sys(err, errno, "keep the network namespace of containers");
	if (setns(own, CLONE_NEWNET) < 0 && r == 0)
		r = error_sys(err, errno, "return to our network namespace");
	return r;
}

void system_end(void)
{
	sync();
	/* The monitor ends where the machine would start again; few machines can switch off. */
	(void)reboot(RB_AUTOBOOT);
	_exit(1);
}
