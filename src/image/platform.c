/* SPDX-License-Identifier: Apache-2.0 */
#include "image/platform.h"

#include <ctype.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/json.h"

/* What containerd, Docker and the kernel call them → Go's name, which images have. */
static const struct {
	const char *from, *architecture, *variant;
} architectures[] = {
	{ "x86_64", "amd64", "" },      { "x86-64", "amd64", "" },
	{ "amd64", "amd64", "" },       { "aarch64", "arm64", "" },
	{ "arm64", "arm64", "" },       { "armhf", "arm", "v7" },
	{ "armv7l", "arm", "v7" },      { "armel", "arm", "v6" },
	{ "armv6l", "arm", "v6" },      { "arm", "arm", "" },
	{ "i386", "386", "" },          { "i686", "386", "" },
	{ "386", "386", "" },           { "ppc64le", "ppc64le", "" },
	{ "s390x", "s390x", "" },       { "riscv64", "riscv64", "" },
	{ "loong64", "loong64", "" },   { "loongarch64", "loong64", "" },
	{ "mips64le", "mips64le", "" }, { "ppc64", "ppc64", "" },
	{ "mips64", "mips64", "" },     { "mips", "mips", "" },
	{ "mipsle", "mipsle", "" },     { "wasm", "wasm", "" },
};

static const char *const systems[] = { "linux",   "windows", "darwin",  "freebsd", "netbsd",
				       "openbsd", "solaris", "android", "illumos", "wasip1" };

static void set(char to[32], const char *text)
{
	(void)snprintf(to, 32, "%s", text);
}

/* The rules for variants: the number may come without its v, and what every one has is left out. */
static void normalize_variant(struct image_platform *platform)
{
	char *variant = platform->variant;

	if (isdigit((unsigned char)variant[0]) && strlen(variant) < 31) {
		memmove(variant + 1, variant, strlen(variant) + 1);
		variant[0] = 'v';
	}
	if (strcmp(platform->architecture, "arm") == 0 && !*variant)
		set(variant, "v7");
	if ((strcmp(platform->architecture, "arm64") == 0 && strcmp(variant, "v8") == 0) ||
	    (strcmp(platform->architecture, "amd64") == 0 && strcmp(variant, "v1") == 0))
		*variant = '\0';
}

static bool set_architecture(struct image_platform *platform, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(architectures); i++)
		if (strcmp(name, architectures[i].from) == 0) {
			set(platform->architecture, architectures[i].architecture);
			set(platform->variant, architectures[i].variant);
			return true;
		}
	return false;
}

static bool is_system(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(systems); i++)
		if (strcmp(name, systems[i]) == 0)
			return true;
	return false;
}

struct image_platform image_platform_host(void)
{
	struct image_platform host = { .os = "linux" };
	struct utsname name;

	if (uname(&name) < 0 || !set_architecture(&host, name.machine))
		set(host.architecture, "unknown");
	if (strcmp(host.architecture, "arm64") == 0)
		set(host.variant, "v8");
	return host;
}

static int malformed(const char *text, const char *why, struct error *err)
{
	char buf[JSON_PRINTABLE_SIZE];

	return error_set(err, EINVAL,
			 "platform \"%s\": %s (expected os[/arch[/variant]], as linux/arm64)",
			 json_printable(text, buf), why);
}

int image_platform_parse(const char *text, struct image_platform *ret, struct error *err)
{
	struct image_platform platform = { 0 };
	char parts[3][32] = { 0 };
	const char *p = text;
	size_t n = 0;

	for (;; p++) {
		size_t len = strcspn(p, "/");

		if (n == ARRAY_SIZE(parts) || len == 0 || len >= sizeof(parts[0]))
			return malformed(text, "no platform", err);
		for (size_t i = 0; i < len; i++) {
			unsigned char c = (unsigned char)p[i];

			if (!isalnum(c) && c != '_' && c != '.' && c != '-')
				return malformed(text, "a character that none has", err);
			parts[n][i] = (char)tolower(c);
		}
		n++;
		p += len;
		if (!*p)
			break;
	}
	if (strcmp(parts[0], "macos") == 0)
		set(parts[0], "darwin");
	if (n == 1 && set_architecture(&platform, parts[0])) {
		set(platform.os, "linux");
	} else if (n == 1 && is_system(parts[0])) {
		platform = image_platform_host();
		set(platform.os, parts[0]);
	} else if (n == 1) {
		return malformed(text, "unknown operating system or architecture", err);
	} else {
		set(platform.os, parts[0]);
		if (!set_architecture(&platform, parts[1]))
			set(platform.architecture, parts[1]);
		if (n == 3)
			set(platform.variant, parts[2]);
	}
	normalize_variant(&platform);
	*ret = platform;
	return 0;
}

/* v8 → 8; without: what every machine of the architecture has. */
static int variant_level(const struct image_platform *platform)
{
	const char *variant = platform->variant;
	int level = 0;

	if (!*variant)
		return strcmp(platform->architecture, "arm64") == 0 ? 8
		       : strcmp(platform->architecture, "arm") == 0 ? 7
								    : 1;
	if (*variant != 'v' || !isdigit((unsigned char)variant[1]))
		return -1;
	for (variant++; isdigit((unsigned char)*variant) && level < 1000; variant++)
		level = level * 10 + (*variant - '0');
	return *variant ? -1 : level;
}

bool image_platform_match(const struct image_platform *wanted, const struct image_platform *have)
{
	int most = variant_level(wanted), least = variant_level(have);

	if (strcmp(wanted->os, have->os) != 0 ||
	    strcmp(wanted->architecture, have->architecture) != 0)
		return false;
	/* Variants with other names than numbers are only what they are. */
	if (most < 0 || least < 0)
		return strcmp(wanted->variant, have->variant) == 0;
	return least <= most;
}
