/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "network/network.h"

/* Takes the host's ports for a container, chooses those that may be any, and remembers them: links
 * cni/ports/PROTOCOL:PORT@IP to ID. cni_fd: locked. Undone when it fails. -EADDRINUSE names who has it:
 * another container, or a program that listens there. */
int port_claim(int cni_fd, const char *id, struct network_port *ports, size_t len,
	       struct error *err);
/* Gives back all that the container has. */
int port_release(int cni_fd, const char *id, struct error *err);
