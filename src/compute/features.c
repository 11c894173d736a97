/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/features.h"

#include <stdio.h>
#include <unistd.h>

#include "compute/settings.h"
#include "vm/accelerator.h"
#include "vm/machine.h"
#include "vm/machine_arch.h"

/* Whether the file is there; notes the first that is not. */
static void need(struct compute_features *features, const char *dir, const char *name, int mode)
{
	char path[4096];

	if (features->hyperv_missing[0])
		return;
	(void)snprintf(path, sizeof(path), "%s%s%s", dir, *dir ? "/" : "", name);
	if (access(path, mode) < 0)
		(void)snprintf(features->hyperv_missing, sizeof(features->hyperv_missing),
			       "%.200s: %s", path,
			       errno == ENOENT ? "not installed" : "not usable");
}

int compute_features(struct compute_features *ret, struct error *err)
{
	const char *dir = secure_getenv("HCS_LIBEXECDIR");
	_cleanup_settings_ struct compute_settings settings = { 0 };
	enum vm_accelerator accelerator = VM_TCG;
	struct compute_features features = { .monitor = machine_qemu.name };
	int r = compute_settings_load(&settings, err);

	if (r < 0)
		return r;
	if (!dir || *dir != '/')
		dir = HCS_LIBEXECDIR;
	need(&features, dir, "vmwp", X_OK);
	need(&features, dir, "vmproc", X_OK);
	need(&features, settings.hyperv.kernel ? "" : dir,
	     settings.hyperv.kernel ? settings.hyperv.kernel : "vmlinux", R_OK);
	need(&features, settings.hyperv.initrd ? "" : dir,
	     settings.hyperv.initrd ? settings.hyperv.initrd : "initramfs", R_OK);
	need(&features, "", machine_arch.program, X_OK);
	if (settings.hyperv.accelerator == SETTINGS_ACCELERATOR_TCG)
		features.accelerator_reason = "the configuration file says so";
	else
		accelerator = accelerator_choose(&features.accelerator_reason);
	if (settings.hyperv.accelerator == SETTINGS_ACCELERATOR_KVM && accelerator != VM_KVM &&
	    !features.hyperv_missing[0])
		(void)snprintf(features.hyperv_missing, sizeof(features.hyperv_missing),
			       "KVM, which the configuration file asks for: %s",
			       features.accelerator_reason);
	features.accelerator = vm_accelerator_name(accelerator);
	*ret = features;
	return 0;
}
