/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/hyperv/request_time.h"

#include "compute/settings.h"

/* The agent takes a fraction of a second; only a guest that is broken, or a machine that has nothing
 * left for it, takes so long. */
#define REQUEST_TIMEOUT_MS 60000

/* What hooks may take is theirs; one without a timeout may take for ever. */
static uint32_t with_hooks(const struct oci_spec *spec, enum oci_hook_kind kind, uint32_t ms)
{
	const struct oci_hook_list *hooks = spec ? &spec->hooks[kind] : NULL;
	uint64_t sum = ms;

	for (size_t i = 0; hooks && i < hooks->len; i++) {
		const struct opt_i64 *timeout = &hooks->items[i].timeout;

		if (!timeout->set || timeout->value > UINT32_MAX / 1000)
			return 0;
		sum += (uint64_t)timeout->value * 1000;
		if (sum > UINT32_MAX)
			return 0;
	}
	return (uint32_t)sum;
}

int request_times_get(const struct oci_spec *spec, struct request_times *ret, struct error *err)
{
	_cleanup_settings_ struct compute_settings file = { 0 };
	int r = compute_settings_load(&file, err);
	uint32_t ms = file.hyperv.request_timeout_ms ? file.hyperv.request_timeout_ms
						     : REQUEST_TIMEOUT_MS;

	ret->create = with_hooks(spec, OCI_HOOK_CREATE_CONTAINER, ms);
	ret->start = with_hooks(spec, OCI_HOOK_START_CONTAINER, ms);
	return r;
}
