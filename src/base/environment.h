/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The environment of programs of the project's own: nothing of the caller's but what is meant for
 * them (HCS_*, and what sanitizers read in builds with them), and a fixed PATH. NULL-terminated; the
 * array is the caller's, the strings are borrowed. NULL without memory. */
char **environment_for_helpers(void);
