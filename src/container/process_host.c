/* SPDX-License-Identifier: Apache-2.0 */
/* What the host's side sets on a process of a container: in a user namespace it could not itself.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/fd.h"
#include "container/process.h"

int process_set_oom_score(pid_t pid, int64_t score, struct error *err)
{
	char path[48], text[16];
	_cleanup_free_ char *now = NULL;
	size_t len;
	int n, r;

	(void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
	n = snprintf(text, sizeof(text), "%d", (int)score);
	r = file_read(AT_FDCWD, path, 64, &now, &len);
	if (r == 0 && atoi(now) == (int)score)
		return 0;
	if (r == 0)
		r = file_write(AT_FDCWD, path, text, (size_t)n);
	return r < 0 ? error_sys(err, -r, "process.oomScoreAdj %s%s", text,
				 r == -EACCES ? " (lowering it needs CAP_SYS_RESOURCE)" : "")
		     : 0;
}

int process_set_rlimits(pid_t pid, const struct rlimit_plan *plan, struct error *err)
{
	for (size_t i = 0; i < plan->len; i++)
		if (prlimit(pid, (__rlimit_resource_t)plan->resource[i], &plan->value[i], NULL) < 0)
			return error_sys(err, errno, "process.rlimits[%zu]", i);
	return 0;
}
