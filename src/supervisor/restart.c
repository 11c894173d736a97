/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/supervisor.h"

/* Docker's: 100 ms, doubled each time up to a minute; from the beginning after ten seconds of running. */
#define DELAY_FIRST_MS 100
#define DELAY_MAX_MS 60000
#define SETTLED_MS 10000

bool restart_wanted(const struct supervisor *s, unsigned restarts)
{
	const struct container_config *config = &s->record.config;

	if (s->stopping || s->record.state.stopped_by_user)
		return false;
	switch (config->restart.policy) {
	case RESTART_ALWAYS:
	case RESTART_UNLESS_STOPPED:
		return true;
	case RESTART_ON_FAILURE:
		return s->exit_status != 0 &&
		       (config->restart.max_retries == 0 || restarts < config->restart.max_retries);
	default:
		return false;
	}
}

int64_t restart_delay_ms(int64_t last_ms, int64_t ran_ms)
{
	if (last_ms == 0 || ran_ms >= SETTLED_MS)
		return DELAY_FIRST_MS;
	return last_ms * 2 < DELAY_MAX_MS ? last_ms * 2 : DELAY_MAX_MS;
}
