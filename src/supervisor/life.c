/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/pid.h"
#include "base/timestamp.h"
#include "service/bundle.h"
#include "service/reconcile.h"
#include "supervisor/supervisor.h"

#define EXIT_NOT_STARTED 128
#define BUNDLE "bundle"

static bool has_network(const struct container_config *config)
{
	return !mode_is(config->network_mode, "host") && !mode_container(config->network_mode);
}

static bool is_bound(const struct container_config *config, const struct network_port *port)
{
	for (size_t i = 0; i < config->ports_len; i++)
		if (config->ports[i].container == port->container &&
		    strcmp(config->ports[i].protocol, port->protocol) == 0)
			return true;
	return false;
}

/* Those of -p and, with --publish-all, all others that are exposed, on ports chosen anew at each start. */
static int ports_to_publish(const struct container_config *config, struct network_port **ret,
			    size_t *ret_len, struct error *err)
{
	_cleanup_free_ struct network_port *ports = NULL;
	struct network_port *all;
	size_t len = 0, n = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && config->publish_all && i < config->exposed_ports.len; i++)
		r = network_port_parse(config->exposed_ports.items[i], &ports, &len, err);
	if (r < 0)
		return r;
	all = calloc(config->ports_len + len + 1, sizeof(*all));
	if (!all)
		return error_oom(err);
	for (; n < config->ports_len; n++)
		all[n] = config->ports[n];
	for (size_t i = 0; i < len; i++)
		if (!is_bound(config, &ports[i]))
			all[n++] = ports[i];
	*ret = all;
	*ret_len = n;
	return 0;
}

static int attach_network(struct supervisor *s, struct error *err)
{
	_cleanup_free_ struct network_port *ports = NULL;
	const struct container_config *config = &s->record.config;
	const char *names[NETWORK_ENDPOINTS_MAX];
	struct network_request request = {
		.id = s->record.id,
		.networks = names,
		.mac = config->mac_address,
		.address = config->ip_address,
		.aliases = (const char *const *)config->network_aliases.items,
		.aliases_len = config->network_aliases.len,
		.subnet = s->service.settings.network.subnet,
	};

	int r;

	if (!has_network(config))
		return 0;
	r = ports_to_publish(config, &ports, &request.ports_len, err);
	if (r < 0)
		return r;
	request.ports = ports;
	if (!mode_is(config->network_mode, "none"))
		names[request.networks_len++] =
			config->network_mode ? config->network_mode : NETWORK_DEFAULT;
	if (config->networks.len >= NETWORK_ENDPOINTS_MAX)
		return error_set(err, E2BIG, "more than %d networks", NETWORK_ENDPOINTS_MAX);
	for (size_t i = 0; i < config->networks.len; i++)
		names[request.networks_len++] = config->networks.items[i];
	return network_attach(&s->service.network, &request, &s->record.state.network, err);
}

static int write_bundle(struct supervisor *s, struct error *err)
{
	_cleanup_image_store_ struct image_store *images = NULL;
	_cleanup_image_ struct image image = { 0 };
	int r;

	if (mkdirat(s->record.dir_fd, BUNDLE, 0700) < 0 && errno != EEXIST)
		return error_sys(err, errno, "make %s/" BUNDLE, s->record.path);
	r = service_images(&s->service, &images, err);
	if (r == 0)
		r = image_store_find(images, s->record.image_id, NULL, &image, err);
	return r == 0 ? bundle_write(&s->service, images, &image, &s->record, err) : r;
}

/* Lets 0, 1 and 2 be the container's ends while function runs: its process inherits them. */
static int launch(struct supervisor *s, const struct stdio *stdio, struct error *err)
{
	_cleanup_free_ char *bundle = NULL;
	const struct compute_create create = {
		.id = s->record.id,
		.owner = SERVICE_OWNER,
		.isolation = s->record.config.isolation,
		.kernel = s->record.config.kernel,
	};
	struct compute_create what = create;
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int r = null < 0 ? -errno : 0;

	if (asprintf(&bundle, "%s/" BUNDLE, s->record.path) < 0) {
		bundle = NULL;
		return error_oom(err);
	}
	what.bundle = bundle;
	what.rows = s->size.rows;
	what.columns = s->size.columns;
	for (int i = 0; i < 3 && r >= 0; i++)
		if (stdio->fds[i] >= 0)
			r = dup2(stdio->fds[i], i) < 0 ? -errno : 0;
	r = r < 0 ? error_sys(err, -r, "the container's stdio")
		  : compute_launch(&s->service.host, &what, &s->process, err);
	for (int i = 0; i < 3; i++)
		if (stdio->fds[i] >= 0)
			(void)dup2(null, i);
	return r;
}

static int open_log(struct supervisor *s, struct error *err)
{
	const struct container_config *config = &s->record.config;

	if (config->log.driver && strcmp(config->log.driver, "none") == 0)
		return 0;
	return log_file_open(s->record.dir_fd, s->record.id, config->log.max_size,
			     config->log.max_file, &s->log, err);
}

static int set_time(char **text, struct error *err)
{
	char now[TIMESTAMP_SIZE];

	free(*text);
	*text = strdup(timestamp_now(now));
	return *text ? 0 : error_oom(err);
}

static int store_running(struct supervisor *s, struct error *err)
{
	struct record_state *state = &s->record.state;
	struct pid_stat stat;
	int r = pid_read_stat(getpid(), &stat);

	if (r < 0)
		return error_sys(err, -r, "read the supervisor's start time");
	free(state->boot_id);
	state->boot_id = reconcile_boot_id();
	state->status = RECORD_RUNNING;
	state->pid = s->process.pid;
	state->supervisor = getpid();
	state->supervisor_start = stat.start_time;
	state->exit_code = 0;
	state->oom_killed = false;
	state->stopped_by_user = false;
	r = set_time(&state->started_at, err);
	if (r == 0)
		r = record_set_error(&s->record, NULL, err);
	return r == 0 ? record_store_state(&s->record, err) : r;
}

static int make(struct supervisor *s, struct error *err)
{
	_cleanup_(stdio_close) struct stdio stdio = { .fds = { -1, -1, -1 } };
	int r;

	r = attach_network(s, err);
	if (r == 0)
		r = write_bundle(s, err);
	if (r == 0)
		r = open_log(s, err);
	if (r == 0)
		r = stdio_open(s, &stdio, err);
	if (r == 0)
		r = launch(s, &stdio, err);
	if (r < 0)
		return r;
	s->started_ms = clock_ms();
	if (s->process.terminal >= 0) {
		r = stdio_terminal(s, TAKE_FD(s->process.terminal));
		if (r < 0)
			return error_sys(err, -r, "the container's terminal");
	}
	return store_running(s, err);
}

/* All but the network. */
static int undo_container(struct supervisor *s, struct error *err)
{
	if (s->process.pidfd >= 0) {
		(void)pidfd_kill(s->process.pidfd, SIGKILL);
		(void)pidfd_reap(s->process.pidfd);
		s->process.pidfd = close_fd(s->process.pidfd);
	}
	s->process.pid = 0;
	s->oom_fd = close_fd(s->oom_fd);
	network_attachment_done(&s->record.state.network);
	s->record.state.network = (struct network_attachment){ 0 };
	return compute_delete(&s->service.host, s->record.id, true, err);
}

/* The container's own part of what was made; the record stays. */
static int undo(struct supervisor *s, struct error *err)
{
	int r = undo_container(s, err);

	s->network_waits = false;
	if (r == 0 && has_network(&s->record.config))
		r = network_detach(&s->service.network, s->record.id, err);
	return r;
}

/* Whether nobody misses what the network has of it for a moment more: no port, no address that the next
 * container could want, no plugin that its user knows. */
static bool network_can_wait(const struct container_config *config)
{
	return has_network(config) && config->networks.len == 0 && config->ports_len == 0 &&
	       !config->ip_address && !config->mac_address &&
	       (!config->network_mode || mode_is(config->network_mode, "none") ||
		mode_is(config->network_mode, NETWORK_DEFAULT));
}

int life_leave_network(struct supervisor *s, struct error *err)
{
	if (!s->network_waits)
		return 0;
	s->network_waits = false;
	return network_detach(&s->service.network, s->record.id, err);
}

static void store_failure(struct supervisor *s, const struct error *why)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	struct record_state *state = &s->record.state;

	if (state->status != RECORD_CREATED)
		state->status = RECORD_EXITED;
	state->pid = state->supervisor = 0;
	state->exit_code = why->exit_status ? why->exit_status : EXIT_NOT_STARTED;
	s->exit_status = state->exit_code;
	(void)record_set_error(&s->record, error_text(why), &ignored);
	(void)record_store_state(&s->record, &ignored);
}

int life_begin(struct supervisor *s, struct error *err)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	int r = make(s, err);

	if (r == 0)
		return 0;
	streams_close(s);
	log_file_done(&s->log);
	(void)undo(s, &ignored);
	store_failure(s, err);
	return r;
}

/* Asked before the cgroup is gone, and only where it may be. */
static void look_for_oom(struct supervisor *s)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	uint64_t count = 0;

	if (s->record.config.isolation != ISOLATION_PROCESS ||
	    (s->exit_status == 0 && s->record.config.memory <= 0))
		return;
	if (compute_oom_count(&s->service.host, s->record.id, &count, &ignored) == 0 && count > 0)
		s->oom_killed = true;
}

int life_end(struct supervisor *s, struct error *err)
{
	_cleanup_error_ struct error undo_err = ERROR_INIT;
	struct record_state *state = &s->record.state;
	int r, undo_r;

	s->exit_status = pidfd_reap(s->process.pidfd);
	s->process.pidfd = close_fd(s->process.pidfd);
	if (s->exit_status < 0)
		s->exit_status = EXIT_NOT_STARTED;
	for (size_t i = 0; i < ARRAY_SIZE(s->out); i++)
		stream_drain(s, &s->out[i]);
	log_file_flush(&s->log);
	log_file_done(&s->log);
	look_for_oom(s);
	/* What the user said meanwhile. */
	r = record_relock(&s->service, &s->record, err);
	s->network_waits = network_can_wait(&s->record.config);
	undo_r = s->network_waits ? undo_container(s, &undo_err) : undo(s, &undo_err);
	if (r < 0)
		return r;
	state->status = RECORD_EXITED;
	state->pid = 0;
	state->exit_code = s->exit_status;
	state->oom_killed = s->oom_killed;
	r = set_time(&state->finished_at, err);
	if (r == 0 && undo_r < 0)
		r = record_set_error(&s->record, error_text(&undo_err), err);
	return r;
}
