/* SPDX-License-Identifier: Apache-2.0 */
#include "image/registry/token.h"

#include <curl/curl.h>
#include <jansson.h>
#include <string.h>

#include "base/json.h"
#include "image/registry/base64.h"
#include "image/registry/host.h"
#include "image/registry/refusal.h"

#define ANSWER_MAX ((size_t)256 * 1024)
#define TOKEN_MAX ((size_t)64 * 1024)
#define CLIENT_ID "hcs"

static void wipe(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	free(*secret);
}

char *basic_authorization(const struct credentials *credentials)
{
	_cleanup_(wipe) char *pair = NULL;
	_cleanup_(wipe) char *encoded = NULL;
	char *value;

	if (asprintf(&pair, "%s:%s", credentials->user, credentials->password) < 0) {
		pair = NULL;
		return NULL;
	}
	encoded = base64_text(pair, strlen(pair));
	if (!encoded || asprintf(&value, "Basic %s", encoded) < 0)
		return NULL;
	return value;
}

/* Appends "&name=value" (or without the first &), percent-encoded, to *query. */
static int add_field(char **query, const char *name, const char *value)
{
	char *encoded, *longer;
	int n;

	if (!value)
		return 0;
	encoded = curl_easy_escape(NULL, value, (int)strnlen(value, TOKEN_MAX));
	if (!encoded)
		return -ENOMEM;
	n = asprintf(&longer, "%s%s%s=%s", *query ? *query : "", *query ? "&" : "", name, encoded);
	explicit_bzero(encoded, strlen(encoded));
	curl_free(encoded);
	if (n < 0)
		return -ENOMEM;
	wipe(query);
	*query = longer;
	return 0;
}

static int add_scopes(char **query, const char *const *scopes, bool joined)
{
	_cleanup_free_ char *all = NULL;
	int r = 0;

	for (; r == 0 && scopes && *scopes; scopes++) {
		char *longer;

		if (!joined) {
			r = add_field(query, "scope", *scopes);
			continue;
		}
		if (asprintf(&longer, "%s%s%s", all ? all : "", all ? " " : "", *scopes) < 0)
			return -ENOMEM;
		free(all);
		all = longer;
	}
	return r < 0 ? r : add_field(query, "scope", all);
}

/* The realm says where the user's password goes: never from an encrypted conversation to a plain one. */
static int check_realm(const struct token_wish *wish, struct error *err)
{
	_cleanup_origin_ struct origin registry = { 0 }, realm = { 0 };
	int r = origin_parse(wish->origin, &registry, err);

	if (r == 0)
		r = origin_parse(wish->challenge->realm, &realm, err);
	if (r < 0)
		return r;
	if (strcmp(registry.scheme, "https") == 0 && strcmp(realm.scheme, "https") != 0)
		return error_set(err, EPERM,
				 "%s wants its tokens fetched from http://%s: hcs does not go from "
				 "https to http",
				 registry.host, realm.host);
	return 0;
}

static int make_get(const struct token_wish *wish, char **ret_url)
{
	const struct credentials *credentials = wish->credentials;
	_cleanup_(wipe) char *query = NULL;
	const char *realm = wish->challenge->realm;
	int r = add_field(&query, "service", wish->challenge->service);

	if (r == 0)
		r = add_scopes(&query, wish->scopes, false);
	if (r == 0 && credentials->user)
		r = add_field(&query, "account", credentials->user);
	if (r == 0 && wish->login)
		r = add_field(&query, "offline_token", "true");
	if (r == 0 && wish->login)
		r = add_field(&query, "client_id", CLIENT_ID);
	if (r < 0)
		return r;
	if (asprintf(ret_url, "%s%s%s", realm,
		     !query               ? ""
		     : strchr(realm, '?') ? "&"
					  : "?",
		     query ? query : "") < 0) {
		*ret_url = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int make_form(const struct token_wish *wish, char **ret)
{
	int r = add_field(ret, "grant_type", "refresh_token");

	if (r == 0)
		r = add_field(ret, "refresh_token", wish->credentials->identity_token);
	if (r == 0)
		r = add_field(ret, "service", wish->challenge->service);
	if (r == 0)
		r = add_field(ret, "client_id", CLIENT_ID);
	if (r == 0)
		r = add_scopes(ret, wish->scopes, true);
	return r;
}

/* A token goes into a header line: nothing may end that. */
static bool is_token(const char *text)
{
	const char *p = text;

	while (*p > ' ' && *p < 0x7f)
		p++;
	return *text && *p == '\0' && p - text <= (ptrdiff_t)TOKEN_MAX;
}

static void decref(json_t **value)
{
	json_decref(*value);
}

static int take_answer(const char *realm, const struct http_response *response, char **ret_token,
		       char **ret_identity, struct error *err)
{
	_cleanup_(decref) json_t *answer = json_loadb(response->body, response->body_len, 0, NULL);
	const char *token = json_string_value(json_object_get(answer, "token"));
	const char *identity = json_string_value(json_object_get(answer, "refresh_token"));
	char buf[JSON_PRINTABLE_SIZE];

	if (!token || !*token)
		token = json_string_value(json_object_get(answer, "access_token"));
	if (!token || !is_token(token))
		return error_set(err, EPROTO, "%s: the answer holds no token",
				 json_printable(realm, buf));
	*ret_token = strdup(token);
	if (!*ret_token)
		return error_oom(err);
	if (ret_identity && identity && is_token(identity)) {
		*ret_identity = strdup(identity);
		if (!*ret_identity)
			return error_oom(err);
	}
	return 0;
}

static int judge(const struct token_wish *wish, const struct http_response *response,
		 struct error *err)
{
	const bool known = wish->credentials->user || wish->credentials->identity_token;
	_cleanup_free_ char *text = NULL;
	char buf[JSON_PRINTABLE_SIZE];
	int r;

	if (response->status == 200)
		return 0;
	if (response->status == 401 && known)
		return error_set(err, EACCES, "unauthorized: incorrect username or password");
	r = refusal_text(response, &text);
	if (r < 0)
		return error_oom(err);
	if (response->status == 401 || response->status == 403)
		return error_set(err, EACCES, "%s", text);
	return error_set(err, EPROTO, "%s: no token: %s",
			 json_printable(wish->challenge->realm, buf), text);
}

int token_fetch(struct http *http, const struct token_wish *wish, char **ret_token,
		char **ret_identity, struct error *err)
{
	static const char *const form_type[] = { "Content-Type: application/x-www-form-urlencoded",
						 NULL };
	_cleanup_http_response_ struct http_response response = { 0 };
	struct http_request request = { .method = "GET", .max = ANSWER_MAX, .body_fd = -1 };
	_cleanup_free_ char *url = NULL;
	_cleanup_(wipe) char *form = NULL;
	_cleanup_(wipe) char *basic = NULL;
	int r = check_realm(wish, err);

	if (r < 0)
		return r;
	if (wish->credentials->identity_token) {
		request.method = "POST";
		request.url = wish->challenge->realm;
		request.headers = form_type;
		r = make_form(wish, &form);
		request.body = form;
		request.body_len = form ? strlen(form) : 0;
	} else {
		r = make_get(wish, &url);
		request.url = url;
		if (r == 0 && wish->credentials->user) {
			basic = basic_authorization(wish->credentials);
			r = basic ? 0 : -ENOMEM;
			request.authorization = basic;
		}
	}
	if (r < 0)
		return error_oom(err);
	r = http_send_again(http, &request, &response, err);
	if (r < 0)
		return error_wrap(err, r, "token");
	r = judge(wish, &response, err);
	return r < 0 ? r
		     : take_answer(wish->challenge->realm, &response, ret_token, ret_identity, err);
}
