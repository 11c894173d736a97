/* SPDX-License-Identifier: Apache-2.0 */
/* By itself: the agent in a utility VM has one mode only, and another definition of this. */
#include "compute/isolation.h"

const struct isolation_ops *isolation_get(enum compute_isolation isolation)
{
	return isolation == ISOLATION_HYPERV ? &hyperv_isolation : &process_isolation;
}
