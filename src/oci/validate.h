/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the schema cannot say: the rules that hold between fields, and which values this runtime
 * honours. Nothing here looks at the host; what depends on the host is refused by the part of the
 * engine that would do it. */
#include "base/error.h"
#include "oci/spec.h"

/* Checks a config for create: version, process, root or layers, mappings, paths, hooks, offsets,
 * foreign sections. The message begins with the JSON path. */
int oci_validate(const struct oci_spec *spec, struct error *err);

/* Checks a process (of a config, or given to exec): args, cwd absolute, env without NUL or "="
 * first, ids not (uint32_t)-1, terminal only with console size in range. where: its JSON path. */
int oci_process_validate(const struct oci_process *process, const char *where, struct error *err);
