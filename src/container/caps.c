/* SPDX-License-Identifier: Apache-2.0 */
#include "container/caps.h"

#include <linux/capability.h>
#include <stdbool.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define BIT(n) (UINT64_C(1) << (n))
#define CAPS_BITS 64 /* capset(2) carries two 32-bit words */

/* Indexed by number: linux/capability.h. */
static const char *const names[] = {
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
};
_Static_assert(ARRAY_SIZE(names) == 41, "up to CAP_CHECKPOINT_RESTORE, without a gap");

int caps_number(const char *name)
{
	const char *bare = strncasecmp(name, "CAP_", 4) == 0 ? name + 4 : name;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcasecmp(bare, names[i] + 4) == 0)
			return (int)i;
	return -EINVAL;
}

const char *caps_name(unsigned number)
{
	return number < ARRAY_SIZE(names) ? names[number] : NULL;
}

static int parse_set(const struct strv *set, const char *where, const char *which, uint64_t *ret,
		     struct error *err)
{
	for (size_t i = 0; i < set->len; i++) {
		int n = caps_number(set->items[i]);

		if (n < 0)
			return error_set(err, EINVAL, "%s.%s[%zu]: unknown capability \"%s\"",
					 where, which, i, set->items[i]);
		*ret |= BIT(n);
	}
	return 0;
}

/* Those of mask that the kernel has. Its last one is found from above, so that on a kernel that
 * knows them all this costs one call. (/proc/sys/kernel/cap_last_cap may be out of reach, or not
 * real.) */
static uint64_t known_to_kernel(uint64_t mask)
{
	for (int n = CAPS_BITS - 1; n >= 0; n--) {
		if (!(mask & BIT(n)))
			continue;
		if (prctl(PR_CAPBSET_READ, (unsigned long)n, 0, 0, 0) >= 0)
			break;
		mask &= ~BIT(n);
	}
	return mask;
}

int caps_parse(const struct oci_capabilities *oci, const char *where, struct caps *ret,
	       struct error *err)
{
	struct caps caps = { 0 };
	uint64_t known;
	int r;

	if (oci) {
		const struct {
			const struct strv *set;
			const char *which;
			uint64_t *bits;
		} sets[] = {
			{ &oci->bounding, "bounding", &caps.bounding },
			{ &oci->effective, "effective", &caps.effective },
			{ &oci->inheritable, "inheritable", &caps.inheritable },
			{ &oci->permitted, "permitted", &caps.permitted },
			{ &oci->ambient, "ambient", &caps.ambient },
		};

		for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
			r = parse_set(sets[i].set, where, sets[i].which, sets[i].bits, err);
			if (r < 0)
				return r;
		}
		known = known_to_kernel(caps.bounding | caps.effective | caps.inheritable |
					caps.permitted | caps.ambient);
		for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
			*sets[i].bits &= known;
	}
	*ret = caps;
	return 0;
}

struct cap_words {
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
};

static int get_own(struct caps *ret)
{
	struct cap_words w = { .header = { .version = _LINUX_CAPABILITY_VERSION_3 } };

	if (syscall(SYS_capget, &w.header, w.data) < 0)
		return -errno;
	*ret = (struct caps){
		.effective = w.data[0].effective | (uint64_t)w.data[1].effective << 32,
		.permitted = w.data[0].permitted | (uint64_t)w.data[1].permitted << 32,
		.inheritable = w.data[0].inheritable | (uint64_t)w.data[1].inheritable << 32,
	};
	return 0;
}

static int set_own(uint64_t permitted, uint64_t effective, uint64_t inheritable)
{
	struct cap_words w = { .header = { .version = _LINUX_CAPABILITY_VERSION_3 } };

	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		w.data[i].permitted = (uint32_t)(permitted >> (32 * i));
		w.data[i].effective = (uint32_t)(effective >> (32 * i));
		w.data[i].inheritable = (uint32_t)(inheritable >> (32 * i));
	}
	return syscall(SYS_capset, &w.header, w.data) < 0 ? -errno : 0;
}

/* Those of mask that are in the calling thread's bounding set. */
static uint64_t in_bounding(uint64_t mask)
{
	for (int n = 0; n < CAPS_BITS; n++)
		if ((mask & BIT(n)) && prctl(PR_CAPBSET_READ, (unsigned long)n, 0, 0, 0) != 1)
			mask &= ~BIT(n);
	return mask;
}

int caps_limit(struct caps *caps, uint64_t *ret_removed, struct error *err)
{
	struct caps own = { 0 }, want = *caps;
	int r = get_own(&own);

	if (r < 0)
		return error_sys(err, -r, "read the capabilities of the process");
	want.permitted &= own.permitted;
	want.effective &= want.permitted;
	/* cap_capset(): what is new in inheritable must be permitted and bounded. */
	want.inheritable &= own.inheritable | in_bounding(own.permitted & want.inheritable);
	want.ambient &= want.permitted & want.inheritable;
	*ret_removed = (caps->permitted & ~want.permitted) | (caps->effective & ~want.effective) |
		       (caps->inheritable & ~want.inheritable) | (caps->ambient & ~want.ambient);
	*caps = want;
	return 0;
}

int caps_drop_bounding(const struct caps *caps, struct error *err)
{
	/* Beyond the names known here too: a newer kernel's capability must not come through. */
	for (unsigned long n = 0; n < CAPS_BITS; n++) {
		int code;

		if (caps->bounding & BIT(n))
			continue;
		if (prctl(PR_CAPBSET_DROP, n, 0, 0, 0) == 0)
			continue;
		code = errno;
		/* Without CAP_SETPCAP all is well if there is nothing to take away. */
		if (code == EPERM && prctl(PR_CAPBSET_READ, n, 0, 0, 0) <= 0)
			continue;
		if (code == EINVAL)
			return 0; /* past the kernel's last one */
		if (n < ARRAY_SIZE(names))
			return error_sys(err, code, "drop %s from the bounding set", names[n]);
		return error_sys(err, code, "drop capability %lu from the bounding set", n);
	}
	return 0;
}

int caps_keep(struct error *err)
{
	if (prctl(PR_SET_KEEPCAPS, 1UL, 0UL, 0UL, 0UL) < 0)
		return error_sys(err, errno, "keep capabilities over the change of user");
	return 0;
}

static const char *first_name(uint64_t mask)
{
	unsigned n = mask ? (unsigned)__builtin_ctzll(mask) : CAPS_BITS;

	return n < ARRAY_SIZE(names) ? names[n] : "a capability";
}

/* Why capset(2) said no, by the first capability that is at fault. */
static int explain_capset(int code, const struct caps *caps, uint64_t extra, struct error *err)
{
	struct caps own = { 0 };
	uint64_t missing;

	if (code != EPERM || get_own(&own) < 0)
		return error_sys(err, code, "set capabilities");
	missing = (caps->permitted | extra) & ~own.permitted;
	if (missing)
		return error_set(err, EPERM,
				 "process.capabilities.permitted: %s cannot be granted: "
				 "the runtime does not have it itself",
				 first_name(missing));
	missing = caps->effective & ~(caps->permitted | extra);
	if (missing)
		return error_set(err, EPERM,
				 "process.capabilities.effective: %s is not in permitted",
				 first_name(missing));
	missing = caps->inheritable & ~own.inheritable;
	missing &= ~in_bounding(own.permitted & missing);
	return error_set(err, EPERM,
			 "process.capabilities.inheritable: %s cannot be granted: the "
			 "runtime does not have it itself, or it is not in bounding",
			 first_name(missing));
}

int caps_apply(const struct caps *caps, uint64_t extra, struct error *err)
{
	int r = set_own(caps->permitted | extra, caps->effective | extra, caps->inheritable);

	if (r < 0)
		return explain_capset(-r, caps, extra, err);
	/* The runtime may itself have been started with ambient capabilities. */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return error_sys(err, errno, "clear ambient capabilities");
	for (unsigned long n = 0; n < CAPS_BITS; n++) {
		if (!(caps->ambient & BIT(n)))
			continue;
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, n, 0, 0) < 0)
			return error_set(err, errno,
					 "process.capabilities.ambient: %s cannot be "
					 "raised: it must be permitted and inheritable as well",
					 first_name(BIT(n)));
	}
	return 0;
}

int caps_drop_extra(const struct caps *caps, struct error *err)
{
	int r = set_own(caps->permitted, caps->effective, caps->inheritable);

	if (r < 0)
		return error_sys(err, -r,
				 "set capabilities after linux.seccomp (without "
				 "process.noNewPrivileges the filter must allow capset)");
	return 0;
}
