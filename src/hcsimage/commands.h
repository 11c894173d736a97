/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The commands of hcs that hcs-image has: what needs libcurl and libarchive, which are shared
 * libraries, and so is kept out of the static hcs. */
#include "cli/command.h"

extern const struct cli_command command_commit_layer, command_import, command_load, command_login,
	command_logout, command_pull, command_push, command_save;
