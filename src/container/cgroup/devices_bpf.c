/* SPDX-License-Identifier: Apache-2.0 */
/* Device rules on cgroup v2: an eBPF program that the kernel asks at every open and mknod. */
#include <string.h>
#include <sys/syscall.h>

#include "container/cgroup/devices.h"
#include "container/cgroup/private.h"

#define PROGRAM_NAME "hcs_devices"
#define INSNS_PER_RULE 10
#define PROGRAMS_MAX 64 /* BPF_CGROUP_MAX_PROGS */

/* Registers of the program. */
enum {
	RESULT = BPF_REG_0,
	CONTEXT = BPF_REG_1,
	TYPE = BPF_REG_2,
	ACCESS = BPF_REG_3,
	MAJOR = BPF_REG_4,
	MINOR = BPF_REG_5,
	SCRATCH = BPF_REG_6
};

struct program {
	struct bpf_insn *insns;
	size_t len;
};

static void emit(struct program *p, int code, int dst, int src, int off, int32_t imm)
{
	p->insns[p->len++] = (struct bpf_insn){
		.code = (uint8_t)code,
		.dst_reg = (uint8_t)(dst & 15),
		.src_reg = (uint8_t)(src & 15),
		.off = (int16_t)off,
		.imm = imm,
	};
}

static void emit_load(struct program *p, int dst, size_t offset)
{
	emit(p, BPF_LDX | BPF_W | BPF_MEM, dst, CONTEXT, (int)offset, 0);
}

static void emit_return(struct program *p, bool allow)
{
	emit(p, BPF_ALU64 | BPF_MOV | BPF_K, RESULT, 0, 0, allow);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* One rule: falls through to the next rule where it does not decide. ACCESS holds what is asked and
 * not yet granted by a later rule. Returns whether the program can get past it. */
static bool emit_rule(struct program *p, const struct device_rule *rule)
{
	size_t start = p->len;
	int not_equal = BPF_JMP | BPF_JNE | BPF_K;

	if (rule->type != 'a')
		emit(p, not_equal, TYPE, 0, 0,
		     rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	if (rule->major >= 0)
		emit(p, not_equal, MAJOR, 0, 0, (int32_t)rule->major);
	if (rule->minor >= 0)
		emit(p, not_equal, MINOR, 0, 0, (int32_t)rule->minor);
	if (rule->access != DEVICE_ALL) {
		if (rule->allow) {
			emit(p, BPF_ALU64 | BPF_AND | BPF_K, ACCESS, 0, 0,
			     (int32_t)(DEVICE_ALL & ~rule->access));
			emit(p, not_equal, ACCESS, 0, 0, 0);
		} else {
			emit(p, BPF_ALU64 | BPF_MOV | BPF_X, SCRATCH, ACCESS, 0, 0);
			emit(p, BPF_ALU64 | BPF_AND | BPF_K, SCRATCH, 0, 0, (int32_t)rule->access);
			emit(p, BPF_JMP | BPF_JEQ | BPF_K, SCRATCH, 0, 0, 0);
		}
	}
	emit_return(p, rule->allow);
	for (size_t i = start; i < p->len; i++)
		if (BPF_CLASS(p->insns[i].code) == BPF_JMP && BPF_OP(p->insns[i].code) != BPF_EXIT)
			p->insns[i].off = (int16_t)(p->len - i - 1);
	return p->len - start > 2;
}

int device_list_compile(const struct device_list *list, struct bpf_insn **ret, size_t *ret_len)
{
	struct program p = { 0 };
	bool open_end = true;

	p.insns = calloc(list->len * INSNS_PER_RULE + INSNS_PER_RULE, sizeof(*p.insns));
	if (!p.insns)
		return -ENOMEM;
	emit_load(&p, TYPE, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	emit(&p, BPF_ALU64 | BPF_MOV | BPF_X, ACCESS, TYPE, 0, 0);
	emit(&p, BPF_ALU64 | BPF_RSH | BPF_K, ACCESS, 0, 0, 16);
	emit(&p, BPF_ALU64 | BPF_AND | BPF_K, TYPE, 0, 0, 0xffff);
	emit_load(&p, MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
	emit_load(&p, MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
	/* The last rule that matches decides, so they are asked from the end. The verifier refuses
	 * what cannot be reached, so nothing follows a rule for everything. */
	for (size_t i = list->len; i > 0 && open_end; i--)
		open_end = emit_rule(&p, &list->items[i - 1]);
	if (open_end)
		emit_return(&p, false);
	*ret = p.insns;
	*ret_len = p.len;
	return 0;
}

static int bpf(int command, union bpf_attr *attr)
{
	long r;

	do /* the verifier gives up with EAGAIN when a signal is pending */
		r = syscall(SYS_bpf, command, attr, sizeof(*attr));
	while (r < 0 && errno == EAGAIN);
	return r < 0 ? -errno : (int)r;
}

static int load(const struct bpf_insn *insns, size_t len)
{
	static const char license[] = "Apache-2.0";
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.expected_attach_type = BPF_CGROUP_DEVICE;
	attr.insns = (uint64_t)(uintptr_t)insns;
	attr.insn_cnt = (uint32_t)len;
	attr.license = (uint64_t)(uintptr_t)license;
	memcpy(attr.prog_name, PROGRAM_NAME, sizeof(PROGRAM_NAME));
	return bpf(BPF_PROG_LOAD, &attr);
}

static bool is_ours(int prog_fd)
{
	struct bpf_prog_info info;
	union bpf_attr attr;

	memset(&info, 0, sizeof(info));
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)prog_fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uint64_t)(uintptr_t)&info;
	return bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0 && strcmp(info.name, PROGRAM_NAME) == 0;
}

/* Our program on that directory from earlier, or -ENOENT. Systemd's may be beside it. */
static int find_attached(int dir_fd)
{
	uint32_t ids[PROGRAMS_MAX];
	union bpf_attr attr;
	uint32_t count;
	int r;

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = (uint32_t)dir_fd;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_ids = (uint64_t)(uintptr_t)ids;
	attr.query.prog_cnt = ARRAY_SIZE(ids);
	r = bpf(BPF_PROG_QUERY, &attr);
	if (r < 0)
		return r;
	count = attr.query.prog_cnt;
	for (uint32_t i = 0; i < count && i < ARRAY_SIZE(ids); i++) {
		int fd;

		memset(&attr, 0, sizeof(attr));
		attr.prog_id = ids[i];
		fd = bpf(BPF_PROG_GET_FD_BY_ID, &attr);
		if (fd >= 0 && is_ours(fd))
			return fd;
		close_fd(fd);
	}
	return -ENOENT;
}

static int attach(int dir_fd, int prog_fd, int old_fd)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)dir_fd;
	attr.attach_bpf_fd = (uint32_t)prog_fd;
	attr.attach_type = BPF_CGROUP_DEVICE;
	/* Programs of all levels must agree, whoever attached them. */
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	if (old_fd >= 0) {
		attr.attach_flags |= BPF_F_REPLACE;
		attr.replace_bpf_fd = (uint32_t)old_fd;
	}
	return bpf(BPF_PROG_ATTACH, &attr);
}

static int detach(int dir_fd, int prog_fd)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)dir_fd;
	attr.attach_bpf_fd = (uint32_t)prog_fd;
	attr.attach_type = BPF_CGROUP_DEVICE;
	return bpf(BPF_PROG_DETACH, &attr);
}

int v2_devices(struct target *t, const struct oci_resources *res, struct error *err)
{
	static const char property[] = "linux.resources.devices";
	_cleanup_device_list_ struct device_list list = { 0 };
	_cleanup_free_ struct bpf_insn *insns = NULL;
	_cleanup_close_ int prog_fd = -1, old_fd = -1;
	int dir_fd = -1, r;
	size_t len = 0;

	if (!t->journal && device_rules_allow_all(&res->devices))
		return 0; /* as a fresh cgroup is */
	dir_fd = hierarchy_dir(t->h);
	if (dir_fd < 0)
		return error_sys(err, -dir_fd, "%s: cannot open %s", property, t->h->dir);
	r = device_list_build(&res->devices, &list, err);
	if (r < 0)
		return r;
	if (device_list_compile(&list, &insns, &len) < 0)
		return error_oom(err);
	prog_fd = load(insns, len);
	if (prog_fd < 0)
		return error_sys(err, -prog_fd, "%s: the kernel does not take the eBPF program",
				 property);
	if (t->journal) /* a fresh directory has none */
		old_fd = find_attached(dir_fd);
	r = attach(dir_fd, prog_fd, old_fd);
	if (r == -EINVAL && old_fd >= 0) { /* before 5.6 nothing could be replaced */
		r = attach(dir_fd, prog_fd, -1);
		if (r == 0)
			r = detach(dir_fd, old_fd);
	}
	return r < 0 ? error_sys(err, -r, "%s: cannot attach the eBPF program to %s", property,
				 t->h->dir)
		     : 0;
}
