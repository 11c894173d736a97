/* SPDX-License-Identifier: Apache-2.0 */
#include "service/files.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/path.h"
#include "compute/files.h"
#include "image/store.h"

#define BUNDLE "files" /* in the container's directory */

static char *system_id(const struct record *record)
{
	char *id;

	return asprintf(&id, "%s.files", record->id) < 0 ? NULL : id;
}

static void strings_free(char **strings)
{
	for (size_t i = 0; strings && strings[i]; i++)
		free(strings[i]);
	free(strings);
}

/* Topmost first, the scratch last. */
static int find_layers(struct service_files *files, json_t **ret, struct error *err)
{
	const struct record *record = &files->record;
	const bool vm = record->config.isolation == ISOLATION_HYPERV;
	_cleanup_image_store_ struct image_store *images = NULL;
	_cleanup_image_ struct image image = { 0 };
	json_t *folders = json_array();
	char **layers = NULL;
	size_t len;
	int r;

	r = service_images(files->service, &images, err);
	if (r == 0)
		r = image_store_find(images, record->image_id, NULL, &image, err);
	if (r == 0)
		r = vm ? image_store_erofs(images, &image, &layers, &len, err)
		       : image_store_folders(images, &image, &layers, &len, err);
	for (size_t i = 0; r == 0 && i < len; i++)
		(void)json_array_append_new(folders, json_string(layers[i]));
	strings_free(layers);
	(void)json_array_append_new(
		folders, json_sprintf("%s/%s", record->path, vm ? "scratch.ext4" : "scratch"));
	if (r < 0)
		json_decref(folders);
	else
		*ret = folders;
	return r;
}

static int add_volumes(const struct service_files *files, json_t *mounts, struct error *err)
{
	const struct container_config *config = &files->record.config;

	for (size_t i = 0; i < config->volumes_len; i++) {
		const struct container_volume *v = &config->volumes[i];
		json_t *mount;

		if (v->kind == VOLUME_TMPFS)
			continue;
		mount = json_pack("{s:s, s:s, s:[s, s]}", "destination", v->destination, "type",
				  "bind", "options", "rbind", v->readonly ? "ro" : "rw");
		(void)json_object_set_new(mount, "source",
					  v->kind == VOLUME_NAMED
						  ? json_sprintf("%s/volumes/%s/_data",
								 files->service->root, v->source)
						  : json_string(v->source));
		if (!mount || json_array_append_new(mounts, mount) < 0)
			return error_oom(err);
	}
	return 0;
}

static json_t *namespaces(void)
{
	static const char *const kinds[] = { "pid", "network", "mount", "ipc", "uts" };
	json_t *array = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		(void)json_array_append_new(array, json_pack("{s:s}", "type", kinds[i]));
	return array;
}

static int make_config(struct service_files *files, char **ret, struct error *err)
{
	json_t *folders = NULL, *mounts = json_array(), *config;
	int r = find_layers(files, &folders, err);

	if (r == 0)
		r = add_volumes(files, mounts, err);
	if (r < 0) {
		json_decref(mounts);
		json_decref(folders);
		return r;
	}
	config = json_pack(
		"{s:s, s:{s:s, s:b}, s:{s:[s], s:s, s:{s:i, s:i}}, s:o, s:{s:o, s:o}, s:{s:o}}",
		"ociVersion", "1.2.0", "root", "path", "rootfs", "readonly",
		(int)files->record.config.readonly_rootfs, "process", "args", "/", "cwd", "/",
		"user", "uid", 0, "gid", 0, "mounts", mounts, "linux", "namespaces", namespaces(),
		"cgroupsPath", json_sprintf("/hcs/%s", files->compute_id), "windows",
		"layerFolders", folders);
	*ret = config ? json_dumps(config, JSON_COMPACT) : NULL;
	json_decref(config);
	return *ret ? 0 : error_oom(err);
}

static int make_bundle(struct service_files *files, char **ret_path, struct error *err)
{
	_cleanup_free_ char *config = NULL;
	_cleanup_close_ int dir = -1;
	int r = make_config(files, &config, err);

	if (r < 0)
		return r;
	if ((mkdirat(files->record.dir_fd, BUNDLE, 0700) < 0 && errno != EEXIST) ||
	    (mkdirat(files->record.dir_fd, BUNDLE "/rootfs", 0755) < 0 && errno != EEXIST))
		return error_sys(err, errno, "make %s/" BUNDLE, files->record.path);
	dir = openat(files->record.dir_fd, BUNDLE, O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = dir < 0 ? -errno : file_replace(dir, "config.json", config, strlen(config), 0600);
	if (r < 0)
		return error_sys(err, -r, "write %s/" BUNDLE "/config.json", files->record.path);
	return asprintf(ret_path, "%s/" BUNDLE, files->record.path) < 0 ? error_oom(err) : 0;
}

int service_files_sweep(const struct service *service, const struct record *record,
			struct error *err)
{
	_cleanup_free_ char *id = system_id(record), *state = NULL;

	if (!id || asprintf(&state, "%s/%s", service->compute_root, id) < 0)
		return error_oom(err);
	return access(state, F_OK) < 0 ? 0 : compute_delete(&service->host, id, true, err);
}

static int make_system(struct service_files *files, struct error *err)
{
	struct compute_create create = {
		.owner = SERVICE_OWNER,
		.isolation = files->record.config.isolation,
		.files_only = true,
	};
	_cleanup_free_ char *bundle = NULL;
	int r;

	files->compute_id = system_id(&files->record);
	if (!files->compute_id)
		return error_oom(err);
	r = service_files_sweep(files->service, &files->record, err);
	if (r == 0)
		r = make_bundle(files, &bundle, err);
	if (r < 0)
		return r;
	create.id = files->compute_id;
	create.bundle = bundle;
	r = compute_create(&files->service->host, &create, err);
	files->made = r == 0;
	return r;
}

static bool is_running(const struct record *record)
{
	return record->state.status == RECORD_RUNNING || record->state.status == RECORD_PAUSED;
}

int service_files_open(const struct service *service, const char *name, struct service_files *ret,
		       struct error *err)
{
	struct service_files files = SERVICE_FILES_INIT;
	int r;

	files.service = service;
	r = record_open(service, name, RECORD_READ, &files.record, err);
	if (r < 0)
		return r;
	if (!is_running(&files.record)) {
		/* Again, and for as long as it takes: it may run by now. */
		record_done(&files.record);
		files.record = RECORD_INIT;
		r = record_open(service, name, RECORD_LOCK, &files.record, err);
	}
	if (r == 0 && is_running(&files.record)) {
		files.compute_id = strdup(files.record.id);
		r = files.compute_id ? 0 : error_oom(err);
	} else if (r == 0) {
		r = make_system(&files, err);
	}
	if (r < 0) {
		service_files_close(&files);
		return r;
	}
	*ret = files;
	return 0;
}

int service_files(struct service_files *files, const struct container_files *what,
		  struct error *err)
{
	return compute_files(&files->service->host, files->compute_id, what, err);
}

void service_files_close(struct service_files *files)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;

	/* What cannot be removed now, the next one sweeps. */
	if (files->made)
		(void)compute_delete(&files->service->host, files->compute_id, true, &ignored);
	free(files->compute_id);
	record_done(&files->record);
	*files = SERVICE_FILES_INIT;
}
