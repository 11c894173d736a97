/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "service/service.h"

/* The isolation of containers for which nothing is said: HCS_DEFAULT_ISOLATION in the environment, else
 * the configuration file's. Never ISOLATION_DEFAULT. */
int service_default_isolation(const struct service *service, enum compute_isolation *ret,
			      struct error *err);
