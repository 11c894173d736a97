/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent: PID 1 of a utility VM. With `--port N` it is an ordinary process that serves the socket N,
 * for tests without a VM.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "guest/agent.h"
#include "guest/system.h"

#define PORT_TIMEOUT_MS 30000

static void complain(const struct error *err)
{
	(void)fprintf(stderr, "agent: %s\n", error_text(err));
}

static int serve(int port, bool system, struct error *err)
{
	struct agent agent;
	int r = agent_init(&agent, port, system, err);

	/* While the host reads our HELLO. */
	if (r == 0 && system)
		r = system_make_netns(err);
	if (r == 0)
		r = agent_run(&agent, err);
	agent_done(&agent);
	return r;
}

static int run_system(struct error *err)
{
	int port = -1, r = system_set_up(err);

	/* Without a console the kernel gives PID 1 none of the three. */
	for (int fd = 0; r == 0 && fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			r = error_sys(err, errno, "open /dev/null");
	if (r == 0)
		r = system_open_port(PORT_TIMEOUT_MS, &port, err);
	return r < 0 ? r : serve(port, true, err);
}

static int run_test(const char *number, struct error *err)
{
	char *end;
	long port = strtol(number, &end, 10);

	if (*end || end == number || port < 3 || port > 1023 || fcntl((int)port, F_GETFD) < 0)
		return error_set(err, EINVAL, "--port %s: not a descriptor", number);
	(void)fcntl((int)port, F_SETFD, FD_CLOEXEC);
	/* What containers' workers leave becomes ours, as it becomes PID 1's. */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	return serve((int)port, false, err);
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	int r;

	if (argc == 3 && !strcmp(argv[1], "--port")) {
		r = run_test(argv[2], &err);
		if (r < 0)
			complain(&err);
		return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	if (getpid() != 1) {
		(void)fprintf(stderr, "agent: runs as PID 1 of a utility VM, or with --port N\n");
		return EXIT_FAILURE;
	}
	r = run_system(&err);
	if (r < 0)
		complain(&err);
	system_end();
}
