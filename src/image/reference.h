/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Names of images, as docker writes them: distribution's reference grammar. */
#include <stdbool.h>

#include "base/error.h"

struct image_reference {
	char *domain;     /* "docker.io", "localhost:5000"; never NULL */
	char *repository; /* "library/debian" */
	char *tag;        /* NULL with a digest alone; "latest" where neither was said */
	char *digest;     /* "sha256:<64 hex>", NULL: none */
};
#define IMAGE_REFERENCE_INIT ((struct image_reference){ 0 })

/* Parses "[domain[:port]/]path[:tag][@digest]": the first part is a domain when it has a dot or a
 * colon or is "localhost"; without one docker.io is meant, and library/ for a single part. At most
 * 255 characters before tag and digest. -EINVAL with docker's words for what is malformed. */
int image_reference_parse(const char *text, struct image_reference *ret, struct error *err);
void image_reference_done(struct image_reference *ref);
#define _cleanup_image_reference_ _cleanup_(image_reference_done)

/* "docker.io/library/debian:12", "host/path@sha256:…": the name under which the store keeps it.
 * Caller frees; NULL without memory. */
char *image_reference_name(const struct image_reference *ref);
/* As docker shows it: without "docker.io/" and "library/". Caller frees. */
char *image_reference_familiar(const struct image_reference *ref);
/* "sha256:" and 64 lower-case hex digits, or sha512 with 128; nothing else. */
bool image_digest_valid(const char *digest);
