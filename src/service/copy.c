/* SPDX-License-Identifier: Apache-2.0 */
#include "service/copy.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "archive/archive.h"
#include "base/child_task.h"
#include "base/fd.h"
#include "service/files.h"

#define STAT_MAX 16384

/* A file of STAT_MAX bytes that does not grow: what a guest answers is no longer. */
static int open_answer(struct error *err)
{
	_cleanup_close_ int fd = memfd_create("stat", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, STAT_MAX) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) < 0)
		return error_sys(err, errno, "memfd_create");
	return TAKE_FD(fd);
}

/* One end of a copy: what its path says, and what is there. */
struct end {
	char *path;           /* owned: without "/" and "/." at its end; "/" itself stays */
	char *parent, *base;  /* owned */
	bool slash, contents; /* it ended with "/", with "/." */
	bool exists, directory;
};

static void end_done(struct end *end)
{
	free(end->path);
	free(end->parent);
	free(end->base);
	*end = (struct end){ 0 };
}

static int end_parse(const char *text, struct end *end, struct error *err)
{
	size_t len = strlen(text);
	const char *slash;

	if (len == 0)
		return error_set(err, EINVAL, "a path is empty");
	end->contents = strcmp(text, ".") == 0 || (len > 1 && strcmp(text + len - 2, "/.") == 0);
	end->slash = text[len - 1] == '/';
	while (len > 1 && (text[len - 1] == '/' || (text[len - 1] == '.' && text[len - 2] == '/')))
		len--;
	end->path = strndup(text, len);
	if (!end->path)
		return error_oom(err);
	slash = strrchr(end->path, '/');
	end->base = strdup(slash ? slash + 1 : end->path);
	end->parent =
		!slash ? strdup(".")
		       : strndup(end->path, slash == end->path ? 1 : (size_t)(slash - end->path));
	return end->base && end->parent ? 0 : error_oom(err);
}

/* In the container, a link at the end followed or not. -ENOENT leaves exists false. */
static int stat_inside(struct service_files *files, struct end *end, bool follow, struct error *err)
{
	_cleanup_close_ int memfd = open_answer(err);
	struct container_files what = {
		.kind = CONTAINER_FILES_STAT, .path = end->path, .follow = follow, .fd = memfd
	};
	_cleanup_error_ struct error local = ERROR_INIT;
	_cleanup_free_ char *text = NULL;
	json_t *json;
	size_t len;
	int r;

	if (memfd < 0)
		return memfd;
	r = service_files(files, &what, &local);
	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		error_move(err, &local);
		return r;
	}
	(void)lseek(memfd, 0, SEEK_SET);
	if (fd_read_all(memfd, STAT_MAX, &text, &len) < 0)
		return error_set(err, EPROTO, "%s: unreadable answer", end->path);
	json = json_loadb(text, strnlen(text, len), 0, NULL);
	end->exists = json_is_integer(json_object_get(json, "mode"));
	end->directory =
		end->exists && S_ISDIR((mode_t)json_integer_value(json_object_get(json, "mode")));
	json_decref(json);
	return end->exists ? 0 : error_set(err, EPROTO, "%s: unreadable answer", end->path);
}

static int stat_outside(struct end *end, bool follow, struct error *err)
{
	struct stat st;

	if (fstatat(AT_FDCWD, end->path, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_sys(err, errno, "%s", end->path);
	end->exists = true;
	end->directory = S_ISDIR(st.st_mode);
	return 0;
}

/* Where it goes, and what the topmost entry is called: NULL for the contents of a directory. */
static int plan(const struct end *from, const struct end *to, const char **ret_directory,
		const char **ret_name, struct error *err)
{
	if (!from->exists)
		return error_set(err, ENOENT, "%s: no such file or directory", from->path);
	if ((from->slash || from->contents) && !from->directory)
		return error_set(err, ENOTDIR, "%s: not a directory", from->path);
	if (to->exists && to->directory) {
		*ret_directory = to->path;
		*ret_name = from->contents ? NULL : from->base;
		return 0;
	}
	if (to->exists && from->directory)
		return error_set(err, ENOTDIR, "cannot copy directory %s to %s, which is none",
				 from->path, to->path);
	if ((to->slash || to->contents) && !from->directory)
		return error_set(err, ENOTDIR, "no such directory: %s/", to->path);
	*ret_directory = to->parent;
	*ret_name = to->base;
	return 0;
}

/* The caller's side of the stream: a process of its own, since both sides work at once. */
struct outside {
	const struct service_copy *copy;
	const char *path, *name; /* into, or of, what is packed */
	int fd;
};

static int do_outside(void *data, struct error *err)
{
	const struct outside *o = data;
	struct archive_create create = {
		.path = o->path, .name = o->name, .follow = o->copy->follow, .mounts = true
	};
	struct archive_extract extract = { .same_owner = o->copy->archive,
					   .devices = true,
					   .no_rights = !o->copy->archive,
					   .only = o->name,
					   .no_overwrite_dir = true };
	const bool in = o->copy->to_container;
	_cleanup_close_ int dir = open(!in                 ? o->path
				       : o->path[0] == '/' ? "/"
							   : ".",
				       O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return error_sys(err, errno, "%s", in ? "open the working directory" : o->path);
	create.root = extract.root = dir;
	return in ? archive_create(o->fd, &create, err)
		  : archive_extract(o->fd, &extract, NULL, err);
}

/* The side that broke first has the cause; the other only says that nobody reads, or that the end is
 * missing. */
static int merge_errors(int inside, struct error *inside_err, int outside,
			struct error *outside_err, struct error *err)
{
	if (outside < 0 && (inside >= 0 || inside == -EPIPE || inside == -EIO)) {
		error_move(err, outside_err);
		return outside;
	}
	if (inside < 0)
		error_move(err, inside_err);
	return inside;
}

static int transfer(struct service_files *files, const struct service_copy *copy,
		    struct container_files *what, struct outside *o, struct error *err)
{
	_cleanup_error_ struct error inside_err = ERROR_INIT, outside_err = ERROR_INIT;
	struct child_task task = CHILD_TASK_INIT;
	const int ours = copy->to_container ? 0 : 1;
	int pipes[2], inside, outside, r;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return error_sys(err, errno, "pipe");
	o->fd = pipes[1 - ours];
	what->fd = pipes[ours];
	r = child_task_start(&task, do_outside, o, what->fd, err);
	(void)close(o->fd);
	if (r < 0) {
		(void)close(what->fd);
		return r;
	}
	inside = service_files(files, what, &inside_err);
	(void)close(what->fd);
	outside = child_task_end(&task, &outside_err);
	return merge_errors(inside, &inside_err, outside, &outside_err, err);
}

static int stream(struct service_files *files, const struct service_copy *copy,
		  const struct end *inside, struct error *err)
{
	struct container_files what = {
		.kind = copy->to_container ? CONTAINER_FILES_UNPACK : CONTAINER_FILES_PACK,
		.path = inside->path,
		.name = *inside->base ? inside->base : NULL,
		.follow = copy->follow,
		.mounts = true,
		.same_owner = copy->archive,
		.fd = copy->to_container ? STDIN_FILENO : STDOUT_FILENO,
	};

	if (!inside->exists)
		return error_set(err, ENOENT, "%s: no such file or directory", inside->path);
	if (copy->to_container && !inside->directory)
		return error_set(err, ENOTDIR,
				 "destination \"%s:%s\" must be a directory for a tar stream",
				 copy->container, copy->path);
	return service_files(files, &what, err);
}

static int copy_between(struct service_files *files, const struct service_copy *copy,
			struct end *inside, struct end *outside, struct error *err)
{
	const struct end *from = copy->to_container ? outside : inside;
	const struct end *to = copy->to_container ? inside : outside;
	const char *directory = NULL, *name = NULL;
	struct container_files what = { .follow = copy->follow, .mounts = true };
	struct outside o = { .copy = copy };
	int r = plan(from, to, &directory, &name, err);

	if (r < 0)
		return r;
	if (copy->to_container) {
		o.path = from->path;
		o.name = name;
		what.kind = CONTAINER_FILES_UNPACK;
		what.path = directory;
		what.same_owner = copy->archive;
	} else {
		what.kind = CONTAINER_FILES_PACK;
		what.path = from->path;
		what.name = name;
		o.path = directory;
	}
	return transfer(files, copy, &what, &o, err);
}

int service_copy(const struct service *service, const struct service_copy *copy, struct error *err)
{
	_cleanup_service_files_ struct service_files files = SERVICE_FILES_INIT;
	_cleanup_(end_done) struct end inside = { 0 }, outside = { 0 };
	_cleanup_free_ char *absolute = NULL;
	int r;

	if (asprintf(&absolute, "%s%s", copy->path[0] == '/' ? "" : "/", copy->path) < 0) {
		absolute = NULL;
		return error_oom(err);
	}
	r = end_parse(absolute, &inside, err);
	if (r == 0 && copy->local)
		r = end_parse(copy->local, &outside, err);
	if (r == 0 && copy->local)
		r = stat_outside(&outside, !copy->to_container || copy->follow, err);
	if (r == 0)
		r = service_files_open(service, copy->container, &files, err);
	if (r == 0)
		r = stat_inside(&files, &inside, copy->to_container || copy->follow, err);
	if (r < 0)
		return r;
	return copy->local ? copy_between(&files, copy, &inside, &outside, err)
			   : stream(&files, copy, &inside, err);
}
