/* SPDX-License-Identifier: Apache-2.0 */
/* From all the flags of run and create to a configuration. */
#include <stdarg.h>
#include <string.h>

#include "cli/number.h"
#include "hcs/run_flags.h"
#include "service/lists.h"

int flag_invalid(struct error *err, const char *flag, const char *text, const char *fmt, ...)
{
	_cleanup_free_ char *why = NULL;
	va_list args;
	int r;

	va_start(args, fmt);
	r = vasprintf(&why, fmt, args);
	va_end(args);
	if (r < 0) {
		why = NULL;
		return error_oom(err);
	}
	return error_set(err, EINVAL, "invalid argument \"%s\" for \"%s\" flag: %s", text, flag,
			 why);
}

static int take_attach(const struct run_flags *flags, struct container_config *config,
		       struct error *err)
{
	const bool none_said = !flags->attach.len;

	if (flags->detach && !none_said)
		return error_set(err, EINVAL, "Conflicting options: -a and -d");
	for (size_t i = 0; i < flags->attach.len; i++) {
		const char *text = flags->attach.items[i];

		if (strcasecmp(text, "stdin") == 0)
			config->attach_stdin = true;
		else if (strcasecmp(text, "stdout") == 0)
			config->attach_stdout = true;
		else if (strcasecmp(text, "stderr") == 0)
			config->attach_stderr = true;
		else
			return flag_invalid(err, "--attach", text,
					    "valid streams are STDIN, STDOUT and STDERR");
	}
	config->tty = flags->tty;
	config->open_stdin = flags->interactive;
	if (flags->detach)
		return 0;
	if (none_said) {
		config->attach_stdout = config->attach_stderr = true;
		config->attach_stdin = flags->interactive;
	}
	config->stdin_once = config->open_stdin && config->attach_stdin;
	return 0;
}

static int take_texts(const struct run_flags *flags, struct container_config *config,
		      struct error *err)
{
	const struct {
		char **to;
		const char *from;
	} texts[] = {
		{ &config->hostname, flags->hostname },
		{ &config->domainname, flags->domainname },
		{ &config->user, flags->user },
		{ &config->working_dir, flags->workdir },
		{ &config->stop_signal, flags->stop_signal },
		{ &config->kernel, flags->kernel },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(texts); i++)
		r = text_set(&config->arena, texts[i].to,
			     texts[i].from && *texts[i].from ? texts[i].from : NULL, err);
	if (r == 0 && config->kernel && config->kernel[0] != '/') {
		char *path = realpath(config->kernel, NULL);

		if (!path)
			return error_sys(err, errno, "--kernel %s", config->kernel);
		r = text_set(&config->arena, &config->kernel, path, err);
		free(path);
	}
	return r;
}

static int take_numbers(const struct run_flags *flags, struct container_config *config,
			struct error *err)
{
	int64_t size;

	if (flags->stop_timeout) {
		if (number_signed(flags->stop_timeout, &config->stop_timeout.value) < 0 ||
		    config->stop_timeout.value < -1 || config->stop_timeout.value > INT32_MAX)
			return flag_invalid(err, "--stop-timeout", flags->stop_timeout,
					    "seconds are expected, or -1");
		config->stop_timeout.set = true;
	}
	if (flags->oom_score_adj) {
		if (number_signed(flags->oom_score_adj, &config->oom_score_adj.value) < 0)
			return flag_invalid(err, "--oom-score-adj", flags->oom_score_adj,
					    "a number from -1000 to 1000 is expected");
		config->oom_score_adj.set = true;
	}
	if (flags->shm_size) {
		if (number_size(flags->shm_size, &size) < 0 || size < 0)
			return flag_invalid(err, "--shm-size", flags->shm_size,
					    "invalid size: '%s'", flags->shm_size);
		config->shm_size = (uint64_t)size;
	}
	return 0;
}

static int take_isolation(const struct run_flags *flags, struct container_config *config,
			  struct error *err)
{
	/* docker's flag may be given empty. */
	if (flags->isolation && *flags->isolation &&
	    compute_isolation_parse(flags->isolation, &config->isolation) < 0)
		return flag_invalid(err, "--isolation", flags->isolation,
				    "process, hyperv or default is expected");
	return 0;
}

static int take_command(const struct run_flags *flags, const struct flag_args *args,
			struct container_config *config, struct error *err)
{
	int r = text_set(&config->arena, &config->image, args->items[0], err);

	/* "" as docker has it: the image's entrypoint is not wanted. */
	if (r == 0 && flags->entrypoint)
		r = strv_add(&config->arena, &config->entrypoint, flags->entrypoint, err);
	if (r == 0 && args->len > 1)
		r = strv_append(&config->arena, &config->cmd, args->items + 1,
				(size_t)args->len - 1, err);
	return r;
}

int run_flags_config(const struct cli_command *command, const struct run_flags *flags,
		     const struct flag_args *args, struct container_config *ret, struct error *err)
{
	static int (*const parts[])(const struct run_flags *, struct container_config *,
				    struct error *) = {
		take_attach,           take_texts,      take_numbers,      take_isolation,
		run_flags_environment, run_flags_files, run_flags_network, run_flags_security,
		run_flags_ulimits,     run_flags_log,
	};
	_cleanup_container_config_ struct container_config config = { 0 };
	int r = run_flags_check_refused(flags, err);

	if (r == 0 && !*args->items[0])
		r = flags_error(command, err, "invalid reference format");
	if (r == 0)
		r = limit_flags_apply(&flags->limits, &config, NULL, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(parts); i++)
		r = parts[i](flags, &config, err);
	config.auto_remove = flags->rm;
	config.init = flags->init;
	if (r == 0)
		r = take_command(flags, args, &config, err);
	if (r == 0)
		*ret = container_config_take(&config);
	return r;
}
