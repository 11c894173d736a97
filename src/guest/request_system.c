/* SPDX-License-Identifier: Apache-2.0 */
/* What is of the VM and not of a container. */
#include <errno.h>
#include <fcntl.h>

#include "guest/net.h"
#include "guest/request.h"
#include "wire/message.h"

int request_network(struct request *request, json_t **ret_result, struct error *err)
{
	_cleanup_close_ int netns = open(GUEST_NETNS, O_RDONLY | O_CLOEXEC);

	(void)ret_result;
	if (netns < 0)
		return error_sys(err, errno, "open the network namespace of the VM");
	return guest_net_configure(request->root, netns, err);
}
