/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli/command.h"
#include "cli/output.h"

/* The help of a command, as docker lays it out. */
void cli_help(struct output *out, const struct cli_command *command);
/* text from column indent on, broken at spaces within 80 columns; "\n" begins a paragraph's next line. */
void cli_wrap(struct output *out, const char *text, size_t indent);
