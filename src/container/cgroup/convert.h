/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Values of cgroup v1, in which the spec speaks, as cgroup v2 wants them. */
#include <stdint.h>

#include "base/error.h"

/* cpu.shares (2…262144) to cpu.weight (1…10000), so that the defaults and both ends meet:
 * 2 → 1, 1024 → 100, 262144 → 10000. 0 stays 0: not given. */
uint64_t convert_shares_to_weight(uint64_t shares);
/* blkio weight (10…1000) to io.weight (1…10000), linear. 0 stays 0. */
uint64_t convert_blkio_weight(uint64_t weight);
/* memory+swap limit and memory limit (-1 unlimited, 0 not given) to memory.swap.max: *ret is -1 for
 * "max", -2 for not given. -EINVAL for a limit that needs the other or is below it. */
int convert_swap(int64_t swap, int64_t limit, int64_t *ret);
