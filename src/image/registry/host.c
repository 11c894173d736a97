/* SPDX-License-Identifier: Apache-2.0 */
#include "image/registry/host.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/json.h"

#define CERTIFICATES_DIR "/etc/docker/certs.d"
#define PEM_MAX ((size_t)1024 * 1024)
#define ENTRIES_MAX 64

/* Length of the name before a port. */
static size_t name_length(const char *host)
{
	const char *end = host[0] == '[' ? strchr(host, ']') : NULL;
	const char *colon = strchr(end ? end : host, ':');

	return colon ? (size_t)(colon - host) : strlen(host);
}

bool host_is_loopback(const char *host)
{
	static const char suffix[] = ".localhost";
	const size_t len = name_length(host), tail = strlen(suffix);
	struct in_addr address;
	char name[256];

	if (len == 0 || len >= sizeof(name))
		return false;
	memcpy(name, host, len);
	name[len] = '\0';
	if (strcasecmp(name, "localhost") == 0 || strcmp(name, "[::1]") == 0)
		return true;
	if (len > tail && strcasecmp(name + len - tail, suffix) == 0)
		return true;
	/* Dotted quads only: inet_aton's other spellings are left to be names. */
	return inet_pton(AF_INET, name, &address) == 1 && (ntohl(address.s_addr) >> 24) == 127;
}

bool host_is_listed(const char *host, const char *const *list)
{
	const size_t len = name_length(host);

	for (; list && *list; list++) {
		if (strcasecmp(host, *list) == 0)
			return true;
		if (strlen(*list) == len && strncasecmp(host, *list, len) == 0)
			return true;
	}
	return false;
}

static bool has_suffix(const char *name, const char *suffix)
{
	const size_t len = strlen(name), tail = strlen(suffix);

	return len > tail && strcmp(name + len - tail, suffix) == 0;
}

static int append_authorities(int dir, const char *name, struct host_certificates *to)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	char *all;
	int r = file_read_regular(dir, name, PEM_MAX, &text, &len);

	if (r < 0)
		return r;
	all = realloc(to->authorities, to->authorities_len + len + 2);
	if (!all)
		return -ENOMEM;
	memcpy(all + to->authorities_len, text, len);
	to->authorities_len += len;
	all[to->authorities_len++] = '\n';
	all[to->authorities_len] = '\0';
	to->authorities = all;
	return 0;
}

static int take_pair(const char *path, int dir, const char *name, struct host_certificates *to,
		     struct error *err)
{
	_cleanup_free_ char *key = NULL;
	const int stem = (int)(strlen(name) - strlen(".cert"));

	if (to->certificate)
		return 0;
	if (asprintf(&key, "%.*s.key", stem, name) < 0) {
		key = NULL;
		return error_oom(err);
	}
	if (faccessat(dir, key, R_OK, 0) < 0)
		return error_sys(err, errno, "%s/%s: the key of %s cannot be read", path, key,
				 name);
	if (asprintf(&to->certificate, "%s/%s", path, name) < 0) {
		to->certificate = NULL;
		return error_oom(err);
	}
	if (asprintf(&to->key, "%s/%s", path, key) < 0) {
		to->key = NULL;
		return error_oom(err);
	}
	return 0;
}

static int load_entry(const char *path, int dir, const char *name, struct host_certificates *to,
		      struct error *err)
{
	int r;

	if (has_suffix(name, ".cert"))
		return take_pair(path, dir, name, to, err);
	if (!has_suffix(name, ".crt"))
		return 0;
	r = append_authorities(dir, name, to);
	return r < 0 ? error_sys(err, -r, "%s/%s", path, name) : 0;
}

int host_certificates_load(const char *host, struct host_certificates *ret, struct error *err)
{
	_cleanup_host_certificates_ struct host_certificates found = { 0 };
	_cleanup_free_ char *path = NULL;
	_cleanup_free_ struct dirent **entries = NULL;
	_cleanup_close_ int dir = -1;
	int n, r = 0;

	*ret = (struct host_certificates){ 0 };
	if (strchr(host, '/') || host[0] == '.')
		return 0;
	if (asprintf(&path, CERTIFICATES_DIR "/%s", host) < 0) {
		path = NULL;
		return error_oom(err);
	}
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return errno == ENOENT ? 0 : error_sys(err, errno, "%s", path);
	n = scandirat(dir, ".", &entries, NULL, alphasort);
	if (n < 0)
		return error_sys(err, errno, "%s", path);
	for (int i = 0; i < n; i++) {
		if (r == 0 && i < ENTRIES_MAX)
			r = load_entry(path, dir, entries[i]->d_name, &found, err);
		free(entries[i]);
	}
	if (r < 0)
		return r;
	*ret = found;
	found = (struct host_certificates){ 0 };
	return 0;
}

void host_certificates_done(struct host_certificates *certificates)
{
	free(certificates->authorities);
	free(certificates->certificate);
	free(certificates->key);
	*certificates = (struct host_certificates){ 0 };
}

static void free_url(CURLU **url)
{
	curl_url_cleanup(*url);
}

static void free_part(char **part)
{
	curl_free(*part);
}

int origin_parse(const char *url, struct origin *ret, struct error *err)
{
	_cleanup_(free_url) CURLU *parsed = curl_url();
	_cleanup_(free_part) char *scheme = NULL;
	_cleanup_(free_part) char *host = NULL;
	_cleanup_(free_part) char *port = NULL;
	char buf[JSON_PRINTABLE_SIZE];
	const bool bad =
		!parsed ||
		curl_url_set(parsed, CURLUPART_URL, url, CURLU_DISALLOW_USER) != CURLUE_OK ||
		curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
		curl_url_get(parsed, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
		(strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0);

	if (bad)
		return error_set(err, EINVAL, "\"%s\" is not a URL that hcs follows",
				 json_printable(url, buf));
	(void)curl_url_get(parsed, CURLUPART_PORT, &port, CURLU_NO_DEFAULT_PORT);
	*ret = (struct origin){ .scheme = strdup(scheme) };
	if (asprintf(&ret->host, "%s%s%s", host, port ? ":" : "", port ? port : "") < 0)
		ret->host = NULL;
	if (!ret->scheme || !ret->host) {
		origin_done(ret);
		return error_oom(err);
	}
	return 0;
}

bool origin_same(const struct origin *a, const struct origin *b)
{
	return strcmp(a->scheme, b->scheme) == 0 && strcasecmp(a->host, b->host) == 0;
}

void origin_done(struct origin *origin)
{
	free(TAKE_PTR(origin->scheme));
	free(TAKE_PTR(origin->host));
}
