/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the parts of bundle_write share: each fills its sections of the OCI configuration. */
#include <jansson.h>

#include "service/bundle.h"
#include "service/container_config_hyperv.h"

struct bundle {
	const struct service *service;
	const struct image *image;
	const struct record *record;
	const struct container_config *config;
	struct arena arena;
	char **layers; /* directories on the host, topmost first; items[layers_len] is NULL */
	size_t layers_len;
	char **disks; /* hyperv: the same as erofs files */
	size_t disks_len;
	json_t *spec, *linux_, *process, *mounts, *devices, *device_rules; /* parts of spec */
	uint64_t caps;                                                     /* granted: bit n */
	bool hyperv;
	/* The containers that modes name. id NULL: none. */
	struct bundle_peer {
		char *id, *path, *hostname;
		pid_t pid;
	} network_peer, pid_peer, ipc_peer;
};

int bundle_peers(struct bundle *bundle, struct error *err);
int bundle_layers(struct bundle *bundle, struct error *err);
int bundle_capabilities(struct bundle *bundle, struct error *err);
int bundle_process(struct bundle *bundle, struct error *err);
int bundle_mounts(struct bundle *bundle, struct error *err);
int bundle_volumes(struct bundle *bundle, struct error *err);
/* /etc/hosts and its like: after the volumes, one of which may be at /etc. */
int bundle_files(struct bundle *bundle, struct error *err);
int bundle_namespaces(struct bundle *bundle, struct error *err);
int bundle_devices(struct bundle *bundle, struct error *err);
int bundle_resources(struct bundle *bundle, struct error *err);
int bundle_seccomp(struct bundle *bundle, struct error *err);

/* value, owned here, becomes object's member key. NULL value: memory ran out. */
int bundle_put(json_t *object, const char *key, json_t *value, struct error *err);
int bundle_put_text(json_t *object, const char *key, const char *text, struct error *err);
int bundle_append(json_t *array, json_t *value, struct error *err);
/* An array of strings; NULL without memory. */
json_t *bundle_strings(char *const *items, size_t len);

/* One mount; options: NULL-terminated. */
int bundle_mount(struct bundle *bundle, const char *destination, const char *type,
		 const char *source, const char *const *options, struct error *err);

/* Whether --security-opt has the option with the value ("seccomp", "unconfined"; NULL: any value);
 * *ret_value (may be NULL): what it is set to. */
bool bundle_security_option(const struct container_config *config, const char *name,
			    const char *value, const char **ret_value);

/* The image's tree, with what the container has written in process isolation, as a read-only root for
 * path_open: a descriptor. */
int bundle_image_root(const struct record *record, char *const *layers, struct error *err);
