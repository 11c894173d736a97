/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a container needs in the guest beside the engine's state: a bundle directory, its layers and
 * scratch. */
#include "guest/request.h"

/* Makes the directory of request's "config", mounts its "layers" and its "scratch". Caller frees *ret_path.
 * -EEXIST: one of the id is there. Undone when it fails. */
int bundle_make(const struct request *request, char **ret_path, struct error *err);
/* Waits for others that remove it. A descriptor that is the lock; -ESTALE: it was removed meanwhile;
 * -ENOENT: there is none. */
int bundle_lock(const char *id);
/* Removes all; absent is fine. */
void bundle_remove(const char *id);
