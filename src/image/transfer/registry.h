/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Registries: OCI distribution-spec 1.1 and Docker registry HTTP API v2 over libcurl. https, but http
 * for loopback addresses and hosts that the configuration names; bearer tokens and basic auth from
 * ~/.docker/config.json (auths, credHelpers, credsStore) or $REGISTRY_AUTH_FILE; mirrors.
 */
#include "image/reference.h"
#include "image/transfer/ingest.h"

struct image_registry_config {
	const char *auth_file; /* NULL: the default places */
	const char *const
		*insecure; /* NULL-terminated hosts that may be spoken to in plain http, or with
				       * certificates nobody knows */
	const char *const *mirrors; /* NULL-terminated URLs, for docker.io; tried first */
	unsigned parallel;          /* layers fetched at once; 0: 3 */
};

struct image_pull {
	const char *reference;
	struct image_platform platform;
	bool quiet;
};
/* *ret_digest: of what the reference resolved to; *ret_new: false when nothing was fetched. */
int image_pull(struct image_store *store, const struct image_registry_config *registries,
	       const struct image_pull *pull, const struct image_progress *progress,
	       char **ret_digest, bool *ret_new, struct error *err);
int image_push(struct image_store *store, const struct image_registry_config *registries,
	       const char *reference, const struct image_progress *progress, char **ret_digest,
	       struct error *err);
/* Proves the credentials at the registry, then stores them; -EACCES: refused there. */
int image_login(const struct image_registry_config *registries, const char *server,
		const char *user, const char *password, struct error *err);
/* *ret_was: whether there were any. */
int image_logout(const struct image_registry_config *registries, const char *server, bool *ret_was,
		 struct error *err);
