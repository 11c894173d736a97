/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What vmwp is told of the VM it is to run: written by the command that makes the container, read
 * by vmwp from a memfd. Nothing in it is of one container but the name: containers come over the
 * control socket, so that a VM can be started, frozen and cloned before one is known.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define VM_DISKS_MAX 16
#define VM_NICS_MAX 8
#define VM_EXTENTS_MAX 128 /* of all disks */
#define VM_MEMORY_MIN (40ull << 20)
/* In vmwp's mount namespace; containers' directories are mounted below it. */
#define VM_SHARE_ROOT "/share"

/* Descriptors are numbers in vmwp, each named once: 5 is the settings' own memfd, and what they
 * refer to is 6, 7, … in the order in which it was sent. */
#define VM_FD_SETTINGS 5
#define VM_FD_FIRST 6
#define VM_FD_MAX 192
struct vm_disk {
	int fd; /* regular file or block device, raw */
	unsigned
		extents; /* files one after the other, from fd on; if several: regular, read-only */
	bool readonly;
	char serial[21]; /* how the guest finds it */
};
struct vm_nic {
	int tap_fd;
	char mac[18]; /* of the guest's interface */
};

enum vm_accelerator { VM_TCG, VM_KVM };
enum vm_kernel_boot { VM_KERNEL_PVH, VM_KERNEL_BZIMAGE };

struct vm_settings {
	char *name;    /* id of the container that owns it */
	char *monitor; /* "qemu" */
	enum vm_accelerator accelerator;
	char *kernel, *initrd; /* paths on the host */
	enum vm_kernel_boot kernel_boot;
	char *kernel_parameters; /* appended to the monitor's own; may be NULL */
	uint64_t memory;         /* bytes, multiple of 1 MiB */
	unsigned cpus;
	unsigned boot_timeout_ms; /* until the agent says HELLO */
	uint32_t uid;             /* of vmwp; the monitor has uid + 1. 0: keep the caller's */
	struct vm_disk disks[VM_DISKS_MAX];
	size_t disks_len;
	struct vm_nic nics[VM_NICS_MAX];
	size_t nics_len;
};

const char *vm_accelerator_name(enum vm_accelerator accelerator); /* "tcg", "kvm" */
void vm_settings_done(struct vm_settings *settings);
/* To JSON and back; NULL without memory. parse checks everything: ranges, lengths, unknown keys;
 * on failure *ret is untouched. The text is one JSON object, as long as the memfd. */
json_t *vm_settings_json(const struct vm_settings *settings);
int vm_settings_parse(const void *text, size_t len, struct vm_settings *ret, struct error *err);
