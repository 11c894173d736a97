/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <string.h>

#include "image/registry/refusal.h"
#include "image/registry/session.h"

#define PAGE_MAX ((size_t)4 * 1024 * 1024)
#define TAGS_MAX ((size_t)100000)
#define PAGES_MAX 1000

struct tags {
	char **items;
	size_t len;
};

static void tags_done(struct tags *tags)
{
	for (size_t i = 0; i < tags->len; i++)
		free(tags->items[i]);
	free(tags->items);
}

static void decref(json_t **value)
{
	json_decref(*value);
}

static int take_page(struct tags *tags, const struct http_response *response, struct error *err)
{
	_cleanup_(decref) json_t *root = json_loadb(response->body, response->body_len, 0, NULL);
	const json_t *list = json_object_get(root, "tags");
	const size_t more = json_array_size(list);
	char **items;

	if (!root)
		return error_set(err, EPROTO, "the list of tags is not JSON");
	if (more > TAGS_MAX - tags->len)
		return error_set(err, E2BIG, "more than %zu tags", TAGS_MAX);
	items = reallocarray(tags->items, tags->len + more + 1, sizeof(*items));
	if (!items)
		return error_oom(err);
	tags->items = items;
	for (size_t i = 0; i < more; i++) {
		const char *tag = json_string_value(json_array_get(list, i));

		if (!tag)
			return error_set(err, EPROTO, "the list of tags has something else");
		items[tags->len] = strdup(tag);
		if (!items[tags->len])
			return error_oom(err);
		tags->len++;
	}
	items[tags->len] = NULL;
	return 0;
}

/* Link: </v2/name/tags/list?last=x&n=100>; rel="next" (RFC 8288): what comes behind "/v2/name". NULL:
 * the end. */
static int next_page(const struct http_response *response, char **ret, struct error *err)
{
	const char *link = response->link, *begin, *end;

	*ret = NULL;
	if (!link || !strstr(link, "rel=\"next\""))
		return 0;
	begin = strstr(link, "/tags/list");
	end = begin ? strchr(begin, '>') : NULL;
	if (!end)
		return 0;
	*ret = strndup(begin, (size_t)(end - begin));
	return *ret ? 0 : error_oom(err);
}

static int read_page(struct session *session, struct http *http, const char *below,
		     struct tags *tags, char **ret_next, struct error *err)
{
	_cleanup_http_response_ struct http_response response = { 0 };
	_cleanup_free_ char *url = session_url(session, below);
	_cleanup_free_ char *text = NULL;
	int r;

	if (!url)
		return error_oom(err);
	r = session_send_again(
		session, http,
		&(struct http_request){
			.method = "GET", .url = url, .max = PAGE_MAX, .body_fd = -1 },
		&response, err);
	if (r < 0)
		return r;
	if (response.status != 200) {
		if (refusal_text(&response, &text) < 0)
			return error_oom(err);
		return error_set(err, response.status == 404 ? ENOENT : EACCES, "%s", text);
	}
	r = take_page(tags, &response, err);
	return r < 0 ? r : next_page(&response, ret_next, err);
}

int image_registry_tags(const struct image_registry_config *registries, const char *repository,
			char ***ret, size_t *ret_len, struct error *err)
{
	_cleanup_image_reference_ struct image_reference ref = IMAGE_REFERENCE_INIT;
	_cleanup_(tags_done) struct tags tags = { 0 };
	_cleanup_session_ struct session *session = NULL;
	_cleanup_http_ struct http *http = NULL;
	_cleanup_free_ char *below = strdup("/tags/list");
	int r = image_reference_parse(repository, &ref, err);

	if (r == 0)
		r = session_open(&(struct session_settings){ .config = registries,
							     .domain = ref.domain,
							     .repository = ref.repository,
							     .actions = "pull" },
				 &session, err);
	if (r == 0)
		r = session_http(session, &http, err);
	for (int page = 0; r == 0 && below; page++) {
		char *next = NULL;

		if (page == PAGES_MAX)
			r = error_set(err, E2BIG, "more than %d pages of tags", PAGES_MAX);
		else
			r = read_page(session, http, below, &tags, &next, err);
		free(below);
		below = next;
	}
	if (r < 0)
		return error_wrap(err, r, "%s", repository);
	*ret = TAKE_PTR(tags.items);
	*ret_len = tags.len;
	tags.len = 0;
	return 0;
}
