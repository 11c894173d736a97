/* SPDX-License-Identifier: Apache-2.0 */
/* Hyper-V isolation: the engine in a utility VM. Signals that end a container for certain are the
 * host's; all else is asked of the agent. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "base/pid.h"
#include "compute/hyperv/client.h"
#include "compute/hyperv/create.h"
#include "compute/hyperv/process.h"
#include "compute/hyperv/ps_snapshot.h"
#include "compute/hyperv/share.h"
#include "compute/hyperv/vm_size.h"
#include "compute/isolation.h"
#include "oci/write.h"
#include "vm/nic.h"
#include "wire/frame.h"
#include "wire/stats.h"

/* A killed monitor's memory is given back before it is gone. */
#define END_TIMEOUT_MS 10000
/* Of a container that is killed: an agent's answer, and its end, with what it wrote on its disk. */
#define KILL_ANSWER_MS 2000
#define KILL_END_MS 10000
#define VMPROC_COMM "vmproc"
/* Of all pages of a list of processes; the largest list of an honest agent fits twice. */
#define PROCESSES_TIMEOUT_MS 60000
#define PROCESSES_PAGES_MAX (4 * PS_SNAPSHOT_SIZE_MAX / WIRE_RESPONSE_MAX)

static int start(const struct stored *s, const struct oci_spec *spec, struct error *err)
{
	return container_start(&s->container, spec, s->dir_fd, err);
}

static int init_start(const struct stored *s, const struct oci_spec *spec, int init,
		      struct error *err)
{
	return container_init_start(&s->container, spec, init, err);
}

static int make_requests(const struct stored *s, const struct container_exec *exec, json_t **ret,
			 struct error *err)
{
	struct oci_process inside = *exec->process;
	json_t *process, *op;

	/* As of the container itself: see translation_make. */
	if (exec->warn && ((inside.apparmor_profile && *inside.apparmor_profile) ||
			   (inside.selinux_label && *inside.selinux_label)))
		exec->warn("process.apparmorProfile, process.selinuxLabel: left out in a VM, whose "
			   "kernel has no such policy",
			   exec->warn_data);
	inside.apparmor_profile = inside.selinux_label = NULL;
	process = oci_process_json(&inside, err);
	if (!process)
		return -err->code;
	op = hyperv_op("exec", s);
	(void)json_object_set_new(op, "process", process);
	if (exec->cgroup)
		(void)json_object_set_new(op, "cgroup", json_string(exec->cgroup));
	(void)json_object_set_new(op, "ignore_paused", json_true());
	*ret = json_pack("[o]", op);
	return *ret ? 0 : error_oom(err);
}

static int run_exec(const struct stored *s, const struct container_exec *exec, pid_t *ret_pid,
		    int *ret_pidfd, struct error *err)
{
	struct hyperv_process process = {
		.stdio = { 0, 1, 2 },
		.console = exec->process->terminal ? exec->console_sock : -1,
		.rows = (uint16_t)exec->process->console_size.height,
		.columns = (uint16_t)exec->process->console_size.width,
		.warn = exec->warn,
		.warn_data = exec->warn_data,
	};
	json_t *requests;
	int r;

	if (exec->preserve_fds > 0)
		return error_set(err, ENOTSUP,
				 "--preserve-fds: descriptors cannot be passed into a VM");
	r = make_requests(s, exec, &requests, err);
	if (r < 0)
		return r;
	process.requests = requests;
	r = hyperv_process(s, &process, ret_pid, ret_pidfd, err);
	json_decref(requests);
	return r;
}

static int stopped(const struct stored *s, struct error *err)
{
	return error_set(err, ESRCH, "container \"%s\" is stopped: container not running",
			 s->container.id);
}

/* The guest ends it, and what it wrote gets to its disk. Nobody waits long for a guest that does not. */
static bool kill_in_order(const struct stored *s, int pidfd)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	json_t *op = hyperv_op("signal", s);

	(void)json_object_set_new(op, "signal", json_integer(SIGKILL));
	if (hyperv_request_within(s, op, KILL_ANSWER_MS, NULL, &ignored) < 0)
		return false;
	return pidfd_wait_end(pidfd, KILL_END_MS) == 1;
}

static int send_signal(const struct stored *s, int sig, bool all, struct error *err)
{
	const struct container *c = &s->container;
	_cleanup_close_ int pidfd = pid_open(c->pid, c->pid_start);
	json_t *op;
	int r;

	/* With it all of its processes have gone. */
	if (pidfd < 0)
		return all ? 0 : stopped(s, err);
	/* What is to end does not depend on the guest's good will: without vmproc the agent kills
	 * the container, and without its owner the VM is gone. */
	if (sig == SIGKILL && !kill_in_order(s, pidfd)) {
		r = pidfd_kill(pidfd, sig);
		if (r == -ESRCH)
			return all ? 0 : stopped(s, err);
		return r < 0 ? error_sys(err, -r, "signal container \"%s\"", c->id) : 0;
	}
	if (sig == SIGKILL)
		return 0;
	op = hyperv_op("signal", s);
	(void)json_object_set_new(op, "signal", json_integer(sig));
	(void)json_object_set_new(op, "all", json_boolean(all));
	return hyperv_request(s, op, NULL, err);
}

static int freeze(const struct stored *s, bool on, struct error *err)
{
	/* The mark says paused a little too long rather than too short: resume puts both right,
	 * whenever a command was killed. */
	int r = on ? store_mark_paused(s, true, err) : 0;

	if (r < 0)
		return r;
	r = hyperv_request(s, hyperv_op(on ? "pause" : "resume", s), NULL, err);
	/* Without an answer it may be paused yet, and resume must be possible. */
	if (r < 0 && r != -ETIMEDOUT && on) {
		_cleanup_error_ struct error ignored = ERROR_INIT;

		(void)store_mark_paused(s, false, &ignored);
	}
	return r == 0 && !on ? store_mark_paused(s, false, err) : r;
}

static bool limits_the_vm(const struct oci_resources *resources)
{
	const struct oci_block_io *io = resources->block_io;
	const struct oci_cpu *cpu = resources->cpu;

	if (cpu && ((cpu->cpus && *cpu->cpus) || (cpu->mems && *cpu->mems)))
		return true;
	return io && (io->weight.set || io->leaf_weight.set || io->weight_device.len ||
		      io->throttle_read_bps.len || io->throttle_write_bps.len ||
		      io->throttle_read_iops.len || io->throttle_write_iops.len);
}

/* What is the host's to limit, and what the guest's: see translate_resources. */
static int update(const struct stored *s, const struct oci_resources *resources,
		  const struct oci_intel_rdt *rdt, struct error *err)
{
	struct oci_resources inside = *resources, outside = { 0 };
	struct oci_cpu cpu_inside = { 0 }, cpu_outside = { 0 };
	json_t *op, *translated;
	int r;

	if (rdt)
		return error_set(err, ENOTSUP,
				 "linux.intelRdt: the guest's processes are not the host's to "
				 "assign");
	if (s->vm.host && limits_the_vm(resources))
		return error_set(err, ENOTSUP,
				 "linux.resources.cpu.cpus, cpu.mems, blockIO: limits of the VM, "
				 "which is that of \"%s\": update that one",
				 s->vm.host);
	r = vm_size_check(s, resources, err);
	if (r < 0)
		return r;
	if (resources->cpu) {
		cpu_inside = *resources->cpu;
		cpu_inside.cpus = cpu_inside.mems = NULL;
		cpu_outside.shares = resources->cpu->shares;
		cpu_outside.cpus = resources->cpu->cpus;
		cpu_outside.mems = resources->cpu->mems;
		inside.cpu = &cpu_inside;
		outside.cpu = &cpu_outside;
	}
	outside.block_io = resources->block_io;
	inside.block_io = NULL;
	translated = oci_resources_json(&inside, err);
	if (!translated)
		return -err->code;
	op = hyperv_op("update", s);
	(void)json_object_set_new(op, "resources", translated);
	r = hyperv_request(s, op, NULL, err);
	if (r == 0 && (outside.cpu || outside.block_io) && s->container.cgroup_path &&
	    s->container.cgroup_manager != CGROUP_DISABLED) {
		_cleanup_cgroup_ struct cgroup *cg = NULL;

		r = container_cgroup(&s->container, &cg, err);
		if (r == 0)
			r = cgroup_update(cg, &outside, err);
	}
	return r;
}

/* Stands for a process of the guest? The cgroup has the VM itself as well. */
static bool is_vmproc(pid_t pid)
{
	char path[32], comm[32] = "";
	_cleanup_close_ int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, comm, sizeof(comm) - 1);
	return n > 0 && strcmp(comm, VMPROC_COMM "\n") == 0;
}

/* As the host numbers them: of a container's processes those that were started from here. Engines
 * look these numbers up in the host's /proc, where the guest's would be other processes. */
static int pids(const struct stored *s, pid_t **ret, size_t *ret_len, struct error *err)
{
	int r = process_isolation.pids(s, ret, ret_len, err);
	size_t len = 0;

	if (r < 0)
		return r;
	for (size_t i = 0; i < *ret_len; i++)
		if (is_vmproc((*ret)[i]))
			(*ret)[len++] = (*ret)[i];
	*ret_len = len;
	return 0;
}

static int stats(const struct stored *s, struct cgroup_stats *ret, struct error *err)
{
	json_t *result;
	int r = hyperv_request(s, hyperv_op("stats", s), &result, err);

	if (r < 0)
		return r;
	r = wire_stats_parse(json_object_get(result, "stats"), ret, err);
	json_decref(result);
	return r;
}

/* Page after page: an answer is bounded, and so are all of them together, in time and size. */
static json_t *processes(const struct stored *s, struct error *err)
{
	json_t *all = json_array(), *system = NULL, *page, *list;
	int64_t deadline = clock_ms() + PROCESSES_TIMEOUT_MS;
	json_int_t after = 0;
	size_t pages = 0;
	bool more;

	do {
		json_t *op = hyperv_op("processes", s);
		size_t len;

		(void)json_object_set_new(op, "after", json_integer(after));
		if (hyperv_request(s, op, &page, err) < 0) {
			json_decref(all);
			json_decref(system);
			return NULL;
		}
		list = json_object_get(page, "processes");
		len = json_array_size(list);
		if (len > 0)
			after = json_integer_value(
				json_object_get(json_array_get(list, len - 1), "pid"));
		(void)json_array_extend(all, list);
		if (!system)
			system = json_incref(json_object_get(page, "system"));
		/* A guest that always has more, and never another one, has no more. */
		more = len > 0 && json_is_true(json_object_get(page, "more")) &&
		       json_array_size(all) <= PS_SNAPSHOT_PROCESSES_MAX;
		json_decref(page);
		if (more && (++pages == PROCESSES_PAGES_MAX || clock_ms() > deadline)) {
			json_decref(all);
			json_decref(system);
			(void)error_set(err, EPROTO,
					"processes from the guest: they do not come to an end");
			return NULL;
		}
	} while (more);
	return json_pack("{s:o, s:o*}", "processes", all, "system", system);
}

/* What the VM costs: in the cgroup on the host is all of it, but of a VM that others have too. */
static int vm_stats(const struct stored *s, struct compute_vm_stats *ret, struct error *err)
{
	struct cgroup_stats host = { 0 };
	int r;

	if (s->vm.host || s->container.cgroup_manager == CGROUP_DISABLED ||
	    !s->container.cgroup_path)
		return 0;
	r = process_isolation.stats(s, &host, err);
	if (r < 0)
		return r;
	ret->set = true;
	ret->memory_usage = host.memory.usage;
	ret->memory_limit = host.memory.limit < INT64_MAX / 2 ? host.memory.limit : 0;
	ret->cpu_total = host.cpu_total;
	ret->guest_memory = s->vm.memory;
	cgroup_stats_done(&host);
	return 0;
}

static int oom_count(const struct stored *s, uint64_t *ret, struct error *err)
{
	struct cgroup_stats now = { 0 };
	int r = stats(s, &now, err);

	if (r < 0)
		return r;
	*ret = now.oom_kills;
	cgroup_stats_done(&now);
	return 0;
}

/* The terminal on the host: vmproc passes its size on. pid: of a vmproc. */
static int resize(const struct stored *s, pid_t pid, uint16_t width, uint16_t height,
		  struct error *err)
{
	return process_isolation.resize(s, pid, width, height, err);
}

/* A network namespace that was given outlives the VM, and its interfaces work again as before. */
static void give_network_back(const struct stored *s, const struct oci_spec *spec)
{
	const struct oci_namespace *ns =
		spec && spec->linux_ ? &spec->linux_->namespaces[OCI_NS_NETWORK] : NULL;
	_cleanup_error_ struct error ignored = ERROR_INIT;
	_cleanup_close_ int netns = -1;

	if (!ns || !ns->path || s->vm.host)
		return;
	netns = open(ns->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	/* Often it has gone before the container. */
	if (netns >= 0)
		(void)nic_give_back(netns, &ignored);
}

static int destroy(const struct stored *s, const struct oci_spec *spec, struct error *err)
{
	_cleanup_close_ int vmwp = pid_open(s->vm.pid, s->vm.pid_start);
	_cleanup_error_ struct error ignored = ERROR_INIT;
	int r;

	/* Not by the spec's words: its namespaces are the guest's, here only its cgroup counts. */
	r = container_destroy(&s->container, NULL, s->dir_fd, err);
	if (r < 0)
		return r;
	if (vmwp >= 0 && s->vm.host)
		(void)share_detach(s->container.id, vmwp, &ignored);
	else if (vmwp >= 0 && pidfd_wait_end(vmwp, END_TIMEOUT_MS) == 0)
		return error_set(err, ETIMEDOUT, "vmwp (process %d) does not end", (int)s->vm.pid);
	/* After the VM: its taps have gone, and one that is there is another VM's. */
	give_network_back(s, spec);
	return 0;
}

const struct isolation_ops hyperv_isolation = {
	.create = hyperv_create,
	.start = start,
	.init_start = init_start,
	.exec = run_exec,
	.signal = send_signal,
	.freeze = freeze,
	.update = update,
	.pids = pids,
	.processes = processes,
	.stats = stats,
	.vm_stats = vm_stats,
	.resize = resize,
	.oom_fd = hyperv_watch,
	.oom_drain = hyperv_watch_drain,
	.oom_count = oom_count,
	.destroy = destroy,
};
