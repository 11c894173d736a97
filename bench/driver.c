/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times commands side by side: every round runs each alternative once, in the order given
 * (A B C A B C), so that a machine that slows down slows all of them.
 *
 *   driver [-n rounds] [-w warmup] [-t seconds] [-e stderr-file] [-u mountpoint]...
 *          :alt NAME [:range FROM TO] {:first|:prep|:time|:settle|:idle|:done|:last [ARGV...]}...
 *
 * :first and :last run once, :prep and :done in every round off the clock, :time on it (several
 * are summed). :settle waits for every descendant to end, :idle MS sleeps. "%r" in an argument
 * stands for the round. An alternative with a :range is not interleaved: its rounds FROM to TO-1
 * run together, when its turn comes. -u detaches a mount in a private mount namespace first, for
 * peers that refuse it.
 *
 * Output, a line a round:  sample NAME ROUND NANOSECONDS PEAK_KIB
 * A step that fails drops its alternative from there on:  fail NAME WHAT
 *
 * The driver is a subreaper: containers left by `create` are reaped here, as a shim would.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_ARGS = 64 };
enum step_kind { STEP_FIRST, STEP_PREP, STEP_TIME, STEP_SETTLE, STEP_IDLE, STEP_DONE, STEP_LAST };

static const char *const step_names[] = {
	[STEP_FIRST] = ":first",   [STEP_PREP] = ":prep", [STEP_TIME] = ":time",
	[STEP_SETTLE] = ":settle", [STEP_IDLE] = ":idle", [STEP_DONE] = ":done",
	[STEP_LAST] = ":last",
};
#define STEP_KINDS (sizeof(step_names) / sizeof(step_names[0]))

struct step {
	enum step_kind kind;
	char **argv; /* NULL-terminated, inside main's argv */
};

struct alternative {
	const char *name;
	struct step *steps;
	size_t n_steps;
	long from, to; /* an own range of rounds, if from < to */
	bool failed;
};

struct driver {
	struct alternative *alts;
	size_t n_alts;
	long rounds, warmup;
	unsigned timeout_s;
	int null_fd, err_fd;
	long round;    /* what "%r" stands for */
	long peak_kib; /* of everything reaped in the present sample */
};

extern char **environ;
static volatile sig_atomic_t timed_out;

static void on_alarm(int signo)
{
	(void)signo;
	timed_out = 1;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "driver: %s: %s\n", what, strerror(errno));
	exit(2);
}

static long long now_ns(void)
{
	struct timespec ts;
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* Reaps until `target` ends (or, with target 0, until nothing is left). Returns its wait status,
 * or -ETIMEDOUT after killing it. */
static int reap(struct driver *d, pid_t target)
{
	for (;;) {
		struct rusage usage;
		int status;
		pid_t pid = wait4(-1, &status, 0, &usage);
		if (pid < 0) {
			if (errno == EINTR && timed_out) {
				if (target > 0) {
					(void)kill(target, SIGKILL);
					(void)waitpid(target, &status, 0);
				}
				return -ETIMEDOUT;
			}
			if (errno == EINTR)
				continue;
			return target == 0 && errno == ECHILD ? 0 : -errno;
		}
		if (usage.ru_maxrss > d->peak_kib)
			d->peak_kib = usage.ru_maxrss;
		if (pid == target)
			return status;
	}
}

/* Copies argv with "%r" replaced by the round; the copies live in `buf`. */
static void expand_round(char **argv, long round, char *out[MAX_ARGS + 1], char *buf, size_t size)
{
	size_t n = 0;
	for (; argv[n] && n < MAX_ARGS; n++) {
		const char *mark = strstr(argv[n], "%r");
		out[n] = argv[n];
		if (!mark)
			continue;
		int len = snprintf(buf, size, "%.*s%ld%s", (int)(mark - argv[n]), argv[n], round,
				   mark + 2);
		if (len < 0 || (size_t)len >= size)
			die("argument too long");
		out[n] = buf;
		buf += len + 1;
		size -= (size_t)len + 1;
	}
	out[n] = NULL;
}

/* Runs one command to its end; adds the time from before the spawn to after the wait to *ns.
 * Returns its wait status or a negative errno. */
static int run_command(struct driver *d, char **argv, long long *ns)
{
	char buf[4096], *args[MAX_ARGS + 1];
	posix_spawn_file_actions_t fa;
	pid_t pid;
	int r;

	expand_round(argv, d->round, args, buf, sizeof(buf));
	(void)ftruncate(d->err_fd, 0);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, d->null_fd, 0);
	posix_spawn_file_actions_adddup2(&fa, d->null_fd, 1);
	posix_spawn_file_actions_adddup2(&fa, d->err_fd, 2);
	timed_out = 0;
	alarm(d->timeout_s);
	long long start = now_ns();
	r = posix_spawnp(&pid, args[0], &fa, NULL, args, environ);
	r = r ? -r : reap(d, pid);
	*ns += now_ns() - start;
	alarm(0);
	posix_spawn_file_actions_destroy(&fa);
	return r;
}

static void sleep_ms(const char *text)
{
	long ms = text ? strtol(text, NULL, 10) : 0;
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };
	(void)nanosleep(&ts, NULL);
}

/* The last line the failed command wrote to its stderr, or "". The result lives in `buf`. */
static const char *last_error_line(int fd, char *buf, size_t size)
{
	off_t end = lseek(fd, 0, SEEK_END);
	off_t from = end > (off_t)size - 1 ? end - ((off_t)size - 1) : 0;
	ssize_t n = end > 0 ? pread(fd, buf, size - 1, from) : 0;

	while (n > 0 && buf[n - 1] == '\n')
		n--;
	if (n <= 0)
		return "";
	buf[n] = '\0';
	const char *newline = strrchr(buf, '\n');
	return newline ? newline + 1 : buf;
}

static void print_failure(struct driver *d, const struct alternative *alt, const struct step *step,
			  int r)
{
	char buf[512];

	printf("fail %s %s", alt->name, step->argv[0] ? step->argv[0] : step_names[step->kind]);
	for (char **a = step->argv; *a && a[1]; a++)
		printf(" %s", a[1]);
	if (r < 0)
		printf(": %s", strerror(-r));
	else if (WIFSIGNALED(r))
		printf(": killed by signal %d", WTERMSIG(r));
	else
		printf(": exit status %d", WEXITSTATUS(r));
	printf(": %s\n", last_error_line(d->err_fd, buf, sizeof(buf)));
}

/* Runs one step. Returns true if it did what it should; else prints the failure. */
static bool run_step(struct driver *d, struct alternative *alt, const struct step *step,
		     long long *ns, bool quiet)
{
	long long ignored = 0;
	int r = 0;

	if (step->kind == STEP_IDLE) {
		sleep_ms(step->argv[0]);
	} else if (step->kind == STEP_SETTLE) {
		timed_out = 0;
		alarm(d->timeout_s);
		r = reap(d, 0);
		alarm(0);
	} else {
		r = run_command(d, step->argv, step->kind == STEP_TIME ? ns : &ignored);
	}
	if (r == 0)
		return true;
	if (!quiet)
		print_failure(d, alt, step, r);
	return false;
}

static bool run_kind_once(struct driver *d, struct alternative *alt, enum step_kind kind)
{
	bool ok = true;
	long long ns = 0;
	for (size_t i = 0; i < alt->n_steps; i++)
		if (alt->steps[i].kind == kind)
			ok = run_step(d, alt, &alt->steps[i], &ns, kind == STEP_LAST) && ok;
	return ok;
}

/* One sample of one alternative; its :done steps run even if an earlier one failed. */
static void run_sample(struct driver *d, struct alternative *alt, long round)
{
	long long ns = 0;
	bool ok = true;

	d->peak_kib = 0;
	d->round = round;
	for (size_t i = 0; i < alt->n_steps; i++) {
		const struct step *step = &alt->steps[i];
		if (step->kind == STEP_FIRST || step->kind == STEP_LAST)
			continue;
		if (ok || step->kind == STEP_DONE)
			ok = run_step(d, alt, step, &ns, !ok) && ok;
	}
	if (!ok)
		alt->failed = true;
	else if (round >= 0)
		printf("sample %s %ld %lld %ld\n", alt->name, round, ns, d->peak_kib);
	fflush(stdout);
}

static enum step_kind step_kind_from_name(const char *name)
{
	for (size_t k = 0; k < STEP_KINDS; k++)
		if (strcmp(name, step_names[k]) == 0)
			return (enum step_kind)k;
	fprintf(stderr, "driver: unknown step '%s'\n", name);
	exit(2);
}

static void parse_alternatives(struct driver *d, int argc, char **argv)
{
	/* Never more steps or alternatives than words. */
	struct step *steps = calloc((size_t)argc + 1, sizeof(*steps));
	d->alts = calloc((size_t)argc + 1, sizeof(*d->alts));
	if (!steps || !d->alts)
		die("out of memory");
	for (int i = 0; i < argc; i++) {
		if (argv[i][0] != ':')
			continue;
		if (strcmp(argv[i], ":alt") == 0) {
			if (i + 1 >= argc)
				break;
			d->alts[d->n_alts++] =
				(struct alternative){ .name = argv[i + 1], .steps = steps };
		} else if (d->n_alts > 0 && strcmp(argv[i], ":range") == 0) {
			if (i + 2 >= argc)
				break;
			d->alts[d->n_alts - 1].from = strtol(argv[i + 1], NULL, 10);
			d->alts[d->n_alts - 1].to = strtol(argv[i + 2], NULL, 10);
		} else if (d->n_alts > 0) {
			*steps++ = (struct step){ step_kind_from_name(argv[i]), &argv[i + 1] };
			d->alts[d->n_alts - 1].n_steps++;
		}
		argv[i] = NULL; /* ends the previous step's argv */
	}
	for (size_t a = 0; a < d->n_alts; a++)
		for (size_t s = 0; s < d->alts[a].n_steps; s++) {
			const struct step *st = &d->alts[a].steps[s];
			if (!st->argv[0] && st->kind != STEP_SETTLE) {
				fprintf(stderr, "driver: %s: %s without a command\n",
					d->alts[a].name, step_names[st->kind]);
				exit(2);
			}
		}
}

static void detach_mount(const char *path)
{
	static bool unshared;
	if (!unshared) {
		if (unshare(CLONE_NEWNS) < 0)
			die("unshare mount namespace");
		if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			die("make / private");
		unshared = true;
	}
	if (umount2(path, MNT_DETACH) < 0)
		die(path);
}

static void run_all(struct driver *d)
{
	for (size_t a = 0; a < d->n_alts; a++)
		d->alts[a].failed = !run_kind_once(d, &d->alts[a], STEP_FIRST);
	for (size_t a = 0; a < d->n_alts; a++)
		for (long round = d->alts[a].from; round < d->alts[a].to; round++)
			if (!d->alts[a].failed)
				run_sample(d, &d->alts[a], round);
	for (long round = -d->warmup; round < d->rounds; round++)
		for (size_t a = 0; a < d->n_alts; a++)
			if (!d->alts[a].failed && d->alts[a].from >= d->alts[a].to)
				run_sample(d, &d->alts[a], round);
	for (size_t a = 0; a < d->n_alts; a++)
		(void)run_kind_once(d, &d->alts[a], STEP_LAST);
}

int main(int argc, char **argv)
{
	struct driver d = { .rounds = 10, .warmup = 2, .timeout_s = 20, .err_fd = -1 };
	int opt;

	while ((opt = getopt(argc, argv, "+n:w:t:e:u:")) != -1) {
		switch (opt) {
		case 'n':
			d.rounds = strtol(optarg, NULL, 10);
			break;
		case 'w':
			d.warmup = strtol(optarg, NULL, 10);
			break;
		case 't':
			d.timeout_s = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'e':
			d.err_fd = open(optarg, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
			if (d.err_fd < 0)
				die(optarg);
			break;
		case 'u':
			detach_mount(optarg);
			break;
		default:
			return 2;
		}
	}
	d.null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (d.null_fd < 0)
		die("/dev/null");
	if (d.err_fd < 0)
		d.err_fd = d.null_fd;
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		die("become subreaper");
	/* Without SA_RESTART: the alarm has to interrupt wait4. */
	if (sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_alarm }, NULL) < 0)
		die("sigaction");
	parse_alternatives(&d, argc - optind, argv + optind);

	run_all(&d);
	return 0;
}
