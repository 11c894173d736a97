/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Cgroup hierarchies that are plain directories: the mounts made of them do not care. */
struct cgroup;
/* NULL until one of the two below was called. */
struct cgroup *fake_cgroup(void);
void fake_cgroup_v1(const char *pids, const char *cpu);
void fake_cgroup_v2(const char *unified);
