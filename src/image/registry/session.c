/* SPDX-License-Identifier: Apache-2.0 */
#include "image/registry/session.h"

#include <string.h>

#include "base/json.h"
#include "image/registry/host.h"
#include "image/registry/refusal.h"
#include "image/registry/token.h"

#define DOCKER_HUB "docker.io"
#define DOCKER_HUB_HOST "registry-1.docker.io"
#define ANSWER_MAX ((size_t)256 * 1024)

struct session {
	struct http_settings http_settings;
	char *base, *host; /* "https://host[:port][/path]" */
	struct origin origin;
	char *repository, *scope;
	struct credentials credentials;
	pthread_mutex_t lock; /* of what follows */
	struct challenge challenge;
	char *authorization; /* NULL: none is known to be wanted */
	unsigned generation; /* how often it was fetched */
};

void session_close(struct session *session)
{
	if (!session)
		return;
	free(session->base);
	free(session->host);
	origin_done(&session->origin);
	free(session->repository);
	free(session->scope);
	credentials_done(&session->credentials);
	challenge_done(&session->challenge);
	if (session->authorization)
		explicit_bzero(session->authorization, strlen(session->authorization));
	free(session->authorization);
	(void)pthread_mutex_destroy(&session->lock);
	free(session);
}

int session_http(struct session *session, struct http **ret, struct error *err)
{
	return http_open(&session->http_settings, ret, err);
}

const char *session_host(const struct session *session)
{
	return session->host;
}

struct stop *session_stop(const struct session *session)
{
	return session->http_settings.stop;
}

char *session_url(const struct session *session, const char *below)
{
	const bool root = strcmp(below, "/") == 0;
	char *url;

	if (asprintf(&url, "%s/v2/%s%s", session->base, root ? "" : session->repository,
		     root ? "" : below) < 0)
		return NULL;
	return url;
}

static int copy_credentials(const struct credentials *from, struct credentials *to)
{
	const struct {
		const char *from;
		char **to;
	} parts[] = {
		{ from->user, &to->user },
		{ from->password, &to->password },
		{ from->identity_token, &to->identity_token },
		{ from->registry_token, &to->registry_token },
	};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i].from && !(*parts[i].to = strdup(parts[i].from)))
			return -ENOMEM;
	return 0;
}

static char *bearer(const char *token)
{
	char *value;

	return asprintf(&value, "Bearer %s", token) < 0 ? NULL : value;
}

static int fetch_bearer(struct session *session, struct http *http, char **ret, struct error *err)
{
	const struct challenge *challenge = &session->challenge;
	const char *scopes[3] = { NULL };
	_cleanup_free_ char *token = NULL;
	size_t n = 0;
	int r;

	if (session->credentials.registry_token) {
		*ret = bearer(session->credentials.registry_token);
		return *ret ? 0 : error_oom(err);
	}
	if (session->scope)
		scopes[n++] = session->scope;
	if (challenge->scope && (!session->scope || strcmp(challenge->scope, session->scope) != 0))
		scopes[n++] = challenge->scope;
	r = token_fetch(http,
			&(struct token_wish){ .challenge = challenge,
					      .credentials = &session->credentials,
					      .scopes = scopes,
					      .origin = session->base },
			&token, NULL, err);
	if (r < 0)
		return r;
	*ret = bearer(token);
	return *ret ? 0 : error_oom(err);
}

/* Gets what the challenge asks for. Called with the lock held. */
static int authorize(struct session *session, struct http *http, struct error *err)
{
	char *authorization = NULL;
	int r = 0;

	switch (session->challenge.kind) {
	case CHALLENGE_NONE:
		return 0;
	case CHALLENGE_BASIC:
		if (!session->credentials.user)
			return error_set(err, EACCES,
					 "no basic auth credentials; use 'hcs login %s'",
					 session->host);
		authorization = basic_authorization(&session->credentials);
		if (!authorization)
			return error_oom(err);
		break;
	case CHALLENGE_BEARER:
		r = fetch_bearer(session, http, &authorization, err);
		if (r < 0)
			return r;
		break;
	}
	free(session->authorization);
	session->authorization = authorization;
	session->generation++;
	return 0;
}

/* generation: of the authorization that the answer refused. 1: there is another one now, 0: nothing
 * can be done about it. */
static int renew(struct session *session, struct http *http, const struct http_response *response,
		 unsigned generation, struct error *err)
{
	struct challenge challenge;
	int r = 1;

	(void)pthread_mutex_lock(&session->lock);
	if (session->generation == generation) {
		challenge_parse(response->challenges, response->challenges_len, &challenge);
		if (challenge.kind == CHALLENGE_NONE) {
			r = 0;
		} else {
			challenge_done(&session->challenge);
			session->challenge = challenge;
			r = authorize(session, http, err);
			r = r < 0 ? r : 1;
		}
	}
	(void)pthread_mutex_unlock(&session->lock);
	return r;
}

static int send_once(struct session *session, struct http *http, const struct http_request *request,
		     struct http_response *ret, unsigned *ret_generation, struct error *err)
{
	_cleanup_free_ char *authorization = NULL;
	_cleanup_origin_ struct origin origin = { 0 };
	struct http_request authorized = *request;
	bool failed = false;
	int r = origin_parse(request->url, &origin, err);

	if (r < 0)
		return r;
	if (strcmp(session->origin.scheme, "https") == 0 && strcmp(origin.scheme, "https") != 0)
		return error_set(err, EPERM,
				 "%s sends us to http://%s: hcs does not go from https to http",
				 session->host, origin.host);
	(void)pthread_mutex_lock(&session->lock);
	*ret_generation = session->generation;
	/* An upload may be sent to another host: which is not told who we are. */
	if (session->authorization && origin_same(&origin, &session->origin)) {
		authorization = strdup(session->authorization);
		failed = !authorization;
	}
	(void)pthread_mutex_unlock(&session->lock);
	if (failed)
		return error_oom(err);
	authorized.authorization = authorization;
	return http_send(http, &authorized, ret, err);
}

int session_send(struct session *session, struct http *http, const struct http_request *request,
		 struct http_response *ret, struct error *err)
{
	unsigned generation = 0;
	int r;

	*ret = (struct http_response){ 0 };
	r = send_once(session, http, request, ret, &generation, err);
	if (r < 0 || ret->status != 401)
		return r;
	r = renew(session, http, ret, generation, err);
	if (r <= 0) {
		if (r < 0)
			http_response_done(ret);
		return r;
	}
	http_response_done(ret);
	return send_once(session, http, request, ret, &generation, err);
}

int session_send_again(struct session *session, struct http *http,
		       const struct http_request *request, struct http_response *ret,
		       struct error *err)
{
	struct retry retry = { 0 };

	for (;;) {
		_cleanup_error_ struct error now = ERROR_INIT;
		int r = session_send(session, http, request, ret, &now);

		if (!retry_wait(&retry, r, ret, session_stop(session))) {
			if (r < 0)
				error_move(err, &now);
			return r;
		}
		http_response_done(ret);
	}
}

/* Who does not answer is not asked again here: a name mistyped should be told soon. */
static int ping(struct session *session, struct http *http, const char *base,
		struct http_response *ret, struct error *err)
{
	_cleanup_free_ char *url = NULL;
	struct http_request request = { .method = "GET", .max = ANSWER_MAX, .body_fd = -1 };
	struct retry retry = { 0 };

	if (asprintf(&url, "%s/v2/", base) < 0) {
		url = NULL;
		return error_oom(err);
	}
	request.url = url;
	for (;;) {
		_cleanup_error_ struct error now = ERROR_INIT;
		int r = http_send(http, &request, ret, &now);

		if ((r < 0 && r != -ECONNRESET) ||
		    !retry_wait(&retry, r, ret, session_stop(session))) {
			if (r < 0)
				error_move(err, &now);
			return r;
		}
		http_response_done(ret);
	}
}

static int set_base(struct session *session, const char *base, struct error *err)
{
	origin_done(&session->origin);
	free(session->base);
	session->base = strdup(base);
	if (!session->base)
		return error_oom(err);
	return origin_parse(base, &session->origin, err);
}

static bool is_registry(const struct http_response *response)
{
	return response->status == 200 || response->status == 401;
}

/* https; where plain http is allowed and TLS is not spoken, that. */
static int find_scheme(struct session *session, struct http *http, struct http_response *response,
		       struct error *err)
{
	_cleanup_error_ struct error secure = ERROR_INIT, plain = ERROR_INIT;
	_cleanup_free_ char *https = NULL, *http_url = NULL;
	const bool may_be_plain = host_is_loopback(session->host) ||
				  host_is_listed(session->host, session->http_settings.insecure);
	int r, p;

	if (asprintf(&https, "https://%s", session->host) < 0) {
		https = NULL;
		return error_oom(err);
	}
	r = ping(session, http, https, response, &secure);
	if (r == 0)
		return set_base(session, https, err);
	/* Who has a certificate, right or wrong, speaks TLS: that is never given up. */
	if (may_be_plain && r != -EKEYREJECTED && r != -ECANCELED && r != -ENOMEM &&
	    r != -EHOSTUNREACH) {
		if (asprintf(&http_url, "http://%s", session->host) < 0) {
			http_url = NULL;
			return error_oom(err);
		}
		p = ping(session, http, http_url, response, &plain);
		if (p == 0 && (is_registry(response) || r == -EPROTONOSUPPORT))
			return set_base(session, http_url, err);
		if (p < 0 && (r == -EPROTONOSUPPORT || r == -ECONNREFUSED)) {
			error_move(err, &plain);
			return p;
		}
		http_response_done(response);
	}
	error_move(err, &secure);
	return r;
}

static int prepare(struct session *session, const struct session_settings *settings,
		   struct error *err)
{
	_cleanup_origin_ struct origin mirror = { 0 };
	const char *host = settings->domain;
	int r;

	if (settings->mirror) {
		r = origin_parse(settings->mirror, &mirror, err);
		if (r < 0)
			return r;
		host = mirror.host;
	} else if (strcmp(host, DOCKER_HUB) == 0) {
		host = DOCKER_HUB_HOST;
	}
	session->host = strdup(host);
	session->repository = settings->repository ? strdup(settings->repository) : NULL;
	if (!session->host || (settings->repository && !session->repository))
		return error_oom(err);
	if (settings->repository && asprintf(&session->scope, "repository:%s:%s",
					     settings->repository, settings->actions) < 0) {
		session->scope = NULL;
		return error_oom(err);
	}
	if (settings->credentials)
		return copy_credentials(settings->credentials, &session->credentials) < 0
			       ? error_oom(err)
			       : 0;
	return credentials_find(settings->config->auth_file,
				settings->mirror ? host : settings->domain, settings->repository,
				&session->credentials, err);
}

static int connect_to(struct session *session, struct http *http, const char *mirror,
		      struct http_response *response, struct error *err)
{
	_cleanup_free_ char *base = NULL;
	size_t len;
	int r;

	if (!mirror)
		return find_scheme(session, http, response, err);
	len = strlen(mirror);
	while (len > 0 && mirror[len - 1] == '/')
		len--;
	base = strndup(mirror, len);
	if (!base)
		return error_oom(err);
	r = ping(session, http, base, response, err);
	return r < 0 ? r : set_base(session, base, err);
}

int session_open(const struct session_settings *settings, struct session **ret, struct error *err)
{
	_cleanup_http_response_ struct http_response response = { 0 };
	_cleanup_session_ struct session *session = calloc(1, sizeof(*session));
	_cleanup_http_ struct http *http = NULL;
	int r;

	if (!session || pthread_mutex_init(&session->lock, NULL) != 0) {
		free(TAKE_PTR(session));
		return error_oom(err);
	}
	session->http_settings = (struct http_settings){
		.insecure = settings->config->insecure,
		.stall_seconds = settings->config->stall_seconds,
		.stop = settings->stop,
	};
	r = prepare(session, settings, err);
	if (r == 0)
		r = session_http(session, &http, err);
	if (r == 0)
		r = connect_to(session, http, settings->mirror, &response, err);
	if (r < 0)
		return r;
	if (response.status >= 500 || response.status == 429) {
		_cleanup_free_ char *text = NULL;

		if (refusal_text(&response, &text) < 0)
			return error_oom(err);
		return error_set(err, EPROTO, "%s: %s", session->host, text);
	}
	challenge_parse(response.challenges, response.challenges_len, &session->challenge);
	/* Of no repository in particular: some registries put an example there. */
	free(TAKE_PTR(session->challenge.scope));
	/* Known beforehand, this saves a request that is refused. Without credentials for a basic
	 * challenge what is asked for may still be open to everybody. */
	if (settings->repository && response.status == 401 &&
	    (session->challenge.kind == CHALLENGE_BEARER || session->credentials.user)) {
		r = authorize(session, http, err);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(session);
	return 0;
}

static int login_bearer(struct session *session, struct http *http, char **ret_identity,
			struct error *err)
{
	_cleanup_free_ char *token = NULL;
	static const char *const none[] = { NULL };
	int r = token_fetch(http,
			    &(struct token_wish){ .challenge = &session->challenge,
						  .credentials = &session->credentials,
						  .scopes = none,
						  .origin = session->base,
						  .login = true },
			    &token, ret_identity, err);

	if (r < 0)
		return r;
	session->authorization = bearer(token);
	return session->authorization ? 0 : error_oom(err);
}

int session_login(struct session *session, char **ret_identity, struct error *err)
{
	_cleanup_http_response_ struct http_response response = { 0 };
	_cleanup_http_ struct http *http = NULL;
	_cleanup_free_ char *url = session_url(session, "/");
	_cleanup_free_ char *text = NULL;
	struct http_request request = { .method = "GET", .max = ANSWER_MAX, .body_fd = -1 };
	unsigned generation;
	int r;

	*ret_identity = NULL;
	if (!url)
		return error_oom(err);
	r = session_http(session, &http, err);
	if (r == 0 && session->challenge.kind == CHALLENGE_BEARER)
		r = login_bearer(session, http, ret_identity, err);
	else if (r == 0)
		r = authorize(session, http, err);
	if (r < 0)
		return r;
	request.url = url;
	r = send_once(session, http, &request, &response, &generation, err);
	if (r < 0 || response.status == 200)
		return r;
	if (response.status == 401)
		return error_set(err, EACCES, "unauthorized: incorrect username or password");
	if (refusal_text(&response, &text) < 0)
		return error_oom(err);
	return error_set(err, EPROTO, "%s: %s", session->host, text);
}
