/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include "vm/disk.h"
#include "vm/machine.h"
#include "vm/machine_arch.h"
#include "wire/message.h"

#define ARGS_MAX (64 + 6 * VM_DISKS_MAX + 2 * VM_EXTENTS_MAX + 4 * VM_NICS_MAX)
#define FILES_MAX 512 /* open at once, its own included: an extent is two */
/* The port, the share, random numbers. */
#define FIXED_DEVICES 3

/* QEMU's arguments and the descriptors that they name. */
struct command {
	char *argv[ARGS_MAX + 1]; /* owned */
	size_t len;
	int fds[2 * VM_DISKS_MAX + VM_EXTENTS_MAX + VM_NICS_MAX + 4]; /* owned */
	size_t fds_len;
	bool failed; /* out of memory */
};

static void command_done(struct command *c)
{
	for (size_t i = 0; i < c->len; i++)
		free(c->argv[i]);
	for (size_t i = 0; i < c->fds_len; i++)
		(void)close_fd(c->fds[i]);
}

static void arg(struct command *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void arg(struct command *c, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (text && c->len < ARGS_MAX)
		c->argv[c->len++] = text;
	else
		c->failed = true;
}

static void args(struct command *c, const char *const *words)
{
	for (; *words; words++)
		arg(c, "%s", *words);
}

/* A value in a list of options: a comma ends it unless it is doubled. */
static char *escaped(const char *text)
{
	char *out = malloc(2 * strlen(text) + 1), *p = out;

	for (; out && *text; text++) {
		*p++ = *text;
		if (*text == ',')
			*p++ = ',';
	}
	if (out)
		*p = '\0';
	return out;
}

static int command_line(struct command *c, const struct vm_settings *s, struct error *err)
{
	size_t devices = FIXED_DEVICES + s->disks_len + s->nics_len;
	size_t max = machine_arch_devices_max(s);
	char parameters[MACHINE_ARCH_TEXT];
	int r;

	if (devices > max)
		return error_set(err, E2BIG, "%zu disks and interfaces: the VM has room for %zu",
				 s->disks_len + s->nics_len,
				 max > FIXED_DEVICES ? max - FIXED_DEVICES : 0);
	r = machine_arch_parameters(s, devices, parameters, err);
	if (r < 0)
		return r;
	arg(c, "-append");
	arg(c, "%s", parameters);
	return 0;
}

/* The machine, and what of QEMU is not wanted. */
static int machine_args(struct command *c, const struct vm_settings *s, struct error *err)
{
	static const char *const nothing[] = {
		"-nodefaults",
		"-no-user-config",
		"-no-reboot",
		"-display",
		"none",
		"-monitor",
		"none",
		"-parallel",
		"none",
		"-sandbox",
		"on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
		NULL
	};
	_cleanup_free_ char *name = escaped(s->name);
	char machine[MACHINE_ARCH_TEXT];
	int r = machine_arch_machine(s, machine, err);

	if (r < 0 || !name)
		return r < 0 ? r : error_oom(err);
	arg(c, "%s", machine_arch.program);
	/* First, so that ps shows whose it is. */
	arg(c, "-name");
	arg(c, "guest=%s", name);
	args(c, nothing);
	arg(c, "-machine");
	arg(c, "%s,memory-backend=memory", machine);
	arg(c, "-cpu");
	arg(c, "%s", machine_arch.cpu[s->accelerator]);
	arg(c, "-smp");
	arg(c, "%u", s->cpus);
	arg(c, "-m");
	arg(c, "%" PRIu64 "M", s->memory >> 20);
	/* The share's daemon reads and writes it: shared, and in no file system. */
	arg(c, "-object");
	arg(c, "memory-backend-memfd,id=memory,size=%" PRIu64 "M,share=on", s->memory >> 20);
	arg(c, "-global");
	arg(c, "virtio-mmio.force-legacy=false");
	arg(c, "-kernel");
	arg(c, MACHINE_KERNEL);
	arg(c, "-initrd");
	arg(c, MACHINE_INITRD);
	return command_line(c, s, err);
}

/* A socket pair: one end for QEMU to keep, the other in *ret. */
static int chardev(struct command *c, const char *id, int *ret, struct error *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys(err, errno, "a socket pair for QEMU");
	*ret = pair[0];
	c->fds[c->fds_len++] = pair[1];
	if (fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0)
		return error_sys(err, errno, "a socket pair for QEMU");
	arg(c, "-chardev");
	arg(c, "socket,id=%s,fd=%d", id, pair[1]);
	return 0;
}

static int device_args(struct command *c, const struct vm_settings *s, int share_fd,
		       struct machine *machine, struct error *err)
{
	int r = chardev(c, "console", &machine->console, err);

	if (r == 0)
		r = chardev(c, "agent", &machine->agent, err);
	/* Under TCG the guest's opening of the port is handled beside QEMU's main loop, which is not
	 * told and goes on not reading from the agent's socket until something else wakes it (seen
	 * with 7.2). This does: nobody uses it, its end is noticed. */
	if (r == 0)
		r = chardev(c, "wake", &machine->wake, err);
	if (r < 0)
		return r;
	arg(c, "-serial");
	arg(c, "chardev:console");
	arg(c, "-device");
	arg(c, "virtio-serial-device,max_ports=2");
	arg(c, "-device");
	arg(c, "virtserialport,chardev=agent,name=" GUEST_PORT);
	arg(c, "-chardev");
	arg(c, "socket,id=share,fd=%d", share_fd);
	arg(c, "-device");
	arg(c, "vhost-user-fs-device,chardev=share,tag=" GUEST_SHARE_TAG);
	/* getrandom(2), not a file. */
	arg(c, "-object");
	arg(c, "rng-builtin,id=random");
	arg(c, "-device");
	arg(c, "virtio-rng-device,rng=random");
	for (size_t i = 0; i < s->nics_len; i++) {
		arg(c, "-netdev");
		arg(c, "tap,id=nic%zu,fd=%d,vhost=off", i, s->nics[i].tap_fd);
		arg(c, "-device");
		arg(c, "virtio-net-device,netdev=nic%zu,mac=%s", i, s->nics[i].mac);
	}
	return 0;
}

static void add_fd(struct command *c, int fd)
{
	arg(c, "-add-fd");
	arg(c, "fd=%d,set=%d", fd, fd);
}

static int disk_args(struct command *c, const struct vm_settings *s, struct error *err)
{
	for (size_t i = 0; i < s->disks_len; i++) {
		const struct vm_disk *disk = &s->disks[i];
		char text[DISK_TEXT];
		int map, r = disk_blockdev(disk, i, text, &map, err);

		if (r < 0)
			return r;
		for (unsigned k = 0; k < disk->extents; k++)
			add_fd(c, disk->fd + (int)k);
		if (map >= 0) {
			c->fds[c->fds_len++] = map;
			add_fd(c, map);
		}
		arg(c, "-blockdev");
		arg(c, "%s", text);
		arg(c, "-device");
		/* The guest is told of every error. QEMU's default when the host's disk is full is to
		 * stop the VM, until somebody continues it: nobody does. */
		arg(c, "virtio-blk-device,drive=disk%zu,serial=%s,rerror=report,werror=report", i,
		    disk->serial);
	}
	return 0;
}

static int qemu_start(const struct vm_settings *s, const struct machine_host *host,
		      struct machine *ret, struct error *err)
{
	_cleanup_(command_done) struct command c = { .len = 0 };
	_cleanup_machine_ struct machine machine = MACHINE_INIT;
	struct helper_spec spec = { .path = machine_arch.program,
				    .package = machine_arch.package,
				    .argv = c.argv,
				    .fds = c.fds,
				    .uid = host->uid,
				    .nofile = FILES_MAX,
				    .hide = VM_SHARE_ROOT };
	int r;

	c.fds[c.fds_len++] = host->share_fd;
	for (size_t i = 0; i < s->disks_len; i++)
		for (unsigned k = 0; k < s->disks[i].extents; k++)
			c.fds[c.fds_len++] = s->disks[i].fd + (int)k;
	for (size_t i = 0; i < s->nics_len; i++)
		c.fds[c.fds_len++] = s->nics[i].tap_fd;
	r = machine_args(&c, s, err);
	if (r == 0)
		r = device_args(&c, s, host->share_fd, &machine, err);
	if (r == 0)
		r = disk_args(&c, s, err);
	if (r < 0)
		return r;
	if (c.failed)
		return error_oom(err);
	spec.fds_len = c.fds_len;
	r = helper_start(&spec, &machine.monitor, err);
	if (r == 0)
		r = helper_confirm(&machine.monitor, &spec, err);
	if (r < 0)
		return r;
	*ret = machine;
	machine = MACHINE_INIT;
	return 0;
}

const struct machine_ops machine_qemu = { .name = "qemu", .start = qemu_start };
