/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The administrator's configuration file: hcs-config(5). */
#include <stdint.h>

#include "base/error.h"
#include "compute/system.h"
#include "vm/settings.h"

#define SETTINGS_MEMORY_MAX (16ull << 40)
#define SETTINGS_CPUS_MAX 64
#define SETTINGS_TIMEOUT_MAX 3600 /* seconds */
#define SETTINGS_STALL_TIMEOUT_MAX 3600
#define SETTINGS_REGISTRIES_MAX 64

enum settings_accelerator {
	SETTINGS_ACCELERATOR_AUTO, /* KVM where it can be used (vm/accelerator.h), else TCG */
	SETTINGS_ACCELERATOR_KVM,
	SETTINGS_ACCELERATOR_TCG,
};

struct compute_settings {
	/* Of containers that say nothing; never ISOLATION_DEFAULT. */
	enum compute_isolation isolation;
	/* Of utility VMs for which nothing else is said. */
	struct {
		char *kernel, *initrd; /* owned, absolute; NULL: those that belong to hcs */
		uint64_t memory;       /* bytes, whole MiB; 0: not said */
		unsigned cpus;         /* 0: not said */
		unsigned boot_timeout_ms, request_timeout_ms; /* 0: not said */
		enum settings_accelerator accelerator;
	} hyperv;
	/* Of images; lists are owned and NULL-terminated, NULL: not said. */
	struct {
		char **mirrors;         /* of docker.io: URLs, tried in this order */
		char **insecure;        /* "host[:port]" */
		unsigned stall_seconds; /* 0: not said */
	} registries;
	/* Of the default network of containers made from images. */
	struct {
		char *subnet; /* owned, "10.90.0.0/16"; NULL: any that is free */
	} network;
};

/* Reads the file: HCS_CONFIG in the environment (an absolute path; not for set-id programs), else the
 * one in sysconfdir. A file that is not there says nothing, unless HCS_CONFIG names it. What the
 * file must not say is an error with its name and the key: -EINVAL, -E2BIG, -EFBIG. */
int compute_settings_load(struct compute_settings *ret, struct error *err);
void compute_settings_done(struct compute_settings *settings);
#define _cleanup_settings_ _cleanup_(compute_settings_done)
