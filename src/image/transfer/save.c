/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/format.h"
#include "base/fd.h"
#include "base/json_tree.h"
#include "image/layout.h"
#include "image/reference.h"
#include "image/transfer/load.h"

#define BUFFER ((size_t)1024 * 1024)

struct save {
	struct image_store *store;
	struct archive *archive;
	int fd;
	struct error failure; /* of fd */
	char *buffer;
	json_t *written;   /* set of digests */
	json_t *docker;    /* manifest.json */
	json_t *manifests; /* index.json's */
	json_t *by_id;     /* image → its entry in docker, borrowed there */
};

static la_ssize_t write_fd(struct archive *archive, void *data, const void *buffer, size_t len)
{
	struct save *save = data;
	int r = fd_write_all(save->fd, buffer, len);

	if (r == 0)
		return (la_ssize_t)len;
	(void)error_sys(&save->failure, -r, "write the archive");
	archive_set_error(archive, -r, "write");
	return -1;
}

static int save_error(struct save *save, const char *name, struct error *err)
{
	if (!save->failure.code)
		return format_error(save->archive, name, err);
	error_move(err, &save->failure);
	return -err->code;
}

static int begin_file(struct save *save, const char *name, uint64_t size, struct error *err)
{
	struct archive_entry *entry = archive_entry_new();
	int r;

	if (!entry)
		return error_oom(err);
	archive_entry_copy_pathname(entry, name);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_size(entry, (la_int64_t)size);
	archive_entry_set_mtime(entry, 0, 0); /* the same image, the same bytes */
	r = archive_write_header(save->archive, entry) == ARCHIVE_OK ? 0
								     : save_error(save, name, err);
	archive_entry_free(entry);
	return r;
}

static int write_data(struct save *save, const char *name, const void *data, size_t len,
		      struct error *err)
{
	return archive_write_data(save->archive, data, len) == (la_ssize_t)len
		       ? 0
		       : save_error(save, name, err);
}

static int write_text(struct save *save, const char *name, const json_t *tree, struct error *err)
{
	_cleanup_free_ char *text = json_tree_text(tree);
	int r = text ? begin_file(save, name, strlen(text), err) : error_oom(err);

	return r < 0 ? r : write_data(save, name, text, strlen(text), err);
}

static int write_blob(struct save *save, const char *digest, struct error *err)
{
	_cleanup_close_ int fd = -1;
	char name[STORE_NAME_SIZE];
	uint64_t left;
	struct stat st;
	int r;

	if (json_object_get(save->written, digest))
		return 0;
	fd = openat(save->store->fd, store_blob_name(digest, name),
		    O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, errno, "content %s of the image store", digest);
	left = (uint64_t)st.st_size;
	r = begin_file(save, name, left, err);
	while (r == 0 && left > 0) {
		ssize_t n = read(fd, save->buffer, BUFFER);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_sys(err, n < 0 ? errno : EIO, "content %s of the image store",
					 digest);
		r = write_data(save, name, save->buffer, (size_t)n, err);
		left -= (uint64_t)n;
	}
	if (r == 0 && json_object_set_new(save->written, digest, json_true()) < 0)
		r = error_oom(err);
	return r;
}

static int write_blobs(struct save *save, const struct image *image, struct error *err)
{
	int r = write_blob(save, image->manifest.digest, err);

	if (r == 0)
		r = write_blob(save, image->id, err);
	for (size_t i = 0; i < image->layers_len && r == 0; i++)
		r = write_blob(save, image->layers[i].digest, err);
	return r;
}

/* index.json: the manifest once for each name. */
static int note_oci(struct save *save, const struct image *image, const char *name, const char *tag,
		    struct error *err)
{
	const struct image_platform *platform = &image->config.platform;
	json_t *at = names_make_descriptor(&image->manifest);
	json_t *to =
		json_pack("{s:s, s:s}", "architecture", platform->architecture, "os", platform->os);
	int r = 0;

	if (to && *platform->variant)
		r = json_object_set_new(to, "variant", json_string(platform->variant));
	if (r < 0 || !at || json_object_set_new(at, "platform", to) < 0)
		r = -1;
	if (r == 0 && name)
		r = json_object_set_new(at, "annotations",
					json_pack("{s:s, s:s}", "io.containerd.image.name", name,
						  "org.opencontainers.image.ref.name", tag));
	if (r == 0)
		r = json_array_append(save->manifests, at);
	json_decref(at);
	return r < 0 ? error_oom(err) : 0;
}

/* manifest.json: the image once, with its names. */
static int note_docker(struct save *save, const struct image *image, const char *familiar,
		       struct error *err)
{
	json_t *entry = json_object_get(save->by_id, image->id), *tags;
	char name[STORE_NAME_SIZE];

	if (!entry) {
		json_t *layers = json_array();

		for (size_t i = 0; i < image->layers_len; i++)
			if (json_array_append_new(layers, json_string(store_blob_name(
								  image->layers[i].digest, name))) <
			    0) {
				json_decref(layers);
				return error_oom(err);
			}
		entry = json_pack("{s:s, s:n, s:o}", "Config", store_blob_name(image->id, name),
				  "RepoTags", "Layers", layers);
		if (!entry || json_array_append_new(save->docker, entry) < 0 ||
		    json_object_set(save->by_id, image->id, entry) < 0)
			return error_oom(err);
	}
	if (!familiar)
		return 0;
	tags = json_object_get(entry, "RepoTags");
	if (!json_is_array(tags)) {
		tags = json_array();
		if (json_object_set_new(entry, "RepoTags", tags) < 0)
			return error_oom(err);
	}
	return json_array_append_new(tags, json_string(familiar)) < 0 ? error_oom(err) : 0;
}

/* Does the image have this as a name, not as the beginning of its id? */
static bool is_name_of(const struct image *image, const char *full)
{
	for (size_t i = 0; i < image->names_len; i++)
		if (strcmp(image->names[i], full) == 0)
			return true;
	return false;
}

static int save_image(struct save *save, const char *name, struct error *err)
{
	_cleanup_image_reference_ struct image_reference ref = IMAGE_REFERENCE_INIT;
	_cleanup_free_ char *full = NULL, *familiar = NULL;
	_cleanup_error_ struct error ignored = ERROR_INIT;
	_cleanup_image_ struct image image = { 0 };
	int r = image_store_find(save->store, name, NULL, &image, err);

	if (r < 0)
		return r;
	if (image_reference_parse(name, &ref, &ignored) == 0) {
		full = image_reference_name(&ref);
		familiar = image_reference_familiar(&ref);
		if (!full || !familiar)
			return error_oom(err);
	}
	r = write_blobs(save, &image, err);
	if (r < 0)
		return r;
	if (!full || !ref.tag || !is_name_of(&image, full)) {
		r = note_oci(save, &image, NULL, NULL, err);
		return r < 0 ? r : note_docker(save, &image, NULL, err);
	}
	r = note_oci(save, &image, full, ref.tag, err);
	return r < 0 ? r : note_docker(save, &image, familiar, err);
}

static int open_archive(struct save *save, struct error *err)
{
	save->archive = archive_write_new();
	save->buffer = malloc(BUFFER);
	save->written = json_object();
	save->by_id = json_object();
	save->docker = json_array();
	save->manifests = json_array();
	if (!save->archive || !save->buffer || !save->written || !save->by_id || !save->docker ||
	    !save->manifests)
		return error_oom(err);
	/* pax where it takes it (8 GiB and more), otherwise ustar. */
	if (archive_write_set_format_pax_restricted(save->archive) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(save->archive, 65536) != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(save->archive, 1) != ARCHIVE_OK ||
	    archive_write_open(save->archive, save, NULL, write_fd, NULL) != ARCHIVE_OK)
		return save_error(save, NULL, err);
	return 0;
}

static int write_documents(struct save *save, struct error *err)
{
	json_t *index = json_pack("{s:i, s:s, s:O}", "schemaVersion", 2, "mediaType",
				  MEDIA_TYPE_INDEX, "manifests", save->manifests);
	json_t *layout = json_pack("{s:s}", "imageLayoutVersion", "1.0.0");
	int r = index && layout ? write_text(save, "oci-layout", layout, err) : error_oom(err);

	if (r == 0)
		r = write_text(save, "index.json", index, err);
	if (r == 0)
		r = write_text(save, "manifest.json", save->docker, err);
	json_decref(index);
	json_decref(layout);
	return r;
}

int image_save(struct image_store *store, const char *const *names, size_t names_len, int fd,
	       struct error *err)
{
	_cleanup_format_locale_ struct format_locale locale = { 0 };
	struct save save = { .store = store, .fd = fd };
	int r = format_locale_enter(&locale, err);

	/* Nothing of it may be removed meanwhile. */
	if (r == 0)
		r = image_ingest_hold(store, err);
	if (r == 0)
		r = open_archive(&save, err);
	for (size_t i = 0; i < names_len && r == 0; i++)
		r = save_image(&save, names[i], err);
	if (r == 0)
		r = write_documents(&save, err);
	if (r == 0 && archive_write_close(save.archive) != ARCHIVE_OK)
		r = save_error(&save, NULL, err);
	if (save.archive)
		(void)archive_write_free(save.archive);
	json_decref(save.written);
	json_decref(save.by_id);
	json_decref(save.docker);
	json_decref(save.manifests);
	free(save.buffer);
	error_done(&save.failure);
	store_release(store);
	return r < 0 ? error_wrap(err, r, "save") : 0;
}
