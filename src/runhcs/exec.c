/* SPDX-License-Identifier: Apache-2.0 */
#include "runhcs/command.h"
#include "runhcs/create_options.h"
#include "runhcs/exec_process.h"
#include "cli/number.h"

/* NGROUPS_MAX of the kernel. */
#define GROUPS_MAX 65536

struct values {
	const char *process, *console_socket, *cwd, *user, *pid_file, *process_label, *apparmor,
		*preserve_fds, *pidfd_socket;
	struct string_list env, caps, gids, cgroups;
	bool tty, detach, no_new_privs, ignore_paused, no_subreaper;
};

static void values_done(struct values *given)
{
	string_list_done(&given->env);
	string_list_done(&given->caps);
	string_list_done(&given->gids);
	string_list_done(&given->cgroups);
}

#define VALUE(name, letter, member, value, help)                                                   \
	OPT_VALUE(name, letter, struct values, member, value, help)
#define FLAG(name, letter, member, help) OPT_FLAG(name, letter, struct values, member, help)
#define LIST(name, letter, member, value, help)                                                    \
	OPT_LIST(name, letter, struct values, member, value, help)

static const struct option options[] = {
	FLAG("tty", 't', tty, "give the process a terminal"),
	VALUE("user", 'u', user, "UID[:GID]",
	      "run as these numeric ids (default: the container's)"),
	LIST("additional-gids", 'g', gids, "GID", "a supplementary group; may be repeated"),
	VALUE("cwd", 0, cwd, "DIR", "working directory in the container"),
	LIST("env", 'e', env, "NAME=VALUE", "set a variable; may be repeated"),
	FLAG("detach", 'd', detach, "return as soon as the process has started"),
	VALUE("process", 'p', process, "FILE",
	      "take the process from FILE, a JSON object as process in config.json"),
	VALUE("console-socket", 0, console_socket, "PATH",
	      "Unix socket that is sent the controlling side of the terminal"),
	VALUE("pid-file", 0, pid_file, "FILE", "write the pid of the process to FILE"),
	LIST("cap", 'c', caps, "CAP", "add a capability; may be repeated"),
	FLAG("no-new-privs", 0, no_new_privs, "set-user-id programs gain nothing"),
	VALUE("apparmor", 0, apparmor, "PROFILE", "AppArmor profile"),
	VALUE("process-label", 0, process_label, "LABEL", "SELinux label"),
	VALUE("preserve-fds", 0, preserve_fds, "N",
	      "pass on N descriptors after the standard three"),
	LIST("cgroup", 0, cgroups, "[CONTROLLER:]PATH", "existing cgroup below the container's"),
	FLAG("ignore-paused", 0, ignore_paused, "also in a paused container: starts when resumed"),
	FLAG("no-subreaper", 0, no_subreaper, NULL),
	VALUE("pidfd-socket", 0, pidfd_socket, "PATH", NULL),
	OPT_END,
};

static int parse_gids(const struct string_list *texts, uint32_t **ret, struct error *err)
{
	_cleanup_free_ uint32_t *gids = NULL;

	if (!texts->len)
		return 0;
	if (texts->len > GROUPS_MAX)
		return error_set(err, EINVAL, "--additional-gids: at most %d groups", GROUPS_MAX);
	gids = calloc(texts->len, sizeof(*gids));
	if (!gids)
		return error_oom(err);
	for (size_t i = 0; i < texts->len; i++) {
		uint64_t gid;
		int r = option_unsigned("--additional-gids", texts->items[i], 0, UINT32_MAX - 1,
					&gid, err);

		if (r < 0)
			return r;
		gids[i] = (uint32_t)gid;
	}
	*ret = TAKE_PTR(gids);
	return 0;
}

static int parse_user(const char *text, struct compute_exec *exec, struct error *err)
{
	if (!text)
		return 0;
	if (number_user(text, &exec->uid, &exec->has_gid, &exec->gid) < 0)
		return usage_error(&command_exec, err,
				   "--user is UID or UID:GID in decimal, each below 4294967295, "
				   "not \"%s\"; names are not looked up",
				   text);
	exec->has_user = true;
	return 0;
}

static int check_environment(const struct string_list *env, struct error *err)
{
	for (size_t i = 0; i < env->len; i++)
		if (env->items[i][0] == '=')
			return usage_error(&command_exec, err,
					   "--env needs a name, as in NAME=VALUE");
	return 0;
}

/* What a process file says by itself; beside one these would have no effect. --tty and --cap are
 * added to it, since conmon and podman give them twice. */
static const char *first_process_option(const struct values *given)
{
	return given->cwd             ? "--cwd"
	       : given->env.len       ? "--env"
	       : given->user          ? "--user"
	       : given->gids.len      ? "--additional-gids"
	       : given->apparmor      ? "--apparmor"
	       : given->process_label ? "--process-label"
	       : given->no_new_privs  ? "--no-new-privs"
				      : NULL;
}

static int check_combination(const struct values *given, const struct arguments *arguments,
			     struct error *err)
{
	const char *excluded = first_process_option(given);

	if (given->process && excluded)
		return usage_error(&command_exec, err,
				   "%s cannot be combined with --process; say it in the file",
				   excluded);
	if (given->cgroups.len > 1)
		return error_set(err, ENOTSUP, "--cgroup: only one is supported");
	if (given->process && arguments->len > 1)
		return usage_error(&command_exec, err,
				   "the command is in the --process file, none can follow ID");
	if (!given->process && arguments->len < 2)
		return usage_error(&command_exec, err, "needs a command after ID, or --process");
	return check_environment(&given->env, err);
}

static int apply(const struct values *given, const struct arguments *arguments,
		 struct compute_exec *exec, struct error *err)
{
	int r;

	*exec = (struct compute_exec){
		.id = arguments->items[0],
		.args = arguments->len > 1 ? arguments->items + 1 : NULL,
		.cwd = given->cwd,
		.env = given->env.items,
		.caps = given->caps.items,
		.apparmor = given->apparmor,
		.process_label = given->process_label,
		.no_new_privs = given->no_new_privs,
		.tty = given->tty,
		.console_socket = given->console_socket,
		.pid_file = given->pid_file,
		.cgroup = given->cgroups.len ? given->cgroups.items[0] : NULL,
		.detach = given->detach,
		.ignore_paused = given->ignore_paused,
		.additional_gids_len = given->gids.len,
	};
	r = pidfd_socket_refuse(given->pidfd_socket, err);
	if (r < 0)
		return r;
	r = preserve_fds_parse(given->preserve_fds, &exec->preserve_fds, err);
	if (r < 0)
		return r;
	return parse_user(given->user, exec, err);
}

static int run(const struct invocation *invocation, int argc, char **argv, int *ret_status,
	       struct error *err)
{
	_cleanup_(values_done) struct values given = { 0 };
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_free_ uint32_t *gids = NULL;
	struct oci_process *process = NULL;
	struct arguments arguments;
	struct compute_exec exec;
	int r;

	r = options_parse(&command_exec, argc, argv, &given, &arguments, err);
	if (r)
		return r;
	r = check_combination(&given, &arguments, err);
	if (r < 0)
		return r;
	r = apply(&given, &arguments, &exec, err);
	if (r < 0)
		return r;
	r = parse_gids(&given.gids, &gids, err);
	if (r < 0)
		return r;
	exec.additional_gids = gids;
	if (given.process) {
		r = exec_process_read(given.process, given.tty, &given.caps, &arena, &process, err);
		if (r < 0)
			return r;
		exec.process = process;
	}
	return compute_exec(&invocation->host, &exec, ret_status, err);
}

const struct command command_exec = {
	.name = "exec",
	.summary = "run another process in a container",
	.usage = "[options] ID COMMAND [arguments]",
	.description =
		"Runs a command in a running container and ends with its exit status; 126 when it "
		"cannot be executed, 127 when it is not found. What is not said is as the "
		"container's own process has it. With --process everything comes from a file and "
		"no COMMAND follows. Options end where COMMAND begins.",
	.examples = "  runhcs exec web cat /etc/os-release\n"
		    "  runhcs exec -t -e TERM=xterm web sh\n"
		    "  runhcs exec --user 1000:1000 --cwd /tmp web id\n"
		    "  runhcs exec --detach --process process.json web\n",
	.options = options,
	.min_args = 1,
	.max_args = -1,
	.stop_after = 2,
	.enters_container = true,
	.run = run,
};
