/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the configuration file says of registries, for the library. */
#include "compute/settings.h"
#include "image/transfer/registry.h"

struct registries {
	struct compute_settings settings; /* owns what config borrows */
	struct image_registry_config config;
};
int registries_load(struct registries *ret, struct error *err);
void registries_done(struct registries *registries);
#define _cleanup_registries_ _cleanup_(registries_done)

/* The host of a server as login and logout take it: "https://localhost:5000/", "quay.io"; NULL and ""
 * and all names of Docker Hub: "docker.io". Owned; -EINVAL: it is none. */
int registries_server(const char *text, char **ret, struct error *err);
