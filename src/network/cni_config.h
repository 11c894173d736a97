/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Network configurations of the administrator: section 1 of the CNI specification, *.conflist, and *.conf
 * of the versions before 1.0 as a list of one. */
#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

#define CNI_CONFIG_DIRECTORY "/etc/cni/net.d"

struct cni_config {
	char *file; /* owned; NULL: built in */
	json_t *list; /* owned: {"cniVersion", "name", "disableCheck", "plugins": [{"type"…}…]}, checked */
};
void cni_config_done(struct cni_config *config);
#define _cleanup_cni_config_ _cleanup_(cni_config_done)

const char *cni_config_name(const struct cni_config *config);
/* The type of its first plugin, which makes the interface. */
const char *cni_config_type(const struct cni_config *config);
/* Whether one of its plugins has the capability. */
bool cni_config_can(const struct cni_config *config, const char *capability);

/* Checks a list, or makes one of a single plugin's configuration; takes json. file: for messages. */
int cni_config_take(json_t *json, const char *file, struct cni_config *ret, struct error *err);
/* All of a directory, by the names of the files; one that is no network is left out, but of one name only the
 * first is there. No directory: none. Caller: cni_config_done each, free. */
int cni_config_list(const char *directory, struct cni_config **ret, size_t *ret_len,
		    struct error *err);
/* The one of that name; what is wrong with a file that may be it is said. -ENOENT: "network x not found". */
int cni_config_find(const char *directory, const char *name, struct cni_config *ret,
		    struct error *err);
/* Names of networks and ids of containers: letters and digits, then also "_.-"; at most max characters. */
bool cni_name_is_valid(const char *name, size_t max);
