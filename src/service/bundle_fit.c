/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an image can run here: in process isolation by the host's kernel, in hyperv isolation by the
 * utility VM's. */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "service/bundle.h"
#include "service/lists.h"

#define LABEL "io.hcs.kernel.min"
/* Of the guest's kernel that belongs to hcs. */
#define GUEST_KERNEL_MAJOR 6
#define GUEST_KERNEL_MINOR 12

#define WORDS                                                                                      \
	"In process isolation containers share the host's kernel, so a container's version must "  \
	"match the host's"
#define HINT "use --isolation hyperv, which gives it a kernel of its own"

struct version {
	unsigned major, minor;
};

static bool version_parse(const char *text, struct version *ret)
{
	ret->minor = 0;
	return sscanf(text, "%9u.%9u", &ret->major, &ret->minor) >= 1;
}

static bool is_older(const struct version *a, const struct version *b)
{
	return a->major != b->major ? a->major < b->major : a->minor < b->minor;
}

static int check_kernel(const struct container_config *config, const struct image *image,
			struct error *err)
{
	const bool process = config->isolation == ISOLATION_PROCESS;
	const char *text = key_values_get(&image->config.labels, LABEL);
	struct version wanted, have = { GUEST_KERNEL_MAJOR, GUEST_KERNEL_MINOR };
	struct utsname host;

	if (!text)
		return 0;
	if (!version_parse(text, &wanted))
		return error_set(err, EINVAL, "image %s: label " LABEL " is no version: \"%s\"",
				 config->image, text);
	if (process) {
		if (uname(&host) < 0 || !version_parse(host.release, &have))
			return error_set(err, EINVAL, "the host's kernel has no version");
		if (!is_older(&have, &wanted))
			return 0;
		return error_set(err, ENOEXEC,
				 "image %s asks for Linux %s or newer, and this host has %s. " WORDS
				 "; " HINT,
				 config->image, text, host.release);
	}
	/* Another kernel is the user's own choice. */
	if (config->kernel || !is_older(&have, &wanted))
		return 0;
	return error_set(
		err, ENOEXEC,
		"image %s asks for Linux %s or newer, and the utility VM's kernel is %u.%u; "
		"give a newer one with --kernel",
		config->image, text, have.major, have.minor);
}

static bool is_another(const struct image_platform *image, const struct image_platform *host)
{
	if (!image->architecture[0])
		return false;
	if (image_platform_match(image, host) || image_platform_match(host, image))
		return false;
	/* A kernel of 64 bits runs programs of 32 too. */
	return strcmp(host->architecture, "amd64") != 0 || strcmp(image->architecture, "386") != 0;
}

int bundle_check_fit(const struct container_config *config, const struct image *image,
		     struct error *err)
{
	const struct image_platform *platform = &image->config.platform;
	const struct image_platform host = image_platform_host();

	if (platform->os[0] && strcmp(platform->os, "linux") != 0)
		return error_set(err, ENOEXEC,
				 "image %s is for %s, and containers here are Linux's",
				 config->image, platform->os);
	if (!is_another(platform, &host))
		return check_kernel(config, image, err);
	if (config->isolation == ISOLATION_PROCESS)
		return error_set(err, ENOEXEC,
				 "image %s is for linux/%s, and this host is linux/%s. " WORDS
				 "; --isolation hyperv runs it where the utility VM can, which it "
				 "cannot here: pull the image for this platform (--platform "
				 "linux/%s)",
				 config->image, platform->architecture, host.architecture,
				 host.architecture);
	return error_set(err, ENOEXEC,
			 "image %s is for linux/%s, and the utility VM is linux/%s; pull the image "
			 "for this platform (--platform linux/%s)",
			 config->image, platform->architecture, host.architecture,
			 host.architecture);
}
