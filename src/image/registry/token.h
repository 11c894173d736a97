/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Bearer tokens: distribution's token endpoint, by GET or, with an identity token, by OAuth2. */
#include "image/registry/challenge.h"
#include "image/registry/credentials.h"
#include "image/registry/http.h"

struct token_wish {
	const struct challenge *challenge;     /* CHALLENGE_BEARER */
	const struct credentials *credentials; /* may be empty */
	const char *const *scopes;             /* NULL-terminated */
	const char *origin;                    /* URL of the registry that challenges */
	bool login;                            /* an identity token is wanted too */
};
/* *ret_identity (may be NULL): an identity token, if there was one. Both owned. -EACCES: refused. */
int token_fetch(struct http *http, const struct token_wish *wish, char **ret_token,
		char **ret_identity, struct error *err);
/* "Basic …" of a user and a password. Owned; NULL without memory. */
char *basic_authorization(const struct credentials *credentials);
