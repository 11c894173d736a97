/* SPDX-License-Identifier: Apache-2.0 */
#include "container/criu.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/pid.h"
#include "base/subprocess.h"

#define ANSWER_MAX ((size_t)64 * 1024)
#define FDS_MAX 16
#define SOCK_TARGET 3

int criu_find(const char *command, char **ret, struct error *err)
{
	int r = subprocess_find("criu", ret);

	if (r == -ENOENT)
		return error_set(err, ENOENT, "%s: needs the criu program: apt-get install criu",
				 command);
	return r < 0 ? error_oom(err) : 0;
}

/* Puts the descriptors where criu is told that they are. The targets may be sources too: all are
 * first moved out of the way. */
static int place_fds(const struct criu_launch *launch, int sock)
{
	int moved[FDS_MAX + 1];
	int null = -1;

	if (launch->fds_len > FDS_MAX)
		return -E2BIG;
	moved[0] = fcntl(sock, F_DUPFD_CLOEXEC, SOCK_TARGET + FDS_MAX + 1);
	for (size_t i = 0; i < launch->fds_len; i++)
		moved[i + 1] = fcntl(launch->fds[i], F_DUPFD_CLOEXEC, SOCK_TARGET + FDS_MAX + 1);
	for (size_t i = 0; i <= launch->fds_len; i++)
		if (moved[i] < 0 || dup2(moved[i], SOCK_TARGET + (int)i) < 0)
			return -errno;
	if (launch->keep_stdio)
		return 0;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			return -errno;
	return 0;
}

/* The socket is made by the process that becomes criu, so that the descriptors in a request are of
 * criu's own: it looks for them in /proc of the process that made the socket, and what that has
 * open may be in another mount namespace, where criu cannot mount. Messages, not a stream: criu
 * sends and expects one a packet. */
static int make_conversation(int hand_over, int *ret_sock, struct error *err)
{
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys(err, errno, "socketpair");
	r = fd_send(hand_over, "", 1, pair, 1);
	(void)close_fd(pair[0]);
	*ret_sock = pair[1];
	return r < 0 ? error_sys(err, -r, "start criu") : 0;
}

/* What is written to report is what the parent's error says. */
static _Noreturn void child(const struct criu_launch *launch, int hand_over, int report)
{
	char *argv[] = { (char *)(uintptr_t) "criu", (char *)(uintptr_t) "swrk",
			 (char *)(uintptr_t) "3", NULL };
	_cleanup_error_ struct error err = ERROR_INIT;
	sigset_t none;
	int sock = -1, r = 0;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (launch->enter)
		r = launch->enter(launch->data, &err);
	if (r == 0)
		r = make_conversation(hand_over, &sock, &err);
	if (r == 0) {
		/* Before the targets are taken: report may be one of them. */
		report = fcntl(report, F_DUPFD_CLOEXEC, SOCK_TARGET + FDS_MAX + 1);
		r = place_fds(launch, sock);
		if (r == 0) {
			(void)execv(launch->program, argv);
			r = -errno;
		}
		(void)error_sys(&err, -r, "run %s", launch->program);
	}
	(void)!write(report, &err.code, sizeof(err.code));
	(void)!write(report, error_text(&err), strlen(error_text(&err)));
	_exit(127);
}

/* The child's report: nothing once criu runs. */
static int read_report(int fd, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int code, r = fd_read_all(fd, 4096, &text, &len);

	if (r < 0)
		return error_sys(err, -r, "start criu");
	if (len == 0)
		return 0;
	if (len < sizeof(code))
		return error_set(err, EPROTO, "start criu: cut report");
	memcpy(&code, text, sizeof(code));
	return error_set(err, code > 0 ? code : EIO, "%s", text + sizeof(code));
}

int criu_launch(const struct criu_launch *launch, struct criu *ret, struct error *err)
{
	_cleanup_criu_ struct criu criu = CRIU_INIT;
	_cleanup_close_ int ours = -1, theirs = -1, report_r = -1, report_w = -1;
	int pair[2], report[2], r;
	size_t n = 1;
	char byte;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys(err, errno, "socketpair");
	ours = pair[0];
	theirs = pair[1];
	if (pipe2(report, O_CLOEXEC) < 0)
		return error_sys(err, errno, "pipe");
	report_r = report[0];
	report_w = report[1];
	criu.pid = fork();
	if (criu.pid < 0)
		return error_sys(err, errno, "fork");
	if (criu.pid == 0)
		child(launch, theirs, report_w);
	report_w = close_fd(report_w);
	theirs = close_fd(theirs);
	criu.pidfd = (int)syscall(SYS_pidfd_open, criu.pid, 0);
	if (criu.pidfd < 0)
		return error_sys(err, errno, "pidfd_open");
	r = read_report(report_r, err);
	if (r < 0)
		return r;
	if (fd_receive(ours, &byte, 1, &criu.sock, &n) != 1 || n != 1)
		return error_set(err, EPROTO, "start criu: it ended");
	*ret = criu;
	criu = CRIU_INIT;
	return 0;
}

void criu_done(struct criu *criu)
{
	criu->sock = close_fd(criu->sock);
	if (criu->pidfd >= 0)
		(void)pidfd_reap(criu->pidfd);
	criu->pidfd = close_fd(criu->pidfd);
}

/* criu_resp of rpc.proto, as far as it is used. */
struct answer {
	uint64_t type;
	bool success;
	char script[64]; /* of a notification */
	pid_t pid;
	uint64_t major, minor;
	bool mem_track, lazy_pages;
	char *errmsg; /* owned */
};

static pid_t field_pid(const struct criu_field *field)
{
	return field->value <= INT32_MAX ? (pid_t)field->value : 0;
}

static int read_inner(const struct criu_field *outer, struct answer *answer)
{
	struct criu_reader reader = criu_field_reader(outer);
	struct criu_field f;
	int r;

	while ((r = criu_next_field(&reader, &f)) > 0) {
		if (outer->number == 4 && f.number == 1 && f.is_number) {
			answer->pid = field_pid(&f);
		} else if (outer->number == 5 && f.number == 1 && !f.is_number) {
			if (f.len >= sizeof(answer->script))
				return -EPROTO;
			memcpy(answer->script, f.data, f.len);
			answer->script[f.len] = '\0';
		} else if (outer->number == 5 && f.number == 2 && f.is_number) {
			answer->pid = field_pid(&f);
		} else if (outer->number == 8 && f.is_number) {
			answer->mem_track |= f.number == 1 && f.value;
			answer->lazy_pages |= f.number == 2 && f.value;
		} else if (outer->number == 10 && f.is_number) {
			if (f.number == 1)
				answer->major = f.value;
			if (f.number == 2)
				answer->minor = f.value;
		}
	}
	return r;
}

static int read_answer(const uint8_t *data, size_t len, struct answer *answer)
{
	struct criu_reader reader = { .at = data, .end = data + len };
	struct criu_field f;
	int r;

	while ((r = criu_next_field(&reader, &f)) > 0) {
		if (f.number == 1 && f.is_number)
			answer->type = f.value;
		else if (f.number == 2 && f.is_number)
			answer->success = f.value;
		else if (f.number == 9 && !f.is_number && !answer->errmsg)
			answer->errmsg = strndup((const char *)f.data, f.len);
		else if (!f.is_number)
			r = read_inner(&f, answer);
		if (r < 0)
			return r;
	}
	return r;
}

static void answer_done(struct answer *answer)
{
	free(TAKE_PTR(answer->errmsg));
}

static int send_message(struct criu *criu, const struct criu_message *m, struct error *err)
{
	int r = m->failed ? -ENOMEM : fd_send(criu->sock, m->data, m->len, NULL, 0);

	return r < 0 ? error_sys(err, -r, "talk to criu") : 0;
}

/* *ret_fd: what came with it, or -1. */
static int receive(struct criu *criu, struct answer *answer, int *ret_fd, struct error *err)
{
	_cleanup_free_ uint8_t *buf = malloc(ANSWER_MAX);
	int fds[8];
	size_t n = ARRAY_SIZE(fds);
	ssize_t len;

	*ret_fd = -1;
	if (!buf)
		return error_oom(err);
	len = fd_receive(criu->sock, buf, ANSWER_MAX, fds, &n);
	if (len < 0)
		return error_sys(err, (int)-len, "talk to criu");
	for (size_t i = 1; i < n; i++)
		(void)close_fd(fds[i]);
	if (n > 0)
		*ret_fd = fds[0];
	if (len == 0)
		return error_set(err, EREMOTEIO, "criu ended without an answer");
	if (read_answer(buf, (size_t)len, answer) < 0)
		return error_set(err, EPROTO, "criu: malformed answer");
	return 0;
}

static int answer_notification(struct criu *criu, const struct criu_exchange *x,
			       const struct answer *answer, int fd, struct error *err)
{
	_cleanup_criu_message_ struct criu_message m = { 0 };
	_cleanup_error_ struct error ignored = ERROR_INIT;
	int r = x->notify ? x->notify(answer->script, answer->pid, fd, x->data, err) : 0, sent;

	criu_put_number(&m, 1, CRIU_NOTIFY);
	criu_put_number(&m, 3, r == 0);
	sent = send_message(criu, &m, r == 0 ? err : &ignored);
	return r < 0 ? r : sent;
}

/* Of an exchange, once the request is sent. */
static int follow(struct criu *criu, struct criu_exchange *x, struct answer *last,
		  struct error *err)
{
	_cleanup_error_ struct error ours = ERROR_INIT, ignored = ERROR_INIT;
	int r;

	for (;;) {
		_cleanup_(answer_done) struct answer answer = { 0 };
		_cleanup_close_ int fd = -1;

		r = receive(criu, &answer, &fd, ours.code ? &ignored : err);
		if (r < 0)
			break;
		if (answer.success && answer.type == CRIU_NOTIFY) {
			if (ours.code == 0)
				(void)answer_notification(criu, x, &answer, fd, &ours);
			continue;
		}
		/* When a notification failed on our side criu takes back what it did, and says that
		 * it failed: it ends after that. */
		if (ours.code)
			break;
		if (!answer.success)
			return error_set(err, EREMOTEIO, "criu: %s",
					 answer.errmsg ? answer.errmsg : "failed without a word");
		if (answer.type != (uint64_t)x->type)
			return error_set(err, EPROTO, "criu: unexpected answer %" PRIu64,
					 answer.type);
		x->pid = answer.pid;
		*last = answer;
		answer.errmsg = NULL;
		return 0;
	}
	if (ours.code) {
		r = -ours.code;
		error_move(err, &ours);
	}
	return r;
}

int criu_request(struct criu *criu, struct criu_exchange *x, struct error *err)
{
	_cleanup_criu_message_ struct criu_message m = { 0 };
	_cleanup_(answer_done) struct answer answer = { 0 };
	int r;

	criu_put_number(&m, 1, x->type);
	if (x->opts)
		criu_put_message(&m, 2, x->opts);
	r = send_message(criu, &m, err);
	return r < 0 ? r : follow(criu, x, &answer, err);
}

/* A short conversation without work in it. */
static int ask(const char *program, enum criu_request_type type, struct answer *ret,
	       struct error *err)
{
	_cleanup_criu_message_ struct criu_message m = { 0 }, features = { 0 };
	_cleanup_criu_ struct criu criu = CRIU_INIT;
	const struct criu_launch launch = { .program = program };
	struct criu_exchange x = { .type = type };
	int r = criu_launch(&launch, &criu, err);

	if (r < 0)
		return r;
	criu_put_number(&m, 1, type);
	if (type == CRIU_FEATURE_CHECK) {
		criu_put_number(&features, 1, 1);
		criu_put_number(&features, 2, 1);
		criu_put_message(&m, 5, &features);
	}
	r = send_message(&criu, &m, err);
	return r < 0 ? r : follow(&criu, &x, ret, err);
}

int criu_check(const char *program, const struct criu_needs *needs, struct error *err)
{
	_cleanup_(answer_done) struct answer version = { 0 }, features = { 0 };
	int r = ask(program, CRIU_VERSION, &version, err);

	if (r < 0)
		return error_wrap(err, r, "%s", program);
	/* An older one would pass over options that it does not know. */
	if (version.major * 10000 + version.minor * 100 < needs->version)
		return error_set(err, ENOTSUP,
				 "%s is version %" PRIu64 ".%" PRIu64 ": this needs %u.%u or newer",
				 program, version.major, version.minor, needs->version / 10000,
				 needs->version / 100 % 100);
	if (!needs->mem_track && !needs->lazy_pages)
		return 0;
	r = ask(program, CRIU_FEATURE_CHECK, &features, err);
	if (r < 0)
		return error_wrap(err, r, "%s", program);
	if (needs->mem_track && !features.mem_track)
		return error_set(
			err, ENOTSUP,
			"criu cannot track changes of memory with this kernel "
			"(CONFIG_MEM_SOFT_DIRTY), which --pre-dump and --parent-path need");
	if (needs->lazy_pages && !features.lazy_pages)
		return error_set(
			err, ENOTSUP,
			"criu cannot move memory lazily with this kernel (userfaultfd), which "
			"--lazy-pages needs");
	return 0;
}

/* Not why it failed: what criu tries and can do without, and what it ends with whatever the reason.
 */
static bool is_noise(const char *line)
{
	return strstr(line, "rlimit: ") || strstr(line, " FAILED") ||
	       strstr(line, "Unable to create tun");
}

/* "(00.01) Error (criu/tty.c:409): tty: …" → "tty: …" */
static const char *after_place(const char *line)
{
	const char *p = strstr(line, "): ");

	return p ? p + 3 : line;
}

void criu_explain(int work_fd, const char *log, struct error *err)
{
	_cleanup_close_ int fd = openat(work_fd, log, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_fclose_ FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;
	_cleanup_free_ char *line = NULL, *reason = NULL;
	char via[FD_PATH_MAX], path[PATH_MAX];
	size_t room = 0;
	ssize_t len;
	int code = err->code;

	if (!f)
		return;
	(void)TAKE_FD(fd);
	/* The first error is the cause, those after it its consequences. */
	while (!reason && (len = getline(&line, &room, f)) > 0) {
		if (!strstr(line, "Error (") || is_noise(line))
			continue;
		line[strcspn(line, "\n")] = '\0';
		reason = strdup(after_place(strstr(line, "Error (")));
	}
	len = readlink(fd_path(work_fd, via), path, sizeof(path) - 1);
	if (!reason || len < 0)
		return;
	path[len] = '\0';
	error_done(err);
	(void)error_set(err, code, "criu: %.400s (log: %s/%s)", reason, path, log);
}
