/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What checkpoint and restore share: the options for CRIU. */
#include "runhcs/create_options.h"

struct checkpoint_options {
	struct create_options create; /* restore */
	struct compute_checkpoint criu;
	struct string_list empty_ns;
};

#define CRIU_VALUE(name, member, value, help)                                                      \
	OPT_VALUE(name, 0, struct checkpoint_options, criu.member, value, help)
#define CRIU_FLAG(name, member, help)                                                              \
	OPT_FLAG(name, 0, struct checkpoint_options, criu.member, help)

#define CRIU_OPTIONS_COMMON                                                                        \
	CRIU_VALUE("image-path", image_path, "DIR",                                                \
		   "directory of the images (default: ./checkpoint)"),                             \
		CRIU_VALUE("work-path", work_path, "DIR", "directory of CRIU's logs"),             \
		CRIU_FLAG("tcp-established", tcp_established, "allow open TCP connections"),       \
		CRIU_FLAG("ext-unix-sk", ext_unix_sk, "allow Unix sockets to the outside"),        \
		CRIU_FLAG("shell-job", shell_job, "allow a terminal from outside"),                \
		CRIU_FLAG("file-locks", file_locks, "allow file locks"),                           \
		CRIU_FLAG("lazy-pages", lazy_pages, "move memory only when it is used"),           \
		CRIU_FLAG("auto-dedup", auto_dedup, "drop pages that newer images replace"),       \
		CRIU_VALUE("manage-cgroups-mode", manage_cgroups_mode, "MODE",                     \
			   "soft (default), full, strict or ignore"),                              \
		OPT_LIST("empty-ns", 0, struct checkpoint_options, empty_ns, "KIND",               \
			 "make this namespace anew; only network, which always is")

/* Fills in defaults and checks values. -EINVAL by option. */
int checkpoint_options_check(const struct command *command, struct checkpoint_options *options,
			     struct error *err);
