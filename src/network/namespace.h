/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Network namespaces that outlive the process that made them: pinned by a bind mount of the namespace on
 * a file, as ip-netns(8) does. Where the directory's mount is shared, other mount namespaces see the pin
 * come and go.
 */
#include <stdbool.h>

#include "base/error.h"

/* Makes a namespace with loopback up. *ret_fd: owned. */
int namespace_make(int *ret_fd, struct error *err);
/* Pins it at path, whose directory exists. -EEXIST: something is there. */
int namespace_pin(int netns_fd, const char *path, struct error *err);
/* Whether a namespace is pinned at path, and not merely the file there that was to hold it. */
bool namespace_is_pinned(const char *path);
/* Takes the pin off, as far as it got; none is no error. The namespace goes with its last user. */
int namespace_unpin(const char *path, struct error *err);
