/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/hyperv/machine_settings.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#include "base/libexec.h"
#include "compute/settings.h"
#include "vm/accelerator.h"
#include "oci/parse.h"
#include "vm/kernel_modules.h"
#include "vm/machine_arch.h"

#define MIB ((uint64_t)1 << 20)
/* Without a limit: what a container may use is what its VM has. Pages are the host's only once they
 * are touched. */
#define MEMORY_DEFAULT (512 * MIB)
/* Of the guest's kernel, agent and page cache beside what the container may use, and the page
 * structures: 64 bytes each 4 KiB. */
#define GUEST_OWN (64 * MIB)
#define PAGE_STRUCTURES(bytes) ((bytes) / 64)
#define MEMORY_MAX ((uint64_t)1 << 42)
#define CPUS_MAX SETTINGS_CPUS_MAX
#define BOOT_TIMEOUT_MS 120000
/* Once in the life of a state root. No id can have a colon. */
#define CACHE "/var/cache/hcs"
#define EMULATION_TOLD ":emulation"

static const struct oci_resources *resources_of(const struct oci_spec *spec)
{
	return spec->linux_ ? spec->linux_->resources : NULL;
}

static int set_memory(const struct isolation_create *create, const struct compute_settings *file,
		      struct vm_settings *ret, struct error *err)
{
	const struct oci_spec *spec = create->engine.spec;
	const struct oci_resources *res = resources_of(spec);
	const char *pod = oci_annotation(spec, "io.kubernetes.cri.sandbox-memory");
	uint64_t bytes = file->hyperv.memory ? file->hyperv.memory : MEMORY_DEFAULT, limit = 0;

	if (res && res->memory && res->memory->limit.set && res->memory->limit.value > 0)
		limit = (uint64_t)res->memory->limit.value;
	/* Of all containers of the pod, which come later. */
	if (pod && strtoull(pod, NULL, 10) > limit)
		limit = strtoull(pod, NULL, 10);
	if (limit > 0 && limit < MEMORY_MAX)
		bytes = limit + GUEST_OWN + PAGE_STRUCTURES(limit);
	if (spec->vm && spec->vm->memory.set)
		bytes = spec->vm->memory.value;
	bytes = (bytes + MIB - 1) / MIB * MIB;
	if (bytes < VM_MEMORY_MIN || bytes > MEMORY_MAX)
		return error_set(err, EINVAL,
				 "vm.hwConfig.memory: %" PRIu64 " bytes: a VM needs %" PRIu64
				 " MiB at least",
				 bytes, (uint64_t)(VM_MEMORY_MIN / MIB));
	ret->memory = bytes;
	return 0;
}

static int set_cpus(const struct isolation_create *create, const struct compute_settings *file,
		    struct vm_settings *ret, struct error *err)
{
	const struct oci_spec *spec = create->engine.spec;
	const struct oci_resources *res = resources_of(spec);
	const struct oci_cpu *cpu = res ? res->cpu : NULL;
	uint64_t cpus = file->hyperv.cpus ? file->hyperv.cpus : 1;
	uint64_t host = (uint64_t)get_nprocs();

	if (cpu && cpu->quota.set && cpu->quota.value > 0) {
		uint64_t period = cpu->period.set && cpu->period.value ? cpu->period.value : 100000;

		cpus = ((uint64_t)cpu->quota.value + period - 1) / period;
		/* More threads than processors only wait for each other. */
		if (cpus > host)
			cpus = host;
	}
	if (spec->vm && spec->vm->vcpus.set)
		cpus = spec->vm->vcpus.value;
	if (cpus < 1 || cpus > CPUS_MAX)
		return error_set(err, EINVAL, "vm.hwConfig.vcpus: %" PRIu64 ": must be 1 to %d",
				 cpus, CPUS_MAX);
	ret->cpus = (unsigned)cpus;
	return 0;
}

/* Ours, or one that the user names: with what it has as modules. */
static int find_initrd(const struct kernel *kernel, const char *path, const char *initrd, bool own,
		       char **ret, struct error *err)
{
	_cleanup_free_ char *ours = initrd ? strdup(initrd) : libexec_path("initramfs");
	struct kernel_modules modules = { .kernel_path = path, .initramfs = ours, .cache = CACHE };

	if (!ours)
		return error_oom(err);
	if (access(ours, R_OK) < 0)
		return error_sys(err, errno, "initramfs %s (./dev build makes it)", ours);
	if (own) {
		*ret = TAKE_PTR(ours);
		return 0;
	}
	return kernel_modules_initrd(&modules, kernel, ret, err);
}

static int set_kernel(const struct isolation_create *create, const struct compute_settings *file,
		      struct vm_settings *ret, struct error *err)
{
	const struct oci_spec *spec = create->engine.spec;
	const char *path = create->request->kernel, *initrd = file->hyperv.initrd;
	_cleanup_free_ char *ours = libexec_path("vmlinux");
	struct kernel kernel;
	bool own;
	int r;

	if (!path)
		path = oci_annotation(spec, "io.hcs.kernel");
	if (!path && spec->vm)
		path = spec->vm->kernel_path;
	if (!path)
		path = file->hyperv.kernel;
	if (spec->vm && spec->vm->kernel_initrd)
		initrd = spec->vm->kernel_initrd;
	own = !path;
	if (own && !ours)
		return error_oom(err);
	if (own && access(ours, R_OK) < 0)
		return error_sys(err, errno, "guest kernel %s (./dev kernel builds it)", ours);
	r = kernel_identify(own ? ours : path, &kernel, err);
	if (r < 0)
		return error_wrap(err, r, "kernel");
	ret->kernel_boot = kernel.boot;
	ret->kernel = own ? TAKE_PTR(ours) : realpath(path, NULL);
	if (!ret->kernel)
		return error_sys(err, errno, "kernel %s", path);
	return find_initrd(&kernel, ret->kernel, initrd, own, &ret->initrd, err);
}

static int set_parameters(const struct oci_spec *spec, struct vm_settings *ret, struct error *err)
{
	const struct strv *words = spec->vm ? &spec->vm->kernel_parameters : NULL;

	for (size_t i = 0; words && i < words->len; i++) {
		_cleanup_free_ char *before = TAKE_PTR(ret->kernel_parameters);

		if (asprintf(&ret->kernel_parameters, "%s%s%s", before ? before : "",
			     before ? " " : "", words->items[i]) < 0) {
			ret->kernel_parameters = NULL;
			return error_oom(err);
		}
	}
	return 0;
}

/* The monitor is ours to choose; a configuration may name the one that it is. */
static int set_monitor(const struct oci_spec *spec, struct vm_settings *ret, struct error *err)
{
	const char *wanted = spec->vm ? spec->vm->hypervisor_path : NULL;

	if (wanted && (!machine_arch.program || strcmp(wanted, machine_arch.program) != 0))
		return error_set(err, ENOTSUP, "vm.hypervisor.path: %s: the monitor is %s", wanted,
				 machine_arch.program ? machine_arch.program : "not there");
	ret->monitor = strdup("qemu");
	return ret->monitor ? 0 : error_oom(err);
}

/* Said once, not with every container: a file in the state root remembers it. */
static void tell_of_emulation(const struct compute_host *host, const char *reason)
{
	_cleanup_close_ int root = -1, told = -1;
	_cleanup_free_ char *text = NULL;

	if (!host->warn)
		return;
	root = open(host->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	told = openat(root, EMULATION_TOLD, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (told < 0)
		return;
	if (asprintf(&text,
		     "isolation hyperv: KVM cannot be used here (%s): VMs run under emulation, "
		     "which is slower",
		     reason) >= 0)
		host->warn(text, host->warn_data);
}

static int set_accelerator(const struct isolation_create *create,
			   const struct compute_settings *file, struct vm_settings *ret,
			   struct error *err)
{
	const char *reason = NULL;

	ret->accelerator = VM_TCG;
	if (file->hyperv.accelerator == SETTINGS_ACCELERATOR_TCG)
		return 0;
	ret->accelerator = accelerator_choose(&reason);
	if (ret->accelerator == VM_KVM)
		return 0;
	if (file->hyperv.accelerator == SETTINGS_ACCELERATOR_KVM)
		return error_set(err, ENOTSUP, "hyperv.accelerator: kvm: cannot be used here: %s",
				 reason);
	tell_of_emulation(create->host, reason);
	return 0;
}

int machine_settings_make(const struct isolation_create *create, struct vm_settings *ret,
			  struct error *err)
{
	_cleanup_settings_ struct compute_settings file = { 0 };
	struct vm_settings made = { 0 };
	int r = compute_settings_load(&file, err);

	if (r < 0)
		return r;
	made.boot_timeout_ms =
		file.hyperv.boot_timeout_ms ? file.hyperv.boot_timeout_ms : BOOT_TIMEOUT_MS;
	made.name = strdup(create->engine.id);
	r = made.name ? set_monitor(create->engine.spec, &made, err) : error_oom(err);
	if (r == 0)
		r = set_memory(create, &file, &made, err);
	if (r == 0)
		r = set_cpus(create, &file, &made, err);
	if (r == 0)
		r = set_kernel(create, &file, &made, err);
	if (r == 0)
		r = set_parameters(create->engine.spec, &made, err);
	if (r == 0)
		r = set_accelerator(create, &file, &made, err);
	if (r < 0) {
		vm_settings_done(&made);
		return r;
	}
	*ret = made;
	return 0;
}
