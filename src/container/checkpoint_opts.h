/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The options of criu's that checkpoint and restore share. */
#include "container/checkpoint.h"
#include "container/criu.h"

/* Checks that criu has what the options need, and writes them. */
int checkpoint_opts(const struct oci_spec *spec, const struct container_checkpoint *options,
		    const char *log, struct criu_message *opts, struct error *err);
/* The name of a namespace that is not the images': "extRootNetNS". NULL: criu has none for the
 * kind. */
const char *checkpoint_namespace_key(enum oci_namespace_kind kind);
