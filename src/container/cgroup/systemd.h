/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Limits and annotations in systemd's words: a JSON array of [name, signature, value], as the
 * program hcs-systemd takes it. */
#include <jansson.h>

#include "container/cgroup/private.h"

/* Appends what the resources say that systemd has a property for. */
int systemd_add_limits(json_t *properties, const struct cgroup *cg,
		       const struct oci_resources *resources, struct error *err);
/* Appends DeviceAllow, so that a reload of systemd does not lift the device rules (v1) or add
 * looser ones. */
int systemd_add_devices(json_t *properties, const struct oci_resources *resources,
			struct error *err);
/* Appends the properties that annotations "org.systemd.property.<name>" give as GVariant text; a
 * name that ends in Sec is in seconds and becomes …USec, as in unit files. */
int systemd_add_annotations(json_t *properties, const struct oci_spec *spec, struct error *err);
/* Appends one; steals value. */
int systemd_add(json_t *properties, const char *name, const char *signature, json_t *value);
