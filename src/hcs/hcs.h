/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the commands of hcs share. */
#include "cli/command.h"
#include "cli/output.h"
#include "service/lifecycle.h"

extern const struct cli_command command_attach, command_commit, command_compute_kill,
	command_compute_list, command_compute_pause, command_compute_resume, command_compute_stop,
	command_container_prune, command_cp, command_create, command_diff, command_enter,
	command_exec, command_export, command_history, command_image_prune, command_images,
	command_info, command_inspect, command_kill, command_logs, command_network_inspect,
	command_network_ls, command_pause, command_port, command_ps, command_rename,
	command_restart, command_rm, command_rmi, command_run, command_set, command_start,
	command_stats, command_stop, command_system_df, command_system_prune, command_tag,
	command_top, command_unpause, command_update, command_version, command_volume_create,
	command_volume_inspect, command_volume_ls, command_volume_prune, command_volume_rm,
	command_wait;

/* All of them, in the order that help shows; ends with NULL. */
extern const struct cli_command *const all_commands[];
const struct cli_command *command_find(const char *name);

/* Opens the service that the global options name; its warnings go to the standard error. */
int hcs_open(const struct cli *cli, struct service *ret, struct error *err);
/* One line on the standard error, as main prints errors; for commands that go on with the next name. */
void hcs_report(const char *message);

#define EACH_NOT_THERE 1 /* said by the function itself: no failure, but its name is not printed */
/* Calls one for each name; prints the names it worked for, at once, and the errors. *ret_status: 1 when
 * there was one. -errno: that of the output. */
int each_container(const struct cli *cli, const struct flag_args *names,
		   int (*one)(const struct service *service, const char *name, void *data,
			      struct error *err),
		   void *data, int *ret_status, struct error *err);

/* "10", "-1": seconds for stop and restart; text NULL: INT64_MIN, the container's own. */
int stop_timeout_parse(const char *text, int64_t *ret, struct error *err);

/* Creates what run and create are told to: *ret_id owned. The image is pulled when flags say so. What run
 * has to know of the configuration, which the service takes, is in *ret_seen. */
struct run_flags;
struct create_seen {
	bool attach_stdin, attach_stdout, attach_stderr, tty, auto_remove;
};
int hcs_create(const struct cli *cli, const struct cli_command *command,
	       const struct run_flags *flags, const struct flag_args *args,
	       const struct service *service, struct create_seen *ret_seen, char **ret_id,
	       struct error *err);
/* The image by name, pulled by hcs-image (as `hcs pull`) when pull says so ("missing", "always",
 * "never"; NULL: the first). */
int image_get(const struct cli *cli, struct image_store *store, const char *name,
	      const char *platform, const char *pull, bool quiet, struct image *ret,
	      struct error *err);
/* Executes libexec/hcs-image in our place with the command and its arguments; returns only an error. */
int image_program_exec(const struct cli *cli, char **argv, struct error *err);
