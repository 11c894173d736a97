/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "service/container_config.h"

/* What a utility VM cannot do, refused by the flag's name. */
int container_config_check_hyperv(const struct container_config *config, struct error *err);
/* The container whose VM it joins, by name or id: that of --network container:NAME. NULL: its own VM. */
const char *container_config_vm_host(const struct container_config *config);
