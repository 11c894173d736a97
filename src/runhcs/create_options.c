/* SPDX-License-Identifier: Apache-2.0 */
#include "runhcs/create_options.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/number.h"

/* More than any caller passes; the descriptors must be open anyway. */
#define PRESERVE_FDS_MAX 65536

int preserve_fds_parse(const char *text, unsigned *ret, struct error *err)
{
	uint64_t n = 0;
	int r;

	if (text) {
		r = option_unsigned("--preserve-fds", text, 0, PRESERVE_FDS_MAX, &n, err);
		if (r < 0)
			return r;
	}
	for (int fd = 3; fd < 3 + (int)n; fd++) {
		int flags = fcntl(fd, F_GETFD);

		/* What is close-on-exec is ours, opened at a number that was free. */
		if (flags < 0 || flags & FD_CLOEXEC)
			return error_set(err, EBADF, "--preserve-fds %s: descriptor %d is not open",
					 text, fd);
	}
	*ret = (unsigned)n;
	return 0;
}

/* Sockets that a service manager passed to us are meant for the container: sd_listen_fds(3). */
static int listen_fds_parse(unsigned *ret, struct error *err)
{
	const char *text = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	uint64_t n;
	int r;

	*ret = 0;
	if (!text || !pid || strtol(pid, NULL, 10) != getpid())
		return 0;
	r = option_unsigned("LISTEN_FDS", text, 0, PRESERVE_FDS_MAX, &n, err);
	if (r == 0)
		*ret = (unsigned)n;
	return r;
}

int pidfd_socket_refuse(const char *path, struct error *err)
{
	if (!path)
		return 0;
	return error_set(err, ENOTSUP, "--pidfd-socket is not supported; use --pid-file");
}

int create_options_apply(const struct create_options *options, const struct invocation *invocation,
			 const char *id, struct compute_create *ret, struct error *err)
{
	int r;

	*ret = (struct compute_create){
		.id = id,
		.bundle = options->bundle ? options->bundle : ".",
		.owner = options->owner ? options->owner : invocation->owner,
		.console_socket = options->console_socket,
		.pid_file = options->pid_file,
		.isolation = ISOLATION_DEFAULT,
		.kernel = options->kernel,
		.vm_host = options->host,
		.no_pivot = options->no_pivot,
		.no_new_keyring = options->no_new_keyring,
		.no_subreaper = options->no_subreaper,
		.detach = options->detach,
		.keep = options->keep,
	};
	r = pidfd_socket_refuse(options->pidfd_socket, err);
	if (r < 0)
		return r;
	if (options->isolation && compute_isolation_parse(options->isolation, &ret->isolation) < 0)
		return error_set(err, EINVAL,
				 "--isolation is process, hyperv, vm or default, not \"%s\"",
				 options->isolation);
	if (options->kernel && !options->kernel[0])
		return error_set(err, EINVAL, "--kernel: the path is empty");
	if (options->host) {
		r = compute_check_id(options->host, err);
		if (r < 0)
			return error_wrap(err, r, "--host");
		if (strcmp(options->host, id) == 0)
			return error_set(err, EINVAL,
					 "--host %s: a container cannot join its own utility VM",
					 id);
	}
	r = preserve_fds_parse(options->preserve_fds, &ret->preserve_fds, err);
	if (r == 0)
		r = listen_fds_parse(&ret->listen_fds, err);
	ret->preserve_fds += ret->listen_fds;
	return r;
}
