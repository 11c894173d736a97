/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "image/registry/credentials.h"
#include "image/registry/session.h"
#include "image/transfer/registry.h"

int image_login(const struct image_registry_config *registries, const char *server,
		const char *user, const char *password, char **ret_plain, struct error *err)
{
	/* Borrowed strings: not to be wiped. */
	const struct credentials given = { .user = (char *)user, .password = (char *)password };
	_cleanup_credentials_ struct credentials kept = { 0 };
	_cleanup_session_ struct session *session = NULL;
	int r = session_open(&(struct session_settings){ .config = registries,
							 .domain = server,
							 .credentials = &given },
			     &session, err);

	if (r == 0)
		r = session_login(session, &kept.identity_token, err);
	if (r < 0)
		return r;
	kept.user = strdup(user);
	kept.password = strdup(password);
	if (!kept.user || !kept.password)
		return error_oom(err);
	return credentials_store(registries->auth_file, server, &kept, ret_plain, err);
}

int image_logout(const struct image_registry_config *registries, const char *server, bool *ret_was,
		 struct error *err)
{
	return credentials_erase(registries->auth_file, server, ret_was, err);
}
