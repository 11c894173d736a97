/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes by themselves: ls, create, rm, prune. */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/remove.h"
#include "cli/filter.h"
#include "hcs/prune.h"
#include "service/volume_spec.h"

#define NAME_DIGITS 64 /* of a volume that nobody named */

struct names { /* of the volumes of a service */
	char **items;
	size_t len;
};

static void names_done(struct names *names)
{
	for (size_t i = 0; i < names->len; i++)
		free(names->items[i]);
	free(names->items);
}

struct list_values {
	bool quiet;
	const char *format;
	struct flag_list filters;
};

static const struct flag list_flags[] = {
	FLAG(LIST, "filter", 'f', struct list_values, filters, "KEY=VALUE",
	     "only those that fit: name, dangling, driver"),
	FLAG(STRING, "format", 0, struct list_values, format, "FORMAT",
	     "\"table TEMPLATE\", \"json\" or a Go template"),
	FLAG(BOOL, "quiet", 'q', struct list_values, quiet, NULL, "names only"),
	FLAGS_END,
};

static const struct format_header list_headers[] = {
	{ "Driver", "DRIVER" }, { "Name", "VOLUME NAME" },
	{ "Scope", "SCOPE" },   { "Mountpoint", "MOUNTPOINT" },
	{ NULL, NULL },
};

static const char *const list_filters[] = { "name", "dangling", "driver", NULL };

static int put_row(json_t *rows, const struct service *service, const char *name, struct error *err)
{
	struct view row = view_new();

	view_text(&row, "Driver", "local");
	view_text(&row, "Name", name);
	view_text(&row, "Scope", "local");
	view_format(&row, "Mountpoint", "%s/volumes/%s/_data", service->root, name);
	return view_end(&row, rows, err);
}

static int list(const struct cli *cli, const struct list_values *values, struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	_cleanup_records_ struct view_records records = { 0 };
	_cleanup_(names_done) struct names names = { 0 };
	_cleanup_filter_ struct filter filter = { 0 };
	_cleanup_output_ struct output out = OUTPUT_INIT;
	json_t *rows = json_array();
	int dangling = -1, r = rows ? 0 : error_oom(err);

	if (r == 0)
		r = filter_parse(&values->filters, list_filters, &filter, err);
	if (r == 0)
		r = filter_bool(&filter, "dangling", &dangling, err);
	if (r == 0)
		r = hcs_open(cli, &service, err);
	if (r == 0)
		r = view_volumes(&service, &names.items, &names.len, err);
	if (r == 0 && dangling >= 0)
		r = record_list(&service, &records.items, &records.len, err);
	for (size_t i = 0; i < names.len && r == 0; i++)
		if (filter_matches(&filter, "name", names.items[i]) &&
		    filter_equals(&filter, "driver", "local") &&
		    (dangling < 0 ||
		     dangling != view_volume_used(records.items, records.len, names.items[i])))
			r = put_row(rows, &service, names.items[i], err);
	if (r == 0)
		r = format_rows(values->quiet ? "{{.Name}}" : values->format,
				"table {{.Driver}}\\t{{.Name}}", list_headers, rows, &out, err);
	json_decref(rows);
	return r < 0 ? r : output_flush(&out, err);
}

static int run_ls(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	struct list_values values = { 0 };
	struct flag_args args;
	int r = flags_parse(&command_volume_ls, argc, argv, &values, &args, err);

	(void)ret_status;
	if (r == 0)
		r = list(cli, &values, err);
	flag_list_done(&values.filters);
	return r;
}

const struct cli_command command_volume_ls = {
	.name = "volume ls",
	.summary = "list volumes",
	.usage = "[OPTIONS]",
	.description = "Lists the volumes; dangling are those that no container has.",
	.flags = list_flags,
	.run = run_ls,
};

struct create_values {
	const char *driver, *name;
	struct flag_list labels, options;
};

static const struct flag create_flags[] = {
	FLAG(STRING, "driver", 'd', struct create_values, driver, "DRIVER",
	     "local (there is no other)"),
	FLAG(LIST, "label", 0, struct create_values, labels, "KEY=VALUE", NULL),
	FLAG(STRING, "name", 0, struct create_values, name, "NAME", NULL),
	FLAG(LIST, "opt", 'o', struct create_values, options, "KEY=VALUE", NULL),
	FLAGS_END,
};

static int random_name(char name[NAME_DIGITS + 1], struct error *err)
{
	unsigned char bytes[NAME_DIGITS / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return error_sys(err, errno, "getrandom");
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(name + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

static int make_directory(int at, const char *name, mode_t mode, struct error *err)
{
	int fd;

	if (mkdirat(at, name, mode) < 0 && errno != EEXIST)
		return error_sys(err, errno, "make %s", name);
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? error_sys(err, errno, "open %s", name) : fd;
}

/* Without _data: made, and filled from the image, by the first container that has it. */
static int create(const struct cli *cli, const char *name, struct error *err)
{
	_cleanup_service_ struct service service = { 0 };
	_cleanup_output_ struct output out = OUTPUT_INIT;
	_cleanup_close_ int volumes = -1, volume = -1;
	int r = hcs_open(cli, &service, err);

	if (r < 0)
		return r;
	volumes = make_directory(service.root_fd, "volumes", 0700, err);
	if (volumes < 0)
		return volumes;
	volume = make_directory(volumes, name, 0700, err);
	if (volume < 0)
		return volume;
	output_format(&out, "%s\n", name);
	return output_flush(&out, err);
}

static int check_create(const struct create_values *values, struct error *err)
{
	if (values->driver && strcmp(values->driver, "local") != 0)
		return error_set(err, ENOTSUP,
				 "volume driver %s is not there: local is the only one",
				 values->driver);
	if (values->options.len > 0)
		return error_set(
			err, ENOTSUP,
			"--opt is not supported: a volume is a directory of the host (mount "
			"what you want and use -v)");
	if (values->labels.len > 0)
		return error_set(err, ENOTSUP, "--label is not supported: volumes have no labels");
	return 0;
}

static int run_create(const struct cli *cli, int argc, char **argv, int *ret_status,
		      struct error *err)
{
	struct create_values values = { 0 };
	char made_up[NAME_DIGITS + 1];
	const char *name;
	struct flag_args args;
	int r = flags_parse(&command_volume_create, argc, argv, &values, &args, err);

	(void)ret_status;
	if (r == 0)
		r = check_create(&values, err);
	flag_list_done(&values.labels);
	flag_list_done(&values.options);
	if (r)
		return r;
	name = args.len > 0 ? args.items[0] : values.name;
	if (!name) {
		r = random_name(made_up, err);
		name = made_up;
	}
	if (r == 0 && !volume_name_valid(name))
		r = error_set(err, EINVAL,
			      "create %s: \"%s\" includes invalid characters for a local volume "
			      "name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed",
			      name, name);
	return r < 0 ? r : create(cli, name, err);
}

const struct cli_command command_volume_create = {
	.name = "volume create",
	.summary = "make a volume",
	.usage = "[OPTIONS] [VOLUME]",
	.description =
		"Makes a volume, with a name of its own where none is given. One that is there "
		"already is no error.",
	.flags = create_flags,
	.max_args = 1,
	.run = run_create,
};

static bool is_anonymous(const char *name)
{
	return strlen(name) == NAME_DIGITS && strspn(name, "0123456789abcdef") == NAME_DIGITS;
}

/* What removals that were killed left. */
static void sweep(int volumes)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	int fd = openat(volumes, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		(void)close_fd(fd);
		return;
	}
	while ((entry = readdir(dir)))
		if (entry->d_name[0] == '.' && is_anonymous(entry->d_name + 1))
			(void)remove_tree(volumes, entry->d_name);
}

/* -EBUSY: containers have it. Renamed first, so that a killed command leaves no half of a volume. */
static int remove_volume(const struct service *service, const char *name, struct error *err)
{
	_cleanup_records_ struct view_records records = { 0 };
	_cleanup_close_ int volumes = -1;
	char gone[NAME_DIGITS + 1], hidden[NAME_DIGITS + 2];
	int r = volume_name_valid(name) ? 0 : error_set(err, ENOENT, "no such volume: %s", name);

	if (r == 0)
		r = record_list(service, &records.items, &records.len, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < records.len; i++)
		if (view_volume_used(&records.items[i], 1, name))
			return error_set(err, EBUSY,
					 "remove %s: volume is in use - [" RECORD_SHORT " (%s)]",
					 name, records.items[i].id, records.items[i].name);
	volumes = openat(service->root_fd, "volumes", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = random_name(gone, err);
	if (r < 0)
		return r;
	(void)snprintf(hidden, sizeof(hidden), ".%s", gone);
	if (volumes < 0 || renameat(volumes, name, volumes, hidden) < 0)
		return errno == ENOENT ? error_set(err, ENOENT, "no such volume: %s", name)
				       : error_sys(err, errno, "remove volume %s", name);
	r = remove_tree(volumes, hidden);
	if (r < 0)
		return error_sys(err, -r, "remove volume %s", name);
	sweep(volumes);
	return 0;
}

struct rm_values {
	bool force;
};

static const struct flag rm_flags[] = {
	FLAG(BOOL, "force", 'f', struct rm_values, force, NULL,
	     "one that is not there is no error"),
	FLAGS_END,
};

static int remove_one(const struct service *service, const char *name, void *data,
		      struct error *err)
{
	const struct rm_values *values = data;
	int r = remove_volume(service, name, err);

	if (r == -ENOENT && values->force) {
		error_done(err);
		return 0;
	}
	return r;
}

static int run_rm(const struct cli *cli, int argc, char **argv, int *ret_status, struct error *err)
{
	struct rm_values values = { 0 };
	struct flag_args args;
	int r = flags_parse(&command_volume_rm, argc, argv, &values, &args, err);

	return r ? r : each_container(cli, &args, remove_one, &values, ret_status, err);
}

const struct cli_command command_volume_rm = {
	.name = "volume rm",
	.summary = "remove volumes",
	.usage = "[OPTIONS] VOLUME [VOLUME...]",
	.description = "Removes volumes that no container has.",
	.flags = rm_flags,
	.min_args = 1,
	.max_args = -1,
	.run = run_rm,
};

int prune_volumes(const struct service *service, bool all, struct output *out, uint64_t *freed,
		  struct error *err)
{
	_cleanup_records_ struct view_records records = { 0 };
	_cleanup_(names_done) struct names names = { 0 };
	bool any = false;
	int r = view_volumes(service, &names.items, &names.len, err);

	if (r == 0)
		r = record_list(service, &records.items, &records.len, err);
	for (size_t i = 0; i < names.len && r == 0; i++) {
		char path[sizeof("volumes/") + NAME_MAX];
		uint64_t size;

		if ((!all && !is_anonymous(names.items[i])) ||
		    view_volume_used(records.items, records.len, names.items[i]))
			continue;
		(void)snprintf(path, sizeof(path), "volumes/%s", names.items[i]);
		size = view_tree_size(service->root_fd, path);
		r = remove_volume(service, names.items[i], err);
		if (r == 0) {
			output_format(out, "%s%s\n", any ? "" : "Deleted Volumes:\n",
				      names.items[i]);
			any = true;
			*freed += size;
		}
	}
	if (any)
		output_text(out, "\n");
	return r;
}
