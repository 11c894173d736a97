/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A repository of a registry, spoken to: the scheme that it turned out to have, and the authorization
 * that it wants, fetched and renewed as it asks for it. Safe for several threads, each with a struct
 * http of its own.
 */
#include "image/registry/challenge.h"
#include "image/registry/credentials.h"
#include "image/registry/http.h"
#include "image/transfer/registry.h"

struct session;

struct session_settings {
	const struct image_registry_config *config; /* borrowed for the session's life */
	const char *domain;                         /* as in image_reference */
	const char *mirror;                         /* URL to speak to instead; NULL: none */
	const char *repository;                     /* NULL: none in particular (login) */
	const char *actions;                        /* "pull", "pull,push" */
	const struct credentials *credentials;      /* NULL: those that are stored */
	struct stop *stop;                          /* NULL: none */
};
/* Asks GET /v2/. -ECONNREFUSED and the like as http_send; -EACCES: credentials are refused. */
int session_open(const struct session_settings *settings, struct session **ret, struct error *err);
void session_close(struct session *session);
static inline void session_closep(struct session **session)
{
	session_close(*session);
}
#define _cleanup_session_ _cleanup_(session_closep)

int session_http(struct session *session, struct http **ret, struct error *err);
/* What is spoken to, for messages: "localhost:5000". Borrowed. */
const char *session_host(const struct session *session);
struct stop *session_stop(const struct session *session);
/* The URL of something in the repository ("/manifests/latest"), or with "/" alone of the API's root.
 * Owned; NULL without memory. */
char *session_url(const struct session *session, const char *below);

/* http_send with the authorization that the registry wants; a 401 is answered once, and returned when
 * it comes again. request->authorization is ignored. */
int session_send(struct session *session, struct http *http, const struct http_request *request,
		 struct http_response *ret, struct error *err);
/* The same, again after what may pass. Not with a sink. */
int session_send_again(struct session *session, struct http *http,
		       const struct http_request *request, struct http_response *ret,
		       struct error *err);

/* Proves the credentials of the settings; *ret_identity: the identity token got for them, or NULL.
 * Owned. -EACCES: refused. */
int session_login(struct session *session, char **ret_identity, struct error *err);
