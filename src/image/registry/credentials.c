/* SPDX-License-Identifier: Apache-2.0 */
#include "image/registry/credentials.h"

#include <fcntl.h>
#include <jansson.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/json_tree.h"
#include "image/registry/base64.h"
#include "image/registry/credential_helper.h"

#define FILE_MAX ((size_t)1024 * 1024)

static void wipe(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	free(TAKE_PTR(*secret));
}

void credentials_done(struct credentials *credentials)
{
	free(TAKE_PTR(credentials->user));
	wipe(&credentials->password);
	wipe(&credentials->identity_token);
	wipe(&credentials->registry_token);
}

struct auth_file {
	char *path;
	json_t *root; /* an object */
};

static void auth_file_done(struct auth_file *file)
{
	free(file->path);
	json_decref(file->root);
}

static char *home_file(void)
{
	const char *home = secure_getenv("HOME");
	struct passwd *user = home && *home ? NULL : getpwuid(getuid());
	char *path = NULL;

	if (asprintf(&path, "%s/.docker/config.json",
		     home && *home ? home : (user ? user->pw_dir : "/")) < 0)
		return NULL;
	return path;
}

static char *file_path(const char *given)
{
	const char *named = secure_getenv("REGISTRY_AUTH_FILE");
	const char *dir = secure_getenv("DOCKER_CONFIG");
	char *path = NULL;

	if (given)
		return strdup(given);
	if (named && *named)
		return strdup(named);
	if (!dir || !*dir)
		return home_file();
	return asprintf(&path, "%s/config.json", dir) < 0 ? NULL : path;
}

static int auth_file_read(const char *given, struct auth_file *ret, struct error *err)
{
	_cleanup_(wipe) char *text = NULL;
	size_t len = 0;
	int r;

	*ret = (struct auth_file){ .path = file_path(given) };
	if (!ret->path)
		return error_oom(err);
	r = file_read_regular(AT_FDCWD, ret->path, FILE_MAX, &text, &len);
	if (r < 0 && r != -ENOENT && r != -ENOTDIR)
		return error_sys(err, -r, "%s", ret->path);
	if (r < 0 || strspn(text, " \t\r\n") == len) {
		ret->root = json_object();
		return ret->root ? 0 : error_oom(err);
	}
	r = json_tree_parse(text, len, &ret->root, err);
	if (r < 0)
		return error_wrap(err, r, "%s", ret->path);
	if (!json_is_object(ret->root))
		return error_set(err, EINVAL, "%s: expected an object", ret->path);
	return 0;
}

/* Under which name a host's credentials are kept. */
static const char *server_name(const char *host)
{
	return strcmp(host, "docker.io") == 0 ? CREDENTIALS_DOCKER_HUB : host;
}

static const char *helper_name(const struct auth_file *file, const char *host)
{
	const json_t *helpers = json_object_get(file->root, "credHelpers");
	const char *name = json_string_value(json_object_get(helpers, host));

	if (!name)
		name = json_string_value(json_object_get(helpers, server_name(host)));
	if (!name)
		name = json_string_value(json_object_get(file->root, "credsStore"));
	return name && *name ? name : NULL;
}

/* Old files have URLs where new ones have hosts; what they have behind it is the API's version. */
static bool names_host(const char *key, const char *host)
{
	static const char *const paths[] = { "", "/", "/v1", "/v1/", "/v2", "/v2/" };
	size_t len;

	if (strncmp(key, "https://", 8) == 0)
		key += 8;
	else if (strncmp(key, "http://", 7) == 0)
		key += 7;
	len = strcspn(key, "/");
	if (strlen(host) != len || strncasecmp(key, host, len) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (strcmp(key + len, paths[i]) == 0)
			return true;
	return false;
}

/* "host/team/image", then "host/team": containers-auth.json(5). The key in auths. */
static int find_namespace(const json_t *auths, const char *host, const char *repository,
			  const char **ret)
{
	_cleanup_free_ char *name = NULL;
	const char *key;
	json_t *value;

	*ret = NULL;
	if (!repository)
		return 0;
	if (asprintf(&name, "%s/%s", host, repository) < 0) {
		name = NULL;
		return -ENOMEM;
	}
	for (; strchr(name, '/'); *strrchr(name, '/') = '\0') {
		json_object_foreach((json_t *)auths, key, value)
		{
			if (strcmp(key, name) != 0)
				continue;
			*ret = key;
			return 0;
		}
	}
	return 0;
}

static const char *find_key(const json_t *auths, const char *host)
{
	const char *server = server_name(host), *key;
	json_t *value;

	if (json_object_get(auths, server))
		return server;
	json_object_foreach((json_t *)auths, key, value) if (names_host(key, host)) return key;
	return NULL;
}

static int take_text(const json_t *entry, const char *key, char **to, struct error *err)
{
	const char *text = json_string_value(json_object_get(entry, key));

	if (!text || !*text)
		return 0;
	free(*to);
	*to = strdup(text);
	return *to ? 0 : error_oom(err);
}

static int take_auth(const struct auth_file *file, const char *host, const char *auth,
		     struct credentials *to, struct error *err)
{
	_cleanup_(wipe) char *pair = NULL;
	char *colon;
	size_t len;
	int r = base64_data(auth, &pair, &len);

	colon = r == 0 ? memchr(pair, ':', len) : NULL;
	if (r == -ENOMEM)
		return error_oom(err);
	if (!colon)
		return error_set(err, EINVAL,
				 "%s: auths.%s.auth: expected base64 of \"user:password\"",
				 file->path, host);
	to->user = strndup(pair, (size_t)(colon - pair));
	to->password = strdup(colon + 1); /* padded with NULs by old versions */
	return to->user && to->password ? 0 : error_oom(err);
}

int credentials_find(const char *given, const char *host, const char *repository,
		     struct credentials *ret, struct error *err)
{
	_cleanup_(auth_file_done) struct auth_file file = { 0 };
	_cleanup_credentials_ struct credentials found = { 0 };
	const json_t *auths, *entry;
	const char *helper, *key, *auth;
	int r = auth_file_read(given, &file, err);

	*ret = (struct credentials){ 0 };
	if (r < 0)
		return r;
	helper = helper_name(&file, host);
	if (helper) {
		r = credential_helper_get(helper, server_name(host), ret, err);
		if (r < 0)
			credentials_done(ret);
		return r;
	}
	auths = json_object_get(file.root, "auths");
	if (find_namespace(auths, host, repository, &key) < 0)
		return error_oom(err);
	if (!key)
		key = find_key(auths, host);
	if (!key)
		return 0;
	entry = json_object_get(auths, key);
	auth = json_string_value(json_object_get(entry, "auth"));
	r = take_text(entry, "username", &found.user, err);
	if (r == 0)
		r = take_text(entry, "password", &found.password, err);
	if (r == 0)
		r = take_text(entry, "identitytoken", &found.identity_token, err);
	if (r == 0)
		r = take_text(entry, "registrytoken", &found.registry_token, err);
	if (r == 0 && auth && *auth && !found.password) {
		free(TAKE_PTR(found.user));
		r = take_auth(&file, host, auth, &found, err);
	}
	if (r < 0)
		return r;
	*ret = found;
	found = (struct credentials){ 0 };
	return 0;
}

/* The directory the file is in, made where it is missing; a link is followed to what it names. */
static int open_place(struct auth_file *file, char **ret_name, int *ret_dir, struct error *err)
{
	_cleanup_free_ char *real = realpath(file->path, NULL);
	char *slash;

	if (real) {
		free(file->path);
		file->path = TAKE_PTR(real);
	}
	slash = strrchr(file->path, '/');
	if (!slash)
		return error_set(err, EINVAL, "%s: not an absolute path", file->path);
	*slash = '\0';
	if (mkdir(*file->path ? file->path : "/", 0700) < 0 && errno != EEXIST) {
		const int e = errno;

		return error_sys(err, e, "%s", file->path);
	}
	*ret_dir = open(*file->path ? file->path : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret_dir < 0)
		return error_sys(err, errno, "%s", file->path);
	*ret_name = strdup(slash + 1);
	*slash = '/';
	return *ret_name ? 0 : error_oom(err);
}

static int auth_file_write(struct auth_file *file, struct error *err)
{
	_cleanup_(wipe) char *text = json_dumps(file->root, JSON_INDENT(4));
	_cleanup_free_ char *name = NULL;
	_cleanup_close_ int dir = -1;
	int r;

	if (!text)
		return error_oom(err);
	r = open_place(file, &name, &dir, err);
	if (r < 0)
		return r;
	r = file_replace(dir, name, text, strlen(text), 0600);
	return r < 0 ? error_sys(err, -r, "%s", file->path) : 0;
}

static json_t *make_entry(const struct credentials *credentials)
{
	_cleanup_(wipe) char *pair = NULL;
	_cleanup_(wipe) char *auth = NULL;
	json_t *entry;

	if (asprintf(&pair, "%s:%s", credentials->user,
		     credentials->identity_token ? "" : credentials->password) < 0) {
		pair = NULL;
		return NULL;
	}
	auth = base64_text(pair, strlen(pair));
	if (!auth)
		return NULL;
	entry = json_pack("{s:s}", "auth", auth);
	if (entry && credentials->identity_token &&
	    json_object_set_new(entry, "identitytoken", json_string(credentials->identity_token)) <
		    0) {
		json_decref(entry);
		return NULL;
	}
	return entry;
}

int credentials_store(const char *given, const char *host, const struct credentials *credentials,
		      char **ret_plain, struct error *err)
{
	_cleanup_(auth_file_done) struct auth_file file = { 0 };
	const char *helper;
	json_t *auths, *entry;
	int r = auth_file_read(given, &file, err);

	if (ret_plain)
		*ret_plain = NULL;
	if (r < 0)
		return r;
	helper = helper_name(&file, host);
	if (helper)
		return credential_helper_store(helper, server_name(host), credentials, err);
	auths = json_object_get(file.root, "auths");
	if (!json_is_object(auths)) {
		auths = json_object();
		if (!auths || json_object_set_new(file.root, "auths", auths) < 0)
			return error_oom(err);
	}
	entry = make_entry(credentials);
	if (!entry || json_object_set_new(auths, server_name(host), entry) < 0)
		return error_oom(err);
	r = auth_file_write(&file, err);
	if (r == 0 && ret_plain)
		*ret_plain = TAKE_PTR(file.path);
	return r;
}

int credentials_erase(const char *given, const char *host, bool *ret_was, struct error *err)
{
	_cleanup_(auth_file_done) struct auth_file file = { 0 };
	_cleanup_credentials_ struct credentials found = { 0 };
	const char *helper, *key;
	json_t *auths;
	int r = auth_file_read(given, &file, err);

	*ret_was = false;
	if (r < 0)
		return r;
	helper = helper_name(&file, host);
	if (helper) {
		r = credential_helper_get(helper, server_name(host), &found, err);
		*ret_was = found.user || found.identity_token;
		return r < 0 || !*ret_was ? r
					  : credential_helper_erase(helper, server_name(host), err);
	}
	auths = json_object_get(file.root, "auths");
	while ((key = find_key(auths, host))) {
		*ret_was = true;
		if (json_object_del(auths, key) < 0)
			return error_oom(err);
	}
	return *ret_was ? auth_file_write(&file, err) : 0;
}
