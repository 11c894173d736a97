/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a running container uses, at one instant. */
#include <stdint.h>

#include "service/record.h"

struct usage {
	int64_t at;   /* CLOCK_MONOTONIC, nanoseconds */
	uint64_t cpu; /* nanoseconds */
	uint64_t memory,
		memory_limit;    /* bytes; without cache that is given back when it is needed */
	uint64_t received, sent; /* bytes, of all its interfaces but loopback */
	uint64_t read, written;  /* bytes, of block devices */
	uint64_t pids;
	/* Of its utility VM, as the host counts it, beyond what the container itself uses; set false: none,
	 * or another container's. */
	struct {
		bool set;
		uint64_t memory; /* bytes */
		uint64_t cpu;    /* nanoseconds */
	} vm;
};

/* -ESRCH, -EINVAL: it does not run. */
int service_usage(const struct service *service, const struct record *record, struct usage *ret,
		  struct error *err);
