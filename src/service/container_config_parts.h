/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Properties of docker's JSON that are shaped otherwise than the structs; see container_config_json.c. */
#include "oci/property.h"
#include "service/container_config.h"

#define PART(name)                                                                                 \
	int name##_read(const struct json_at *at, struct arena *arena, void *ret,                  \
			struct error *err);                                                        \
	int name##_write(const struct json_at *at, const void *from, json_t **ret,                 \
			 struct error *err)

PART(exposed_ports); /* {"80/tcp": {}} */
PART(image_volumes); /* {"/data": {}} */
PART(log_config);
PART(port_bindings); /* {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]} */
PART(restart_policy);
PART(isolation);
PART(swappiness);   /* null, or the number */
PART(device_rules); /* ["c 1:3 rwm"] */
PART(ulimits);      /* [{"Name": "nofile", "Hard": 1, "Soft": 1}], -1 for no limit */
PART(binds);        /* volumes of -v */
PART(tmpfs);        /* volumes of --tmpfs */
PART(mounts);       /* the other volumes */

/* "c 1:3 rwm" of --device-cgroup-rule; memory from arena. */
int device_rule_parse(const char *text, struct arena *arena, struct oci_device_rule *ret,
		      struct error *err);
