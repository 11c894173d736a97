/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Requests to the agent. A body is a JSON object: {"op": NAME, …}. The answer is {"result": {…}} or
 * {"error": {"code": errno, "message": "…", "status": exit status or 0}}, the error of the compute
 * layer in the guest as it is: the host's command prints it as its own.
 *
 * A connection has at most one process: that of its "create", "exec" or "files". Its streams (frame.h) and
 * its EXIT go over the connection; when the connection ends (GONE), the process is killed (a
 * container's init: the container).
 *
 * Any request may have "time", nanoseconds since the epoch: the guest's clock is set to it if it is
 * a millisecond off. Any result may have "warnings", an array of texts for the user. Integers beyond
 * int64 are written as base/json_tree.h has it. A connection may have 16 requests under way; they are done
 * at once and not one after the other, so what depends on another waits for its answer. The answer to
 * create or exec comes before the first byte of output, that to start before EXIT.
 *
 * op       fields                                         result
 * network  see vm/nic.h: "links", "routes", "neighbors",  {}
 *          once, before the first create
 * create   "id", "config" (OCI configuration, as object), {"pid"} of init in the guest; waits for
 *          "bundle" (optional: the host's path, which     start
 *          hooks find in their state), "layers":
 *          {"disk": serial, "sizes": [bytes of each erofs
 *          image on it, …]} (optional: mounted at
 *          GUEST_LAYERS/id/N), "scratch" (serial of a
 *          disk with ext4, optional: mounted at
 *          GUEST_SCRATCH/id, and over it the overlay of
 *          the layers), "share" (false: the configuration
 *          names nothing of the share), "files_only"
 *          (bool): never started
 * start    "id"                                           {}: the program runs, or has ended
 * exec     "id", "process" (OCI process object),          {"pid"}: the program runs
 *          "cgroup" (optional), "ignore_paused" (bool)
 * files    "id", "kind" (stat, pack, unpack, changes:     {"pid"}: the archive goes over its stream 0
 *          container/files.h), "path", "name", "follow",  or 1; an error is on stream 2, its errno
 *          "mounts", "same_owner", "exclude" (paths)      and its message
 * signal   "signal", and "id" with "all" (bool); without  {}
 *          id: to the connection's process
 * resize   "width", "height": of the connection's         {}
 *          process's terminal
 * hangup   the connection's terminal: its master is       {}
 *          closed
 * pause    "id"                                           {}: frozen
 * resume   "id"                                           {}
 * update   "id", "resources" (OCI resources object)       {}
 * pids     "id"                                           {"pids": [n, …]} in the guest
 * processes "id", "after" (a pid, optional)               {"processes": [{"pid": n, FILE: text}],
 *          what /proc/PID has of each (stat, status,      "system": {FILE: text}, "more": bool}
 *          cmdline, comm, statm, wchan, cgroup), and /proc (uptime, stat, meminfo, loadavg, version,
 *          sys/kernel/pid_max, sys/kernel/osrelease). By pid; with "more" there are others after the
 *          last. Text is base64, cut at 16 KiB
 * stats    "id"                                           {"stats": see wire/stats.h}
 * watch    "id"                                           {}, then EVENT {"event": "oom", "count":
 *          n} at each OOM kill, n from 1 on
 * delete   "id": ends it first if it runs                 {}: nothing of it is left in the guest
 *
 * In the guest the bundle's share is mounted at GUEST_SHARE; that of a container is the directory
 * of its id there: "rootfs", and "mounts/N" for each bind source (N: its index in mounts).
 */
#include <jansson.h>

#include "base/error.h"

#define GUEST_SHARE_TAG "hcs" /* of the virtio-fs device */
#define GUEST_SHARE "/run/hcs/share"
#define GUEST_PORT "hcs.agent"       /* name of the virtio-console port */
#define GUEST_NETNS "/run/hcs/netns" /* the VM's network namespace, for configurations */
/* The namespaces that the containers of one VM share, kept by the agent: net, ipc, uts, pid. */
#define GUEST_POD "/run/hcs/pod"
#define GUEST_SCRATCH "/run/hcs/scratch"
#define GUEST_LAYERS "/run/hcs/layers"

/* Longest text of an error that is taken from the guest. */
#define MESSAGE_TEXT_MAX 4096

/* {"error": {…}} from err; never NULL but without memory. */
json_t *message_error(const struct error *err);
/* {"result": result}; takes result, which may be NULL for {}. */
json_t *message_result(json_t *result);
/* Parses an answer: its result (owned), or NULL with err set from {"error"} or from what is wrong
 * with it. Text from the guest is bounded and made printable. */
json_t *message_parse(const void *body, size_t len, struct error *err);
/* Text of the guest's, cut to MESSAGE_TEXT_MAX, as printable ASCII, anything else as \xNN: it neither
 * breaks a line of ours nor drives a terminal. Caller frees; NULL without memory. */
char *message_printable(const char *text);
