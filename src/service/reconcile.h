/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Putting in order what a killed supervisor, or a reboot, left behind. */
#include <stdbool.h>

#include "service/record.h"

/* May something be left? Cheap: asked whenever a record is opened. */
bool reconcile_is_due(const struct service *service, const struct record *record);
/* With the record locked: unless its supervisor lives, ends the container in the compute layer, takes it
 * off its networks, and stores that it has ended. *ret_removed: it was to be removed at its end, and is
 * (the record is closed). */
int reconcile(const struct service *service, struct record *record, bool *ret_removed,
	      struct error *err);
/* Ends what is there of the container in the compute layer, the networks and the run directory. Nothing
 * there is fine. */
int reconcile_clean(const struct service *service, const struct record *record, struct error *err);
/* Whether the supervisor of the record holds its lock of life. */
bool reconcile_is_alive(const struct record *record);
/* Waits until it is not: one that is being killed closes its descriptors one by one, its socket before its
 * lock. */
void reconcile_await_death(const struct record *record);
/* Of this boot; caller frees, NULL when it cannot be read. */
char *reconcile_boot_id(void);
