/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What is remembered of the utility VM of a hyperv container: "vm" in state.json. */
#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct stored_vm {
	char *host;        /* owned: id of the container whose VM it is; NULL: its own */
	char *monitor;     /* owned: "qemu"; NULL: nothing is known of the VM yet */
	char *accelerator; /* owned: "tcg", "kvm" */
	char *kernel;      /* owned: path on the host */
	uint64_t memory;   /* bytes that the guest was given; 0: not known */
	unsigned cpus;     /* that it has; 0: not known */
	pid_t pid;         /* of vmwp; 0: not started, or not this container's */
	uint64_t pid_start;
};

void stored_vm_done(struct stored_vm *vm);
/* For state.json; NULL when a text is not UTF-8 or memory runs out. */
json_t *stored_vm_json(const struct stored_vm *vm);
/* Reads what stored_vm_json made and nothing else. 0, -EPROTO or -ENOMEM; *ret is for
 * stored_vm_done in any case. */
int stored_vm_parse(const json_t *from, struct stored_vm *ret);
