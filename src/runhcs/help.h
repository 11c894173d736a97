/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "runhcs/command.h"
#include "cli/output.h"

/* The page of one command, or of the program with its list of commands. */
void help_print(struct output *out, const struct command *command);
