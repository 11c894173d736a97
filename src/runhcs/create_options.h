/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The options that create, run and restore share. */
#include "runhcs/command.h"

/* The first member of what a command with these options parses into, so that offsets agree. */
struct create_options {
	const char *bundle, *console_socket, *pid_file, *pidfd_socket, *preserve_fds, *isolation,
		*owner, *kernel, *host;
	bool no_pivot, no_new_keyring, no_subreaper, detach, keep;
};

#define CREATE_VALUE(name, letter, member, value, help)                                            \
	OPT_VALUE(name, letter, struct create_options, member, value, help)
#define CREATE_FLAG(name, letter, member, help)                                                    \
	OPT_FLAG(name, letter, struct create_options, member, help)

#define CREATE_OPTION_BUNDLE                                                                       \
	CREATE_VALUE("bundle", 'b', bundle, "DIR",                                                 \
		     "directory of config.json (default: the current one)")
#define CREATE_OPTION_ISOLATION                                                                    \
	CREATE_VALUE("isolation", 0, isolation, "MODE",                                            \
		     "process: namespaces on this kernel; hyperv (or vm): a utility VM of its "    \
		     "own; default")
#define CREATE_OPTION_KERNEL                                                                       \
	CREATE_VALUE("kernel", 0, kernel, "PATH", "kernel of the utility VM (hyperv)")
#define CREATE_OPTION_HOST                                                                         \
	CREATE_VALUE("host", 0, host, "ID", "join the utility VM of container ID (hyperv)")
#define CREATE_OPTION_CONSOLE_SOCKET                                                               \
	CREATE_VALUE("console-socket", 0, console_socket, "PATH",                                  \
		     "Unix socket that is sent the controlling side of the terminal")
#define CREATE_OPTION_PID_FILE                                                                     \
	CREATE_VALUE("pid-file", 0, pid_file, "FILE", "write the pid of the process to FILE")
#define CREATE_OPTION_NO_PIVOT                                                                     \
	CREATE_FLAG("no-pivot", 0, no_pivot,                                                       \
		    "move the root mount instead of pivot_root (for a root on an initramfs)")
#define CREATE_OPTION_PRESERVE_FDS                                                                 \
	CREATE_VALUE("preserve-fds", 0, preserve_fds, "N",                                         \
		     "pass on N descriptors after the standard three")
#define CREATE_OPTION_NO_NEW_KEYRING                                                               \
	CREATE_FLAG("no-new-keyring", 0, no_new_keyring, "share the caller's session keyring")
#define CREATE_OPTION_OWNER                                                                        \
	CREATE_VALUE("owner", 0, owner, "NAME",                                                    \
		     "owner of the container (default: the global --owner)")
#define CREATE_OPTION_DETACH                                                                       \
	CREATE_FLAG("detach", 'd', detach, "return as soon as the process has started")
#define CREATE_OPTION_KEEP                                                                         \
	CREATE_FLAG("keep", 0, keep, "keep the container's state when its process has ended")
#define CREATE_OPTION_NO_SUBREAPER                                                                 \
	CREATE_FLAG("no-subreaper", 0, no_subreaper,                                               \
		    "do not become the parent of orphaned processes")
#define CREATE_OPTION_PIDFD_SOCKET CREATE_VALUE("pidfd-socket", 0, pidfd_socket, "PATH", NULL)

/* Fills ret from what was given; strings are borrowed. -EINVAL or -ENOTSUP, by option. */
int create_options_apply(const struct create_options *options, const struct invocation *invocation,
			 const char *id, struct compute_create *ret, struct error *err);

/* --preserve-fds of create, run and exec; NULL is 0. */
int preserve_fds_parse(const char *text, unsigned *ret, struct error *err);
/* --pidfd-socket cannot be honoured yet. */
int pidfd_socket_refuse(const char *path, struct error *err);
