/* SPDX-License-Identifier: Apache-2.0 */
#include "image/registry/http_exchange.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/json.h"

#define CONNECT_TIMEOUT_SECONDS 15L
#define STALL_BYTES_A_SECOND 512L
#define HEADERS_MAX ((size_t)128 * 1024)
#define ERROR_BODY_MAX ((size_t)64 * 1024)
#define RETRY_AFTER_MAX_SECONDS 60L
#define BUFFER_SIZE (256L * 1024)

struct exchange {
	struct http *http;
	const struct http_request *request;
	struct http_response *response;
	struct error *err;
	int failed; /* -errno of our own callbacks; err is set */
	size_t headers_len, body_size;
	uint64_t sent;
	char reason[CURL_ERROR_SIZE];
};

static bool is_success(long status)
{
	return status >= 200 && status < 300;
}

static bool is_redirect(long status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static int keep(char **to, const char *value, size_t len)
{
	char *copy = strndup(value, len);

	if (!copy)
		return -ENOMEM;
	free(*to);
	*to = copy;
	return 0;
}

/* Seconds, or the time of day until when (RFC 9110 section 10.2.3). */
static void keep_retry_after(struct http_response *response, const char *value)
{
	const time_t date = curl_getdate(value, NULL);
	char *end;
	long seconds;

	errno = 0;
	seconds = strtol(value, &end, 10);
	if (end == value || errno || seconds < 0 || *end)
		seconds = date < 0 ? RETRY_AFTER_MAX_SECONDS : (long)(date - time(NULL));
	if (seconds > RETRY_AFTER_MAX_SECONDS)
		seconds = RETRY_AFTER_MAX_SECONDS;
	response->retry_after_ms = seconds > 0 ? (unsigned)seconds * 1000 : 1;
}

static int keep_header(struct http_response *to, const char *name, size_t name_len,
		       const char *value, size_t len)
{
	const struct {
		const char *name;
		char **to;
	} kept[] = {
		{ "location", &to->location },
		{ "docker-content-digest", &to->digest },
		{ "content-range", &to->content_range },
		{ "link", &to->link },
	};
	char number[32];

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		if (strlen(kept[i].name) == name_len &&
		    strncasecmp(kept[i].name, name, name_len) == 0)
			return keep(kept[i].to, value, len);
	if (name_len == strlen("content-type") &&
	    strncasecmp(name, "content-type", name_len) == 0) {
		const char *semicolon = memchr(value, ';', len);

		len = semicolon ? (size_t)(semicolon - value) : len;
		while (len > 0 && value[len - 1] == ' ')
			len--;
		return keep(&to->content_type, value, len);
	}
	if (name_len == strlen("www-authenticate") &&
	    strncasecmp(name, "www-authenticate", name_len) == 0) {
		if (to->challenges_len == HTTP_CHALLENGES_MAX)
			return 0;
		return keep(&to->challenges[to->challenges_len++], value, len);
	}
	if (name_len == strlen("retry-after") && strncasecmp(name, "retry-after", name_len) == 0 &&
	    len < sizeof(number)) {
		memcpy(number, value, len);
		number[len] = '\0';
		keep_retry_after(to, number);
	}
	return 0;
}

static int fail(struct exchange *x, int r)
{
	if (!x->failed)
		x->failed = r;
	return r;
}

static size_t on_header(char *line, size_t size, size_t n, void *data)
{
	struct exchange *x = data;
	const size_t len = size * n;
	const char *colon = memchr(line, ':', len), *value;
	size_t value_len;

	x->headers_len += len;
	if (x->headers_len > HEADERS_MAX) {
		(void)fail(x, error_set(x->err, EMSGSIZE, "%s: the answer's headers are too long",
					x->request->url));
		return 0;
	}
	/* Another answer begins: what came before was a 100, or a proxy's. */
	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
		http_response_done(x->response);
		return len;
	}
	if (!colon)
		return len;
	value = colon + 1;
	value_len = len - (size_t)(value - line);
	while (value_len && (*value == ' ' || *value == '\t')) {
		value++;
		value_len--;
	}
	while (value_len && strchr("\r\n \t", value[value_len - 1]))
		value_len--;
	if (keep_header(x->response, line, (size_t)(colon - line), value, value_len) < 0) {
		(void)fail(x, error_oom(x->err));
		return 0;
	}
	return len;
}

static int collect(struct exchange *x, const char *piece, size_t len)
{
	struct http_response *to = x->response;
	const bool good = is_success(to->status);
	const size_t max = good ? x->request->max : ERROR_BODY_MAX;
	size_t size = x->body_size ? x->body_size : 4096;
	char *body;

	if (len > max - to->body_len) {
		if (good)
			return error_set(x->err, EFBIG, "%s: the answer is longer than %zu bytes",
					 x->request->url, max);
		len = max - to->body_len;
	}
	while (size < to->body_len + len + 1)
		size *= 2;
	if (size > x->body_size || !to->body) {
		body = realloc(to->body, size);
		if (!body)
			return error_oom(x->err);
		to->body = body;
		x->body_size = size;
	}
	memcpy(to->body + to->body_len, piece, len);
	to->body_len += len;
	to->body[to->body_len] = '\0';
	return 0;
}

static size_t on_body(char *piece, size_t size, size_t n, void *data)
{
	struct exchange *x = data;
	const size_t len = size * n;
	int r;

	(void)curl_easy_getinfo(x->http->curl, CURLINFO_RESPONSE_CODE, &x->response->status);
	if (x->request->sink && is_success(x->response->status))
		r = x->request->sink(x->response, piece, len, x->request->data, x->err);
	else
		r = collect(x, piece, len);
	if (r < 0) {
		(void)fail(x, r);
		return 0;
	}
	return len;
}

static size_t on_read(char *to, size_t size, size_t n, void *data)
{
	struct exchange *x = data;
	const uint64_t left = x->request->body_size - x->sent;
	const size_t want = size * n < left ? size * n : (size_t)left;
	ssize_t got;

	do
		got = want ? pread(x->request->body_fd, to, want, (off_t)x->sent) : 0;
	while (got < 0 && errno == EINTR);
	if (got < 0 || (got == 0 && want)) {
		(void)fail(x, error_sys(x->err, got < 0 ? errno : EIO, "read what is to be sent"));
		return CURL_READFUNC_ABORT;
	}
	x->sent += (uint64_t)got;
	if (x->request->sent)
		x->request->sent(x->sent, x->request->data);
	return (size_t)got;
}

static int on_seek(void *data, curl_off_t offset, int origin)
{
	struct exchange *x = data;

	if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > x->request->body_size)
		return CURL_SEEKFUNC_FAIL;
	x->sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

static int on_progress(void *data, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct exchange *x = data;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return stop_asked(x->http->settings.stop);
}

static int set_trust(struct http *http, const struct origin *origin, struct error *err)
{
	CURL *curl = http->curl;
	int r;

	if (!http->certificates_host || strcmp(http->certificates_host, origin->host) != 0) {
		host_certificates_done(&http->certificates);
		free(TAKE_PTR(http->certificates_host));
		r = host_certificates_load(origin->host, &http->certificates, err);
		if (r < 0)
			return r;
		http->certificates_host = strdup(origin->host);
		if (!http->certificates_host)
			return error_oom(err);
	}
	if (http->certificates.authorities) {
		/* Beside the system's, which libcurl takes from its directory. */
		struct curl_blob blob = { .data = http->certificates.authorities,
					  .len = http->certificates.authorities_len,
					  .flags = CURL_BLOB_COPY };

		(void)curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
	}
	if (http->certificates.certificate) {
		(void)curl_easy_setopt(curl, CURLOPT_SSLCERT, http->certificates.certificate);
		(void)curl_easy_setopt(curl, CURLOPT_SSLKEY, http->certificates.key);
	}
	if (host_is_listed(origin->host, http->settings.insecure)) {
		(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
		(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	/* As in Go's clients: what is on this machine is not asked of a proxy. */
	if (host_is_loopback(origin->host))
		(void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	return 0;
}

static void set_method(struct exchange *x)
{
	const struct http_request *request = x->request;
	CURL *curl = x->http->curl;

	if (strcmp(request->method, "HEAD") == 0) {
		(void)curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
		return;
	}
	if (strcmp(request->method, "GET") == 0)
		return;
	if (strcmp(request->method, "PUT") == 0 && !request->body && request->body_size > 0) {
		(void)curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
		(void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
		(void)curl_easy_setopt(curl, CURLOPT_READDATA, x);
		(void)curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
		(void)curl_easy_setopt(curl, CURLOPT_SEEKDATA, x);
		(void)curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE,
				       (curl_off_t)request->body_size);
		(void)curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, BUFFER_SIZE);
		return;
	}
	(void)curl_easy_setopt(curl, CURLOPT_POST, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body ? request->body : "");
	(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
			       (curl_off_t)(request->body ? request->body_len : 0));
	(void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

static void set_limits(struct exchange *x)
{
	CURL *curl = x->http->curl;
	const unsigned stall = x->request->stall_seconds ? x->request->stall_seconds
							 : x->http->settings.stall_seconds;

	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_SECONDS);
	(void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, STALL_BYTES_A_SECOND);
	(void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)stall);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(curl, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, BUFFER_SIZE);
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "hcs/" HCS_VERSION);
	(void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, x->reason);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
	(void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	(void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, x);
}

static void free_list(struct curl_slist **list)
{
	curl_slist_free_all(*list);
}

static int add_line(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (!longer)
		return -ENOMEM;
	*list = longer;
	return 0;
}

static int make_headers(const struct http_request *request, struct curl_slist **ret)
{
	_cleanup_free_ char *authorization = NULL;
	/* Without 100-continue, for which some servers let us wait. */
	int r = add_line(ret, "Expect:");

	for (const char *const *h = request->headers; r == 0 && h && *h; h++)
		r = add_line(ret, *h);
	if (r < 0 || !request->authorization)
		return r;
	if (asprintf(&authorization, "Authorization: %s", request->authorization) < 0) {
		authorization = NULL;
		return -ENOMEM;
	}
	return add_line(ret, authorization);
}

/* What a failed transfer is to those who decide about another try. */
static int classify(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_CONNECT:
		return ECONNREFUSED;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return EHOSTUNREACH;
	case CURLE_SSL_CONNECT_ERROR:
		return EPROTONOSUPPORT;
	case CURLE_PEER_FAILED_VERIFICATION:
		return EKEYREJECTED;
	case CURLE_OPERATION_TIMEDOUT:
		return ETIMEDOUT;
	case CURLE_OUT_OF_MEMORY:
		return ENOMEM;
	case CURLE_ABORTED_BY_CALLBACK:
		return ECANCELED;
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL: /* no HTTP in the answer's first line */
		return ECONNRESET;
	default:
		return EIO;
	}
}

static int explain(struct exchange *x, const struct origin *origin, CURLcode code)
{
	const int e = classify(code);
	char buf[JSON_PRINTABLE_SIZE];
	long os_error = 0;
	curl_off_t connected = 0;
	const char *reason = x->reason[0] ? x->reason : curl_easy_strerror(code);

	if (e == EKEYREJECTED)
		return error_set(
			x->err, e,
			"%s: its certificate is not trusted: %s; put the authority's into "
			"/etc/docker/certs.d/%s/ca.crt, or name the host in registries.insecure",
			origin->host, json_printable(reason, buf), origin->host);
	(void)curl_easy_getinfo(x->http->curl, CURLINFO_OS_ERRNO, &os_error);
	if (e == ECONNREFUSED && os_error > 0)
		return error_set(x->err, e, "%s: cannot connect: %s", origin->host,
				 strerror((int)os_error));
	(void)curl_easy_getinfo(x->http->curl, CURLINFO_CONNECT_TIME_T, &connected);
	if (e == ETIMEDOUT && connected > 0)
		return error_set(x->err, e, "%s: the transfer stalls", origin->host);
	return error_set(x->err, e, "%s: %s", origin->host, json_printable(reason, buf));
}

static void free_url(CURLU **url)
{
	curl_url_cleanup(*url);
}

/* Makes a Location of an upload absolute; what is none is dropped. */
static int resolve_location(const char *url, char **location)
{
	_cleanup_(free_url) CURLU *parsed = curl_url();
	char *absolute = NULL;
	int r = 0;

	if (!parsed || curl_url_set(parsed, CURLUPART_URL, url, 0) != CURLUE_OK)
		return -ENOMEM;
	if (curl_url_set(parsed, CURLUPART_URL, *location, 0) == CURLUE_OK)
		(void)curl_url_get(parsed, CURLUPART_URL, &absolute, 0);
	free(TAKE_PTR(*location));
	if (absolute)
		r = keep(location, absolute, strlen(absolute));
	curl_free(absolute);
	return r;
}

int http_exchange(struct http *http, const struct http_request *request,
		  const struct origin *origin, struct http_response *ret, char **ret_redirect,
		  struct error *err)
{
	struct exchange x = { .http = http, .request = request, .response = ret, .err = err };
	_cleanup_(free_list) struct curl_slist *headers = NULL;
	char *redirect = NULL;
	CURLcode code;
	int r;

	*ret_redirect = NULL;
	curl_easy_reset(http->curl);
	set_limits(&x);
	set_method(&x);
	r = set_trust(http, origin, err);
	if (r < 0)
		return r;
	if (make_headers(request, &headers) < 0)
		return error_oom(err);
	(void)curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, headers);
	if (curl_easy_setopt(http->curl, CURLOPT_URL, request->url) != CURLE_OK)
		return error_oom(err);
	code = curl_easy_perform(http->curl);
	(void)curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &ret->status);
	(void)curl_easy_getinfo(http->curl, CURLINFO_REDIRECT_URL, &redirect);
	if (x.failed)
		return x.failed;
	if (code != CURLE_OK)
		return explain(&x, origin, code);
	/* libcurl has made it absolute. */
	if (redirect && is_redirect(ret->status))
		r = keep(ret_redirect, redirect, strlen(redirect));
	else if (ret->location)
		r = resolve_location(request->url, &ret->location);
	if (r < 0)
		return error_oom(err);
	if (!ret->body && !(ret->body = strdup("")))
		return error_oom(err);
	return 0;
}
