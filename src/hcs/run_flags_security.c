/* SPDX-License-Identifier: Apache-2.0 */
/* Capabilities, profiles, namespaces, kernel parameters; and the options of logs, which are key and value
 * as these are. */
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "cli/number.h"
#include "hcs/run_flags.h"
#include "service/lists.h"

#define PROFILE_MAX ((size_t)4 << 20)

static int append(struct container_config *config, struct strv *to, const struct flag_list *from,
		  struct error *err)
{
	return from->len ? strv_append(&config->arena, to, from->items, from->len, err) : 0;
}

static int take_pairs(struct container_config *config, struct key_values *to, const char *flag,
		      const struct flag_list *from, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < from->len; i++) {
		const char *text = from->items[i];
		const size_t len = strcspn(text, "=");
		char *key = arena_strndup(&config->arena, text, len);

		if (!key)
			return error_oom(err);
		if (!len || !text[len])
			return flag_invalid(err, flag, text, "KEY=VALUE is expected");
		r = key_values_set(&config->arena, to, key, text + len + 1, err);
	}
	return r;
}

/* The profile is kept, not its name: a restart must not depend on a file of the user's. */
static int take_profile(struct container_config *config, const char *path, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	if (strcmp(path, "unconfined") == 0 || strcmp(path, "builtin") == 0) {
		config->seccomp_profile = NULL;
		return 0;
	}
	r = file_read_regular(AT_FDCWD, path, PROFILE_MAX, &text, &len);
	if (r < 0)
		return error_sys(err, -r, "opening seccomp profile (%s) failed", path);
	config->seccomp_profile = arena_strndup(&config->arena, text, len);
	return config->seccomp_profile ? 0 : error_oom(err);
}

static int take_security(const struct run_flags *flags, struct container_config *config,
			 struct error *err)
{
	int r = append(config, &config->security_opt, &flags->security_opt, err);

	for (size_t i = 0; r == 0 && i < config->security_opt.len; i++) {
		const char *text = config->security_opt.items[i];

		if (strncmp(text, "seccomp=", 8) == 0 || strncmp(text, "seccomp:", 8) == 0)
			r = take_profile(config, text + 8, err);
	}
	return r;
}

int run_flags_security(const struct run_flags *flags, struct container_config *config,
		       struct error *err)
{
	const struct {
		char **to;
		const char *from;
	} modes[] = {
		{ &config->pid_mode, flags->pid },
		{ &config->ipc_mode, flags->ipc },
		{ &config->uts_mode, flags->uts },
		{ &config->userns_mode, flags->userns },
		{ &config->cgroupns_mode, flags->cgroupns },
		{ &config->cgroup_parent, flags->cgroup_parent },
	};
	int r = take_security(flags, config, err);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(modes); i++)
		r = text_set(&config->arena, modes[i].to,
			     modes[i].from && *modes[i].from ? modes[i].from : NULL, err);
	if (r == 0)
		r = append(config, &config->cap_add, &flags->cap_add, err);
	if (r == 0)
		r = append(config, &config->cap_drop, &flags->cap_drop, err);
	if (r == 0)
		r = append(config, &config->group_add, &flags->group_add, err);
	if (r == 0)
		r = take_pairs(config, &config->sysctls, "--sysctl", &flags->sysctls, err);
	if (r == 0)
		r = take_pairs(config, &config->storage_opt, "--storage-opt", &flags->storage_opt,
			       err);
	config->privileged = flags->privileged;
	config->readonly_rootfs = flags->read_only;
	config->oom_kill_disable = flags->oom_kill_disable;
	return r;
}

static int log_option(struct container_config *config, const struct key_value *option,
		      struct error *err)
{
	uint64_t files;
	int64_t size;

	if (strcmp(option->key, "max-size") == 0) {
		if (number_size(option->value, &size) < 0 || size < -1 || size == 0)
			return error_set(err, EINVAL, "--log-opt max-size: invalid size: '%s'",
					 option->value);
		config->log.max_size = size < 0 ? 0 : (uint64_t)size;
		return 0;
	}
	if (strcmp(option->key, "max-file") == 0) {
		if (number_unsigned(option->value, 1000, &files) < 0 || !files)
			return error_set(err, EINVAL,
					 "--log-opt max-file: expected a number from 1 to 1000, "
					 "got \"%s\"",
					 option->value);
		config->log.max_file = (unsigned)files;
		return 0;
	}
	return error_set(err, ENOTSUP,
			 "--log-opt %s: not an option of %s; there are max-size and max-file",
			 option->key, config->log.driver);
}

int run_flags_log(const struct run_flags *flags, struct container_config *config, struct error *err)
{
	const char *driver =
		flags->log_driver && *flags->log_driver ? flags->log_driver : "json-file";
	struct key_values options = { 0 };
	int r;

	if (strcmp(driver, "json-file") != 0 && strcmp(driver, "none") != 0)
		return error_set(err, ENOTSUP,
				 "--log-driver %s is not supported: there are json-file and none",
				 driver);
	r = text_set(&config->arena, &config->log.driver, driver, err);
	if (r == 0)
		r = take_pairs(config, &options, "--log-opt", &flags->log_opt, err);
	if (r == 0 && options.len && strcmp(driver, "none") == 0)
		return error_set(err, EINVAL, "--log-opt: the driver none has no options");
	for (size_t i = 0; r == 0 && i < options.len; i++)
		r = log_option(config, &options.items[i], err);
	if (r == 0 && config->log.max_file > 1 && !config->log.max_size)
		return error_set(err, EINVAL,
				 "--log-opt max-file: without max-size no second file is begun");
	return r;
}
