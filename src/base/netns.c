/* SPDX-License-Identifier: Apache-2.0 */
#include "base/netns.h"

#include <sched.h>
#include <sys/wait.h>

#include "base/cleanup.h"

#define CHILD_STACK ((size_t)64 * 1024)

struct call {
	int netns_fd;
	int (*function)(void *data);
	void *data;
	int result;
};

static int call_there(void *arg)
{
	struct call *call = arg;

	if (setns(call->netns_fd, CLONE_NEWNET) < 0)
		call->result = -errno;
	else
		call->result = call->function(call->data);
	return 0;
}

int netns_call(int netns_fd, int (*function)(void *data), void *data)
{
	struct call call = {
		.netns_fd = netns_fd,
		.function = function,
		.data = data,
		.result = -ECHILD,
	};
	_cleanup_free_ char *stack = malloc(CHILD_STACK);
	pid_t child;

	if (!stack)
		return -ENOMEM;
	/* No exit signal: the caller's handling of SIGCHLD sees nothing of this. The end of the
	 * stack is aligned as any ABI wants, since malloc's result and the size are. */
	child = clone(call_there, stack + CHILD_STACK, CLONE_VM | CLONE_FILES | CLONE_VFORK, &call);
	if (child < 0)
		return -errno;
	while (waitpid(child, NULL, __WCLONE) < 0 && errno == EINTR)
		;
	return call.result;
}
