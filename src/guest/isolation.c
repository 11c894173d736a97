/* SPDX-License-Identifier: Apache-2.0 */
/* In the guest there is one mode. Defined here, the compute library's own table, and with it all of
 * hyperv isolation, is not linked. */
#include "compute/isolation.h"

const struct isolation_ops *isolation_get(enum compute_isolation isolation)
{
	(void)isolation;
	return &process_isolation;
}
