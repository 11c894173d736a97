/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <sys/mount.h>
#include <sys/syscall.h>

/* A procfs of the caller's pid namespace that is mounted nowhere, as the engine uses it. */
static inline int procfs_open(void)
{
	int context = (int)syscall(SYS_fsopen, "proc", 1U /* FSOPEN_CLOEXEC */);
	int fd = -1;

	if (context < 0)
		return -1;
	if (syscall(SYS_fsconfig, context, 6U /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0) == 0)
		fd = (int)syscall(SYS_fsmount, context, 1U /* FSMOUNT_CLOEXEC */, 0U);
	(void)close(context);
	return fd;
}
