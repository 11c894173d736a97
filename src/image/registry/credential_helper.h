/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* docker-credential-NAME: a program that keeps credentials; the request is on its standard input. */
#include "image/registry/credentials.h"

/* name: what follows "docker-credential-"; server: under what the credentials are kept. *ret all NULL:
 * it has none. */
int credential_helper_get(const char *name, const char *server, struct credentials *ret,
			  struct error *err);
int credential_helper_store(const char *name, const char *server,
			    const struct credentials *credentials, struct error *err);
int credential_helper_erase(const char *name, const char *server, struct error *err);
