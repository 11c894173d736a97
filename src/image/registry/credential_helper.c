/* SPDX-License-Identifier: Apache-2.0 */
#include "image/registry/credential_helper.h"

#include <jansson.h>
#include <string.h>

#include "base/json.h"
#include "base/subprocess.h"

#define TIMEOUT_MS 60000 /* it may ask its user */
#define TOKEN_USER "<token>"
#define NOT_FOUND "credentials not found in native keychain"

static int run(const char *name, const char *action, const char *input, char **ret_output,
	       struct error *err)
{
	_cleanup_free_ char *program = NULL;
	_cleanup_free_ char *path = NULL;
	char buf[JSON_PRINTABLE_SIZE];
	int r;

	/* The name comes from a file and becomes a program's: no way out of PATH. */
	if (!*name || strchr(name, '/'))
		return error_set(err, EINVAL, "credential helper \"%s\": not a program's name",
				 json_printable(name, buf));
	if (asprintf(&program, "docker-credential-%s", name) < 0) {
		program = NULL;
		return error_oom(err);
	}
	r = subprocess_find(program, &path);
	if (r == -ENOENT)
		return error_set(
			err, ENOENT,
			"%s: not found in PATH, but the configuration of credentials names it",
			program);
	if (r < 0)
		return error_oom(err);
	r = subprocess_run(
		&(struct subprocess){ .path = path,
				      .argv = (char *[]){ program, (char *)action, NULL },
				      .input = input,
				      .input_len = strlen(input),
				      .timeout_ms = TIMEOUT_MS,
				      .stdout_fd = -1,
				      .stderr_fd = -1,
				      .cwd_fd = -1 },
		ret_output, err);
	return r;
}

static int failed(const char *name, const char *action, int status, const char *output,
		  struct error *err)
{
	char buf[JSON_PRINTABLE_SIZE];
	const size_t len = output ? strcspn(output, "\r\n") : 0;
	_cleanup_free_ char *line = strndup(output ? output : "", len);

	return error_set(err, EIO, "docker-credential-%s %s: %s (exit status %d)", name, action,
			 line && *line ? json_printable(line, buf) : "failed", status);
}

static void free_secret(char **text)
{
	if (*text)
		explicit_bzero(*text, strlen(*text));
	free(*text);
}

static void decref(json_t **value)
{
	json_decref(*value);
}

int credential_helper_get(const char *name, const char *server, struct credentials *ret,
			  struct error *err)
{
	_cleanup_(free_secret) char *output = NULL;
	_cleanup_(decref) json_t *answer = NULL;
	const char *user, *secret;
	int status = run(name, "get", server, &output, err);

	*ret = (struct credentials){ 0 };
	if (status < 0)
		return status;
	if (status != 0 && output && strstr(output, NOT_FOUND))
		return 0;
	if (status != 0)
		return failed(name, "get", status, output, err);
	answer = json_loads(output ? output : "", 0, NULL);
	user = json_string_value(json_object_get(answer, "Username"));
	secret = json_string_value(json_object_get(answer, "Secret"));
	if (!user || !secret)
		return error_set(
			err, EPROTO,
			"docker-credential-%s get: did not answer with Username and Secret", name);
	if (strcmp(user, TOKEN_USER) == 0) {
		ret->identity_token = strdup(secret);
		return ret->identity_token ? 0 : error_oom(err);
	}
	ret->user = strdup(user);
	ret->password = strdup(secret);
	return ret->user && ret->password ? 0 : error_oom(err);
}

int credential_helper_store(const char *name, const char *server,
			    const struct credentials *credentials, struct error *err)
{
	_cleanup_(free_secret) char *input = NULL;
	_cleanup_free_ char *output = NULL;
	_cleanup_(decref) json_t *request = NULL;
	int status;

	request = json_pack("{s:s, s:s, s:s}", "ServerURL", server, "Username",
			    credentials->identity_token ? TOKEN_USER : credentials->user, "Secret",
			    credentials->identity_token ? credentials->identity_token
							: credentials->password);
	input = request ? json_dumps(request, JSON_COMPACT) : NULL;
	if (!input)
		return error_oom(err);
	status = run(name, "store", input, &output, err);
	return status > 0 ? failed(name, "store", status, output, err) : status;
}

int credential_helper_erase(const char *name, const char *server, struct error *err)
{
	_cleanup_free_ char *output = NULL;
	int status = run(name, "erase", server, &output, err);

	if (status > 0 && output && strstr(output, NOT_FOUND))
		return 0;
	return status > 0 ? failed(name, "erase", status, output, err) : status;
}
