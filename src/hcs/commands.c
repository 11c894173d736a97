/* SPDX-License-Identifier: Apache-2.0 */
#include "hcs/hcs.h"

/* Another command: a file of its own, and a line here. */
/* clang-format off: a line each, so that two can be added at once */
const struct cli_command *const all_commands[] = {
	&command_run,
	&command_create,
	&command_start,
	&command_stop,
	&command_restart,
	&command_kill,
	&command_rm,
	&command_exec,
	&command_attach,
	&command_enter,
	&command_logs,
	&command_wait,
	&command_pause,
	&command_unpause,
	&command_rename,
	&command_update,
	&command_set,
	&command_port,
	&command_cp,
	&command_diff,
	&command_export,
	&command_commit,
	&command_top,
	&command_stats,
	&command_compute_list,
	&command_compute_pause,
	&command_compute_resume,
	&command_compute_stop,
	&command_compute_kill,
	&command_version,
	&command_info,
	NULL,
};
/* clang-format on */
