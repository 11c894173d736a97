/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Platforms of images: OCI image-index "platform", containerd's normalised names. */
#include <stdbool.h>

#include "base/error.h"

struct image_platform {
	char os[32], architecture[32], variant[32]; /* "linux", "amd64", "" */
};

/* This host's: linux, amd64 or arm64 (variant v8) … */
struct image_platform image_platform_host(void);
/* "os[/arch[/variant]]", or "arch" alone; x86_64, aarch64, armhf and so on are normalised. */
int image_platform_parse(const char *text, struct image_platform *ret, struct error *err);
/* May something for b run where a is wanted? arm64 without variant is v8, arm is v7. */
bool image_platform_match(const struct image_platform *wanted, const struct image_platform *have);
