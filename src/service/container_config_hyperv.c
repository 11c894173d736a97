/* SPDX-License-Identifier: Apache-2.0 */
#include "service/container_config_hyperv.h"

#include <string.h>

#include "service/lists.h"

/* Devices that a guest's kernel has of its own. */
static const char *const guest_devices[] = {
	"/dev/null",    "/dev/zero", "/dev/full", "/dev/random",
	"/dev/urandom", "/dev/tty",  "/dev/fuse", "/dev/net/tun",
};

const char *container_config_vm_host(const struct container_config *config)
{
	return config->isolation == ISOLATION_HYPERV ? mode_container(config->network_mode) : NULL;
}

static int refuse_host(const char *flag, const char *mode, struct error *err)
{
	if (!mode_is(mode, "host"))
		return 0;
	return error_set(err, ENOTSUP,
			 "%s host: a container in a utility VM cannot share the host's; use "
			 "--isolation process",
			 flag);
}

/* Namespaces of another container are in the same VM when its network is joined too. */
static int check_joined(const char *flag, const char *mode, const char *vm_host, struct error *err)
{
	const char *other = mode_container(mode);

	if (!other || (vm_host && strcmp(vm_host, other) == 0))
		return 0;
	return error_set(err, ENOTSUP,
			 "%s container:%s: containers share it only within one utility VM; add "
			 "--network container:%s",
			 flag, other, other);
}

static bool in_guest(const char *device)
{
	for (size_t i = 0; i < ARRAY_SIZE(guest_devices); i++)
		if (strcmp(guest_devices[i], device) == 0)
			return true;
	return false;
}

static int check_joiner(const struct container_config *c, const char *vm_host, struct error *err)
{
	if (!vm_host)
		return 0;
	if (c->kernel)
		return error_set(
			err, EINVAL,
			"--kernel: the container joins the utility VM of %s, which has its "
			"own",
			vm_host);
	if (key_values_get(&c->storage_opt, "size"))
		return error_set(err, ENOTSUP,
				 "--storage-opt size: a container that joins the utility VM of %s "
				 "writes to a directory, which has no size",
				 vm_host);
	return 0;
}

int container_config_check_hyperv(const struct container_config *c, struct error *err)
{
	const struct {
		const char *flag, *mode;
	} modes[] = {
		{ "--network", c->network_mode },   { "--pid", c->pid_mode },
		{ "--ipc", c->ipc_mode },           { "--uts", c->uts_mode },
		{ "--cgroupns", c->cgroupns_mode },
	};
	const char *vm_host = container_config_vm_host(c);
	int r = check_joiner(c, vm_host, err);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(modes); i++) {
		r = refuse_host(modes[i].flag, modes[i].mode, err);
		if (r == 0)
			r = check_joined(modes[i].flag, modes[i].mode, vm_host, err);
	}
	for (size_t i = 0; r == 0 && i < c->devices_len; i++)
		if (!in_guest(c->devices[i].host))
			return error_set(err, ENOTSUP,
					 "--device %s: a device of the host cannot be given to a "
					 "utility VM; use --isolation process",
					 c->devices[i].host);
	for (size_t i = 0; r == 0 && i < c->volumes_len; i++)
		if (c->volumes[i].propagation && strstr(c->volumes[i].propagation, "shared"))
			return error_set(err, ENOTSUP,
					 "volume %s: %s: mounts made in a utility VM cannot appear "
					 "on the host",
					 c->volumes[i].destination, c->volumes[i].propagation);
	for (size_t i = 0; r == 0 && i < c->security_opt.len; i++)
		if (strncmp(c->security_opt.items[i], "apparmor", 8) == 0 &&
		    !strstr(c->security_opt.items[i], "unconfined"))
			return error_set(err, ENOTSUP,
					 "--security-opt %s: the guest's kernel has no AppArmor",
					 c->security_opt.items[i]);
	return r;
}
