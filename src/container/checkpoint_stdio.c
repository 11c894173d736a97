/* SPDX-License-Identifier: Apache-2.0 */
#include "container/checkpoint_stdio.h"

#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "container/criu.h"

#define DESCRIPTORS_FILE "descriptors.json"
#define DESCRIPTORS_MAX ((size_t)64 * 1024)

void checkpoint_inherit_fd(struct criu_message *opts, const char *key, int fd)
{
	_cleanup_criu_message_ struct criu_message inner = { 0 };

	criu_put_text(&inner, 1, key);
	criu_put_number(&inner, 2, fd);
	criu_put_message(opts, OPT_INHERIT_FD, &inner);
}

/* "mnt_id:" of /proc/PID/fdinfo/FD. */
static int read_mount_id(int proc_fd, int fd)
{
	_cleanup_free_ char *text = NULL;
	char path[32], *line;
	size_t len;
	int r;

	(void)snprintf(path, sizeof(path), "fdinfo/%d", fd);
	r = file_read(proc_fd, path, 4096, &text, &len);
	if (r < 0)
		return r;
	line = strstr(text, "mnt_id:");
	return line ? (int)strtol(line + 7, NULL, 10) : -ENODATA;
}

/* The name of what fd is: criu's for a pipe, or for a file on a mount that is not the container's;
 * else just what it is. An empty text for a closed one. */
static int name_descriptor(int proc_fd, int fd, const struct mount_table *mounts,
			   char name[static PATH_MAX], bool *ret_external)
{
	char path[32];
	struct stat st;
	ssize_t len;
	int id;

	*ret_external = false;
	name[0] = '\0';
	(void)snprintf(path, sizeof(path), "fd/%d", fd);
	len = readlinkat(proc_fd, path, name, PATH_MAX - 1);
	if (len < 0)
		return errno == ENOENT ? 0 : -errno;
	name[len] = '\0';
	if (name[0] != '/' || fstatat(proc_fd, path, &st, 0) < 0)
		return 0;
	id = read_mount_id(proc_fd, fd);
	if (id < 0 || mount_table_find(mounts, id))
		return 0;
	/* A terminal of the host's is a matter of --shell-job. */
	if (!S_ISREG(st.st_mode) && !(S_ISCHR(st.st_mode) && st.st_rdev >> 8 == 1))
		return 0;
	(void)snprintf(name, PATH_MAX, "file[%x:%" PRIx64 "]", (unsigned)id, (uint64_t)st.st_ino);
	*ret_external = true;
	return 0;
}

int checkpoint_stdio_dump(pid_t pid, const struct mount_table *mounts, int image_fd,
			  struct criu_message *opts, struct error *err)
{
	_cleanup_close_ int proc_fd = -1;
	_cleanup_free_ char *text = NULL;
	json_t *list = json_array();
	char path[32];
	int r = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	proc_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc_fd < 0)
		r = -errno;
	for (int fd = 0; fd < 3 && r == 0; fd++) {
		char name[PATH_MAX];
		bool external;

		r = name_descriptor(proc_fd, fd, mounts, name, &external);
		if (external)
			criu_put_text(opts, OPT_EXTERNAL, name);
		/* The link's text may be any bytes. */
		if (json_array_append_new(list, json_string(name)) < 0)
			(void)json_array_append_new(list, json_string(""));
	}
	text = json_dumps(list, JSON_COMPACT);
	json_decref(list);
	if (r < 0)
		return error_sys(err, -r, "read the descriptors of process %d", (int)pid);
	if (!text)
		return error_oom(err);
	r = file_replace(image_fd, DESCRIPTORS_FILE, text, strlen(text), 0600);
	return r < 0 ? error_sys(err, -r, "write " DESCRIPTORS_FILE) : 0;
}

int checkpoint_stdio_restore(int image_fd, struct criu_message *opts, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	json_t *list;
	size_t len;
	int r = file_read(image_fd, DESCRIPTORS_FILE, DESCRIPTORS_MAX, &text, &len);

	if (r == -ENOENT)
		return error_set(err, ENOENT,
				 "--image-path: no " DESCRIPTORS_FILE ": not a whole checkpoint");
	if (r < 0)
		return error_sys(err, -r, "read " DESCRIPTORS_FILE);
	list = json_loadb(text, len, 0, NULL);
	if (!json_is_array(list)) {
		json_decref(list);
		return error_set(err, EPROTO, DESCRIPTORS_FILE ": not a list");
	}
	for (int fd = 0; fd < 3; fd++) {
		const char *name = json_string_value(json_array_get(list, (size_t)fd));

		/* criu takes the first character of a file's name for the root's slash. Under the
		 * rest of it our descriptor is used as it is; under the whole name criu would open
		 * the file again with the old one's flags, and want it to have the old one's size.
		 */
		if (name && strncmp(name, "file[", 5) == 0)
			checkpoint_inherit_fd(opts, name + 1, fd);
		else if (name && strncmp(name, "pipe:", 5) == 0)
			checkpoint_inherit_fd(opts, name, fd);
	}
	json_decref(list);
	return 0;
}
