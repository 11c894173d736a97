/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Names of commands: the flat ones, those of two words, and docker's groups ("container ls"). */
#include "cli/command.h"
#include "cli/output.h"

/* The command that argv (len words) begins with, and how many words name it in *ret_used. A command of
 * the program hcs-image: 0 with *ret NULL, and argv[*ret_used] is its name. -EINVAL: there is none; why a
 * command of docker's is none of ours. */
int names_resolve(char **argv, int len, const struct cli_command **ret, int *ret_used,
		  struct error *err);
/* The commands of hcs-image, for help. */
void names_print_image_commands(struct output *out);
