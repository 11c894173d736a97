/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Layers that came as a disk: each is an erofs image, mounted read-only at GUEST_LAYERS/ID/N. The overlay
 * of them is mounted over the scratch, at GUEST_SCRATCH/ID: the container's root. */
#include "guest/request.h"

/* Mounts those of request's "layers", if it has any (wire/message.h), over its scratch, which is mounted
 * by then. What was mounted before it failed is for layers_unmount. */
int layers_mount(const struct request *request, struct error *err);
/* Absent ones are fine. */
void layers_unmount(const char *id);
