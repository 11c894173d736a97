/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

#include "container/idmap.h"
#include "container/mount_fd.h"
#include "container/mount_plan.h"
#include "container/root_propagation.h"

static bool same_mappings(const struct oci_id_mappings *a, const struct oci_id_mappings *b)
{
	return a->len == b->len &&
	       (a->len == 0 || memcmp(a->items, b->items, a->len * sizeof(a->items[0])) == 0);
}

/* Mappings of the mount, or of the container where the mount has only the option. */
static void mappings_of(const struct mount_plan *plan, const struct mount_step *step,
			const struct oci_id_mappings **uids, const struct oci_id_mappings **gids)
{
	static const struct oci_id_mappings none;
	const struct oci_linux *linux_ = plan->spec->linux_;
	bool own = step->mount->uid_mappings.len > 0 || step->mount->gid_mappings.len > 0;

	*uids = own ? &step->mount->uid_mappings : linux_ ? &linux_->uid_mappings : &none;
	*gids = own ? &step->mount->gid_mappings : linux_ ? &linux_->gid_mappings : &none;
}

static int open_userns(struct mount_plan *plan, struct mount_step *step, struct error *err)
{
	const struct oci_linux *linux_ = plan->spec->linux_;
	const struct oci_id_mappings *uids, *gids, *other_uids, *other_gids;
	const char *joined;
	int fd;

	mappings_of(plan, step, &uids, &gids);
	joined = linux_ ? linux_->namespaces[OCI_NS_USER].path : NULL;
	if (uids->len == 0 && gids->len == 0 && joined) {
		fd = open(joined, O_RDONLY | O_CLOEXEC);
		return fd < 0 ? error_sys(err, errno, "user namespace %s", joined) : fd;
	}
	if (uids->len == 0 || gids->len == 0)
		return error_set(
			err, EINVAL,
			"idmap needs uidMappings and gidMappings, of the mount or of linux");
	for (const struct mount_step *other = plan->steps; other < step; other++) {
		if (other->userns_fd < 0)
			continue;
		mappings_of(plan, other, &other_uids, &other_gids);
		if (same_mappings(uids, other_uids) && same_mappings(gids, other_gids)) {
			fd = fcntl(other->userns_fd, F_DUPFD_CLOEXEC, 3);
			return fd < 0 ? error_sys(err, errno, "copy a descriptor") : fd;
		}
	}
	return idmap_open(uids, gids, err);
}

/* A copy made in the host's namespace is in the host's peer groups still. The child's own copies
 * are made after it has left them, so this one has to leave as well. */
static int leave_peers(const struct mount_plan *plan, const struct mount_step *step, int fd,
		       bool userns, struct error *err)
{
	bool recursive;

	if (!userns && root_propagation(plan->spec, &recursive) == MS_SHARED)
		return 0;
	return mount_fd_propagate(fd, MS_SLAVE, step->options.rbind, err);
}

static int open_step(struct mount_plan *plan, struct mount_step *step, const char *bundle,
		     bool userns, struct error *err)
{
	_cleanup_error_ struct error cause = ERROR_INIT;
	_cleanup_close_ int fd = -1;
	int r;

	if (step->kind != MOUNT_KIND_BIND || step->options.remount || step->options.copy_symlink ||
	    !(step->idmapped || userns))
		return 0;
	fd = mount_step_open_source(step, bundle, &cause);
	/* The child tries first for itself, and says what is wrong. */
	if (fd < 0 && !step->idmapped)
		return 0;
	if (fd < 0) {
		error_move(err, &cause);
		return fd;
	}
	r = leave_peers(plan, step, fd, userns, err);
	if (r == 0 && step->idmapped)
		r = mount_fd_idmap(fd, step->userns_fd,
				   step->options.idmap == MOUNT_IDMAP_RECURSIVE, err);
	if (r == 0)
		step->source_fd = TAKE_FD(fd);
	return r;
}

int mount_plan_open_userns(struct mount_plan *plan, struct error *err)
{
	for (size_t i = 0; i < plan->len; i++) {
		struct mount_step *step = &plan->steps[i];

		if (!step->idmapped)
			continue;
		step->userns_fd = open_userns(plan, step, err);
		if (step->userns_fd < 0)
			return error_wrap(err, step->userns_fd, "mounts[%zu] (%s)", i,
					  step->target);
	}
	return 0;
}

int mount_plan_open_sources(struct mount_plan *plan, const char *bundle, struct error *err)
{
	const struct oci_linux *linux_ = plan->spec->linux_;
	bool userns = linux_ && linux_->namespaces[OCI_NS_USER].present;

	for (size_t i = 0; i < plan->len; i++) {
		int r = open_step(plan, &plan->steps[i], bundle, userns, err);

		if (r < 0)
			return error_wrap(err, r, "mounts[%zu] (%s)", i, plan->steps[i].target);
	}
	return 0;
}
