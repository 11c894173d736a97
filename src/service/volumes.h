/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Volumes on this host: ROOT/volumes/NAME/_data. */
#include "service/record.h"

/* Makes the volume if it is not there, and, when it is empty, fills it with what the image (layers) has at
 * its destination (unless nocopy): owner and mode of the directory too. It is filled whole or not at
 * all; two at once do it once. *ret: path of its directory, from arena. */
int volume_prepare(const struct service *service, const struct container_volume *volume,
		   const struct record *record, char *const *layers, struct arena *arena,
		   char **ret, struct error *err);
