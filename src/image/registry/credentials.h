/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Credentials as docker keeps them: config.json in $DOCKER_CONFIG or ~/.docker, or the file that
 * $REGISTRY_AUTH_FILE names. They stand in "auths", or are with the helper program that "credHelpers"
 * (for a host) or "credsStore" names: docker-credential-NAME in PATH.
 */
#include <stdbool.h>

#include "base/error.h"

struct credentials {
	char *user, *password; /* NULL: none */
	char *identity_token;  /* exchanged for tokens by OAuth2; NULL: none */
	char *registry_token;  /* used as it is; NULL: none */
};
void credentials_done(struct credentials *credentials); /* wipes them too */
#define _cleanup_credentials_ _cleanup_(credentials_done)

/* Docker Hub's is kept under the name that it had first. */
#define CREDENTIALS_DOCKER_HUB "https://index.docker.io/v1/"

/* file: NULL for the default places. host: "quay.io", "localhost:5000", "docker.io". repository: what is
 * wanted there, NULL: nothing in particular; an entry for it ("quay.io/team/image") or what it is in
 * ("quay.io/team") comes before the host's. None: all NULL. */
int credentials_find(const char *file, const char *host, const char *repository,
		     struct credentials *ret, struct error *err);
/* *ret_plain (may be NULL): the file in which they are readable now, owned; NULL: a helper has them. */
int credentials_store(const char *file, const char *host, const struct credentials *credentials,
		      char **ret_plain, struct error *err);
int credentials_erase(const char *file, const char *host, bool *ret_was, struct error *err);
