/* SPDX-License-Identifier: Apache-2.0 */
#include "image/registry/http.h"

#include <string.h>

#include "base/json.h"
#include "image/registry/http_exchange.h"

#define REDIRECTS_MAX 10
#define STALL_SECONDS 30
#define RETRY_FIRST_MS 250u
#define RETRY_MOST_MS 10000u

void http_response_done(struct http_response *response)
{
	free(response->content_type);
	free(response->location);
	free(response->digest);
	free(response->content_range);
	free(response->link);
	for (size_t i = 0; i < response->challenges_len; i++)
		free(response->challenges[i]);
	free(response->body);
	*response = (struct http_response){ 0 };
}

int http_open(const struct http_settings *settings, struct http **ret, struct error *err)
{
	struct http *http = calloc(1, sizeof(*http));

	if (!http)
		return error_oom(err);
	http->settings = *settings;
	if (http->settings.stall_seconds == 0)
		http->settings.stall_seconds = STALL_SECONDS;
	http->curl = curl_easy_init();
	if (!http->curl) {
		free(http);
		return error_oom(err);
	}
	*ret = http;
	return 0;
}

void http_close(struct http *http)
{
	if (!http)
		return;
	curl_easy_cleanup(http->curl);
	host_certificates_done(&http->certificates);
	free(http->certificates_host);
	free(http);
}

static int check_plain(const struct http *http, const struct origin *origin, struct error *err)
{
	if (strcmp(origin->scheme, "https") == 0 || host_is_loopback(origin->host) ||
	    host_is_listed(origin->host, http->settings.insecure))
		return 0;
	return error_set(err, EPERM,
			 "%s: plain http is not used with it; name the host in registries.insecure "
			 "of the configuration file if it has no TLS",
			 origin->host);
}

/* May a request that went to one go on to the other? */
static int check_redirect(const struct http_request *request, long status,
			  const struct origin *from, const struct origin *to, struct error *err)
{
	const bool reads =
		strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;

	if (strcmp(from->scheme, "https") == 0 && strcmp(to->scheme, "https") != 0)
		return error_set(err, EPERM,
				 "%s redirects to http://%s: hcs does not go from https to http",
				 from->host, to->host);
	/* Only 307 and 308 say that the same is to be sent there. */
	if (!reads && status != 307 && status != 308)
		return error_set(err, EPERM, "%s redirects a %s by status %ld", from->host,
				 request->method, status);
	return 0;
}

int http_send(struct http *http, const struct http_request *request, struct http_response *ret,
	      struct error *err)
{
	_cleanup_origin_ struct origin first = { 0 };
	_cleanup_free_ char *url = NULL;
	struct http_request step = *request;
	int r = origin_parse(request->url, &first, err);

	*ret = (struct http_response){ 0 };
	if (r < 0)
		return r;
	r = check_plain(http, &first, err);
	for (int hops = 0; r == 0; hops++) {
		_cleanup_origin_ struct origin from = { 0 }, to = { 0 };
		_cleanup_free_ char *next = NULL;

		r = origin_parse(step.url, &from, err);
		if (r < 0)
			break;
		step.authorization = origin_same(&first, &from) ? request->authorization : NULL;
		r = http_exchange(http, &step, &from, ret, &next, err);
		if (r < 0 || !next)
			break;
		if (hops == REDIRECTS_MAX) {
			r = error_set(err, ELOOP, "%s: more than %d redirects", first.host,
				      REDIRECTS_MAX);
			break;
		}
		r = origin_parse(next, &to, err);
		if (r == 0)
			r = check_redirect(request, ret->status, &from, &to, err);
		if (r == 0)
			r = check_plain(http, &to, err);
		if (r < 0) {
			r = error_wrap(err, r, "%s", first.host);
			break;
		}
		http_response_done(ret);
		free(url);
		url = TAKE_PTR(next);
		step.url = url;
	}
	if (r < 0)
		http_response_done(ret);
	return r;
}

static bool passes(int r, const struct http_response *response)
{
	if (r == -ECONNRESET || r == -ETIMEDOUT || r == -ECONNREFUSED)
		return true;
	if (r < 0)
		return false;
	switch (response->status) {
	case 408:
	case 429:
	case 500:
	case 502:
	case 503:
	case 504:
		return true;
	default:
		return false;
	}
}

unsigned retry_delay(struct retry *retry, int r, const struct http_response *response)
{
	unsigned ms;

	if (!passes(r, response) || retry->attempts + 1 >= RETRY_ATTEMPTS_MAX)
		return 0;
	ms = RETRY_FIRST_MS << retry->attempts++;
	if (ms > RETRY_MOST_MS)
		ms = RETRY_MOST_MS;
	return r == 0 && response->retry_after_ms ? response->retry_after_ms : ms;
}

bool retry_wait(struct retry *retry, int r, const struct http_response *response, struct stop *stop)
{
	const unsigned ms = retry_delay(retry, r, response);

	return ms && stop_wait(stop, ms);
}

int http_send_again(struct http *http, const struct http_request *request,
		    struct http_response *ret, struct error *err)
{
	struct retry retry = { 0 };

	for (;;) {
		_cleanup_error_ struct error now = ERROR_INIT;
		int r = http_send(http, request, ret, &now);

		if (!retry_wait(&retry, r, ret, http->settings.stop)) {
			if (r < 0)
				error_move(err, &now);
			return r;
		}
		http_response_done(ret);
	}
}
