/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Every compute system of this machine, whoever made it: hcs, runhcs under any state directory, the engines
 * above it. Of a container in a utility VM the VM is a system of its own, "ID@vm".
 */
#include "compute/system.h"
#include "service/service.h"

enum system_type { SYSTEM_CONTAINER, SYSTEM_VIRTUAL_MACHINE };

struct system_entry { /* owned strings */
	char *root;   /* directory of its state */
	char *id;     /* of a VM: that of the container that owns it, and "@vm" */
	char *name;   /* hcs's, or a pod's annotation; of a VM those that it hosts; "" */
	char *owner;
	char *host; /* of a container in a VM: the VM's id; NULL */
	enum system_type type;
	enum compute_isolation isolation;
	enum compute_status status;
};

/* By root, then id, a VM before what it hosts. Caller: systems_free. */
int systems_list(const struct service *service, struct system_entry **ret, size_t *ret_len,
		 struct error *err);
void systems_free(struct system_entry *systems, size_t len);
/* By id, or its beginning, or name. -ENOENT, -ENOTUNIQ. *ret points into systems. */
int systems_find(const struct system_entry *systems, size_t len, const char *name,
		 const struct system_entry **ret, struct error *err);

/* On one of them; a VM is stopped and killed with all that it hosts. timeout_ms: until what does not end
 * is killed. */
int system_signal(const struct service *service, const struct system_entry *system, int sig,
		  struct error *err);
int system_stop(const struct service *service, const struct system_entry *system, int timeout_ms,
		struct error *err);
int system_pause(const struct service *service, const struct system_entry *system, bool pause,
		 struct error *err);
