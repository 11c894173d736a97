/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/json_tree.h"
#include "network/cni_config.h"
#include "network/default_network.h"
#include "network/network.h"
#include "network/state.h"

void network_info_done(struct network_info *info)
{
	free(info->name);
	free(info->type);
	free(info->file);
	free(info->subnet);
	free(info->gateway);
	free(info->config);
	*info = (struct network_info){ 0 };
}

static bool set(char **to, const char *text)
{
	*to = text ? strdup(text) : NULL;
	return *to || !text;
}

static int describe(const struct cni_config *config, struct network_info *info, struct error *err)
{
	const char *gateway, *subnet = cni_config_subnet(config, &gateway);

	info->config = json_tree_text(config->list);
	if (!info->config || !set(&info->name, cni_config_name(config)) ||
	    !set(&info->type, cni_config_type(config)) || !set(&info->file, config->file) ||
	    !set(&info->subnet, subnet) || !set(&info->gateway, gateway))
		return error_oom(err);
	return 0;
}

/* Without making anything: a subnet only where one has been chosen. */
static int describe_default(const struct network_paths *paths, struct network_info *info,
			    struct error *err)
{
	struct cni_config config = { 0 };
	_cleanup_close_ int cni_fd = -1;
	_cleanup_free_ char *subnet = NULL;
	int r = state_open(paths, false, &cni_fd, err);

	if (r == 0)
		r = default_network_subnet(cni_fd, &subnet, err);
	if (r == 0 && subnet)
		r = default_network_config(paths, cni_fd, subnet, true, &config, err);
	if (r == 0 && subnet)
		r = describe(&config, info, err);
	else if (r == 0 && (!set(&info->name, NETWORK_DEFAULT) || !set(&info->type, "bridge") ||
			    !set(&info->config, "{}")))
		r = error_oom(err);
	cni_config_done(&config);
	return r;
}

static bool is_listed(const struct network_info *infos, size_t len, const char *name)
{
	for (size_t i = 0; i < len; i++)
		if (strcmp(infos[i].name, name) == 0)
			return true;
	return false;
}

int network_list(const struct network_paths *paths, struct network_info **ret, size_t *ret_len,
		 struct error *err)
{
	static const char *const without_config[][2] = { { "host", "host" }, { "none", "null" } };
	struct cni_config *configs = NULL;
	struct network_info *infos;
	size_t configs_len = 0, len = 0;
	int r = cni_config_list(paths->config ? paths->config : CNI_CONFIG_DIRECTORY, &configs,
				&configs_len, err);

	if (r < 0)
		return r;
	infos = calloc(configs_len + 1 + ARRAY_SIZE(without_config), sizeof(*infos));
	if (!infos)
		r = error_oom(err);
	for (size_t i = 0; i < configs_len && r == 0; i++) {
		const char *name = cni_config_name(&configs[i]);

		if (strcmp(name, "host") != 0 && strcmp(name, "none") != 0)
			r = describe(&configs[i], &infos[len++], err);
	}
	if (r == 0 && !is_listed(infos, len, NETWORK_DEFAULT))
		r = describe_default(paths, &infos[len++], err);
	for (size_t i = 0; i < ARRAY_SIZE(without_config) && r == 0; i++) {
		if (!set(&infos[len].name, without_config[i][0]) ||
		    !set(&infos[len].type, without_config[i][1]) || !set(&infos[len].config, "{}"))
			r = error_oom(err);
		len++;
	}
	for (size_t i = 0; i < configs_len; i++)
		cni_config_done(&configs[i]);
	free(configs);
	if (r < 0) {
		for (size_t i = 0; i < len; i++)
			network_info_done(&infos[i]);
		free(infos);
		return r;
	}
	*ret = infos;
	*ret_len = len;
	return 0;
}
