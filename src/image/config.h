/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The configuration of an image: OCI image-spec config.md, with what Docker adds. */
#include <jansson.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "image/platform.h"
#include "oci/spec.h"

struct image_healthcheck {
	struct strv test; /* as in the image; hcs runs none, but keeps and shows it */
	int64_t interval, timeout, start_period; /* nanoseconds */
	int64_t retries;
};

struct image_history {
	char *created, *created_by, *author, *comment; /* NULL: not said */
	bool empty_layer;
};

struct image_config {
	struct arena arena; /* owns all of the below */
	struct image_platform platform;
	char *created, *author; /* RFC 3339; NULL */
	struct strv env, entrypoint, cmd, shell;
	char *user, *working_dir, *stop_signal; /* NULL: not said */
	struct strv exposed_ports;              /* "80/tcp" */
	struct strv volumes;                    /* paths */
	struct key_values labels;
	struct image_healthcheck *healthcheck; /* NULL: none */
	struct strv diff_ids;                  /* lowest layer first */
	struct image_history *history;
	size_t history_len;
};

/* Parses the text of a configuration blob; -EINVAL names the JSON path. */
int image_config_parse(const char *text, size_t len, struct image_config *ret, struct error *err);
void image_config_done(struct image_config *config);
#define _cleanup_image_config_ _cleanup_(image_config_done)
