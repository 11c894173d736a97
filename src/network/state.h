/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What is kept below RUN/cni so that any later command can take a container off its networks, however
 * far a killed one came:
 *
 *   RUN/cni/              locked (flock) while a subnet or a port is chosen
 *   RUN/cni/ID/           locked while the container is attached or detached, by that command and by each
 *                         plugin that it runs: whoever has the lock knows that none is left of a killed one
 *   RUN/cni/ID/N.json     the container's network N: written before its plugins run, again with their result
 *   RUN/cni/ports/…       host ports taken by containers (port_claim.h)
 *   RUN/cni/leases/       the default network's addresses (host-local's)
 *   RUN/cni/bridge.json   the default network's bridge and subnet
 *   RUN/cni/rules.json    the state of the host's rules (ruleset.h) in which its own were seen last
 */
#include <jansson.h>
#include <stdbool.h>

#include "network/network.h"

/* RUN/cni, made when missing. *ret_fd: owned. lock: waits for others. */
int state_open(const struct network_paths *paths, bool lock, int *ret_fd, struct error *err);
/* RUN/cni/ID below it, locked, made when make. -ENOENT without an error: there is none. */
int state_open_container(int cni_fd, const char *id, bool make, int *ret_fd, struct error *err);
/* Removes the container's directory, which is still locked. */
int state_remove_container(int cni_fd, int container_fd, const char *id, struct error *err);

int state_store(int fd, const char *name, const json_t *json, struct error *err);
/* *ret: owned. -ENOENT without an error: there is none. What is no JSON object is an error. */
int state_load(int fd, const char *name, json_t **ret, struct error *err);
/* "N.json" */
#define STATE_ENTRY_MAX 16
char *state_entry(unsigned n, char buf[STATE_ENTRY_MAX]);
