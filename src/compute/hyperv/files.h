/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* See compute_files: a process of the agent's, whose standard stream is the archive. */
#include "compute/store.h"
#include "container/files.h"

int hyperv_files(const struct stored *s, const struct container_files *files, struct error *err);
