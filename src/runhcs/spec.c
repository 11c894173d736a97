/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "oci/template.h"
#include "runhcs/command.h"

#define CONFIG_NAME "config.json"

struct values {
	const char *bundle;
	bool rootless;
};

static const struct option options[] = {
	OPT_VALUE("bundle", 'b', struct values, bundle, "DIR",
		  "directory to write to (default: the current one)"),
	OPT_FLAG("rootless", 0, struct values, rootless,
		 "for an ordinary user: in a user namespace, without cgroup limits"),
	OPT_END,
};

static int write_config(int dir_fd, const char *dir, const char *text, struct error *err)
{
	_cleanup_close_ int fd = -1;
	int r;

	fd = openat(dir_fd, CONFIG_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0 && errno == EEXIST)
		return error_set(err, EEXIST, "%s/" CONFIG_NAME " exists already; remove it first",
				 dir);
	if (fd < 0)
		return error_sys(err, errno, "cannot make %s/" CONFIG_NAME, dir);
	r = fd_write_all(fd, text, strlen(text));
	if (r < 0) {
		(void)unlinkat(dir_fd, CONFIG_NAME, 0); /* half a config would be worse than none */
		return error_sys(err, -r, "cannot write %s/" CONFIG_NAME, dir);
	}
	return 0;
}

static int run(const struct invocation *invocation, int argc, char **argv, int *ret_status,
	       struct error *err)
{
	_cleanup_close_ int dir_fd = -1;
	_cleanup_free_ char *text = NULL;
	struct values given = { .bundle = "." };
	struct arguments arguments;
	int r;

	(void)invocation;
	(void)ret_status;
	r = options_parse(&command_spec, argc, argv, &given, &arguments, err);
	if (r)
		return r;
	text = oci_template(given.rootless, geteuid(), getegid());
	if (!text)
		return error_oom(err);
	dir_fd = open(given.bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return error_sys(err, errno, "cannot open %s", given.bundle);
	return write_config(dir_fd, given.bundle, text, err);
}

const struct command command_spec = {
	.name = "spec",
	.summary = "write a config.json to start from",
	.usage = "[options]",
	.description =
		"Writes a config.json that runs \"sh\" in a read-only rootfs/ with the usual "
		"namespaces and mounts. An existing file is not touched.",
	.examples = "  mkdir -p bundle/rootfs\n"
		    "  runhcs spec --bundle bundle\n",
	.options = options,
	.run = run,
};
