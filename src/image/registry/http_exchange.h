/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One request and its answer over libcurl, without following anything. */
#include <curl/curl.h>

#include "image/registry/host.h"
#include "image/registry/http.h"

struct http {
	struct http_settings settings;
	CURL *curl;
	/* Read once for each host that is spoken to. */
	char *certificates_host;
	struct host_certificates certificates;
};

/* As http_send; *ret_redirect: where a redirect leads (absolute, owned), else NULL. */
int http_exchange(struct http *http, const struct http_request *request,
		  const struct origin *origin, struct http_response *ret, char **ret_redirect,
		  struct error *err);
