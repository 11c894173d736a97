/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The words that the spec gives for a property, each list NULL-terminated: what the parser accepts
 * is what the features document says. Whether this kernel and libseccomp can do it is the engine's
 * to find.
 */

extern const char *const oci_hook_names[];      /* in the order of enum oci_hook_kind */
extern const char *const oci_namespace_names[]; /* in the order of enum oci_namespace_kind */
extern const char *const oci_rlimit_names[];
extern const char *const oci_propagation_names[];
extern const char *const oci_personality_domains[];
extern const char *const oci_io_priority_classes[];
extern const char *const oci_scheduler_policies[], *const oci_scheduler_flags[];
extern const char *const oci_memory_policy_modes[], *const oci_memory_policy_flags[];
extern const char *const oci_seccomp_actions[], *const oci_seccomp_operators[];
extern const char *const oci_seccomp_archs[], *const oci_seccomp_flags[];
extern const char *const oci_vm_image_formats[];
extern const char *const oci_device_types[], *const oci_device_rule_types[];
extern const char *const oci_capability_names[]; /* in the order of the kernel's numbers */
