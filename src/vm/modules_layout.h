/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Where the host puts modules into the initramfs and PID 1 of the guest finds them. The list has one
 * file name a line, relative to the directory, in the order of loading; "-" before it where the
 * kernel may refuse it (a driver for a processor that is not this one).
 */
#define MODULES_DIR "/modules"
#define MODULES_LIST "load"
#define MODULES_LIST_MAX (64u << 10) /* bytes */
