/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What this machine offers beyond what the program knows. */
#include <stdbool.h>

#include "base/error.h"

struct compute_features {
	/* Empty: containers can be made with hyperv isolation. Else why not, which names a file. */
	char hyperv_missing[256];
	const char *monitor;            /* static */
	const char *accelerator;        /* static: "kvm", "tcg" */
	const char *accelerator_reason; /* static: why KVM is not used; NULL when it is */
};

/* -errno when the configuration file is not right (settings.h). */
int compute_features(struct compute_features *ret, struct error *err);
