/* SPDX-License-Identifier: Apache-2.0 */
#include "image/reference.h"

#include <ctype.h>
#include <string.h>

#include "base/json.h"

#define NAME_LENGTH_MAX 255
#define TAG_LENGTH_MAX 128
#define DEFAULT_DOMAIN "docker.io"
#define OFFICIAL "library/"

static bool all_hex(const char *text, size_t len)
{
	size_t n = 0;

	while ((text[n] >= '0' && text[n] <= '9') || (text[n] >= 'a' && text[n] <= 'f'))
		n++;
	return n == len && text[n] == '\0';
}

bool image_digest_valid(const char *digest)
{
	return (strncmp(digest, "sha256:", 7) == 0 && all_hex(digest + 7, 64)) ||
	       (strncmp(digest, "sha512:", 7) == 0 && all_hex(digest + 7, 128));
}

static bool is_lower(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_word(char c)
{
	return is_lower(c) || (c >= 'A' && c <= 'Z') || c == '_';
}

/* [a-z0-9]+((.|_|__|-+)[a-z0-9]+)* between slashes. */
static bool path_valid(const char *path)
{
	for (;;) {
		size_t n;

		if (!is_lower(*path))
			return false;
		while (is_lower(*path))
			path++;
		if (!*path)
			return true;
		n = strspn(path, "-");
		if (n == 0)
			n = *path == '/' || *path == '.'       ? 1
			    : path[0] == '_' && path[1] == '_' ? 2
			    : *path == '_'                     ? 1
							       : 0;
		if (n == 0)
			return false;
		path += n;
	}
}

/* Labels of letters, digits and inner hyphens; or an IPv6 address in brackets; then a port. */
static bool domain_valid(const char *domain)
{
	const char *p = domain;

	if (*p == '[') {
		size_t n = strspn(p + 1, "0123456789abcdefABCDEF:");

		if (n == 0 || p[n + 1] != ']')
			return false;
		p += n + 2;
	} else {
		for (;; p++) {
			const char *label = p;

			while (isalnum((unsigned char)*p) || *p == '-')
				p++;
			if (p == label || *label == '-' || p[-1] == '-')
				return false;
			if (*p != '.')
				break;
		}
	}
	if (*p == ':') {
		size_t n = strspn(p + 1, "0123456789");

		if (n == 0)
			return false;
		p += n + 1;
	}
	return !*p;
}

static bool tag_valid(const char *tag)
{
	size_t n = 0;

	if (!is_word(*tag))
		return false;
	while (is_word(tag[n]) || tag[n] == '.' || tag[n] == '-')
		n++;
	return !tag[n] && n <= TAG_LENGTH_MAX;
}

/* Is the part before the first slash a registry? */
static bool is_domain(const char *part, size_t len)
{
	if (memchr(part, '.', len) || memchr(part, ':', len) ||
	    (len == 9 && memcmp(part, "localhost", 9) == 0))
		return true;
	for (size_t i = 0; i < len; i++)
		if (isupper((unsigned char)part[i]))
			return true;
	return false;
}

static int split_name(const char *name, struct image_reference *ref, struct error *err)
{
	const char *slash = strchr(name, '/');
	const char *path = name;

	if (slash && is_domain(name, (size_t)(slash - name))) {
		ref->domain = strndup(name, (size_t)(slash - name));
		path = slash + 1;
		if (ref->domain && strcmp(ref->domain, "index.docker.io") == 0)
			memmove(ref->domain, DEFAULT_DOMAIN, sizeof(DEFAULT_DOMAIN));
	} else {
		ref->domain = strdup(DEFAULT_DOMAIN);
	}
	if (!ref->domain)
		return error_oom(err);
	if (strcmp(ref->domain, DEFAULT_DOMAIN) == 0 && !strchr(path, '/')) {
		if (asprintf(&ref->repository, OFFICIAL "%s", path) < 0)
			ref->repository = NULL;
	} else {
		ref->repository = strdup(path);
	}
	return ref->repository ? 0 : error_oom(err);
}

static int check_name(const struct image_reference *ref, const char *name, struct error *err)
{
	char buf[JSON_PRINTABLE_SIZE];

	if (!domain_valid(ref->domain))
		return error_set(err, EINVAL, "invalid reference format");
	for (const char *p = ref->repository; *p; p++)
		if (isupper((unsigned char)*p))
			return error_set(err, EINVAL,
					 "invalid reference format: repository name (%s) must be "
					 "lowercase",
					 json_printable(name, buf));
	if (!path_valid(ref->repository))
		return error_set(err, EINVAL, "invalid reference format");
	if (strlen(ref->domain) + 1 + strlen(ref->repository) > NAME_LENGTH_MAX)
		return error_set(err, EINVAL,
				 "invalid reference format: repository name must not be more than "
				 "%d characters",
				 NAME_LENGTH_MAX);
	return 0;
}

static int parse(char *text, struct image_reference *ref, struct error *err)
{
	char *digest = strchr(text, '@'), *slash, *tag;
	int r;

	if (digest) {
		*digest++ = '\0';
		if (!image_digest_valid(digest))
			return error_set(err, EINVAL,
					 "invalid reference format: a digest is sha256: and 64 "
					 "hexadecimal digits in lower case");
		ref->digest = strdup(digest);
		if (!ref->digest)
			return error_oom(err);
	}
	slash = strrchr(text, '/');
	tag = strrchr(slash ? slash : text, ':');
	if (tag) {
		*tag++ = '\0';
		if (!tag_valid(tag))
			return error_set(err, EINVAL, "invalid reference format");
	}
	if (tag || !digest) {
		ref->tag = strdup(tag ? tag : "latest");
		if (!ref->tag)
			return error_oom(err);
	}
	/* An image's id would otherwise be taken for a name when it is not there. */
	if (all_hex(text, 64))
		return error_set(err, EINVAL,
				 "invalid repository name (%s), cannot specify 64-byte hexadecimal "
				 "strings",
				 text);
	r = split_name(text, ref, err);
	return r < 0 ? r : check_name(ref, text, err);
}

int image_reference_parse(const char *text, struct image_reference *ret, struct error *err)
{
	_cleanup_image_reference_ struct image_reference ref = IMAGE_REFERENCE_INIT;
	_cleanup_free_ char *copy = NULL;
	int r;

	/* Longer than any that is valid: name, tag and a sha512 digest. */
	if (!*text || strlen(text) > 1024)
		return error_set(err, EINVAL, "invalid reference format");
	copy = strdup(text);
	if (!copy)
		return error_oom(err);
	r = parse(copy, &ref, err);
	if (r < 0)
		return r;
	*ret = ref;
	ref = IMAGE_REFERENCE_INIT;
	return 0;
}

void image_reference_done(struct image_reference *ref)
{
	free(ref->domain);
	free(ref->repository);
	free(ref->tag);
	free(ref->digest);
	*ref = IMAGE_REFERENCE_INIT;
}

static char *with_suffix(const char *domain, const char *path, const char *tag, const char *digest)
{
	char *text;
	int n = asprintf(&text, "%s%s%s%s%s%s%s", domain ? domain : "", domain ? "/" : "", path,
			 tag ? ":" : "", tag ? tag : "", digest ? "@" : "", digest ? digest : "");

	return n < 0 ? NULL : text;
}

char *image_reference_name(const struct image_reference *ref)
{
	/* What has both was chosen by the digest: the tag may mean something else by now. */
	return with_suffix(ref->domain, ref->repository, ref->digest ? NULL : ref->tag,
			   ref->digest);
}

char *image_reference_familiar(const struct image_reference *ref)
{
	const char *path = ref->repository;

	if (strcmp(ref->domain, DEFAULT_DOMAIN) != 0)
		return with_suffix(ref->domain, path, ref->tag, ref->digest);
	if (strncmp(path, OFFICIAL, strlen(OFFICIAL)) == 0 && !strchr(path + strlen(OFFICIAL), '/'))
		path += strlen(OFFICIAL);
	return with_suffix(NULL, path, ref->tag, ref->digest);
}
