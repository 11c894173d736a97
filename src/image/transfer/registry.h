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
	unsigned stall_seconds;     /* without getting on, until a transfer is tried again; 0: 30 */
};

struct image_pull {
	const char *reference;
	/* os "": the host's; otherwise an image that is for another one is refused. */
	struct image_platform platform;
};
/* *ret_digest: of what the reference resolved to, owned; *ret_new: false when the name stood for it
 * already. -ENOENT: there is no such image, or none for the platform; -EACCES: refused; -EBADMSG: not
 * what its digest says. */
int image_pull(struct image_store *store, const struct image_registry_config *registries,
	       const struct image_pull *pull, const struct image_progress *progress,
	       char **ret_digest, bool *ret_new, struct error *err);
/* Sends what the registry lacks. *ret_digest (owned), *ret_size: of the manifest. */
int image_push(struct image_store *store, const struct image_registry_config *registries,
	       const char *reference, const struct image_progress *progress, char **ret_digest,
	       uint64_t *ret_size, struct error *err);
/* The tags of a repository ("localhost:5000/debian"), in the registry's order; NULL-terminated, owned:
 * each and the list. */
int image_registry_tags(const struct image_registry_config *registries, const char *repository,
			char ***ret, size_t *ret_len, struct error *err);
/* Proves the credentials at the registry, then stores them; -EACCES: refused there. server:
 * "docker.io", "localhost:5000". *ret_plain (may be NULL): the file that has them unencrypted now,
 * owned, or NULL. */
int image_login(const struct image_registry_config *registries, const char *server,
		const char *user, const char *password, char **ret_plain, struct error *err);
/* *ret_was: whether there were any. */
int image_logout(const struct image_registry_config *registries, const char *server, bool *ret_was,
		 struct error *err);
