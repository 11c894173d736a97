/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Whether KVM here can run an ordinary Linux guest. /dev/kvm being there is no proof: on some hosts
 * it is a software variant on which guests hang or die. */
#include "vm/settings.h"

/* VM_KVM, or VM_TCG with the reason in *ret_reason (static text) that KVM is not used. */
enum vm_accelerator accelerator_choose(const char **ret_reason);
