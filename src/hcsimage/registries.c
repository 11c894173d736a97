/* SPDX-License-Identifier: Apache-2.0 */
#include "hcsimage/registries.h"

#include <string.h>

#include "base/json.h"

int registries_load(struct registries *ret, struct error *err)
{
	int r = compute_settings_load(&ret->settings, err);

	if (r < 0)
		return r;
	ret->config = (struct image_registry_config){
		.insecure = (const char *const *)ret->settings.registries.insecure,
		.mirrors = (const char *const *)ret->settings.registries.mirrors,
		.stall_seconds = ret->settings.registries.stall_seconds,
	};
	return 0;
}

void registries_done(struct registries *registries)
{
	compute_settings_done(&registries->settings);
}

int registries_server(const char *text, char **ret, struct error *err)
{
	static const char *const hub[] = { "", "docker.io", "index.docker.io",
					   "registry-1.docker.io", "hub.docker.com" };
	char buf[JSON_PRINTABLE_SIZE];
	size_t len;

	text = text ? text : "";
	if (strncmp(text, "https://", 8) == 0)
		text += 8;
	else if (strncmp(text, "http://", 7) == 0)
		text += 7;
	len = strcspn(text, "/");
	if (strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]") <
	    len)
		return error_set(err, EINVAL, "\"%s\" is not a registry's host name",
				 json_printable(text, buf));
	*ret = strndup(text, len);
	for (size_t i = 0; *ret && i < ARRAY_SIZE(hub); i++)
		if (strcmp(*ret, hub[i]) == 0) {
			free(*ret);
			*ret = strdup("docker.io");
			break;
		}
	return *ret ? 0 : error_oom(err);
}
