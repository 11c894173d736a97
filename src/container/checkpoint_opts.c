/* SPDX-License-Identifier: Apache-2.0 */
#include "container/checkpoint_opts.h"

#include <string.h>

/* External pid namespaces and the status-ready notification: 3.15; other LSM profiles: 3.16. */
#define CRIU_VERSION_MIN 31500
#define CRIU_VERSION_LSM 31600

/* criu's own files of this kind are for one runtime each; an absent one is no error to criu. */
#define CRIU_CONFIG "/etc/criu/runhcs.conf"
#define CRIU_CONFIG_ANNOTATION "org.criu.config"

static int put_cgroups_mode(const char *mode, struct criu_message *opts, struct error *err)
{
	/* criu_cg_mode of rpc.proto. */
	static const struct {
		const char *name;
		int value;
	} modes[] = { { "ignore", 0 }, { "soft", 3 }, { "full", 4 }, { "strict", 5 } };

	if (!mode) {
		criu_put_number(opts, OPT_MANAGE_CGROUPS_MODE, 6);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (strcmp(mode, modes[i].name) == 0) {
			criu_put_number(opts, OPT_MANAGE_CGROUPS_MODE, modes[i].value);
			return 0;
		}
	return error_set(err, EINVAL,
			 "--manage-cgroups-mode: \"%s\" is not soft, full, strict or ignore", mode);
}

static int put_page_server(const char *server, struct criu_message *opts, struct error *err)
{
	_cleanup_criu_message_ struct criu_message inner = { 0 };
	const char *colon = server ? strrchr(server, ':') : NULL;
	_cleanup_free_ char *address = NULL;
	long port;

	if (!server)
		return 0;
	port = colon ? strtol(colon + 1, NULL, 10) : 0;
	if (port <= 0 || port > UINT16_MAX)
		return error_set(err, EINVAL, "--page-server: \"%s\" is not ADDRESS:PORT", server);
	address = strndup(server, (size_t)(colon - server));
	criu_put_text(&inner, 1, address);
	criu_put_number(&inner, 2, port);
	criu_put_message(opts, OPT_PAGE_SERVER, &inner);
	return 0;
}

int checkpoint_opts(const struct oci_spec *spec, const struct container_checkpoint *o,
		    const char *log, struct criu_message *opts, struct error *err)
{
	const struct criu_needs needs = {
		.version = o->lsm_profile || o->lsm_mount_context ? CRIU_VERSION_LSM
								  : CRIU_VERSION_MIN,
		.mem_track = o->pre_dump || o->parent_path,
		.lazy_pages = o->lazy_pages,
	};
	const char *config = CRIU_CONFIG;
	int r = criu_check(o->program, &needs, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < spec->annotations.len; i++)
		if (strcmp(spec->annotations.items[i].key, CRIU_CONFIG_ANNOTATION) == 0)
			config = spec->annotations.items[i].value;
	criu_put_number(opts, OPT_IMAGES_DIR_FD, CRIU_IMAGE_FD);
	criu_put_number(opts, OPT_WORK_DIR_FD, CRIU_WORK_FD);
	criu_put_number(opts, OPT_LOG_LEVEL, 4);
	criu_put_text(opts, OPT_LOG_FILE, log);
	criu_put_number(opts, OPT_NOTIFY_SCRIPTS, 1);
	criu_put_number(opts, OPT_ORPHAN_PTS_MASTER, 1);
	criu_put_number(opts, OPT_SHELL_JOB, o->shell_job);
	criu_put_number(opts, OPT_TCP_ESTABLISHED, o->tcp_established);
	criu_put_number(opts, OPT_EXT_UNIX_SK, o->ext_unix_sk);
	criu_put_number(opts, OPT_FILE_LOCKS, o->file_locks);
	criu_put_number(opts, OPT_AUTO_DEDUP, o->auto_dedup);
	criu_put_number(opts, OPT_LAZY_PAGES, o->lazy_pages);
	/* An empty annotation: none at all. */
	criu_put_text(opts, OPT_CONFIG_FILE, *config ? config : NULL);
	criu_put_text(opts, OPT_LSM_PROFILE, o->lsm_profile);
	criu_put_text(opts, OPT_LSM_MOUNT_CONTEXT, o->lsm_mount_context);
	r = put_cgroups_mode(o->manage_cgroups_mode, opts, err);
	return r < 0 ? r : put_page_server(o->page_server, opts, err);
}

const char *checkpoint_namespace_key(enum oci_namespace_kind kind)
{
	switch (kind) {
	case OCI_NS_NETWORK:
		return "extRootNetNS";
	case OCI_NS_PID:
		return "extRootPidNS";
	default:
		return NULL;
	}
}
