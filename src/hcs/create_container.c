/* SPDX-License-Identifier: Apache-2.0 */
/* What run and create do first: flags → configuration, image, container, and its id in a file. */
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "hcs/hcs.h"
#include "hcs/run_flags.h"
#include "service/bundle.h"
#include "service/default_isolation.h"

/* The file is made first: docker's users rely on it that two runs with one file do not both start. */
static int cidfile_make(const char *path, int *ret, struct error *err)
{
	int fd;

	*ret = -1;
	if (!path)
		return 0;
	if (!*path)
		return error_set(err, EINVAL, "--cidfile: the name is empty");
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 && errno == EEXIST)
		return error_set(err, EEXIST,
				 "container ID file found, make sure the other container isn't "
				 "running or delete %s",
				 path);
	if (fd < 0)
		return error_sys(err, errno, "failed to create the container ID file %s", path);
	*ret = fd;
	return 0;
}

static int make(const struct cli *cli, const struct run_flags *flags, const struct service *service,
		struct container_config *config, char **ret_id, struct error *err)
{
	_cleanup_image_store_ struct image_store *store = NULL;
	_cleanup_image_ struct image image = { 0 };
	int r = service_images(service, &store, err);

	if (r == 0)
		r = image_get(cli, store, config->image, flags->platform, flags->pull, flags->quiet,
			      &image, err);
	if (r == 0)
		r = bundle_check_fit(config, &image, err);
	if (r == 0)
		r = service_create(service, flags->name, config, &image, ret_id, err);
	return r;
}

int hcs_create(const struct cli *cli, const struct cli_command *command,
	       const struct run_flags *flags, const struct flag_args *args,
	       const struct service *service, struct create_seen *ret_seen, char **ret_id,
	       struct error *err)
{
	_cleanup_container_config_ struct container_config config = { 0 };
	_cleanup_close_ int cidfile = -1;
	int r = run_flags_config(command, flags, args, &config, err);

	if (r == 0 && config.isolation == ISOLATION_DEFAULT)
		r = service_default_isolation(service, &config.isolation, err);
	if (r < 0)
		return r;
	*ret_seen = (struct create_seen){
		.attach_stdin = config.attach_stdin,
		.attach_stdout = config.attach_stdout,
		.attach_stderr = config.attach_stderr,
		.tty = config.tty,
		.auto_remove = config.auto_remove,
	};
	r = cidfile_make(flags->cidfile, &cidfile, err);
	if (r < 0)
		return r;
	r = make(cli, flags, service, &config, ret_id, err);
	if (r == 0 && cidfile >= 0) {
		r = fd_write_all(cidfile, *ret_id, strlen(*ret_id));
		if (r < 0)
			return error_sys(err, -r, "write the container ID file %s", flags->cidfile);
	}
	if (r < 0 && cidfile >= 0)
		(void)unlink(flags->cidfile);
	return r;
}
