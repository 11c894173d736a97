/* SPDX-License-Identifier: Apache-2.0 */
#include "service/service.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"

static char *choose(const char *given, const char *variable, const char *otherwise)
{
	const char *path = given;
	char cwd[4096];

	if (!path)
		path = secure_getenv(variable);
	if (!path || !*path)
		path = otherwise;
	if (*path == '/')
		return path_clean(path);
	return getcwd(cwd, sizeof(cwd)) ? path_join(cwd, path) : NULL;
}

/* path is absolute; it and what is missing above it are made. */
static int make_dirs(const char *path, mode_t mode)
{
	_cleanup_free_ char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	for (char *p = copy + 1;; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdir(copy, c ? 0755 : mode) < 0 && errno != EEXIST)
			return -errno;
		if (!c)
			return 0;
		*p = c;
	}
}

static int open_dir(const char *path, const char *const *parts, size_t n, mode_t mode,
		    struct error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT) {
		int r = make_dirs(path, 0711);

		if (r < 0)
			return error_sys(err, -r, "make the directory %s", path);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return error_sys(err, errno, "open %s", path);
	/* The last one tells whether all are there. */
	if (faccessat(fd, parts[n - 1], F_OK, 0) < 0)
		for (size_t i = 0; i < n; i++)
			if (mkdirat(fd, parts[i], mode) < 0 && errno != EEXIST)
				return error_sys(err, errno, "make %s/%s", path, parts[i]);
	return TAKE_FD(fd);
}

static bool in_user_namespace(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/uid_map", "re");
	unsigned long long inside, outside, count;

	return f && fscanf(f, "%llu %llu %llu", &inside, &outside, &count) == 3 &&
	       (inside != 0 || outside != 0 || count != UINT32_MAX);
}

static int set_up(const char *root, const char *run_root, struct service *service,
		  struct error *err)
{
	static const char *const dirs[] = { "names", "volumes", "containers" };
	static const char *const run_dirs[] = { "netns", "containers" };
	int r;

	service->root = choose(root, "HCS_ROOT", SERVICE_ROOT);
	service->run_root = choose(run_root, "HCS_RUN_ROOT", SERVICE_RUN_ROOT);
	if (!service->root || !service->run_root ||
	    asprintf(&service->compute_root, "%s/compute", service->run_root) < 0)
		return error_oom(err);
	/* Closed to others: what a container makes in a volume, set-user-ID programs too, is the host's
	 * (CVE-2021-41091). */
	service->root_fd = open_dir(service->root, dirs, ARRAY_SIZE(dirs), 0700, err);
	if (service->root_fd < 0)
		return service->root_fd;
	service->run_fd = open_dir(service->run_root, run_dirs, ARRAY_SIZE(run_dirs), 0711, err);
	if (service->run_fd < 0)
		return service->run_fd;
	r = compute_settings_load(&service->settings, err);
	if (r < 0)
		return r;
	service->host = (struct compute_host){
		.root = service->compute_root,
		.cgroup_manager = CGROUP_CGROUPFS,
		.rootless = geteuid() != 0 || in_user_namespace(),
	};
	service->network = (struct network_paths){
		.root = service->root,
		.run_root = service->run_root,
		.plugins = secure_getenv("CNI_PATH"),
		.config = secure_getenv("HCS_CNI_CONFIG"),
	};
	return 0;
}

int service_open(const char *root, const char *run_root, struct service *ret, struct error *err)
{
	int r;

	*ret = (struct service){ .root_fd = -1, .run_fd = -1 };
	r = set_up(root, run_root, ret, err);
	if (r < 0)
		service_done(ret);
	return r;
}

void service_done(struct service *service)
{
	free(TAKE_PTR(service->root));
	free(TAKE_PTR(service->run_root));
	free(TAKE_PTR(service->compute_root));
	service->root_fd = close_fd(service->root_fd);
	service->run_fd = close_fd(service->run_fd);
	compute_settings_done(&service->settings);
}

int service_images(const struct service *service, struct image_store **ret, struct error *err)
{
	return image_store_open(service->root, ret, err);
}
