/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor: the least work a runtime for `runhcs spec`'s default bundle can get away with.
 * New pid, net, ipc, uts, mount and cgroup namespaces, the default mounts and devices,
 * pivot_root, exec and wait: no JSON, no state, no security, no error recovery.
 *
 *   floor [-m] [-c] ROOTFS [PROGRAM]
 *
 *   -m  also mask and make read-only the default paths
 *   -c  also make a cgroup in each hierarchy, join it, remove it
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_HIERARCHIES 32

struct hierarchy {
	char name[64]; /* as mounted: "memory"; "unified" or "" for cgroup2 */
	char mount_options[64];
	char dir[PATH_MAX]; /* the cgroup this run makes, if any */
	int tasks_fd;       /* v1: where the child writes itself */
	bool v2;
};

struct floor {
	const char *rootfs, *program;
	bool masks, cgroups;
	struct hierarchy hier[MAX_HIERARCHIES];
	size_t n_hier;
	int v2_fd; /* for CLONE_INTO_CGROUP */
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	_exit(125);
}

static void must(int r, const char *what)
{
	if (r < 0)
		die(what);
}

static void copy_file(const char *from, const char *to)
{
	char buf[256];
	int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CLOEXEC);
	ssize_t n = in < 0 || out < 0 ? -1 : read(in, buf, sizeof(buf));
	if (n < 0 || write(out, buf, (size_t)n) != n)
		die(to);
	close(in);
	close(out);
}

/* Finds the mounted hierarchies from /proc/self/cgroup ("9:name=systemd:/path"). */
static void find_hierarchies(struct floor *f)
{
	char line[PATH_MAX + 128];
	FILE *file = fopen("/proc/self/cgroup", "re");
	if (!file)
		die("/proc/self/cgroup");
	while (f->n_hier < MAX_HIERARCHIES && fgets(line, sizeof(line), file)) {
		struct hierarchy *h = &f->hier[f->n_hier];
		char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;
		struct statfs fs;
		char base[128];
		if (!path)
			continue;
		*list++ = *path++ = '\0';
		path[strcspn(path, "\n")] = '\0';
		h->v2 = *list == '\0';
		snprintf(h->mount_options, sizeof(h->mount_options), "%s", list);
		if (strncmp(list, "name=", 5) == 0)
			list += 5;
		snprintf(h->name, sizeof(h->name), "%s", h->v2 ? "unified" : list);
		snprintf(base, sizeof(base), "/sys/fs/cgroup/%s", h->name);
		if (h->v2 && (statfs(base, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)) {
			h->name[0] = '\0';
			snprintf(base, sizeof(base), "/sys/fs/cgroup");
		}
		if (statfs(base, &fs) < 0 ||
		    fs.f_type != (h->v2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC))
			continue;
		if (snprintf(h->dir, sizeof(h->dir), "%s%s/floor-%d", base,
			     strcmp(path, "/") == 0 ? "" : path,
			     (int)getpid()) >= (int)sizeof(h->dir))
			die("cgroup path too long");
		f->n_hier++;
	}
	fclose(file);
}

static void make_cgroups(struct floor *f)
{
	for (size_t i = 0; i < f->n_hier; i++) {
		struct hierarchy *h = &f->hier[i];
		char file[PATH_MAX + 32], parent[PATH_MAX + 32];
		must(mkdir(h->dir, 0755), h->dir);
		if (strcmp(h->name, "cpuset") == 0) { /* a v1 cpuset starts empty: unjoinable */
			static const char *const knobs[] = { "cpuset.cpus", "cpuset.mems" };
			for (size_t k = 0; k < 2; k++) {
				snprintf(parent, sizeof(parent), "%.*s/%s",
					 (int)(strrchr(h->dir, '/') - h->dir), h->dir, knobs[k]);
				snprintf(file, sizeof(file), "%s/%s", h->dir, knobs[k]);
				copy_file(parent, file);
			}
		}
		if (h->v2) {
			f->v2_fd = open(h->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
			must(f->v2_fd, h->dir);
		} else {
			snprintf(file, sizeof(file), "%s/tasks", h->dir);
			h->tasks_fd = open(file, O_WRONLY | O_CLOEXEC);
			must(h->tasks_fd, file);
		}
	}
}

/* "0" into `tasks` moves the writer alone, which v1 does without the lock that makes the
 * kernel wait for a grace period. */
static void join_cgroups(struct floor *f)
{
	for (size_t i = 0; i < f->n_hier; i++)
		if (!f->hier[i].v2 && write(f->hier[i].tasks_fd, "0", 1) != 1)
			die(f->hier[i].dir);
	must(unshare(CLONE_NEWCGROUP), "unshare cgroup namespace");
}

static void mount_at(const char *type, const char *target, unsigned long flags, const char *data)
{
	must(mkdir(target, 0755) < 0 && errno != EEXIST ? -1 : 0, target);
	must(mount(type, target, type, flags, data), target);
}

static void mount_cgroups(struct floor *f)
{
	const unsigned long flags = MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RELATIME;
	char target[128];
	if (f->n_hier == 1 && f->hier[0].v2) {
		mount_at("cgroup2", "sys/fs/cgroup", flags | MS_RDONLY, NULL);
		return;
	}
	mount_at("tmpfs", "sys/fs/cgroup", flags, "mode=755");
	for (size_t i = 0; i < f->n_hier; i++) {
		struct hierarchy *h = &f->hier[i];
		snprintf(target, sizeof(target), "sys/fs/cgroup/%s", h->name);
		mount_at(h->v2 ? "cgroup2" : "cgroup", target, flags | MS_RDONLY,
			 h->v2 ? NULL : h->mount_options);
	}
	must(mount(NULL, "sys/fs/cgroup", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, NULL),
	     "read-only sys/fs/cgroup");
}

static void make_devices(void)
{
	static const struct {
		const char *path;
		unsigned major, minor;
	} nodes[] = {
		{ "dev/null", 1, 3 }, { "dev/zero", 1, 5 },   { "dev/full", 1, 7 },
		{ "dev/tty", 5, 0 },  { "dev/random", 1, 8 }, { "dev/urandom", 1, 9 },
	};
	static const struct {
		const char *target, *path;
	} links[] = {
		{ "/proc/self/fd", "dev/fd" },       { "/proc/self/fd/0", "dev/stdin" },
		{ "/proc/self/fd/1", "dev/stdout" }, { "/proc/self/fd/2", "dev/stderr" },
		{ "/proc/kcore", "dev/core" },       { "pts/ptmx", "dev/ptmx" },
	};
	(void)umask(0);
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		must(mknod(nodes[i].path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)),
		     nodes[i].path);
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		must(symlink(links[i].target, links[i].path), links[i].path);
	(void)umask(022);
}

static void mask_paths(void)
{
	static const char *const masked[] = {
		"proc/acpi",          "proc/asound",     "proc/kcore",       "proc/keys",
		"proc/latency_stats", "proc/timer_list", "proc/timer_stats", "proc/sched_debug",
		"sys/firmware",       "proc/scsi",
	};
	static const char *const readonly[] = { "proc/bus", "proc/fs", "proc/irq", "proc/sys",
						"proc/sysrq-trigger" };
	struct stat st;
	for (size_t i = 0; i < sizeof(masked) / sizeof(masked[0]); i++) {
		if (stat(masked[i], &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode))
			must(mount("tmpfs", masked[i], "tmpfs", MS_RDONLY, NULL), masked[i]);
		else
			must(mount("dev/null", masked[i], NULL, MS_BIND, NULL), masked[i]);
	}
	for (size_t i = 0; i < sizeof(readonly) / sizeof(readonly[0]); i++) {
		if (stat(readonly[i], &st) < 0)
			continue;
		must(mount(readonly[i], readonly[i], NULL, MS_BIND | MS_REC, NULL), readonly[i]);
		must(mount(NULL, readonly[i], NULL,
			   MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NOEXEC | MS_NODEV,
			   NULL),
		     readonly[i]);
	}
}

static _Noreturn void child(struct floor *f)
{
	const unsigned long hard = MS_NOSUID | MS_NOEXEC | MS_NODEV;
	char *const argv[] = { (char *)f->program, NULL };

	if (f->cgroups)
		join_cgroups(f);
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "make / private");
	must(mount(f->rootfs, f->rootfs, NULL, MS_BIND | MS_REC, NULL), f->rootfs);
	must(chdir(f->rootfs), f->rootfs);
	mount_at("proc", "proc", hard, NULL);
	mount_at("tmpfs", "dev", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
	mount_at("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC,
		 "newinstance,ptmxmode=0666,mode=0620,gid=5");
	mount_at("tmpfs", "dev/shm", hard, "mode=1777,size=65536k");
	mount_at("mqueue", "dev/mqueue", hard, NULL);
	mount_at("sysfs", "sys", hard | MS_RDONLY, NULL);
	mount_cgroups(f);
	make_devices();
	if (f->masks)
		mask_paths();
	must(mount(NULL, ".", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), "read-only root");
	must((int)syscall(SYS_pivot_root, ".", "."), "pivot_root");
	must(umount2(".", MNT_DETACH), "detach the old root");
	must(chdir("/"), "/");
	must(sethostname("floor", 5), "sethostname");
	execv(f->program, argv);
	die(f->program);
}

int main(int argc, char **argv)
{
	struct floor f = { .program = "/bin/true", .v2_fd = -1 };
	int opt, status;

	while ((opt = getopt(argc, argv, "+mc")) != -1) {
		if (opt == '?')
			return 2;
		*(opt == 'm' ? &f.masks : &f.cgroups) = true;
	}
	if (optind >= argc) {
		fprintf(stderr, "usage: floor [-m] [-c] ROOTFS [PROGRAM]\n");
		return 2;
	}
	f.rootfs = argv[optind];
	if (optind + 1 < argc)
		f.program = argv[optind + 1];

	find_hierarchies(&f);
	if (f.cgroups)
		make_cgroups(&f);
	struct clone_args args = {
		.flags = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS |
			 (f.cgroups ? 0 : CLONE_NEWCGROUP) | (f.v2_fd >= 0 ? CLONE_INTO_CGROUP : 0),
		.exit_signal = SIGCHLD,
		.cgroup = f.v2_fd >= 0 ? (uint64_t)f.v2_fd : 0,
	};
	long pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		die("clone3");
	if (pid == 0)
		child(&f);
	if (waitpid((pid_t)pid, &status, 0) < 0)
		die("wait");
	if (f.cgroups)
		for (size_t i = 0; i < f.n_hier; i++)
			must(rmdir(f.hier[i].dir), f.hier[i].dir);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
