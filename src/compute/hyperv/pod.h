/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Several containers in one VM: which container's VM another one joins. */
#include "compute/isolation.h"
#include "oci/parse.h"
#include "vm/settings.h"

struct pod {
	bool joined;          /* the VM is another container's */
	struct stored owner;  /* that container, open */
	struct oci_spec spec; /* its configuration */
};

/* --host, the annotation io.hcs.host, or the ones that containerd and CRI-O give a container of a
 * pod. The owner must be a hyperv container that has a VM of its own and is not stopped. */
int pod_find(const struct isolation_create *create, struct pod *ret, struct error *err);
/* What is recorded of the VM: from settings, or from the owner's record. */
int pod_describe(const struct pod *pod, const struct vm_settings *settings, struct stored_vm *ret,
		 struct error *err);
void pod_done(struct pod *pod);
