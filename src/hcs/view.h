/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the commands that show things share: rows for --format (cli/format.h), and docker's ways of writing
 * times, ids and states. */
#include <jansson.h>

#include "cli/format.h"
#include "cli/units.h"
#include "hcs/hcs.h"

/* A JSON object that is being filled; a failure is remembered. */
struct view {
	json_t *json;
	bool failed;
};
struct view view_new(void);
/* text NULL: "". Text that is no UTF-8 becomes "?". */
void view_text(struct view *view, const char *key, const char *text);
void view_format(struct view *view, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Takes value; NULL: memory ran out. */
void view_json(struct view *view, const char *key, json_t *value);
void view_number(struct view *view, const char *key, int64_t value);
void view_bool(struct view *view, const char *key, bool value);
/* Appends it to an array, in any case taking it. 0 or -ENOMEM. */
int view_end(struct view *view, json_t *rows, struct error *err);

#define VIEW_TIME_SIZE 80
/* RFC 3339 as docker's CreatedAt: "2026-11-27 03:10:38 +0000 UTC"; "N/A" where it says nothing. */
char *view_time(const char *rfc3339, char buf[VIEW_TIME_SIZE]);
/* "5 minutes ago"; "N/A". */
char *view_ago(const char *rfc3339, char buf[VIEW_TIME_SIZE]);
/* The labels as docker shows them, "a=1,b=2", and as a map for templates ({{.Label "a"}}). */
void view_labels(struct view *view, const struct key_values *labels);
/* An object of strings, an array of strings. */
json_t *view_map(const struct key_values *values);
json_t *view_list(const struct strv *list);
/* "sha256:0123456789ab…" → "0123456789ab", all of it with no_trunc. */
void view_id(struct view *view, const char *key, const char *id, bool no_trunc);

/* "Up 5 minutes (Paused)", "Exited (0) 2 hours ago" … */
char *view_status(const struct record *record, char buf[VIEW_TIME_SIZE]);
/* "0.0.0.0:8080->80/tcp, 443/tcp"; owned, NULL without memory. */
char *view_ports(const struct record *record);
/* The program and its arguments: entrypoint and cmd. Owned array of borrowed strings; NULL without memory. */
char **view_argv(const struct container_config *config, size_t *ret_len);
/* docker's inspect: a container; with sizes when size. Owned; NULL: *err says why. */
json_t *view_container(const struct service *service, const struct record *record, bool size,
		       struct error *err);
json_t *view_image(struct image_store *store, const struct image *image, struct error *err);
json_t *view_network(const struct service *service, const struct network_info *network,
		     const struct record *records, size_t records_len, struct error *err);
json_t *view_volume(const struct service *service, const char *name, struct error *err);

/* The command inspect: type NULL: any. */
int inspect_show(const struct cli *cli, const char *type, const char *format, bool size,
		 const struct flag_args *args, int *ret_status, struct error *err);

/* Bytes that what a container wrote takes on disk. Best effort. */
uint64_t view_scratch_size(const struct record *record);
/* Names of the volumes of the service, sorted. Caller frees each and the list. */
int view_volumes(const struct service *service, char ***ret, size_t *ret_len, struct error *err);
/* Whether a container has the volume. */
bool view_volume_used(const struct record *records, size_t len, const char *name);
/* Bytes of regular files below a directory, as they take room on disk. Best effort. */
uint64_t view_tree_size(int dir_fd, const char *path);

/* Bytes of the first max characters. */
size_t view_cut(const char *text, size_t max);

struct view_records { /* all records of a service */
	struct record *items;
	size_t len;
};
void view_records_done(struct view_records *records);
#define _cleanup_records_ _cleanup_(view_records_done)
struct view_images {
	struct image *items;
	size_t len;
};
void view_images_done(struct view_images *images);
#define _cleanup_images_ _cleanup_(view_images_done)

/* "y" on the terminal, after the question; with force without asking. */
bool view_confirm(const char *question, bool force);
