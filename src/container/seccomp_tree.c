/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rewrites a compiled filter so that it does the same in fewer steps. On loading, the kernel runs
 * the filter once for every system call number, to know which are always allowed, and translates it
 * to machine code; libseccomp's programs make that 1.3 ms for a profile of the usual size, this
 * form a tenth of it.
 *
 * The way is partial evaluation: for one architecture and one number the filter is run with those
 * two known and the arguments unknown. Nearly always that ends in a result, which becomes a leaf;
 * where an argument is looked at, the instructions that depend on it are kept. Numbers between two
 * constants of the program cannot be told apart by it, so one of each interval stands for all. The
 * leaves are then put below a balanced tree of comparisons. What is met that is not understood here
 * means that the filter stays as it was.
 */
#include "container/seccomp_program.h"

#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>

#define X32_BIT UINT32_C(0x40000000)
#define RESIDUE_MAX 96         /* instructions kept for one system call; beyond: the whole filter */
#define JUMP_MAX 255           /* what the eight bits of a conditional jump reach */
#define TO_ORIGINAL UINT32_MAX /* a jump to be made to the original filter, behind the tree */

enum subject { SUBJECT_NUMBER, SUBJECT_ARCH, SUBJECT_UNKNOWN };

/* What the accumulator holds. */
struct accumulator {
	enum subject subject;
	uint32_t value;
};

struct rewriter {
	const struct seccomp_program *in;
	struct seccomp_program *out;
	uint32_t *points; /* where intervals of numbers begin, ascending; owned by the caller */
	size_t points_len;
	const uint32_t *archs; /* AUDIT_ARCH_* that the filter tells apart */
	size_t archs_len;
	/* being evaluated */
	uint32_t number, arch;
	bool other_arch; /* none of archs */
	bool uses_original;
};

/* A run of numbers with one result, or with instructions of its own. */
struct leaf {
	uint32_t first, result;
	bool residue;
};

static int emit(struct rewriter *w, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	if (w->out->len == BPF_MAXINSNS)
		return -E2BIG;
	w->out->insns[w->out->len++] =
		(struct sock_filter){ .code = code, .jt = jt, .jf = jf, .k = k };
	return 0;
}

static bool compare(uint16_t code, uint32_t a, uint32_t k)
{
	switch (BPF_OP(code)) {
	case BPF_JEQ:
		return a == k;
	case BPF_JGT:
		return a > k;
	case BPF_JGE:
		return a >= k;
	default: /* BPF_JSET: is_branch */
		return a & k;
	}
}

static bool is_branch(uint16_t code)
{
	return code == (BPF_JMP | BPF_JEQ | BPF_K) || code == (BPF_JMP | BPF_JGT | BPF_K) ||
	       code == (BPF_JMP | BPF_JGE | BPF_K) || code == (BPF_JMP | BPF_JSET | BPF_K);
}

/* Outcome of a branch on what is known: 0 or 1, or -ENOTSUP where one value cannot stand for the
 * others. */
static int decide(const struct rewriter *w, const struct sock_filter *i,
		  const struct accumulator *a)
{
	if (a->subject == SUBJECT_ARCH) {
		bool told_apart = false;

		for (size_t k = 0; k < w->archs_len; k++)
			told_apart = told_apart || w->archs[k] == i->k;
		if (BPF_OP(i->code) != BPF_JEQ || !told_apart)
			return -ENOTSUP;
		return !w->other_arch && w->arch == i->k;
	}
	if (BPF_OP(i->code) == BPF_JSET && i->k != X32_BIT)
		return -ENOTSUP; /* changes within an interval */
	return compare(i->code, a->value, i->k);
}

/*
 * Follows the filter from pc as far as it is decided. Stops at a return (*ret_pc), or at an
 * instruction whose effect depends on an argument. The accumulator is kept up to date.
 */
static int follow(const struct rewriter *w, size_t *pc, struct accumulator *a)
{
	while (*pc < w->in->len) {
		const struct sock_filter *i = &w->in->insns[*pc];
		int taken;

		if (i->code == (BPF_RET | BPF_K))
			return 0;
		if (i->code == (BPF_LD | BPF_W | BPF_ABS)) {
			if (i->k == offsetof(struct seccomp_data, nr))
				*a = (struct accumulator){ SUBJECT_NUMBER, w->number };
			else if (i->k == offsetof(struct seccomp_data, arch))
				*a = (struct accumulator){ SUBJECT_ARCH, w->arch };
			else
				return 0;
			*pc += 1;
		} else if (i->code == (BPF_JMP | BPF_JA)) {
			*pc += (size_t)i->k + 1;
		} else if (is_branch(i->code)) {
			if (a->subject == SUBJECT_UNKNOWN)
				return 0;
			taken = decide(w, i, a);
			if (taken < 0)
				return taken;
			*pc += (size_t)(taken ? i->jt : i->jf) + 1;
		} else if (i->code == (BPF_ALU | BPF_AND | BPF_K) &&
			   a->subject == SUBJECT_UNKNOWN) {
			return 0;
		} else {
			return -ENOTSUP;
		}
	}
	return -ENOTSUP; /* ran off the end: not a filter that the kernel takes */
}

/* Writes what of the filter depends on arguments, from pc on, at most until out has end
 * instructions. */
static int emit_residue(struct rewriter *w, size_t pc, struct accumulator a, size_t end)
{
	for (;;) {
		const struct sock_filter *i;
		size_t branch, yes;
		int r = follow(w, &pc, &a);

		if (r < 0)
			return r;
		if (w->out->len >= end)
			return -E2BIG;
		i = &w->in->insns[pc];
		if (!is_branch(i->code)) {
			r = emit(w, i->code, i->k, 0, 0);
			if (r < 0 || i->code == (BPF_RET | BPF_K))
				return r;
			a = (struct accumulator){ SUBJECT_UNKNOWN, 0 };
			pc++;
			continue;
		}
		branch = w->out->len;
		r = emit(w, i->code, i->k, 0, 0);
		if (r == 0)
			r = emit_residue(w, pc + i->jt + 1, a, end);
		yes = w->out->len - branch - 1;
		if (r < 0 || yes > JUMP_MAX)
			return r < 0 ? r : -E2BIG;
		w->out->insns[branch].jf = (uint8_t)yes;
		pc += (size_t)i->jf + 1;
	}
}

static int emit_leaf(struct rewriter *w, const struct leaf *leaf)
{
	const size_t start = w->out->len;
	int r;

	if (!leaf->residue)
		return emit(w, BPF_RET | BPF_K, leaf->result, 0, 0);
	w->number = leaf->first;
	r = emit_residue(w, 0, (struct accumulator){ SUBJECT_UNKNOWN, 0 }, start + RESIDUE_MAX);
	if (r != -E2BIG)
		return r;
	w->out->len = start;
	w->uses_original = true;
	return emit(w, BPF_JMP | BPF_JA, TO_ORIGINAL, 0, 0);
}

/* "number >= middle" over the two halves; with the number loaded. */
static int emit_tree(struct rewriter *w, const struct leaf *leaves, size_t n)
{
	const size_t middle = n / 2, branch = w->out->len;
	size_t left;
	int r;

	if (n == 1)
		return emit_leaf(w, leaves);
	r = emit(w, BPF_JMP | BPF_JGE | BPF_K, leaves[middle].first, 0, 0);
	if (r == 0)
		r = emit_tree(w, leaves, middle);
	if (r < 0)
		return r;
	left = w->out->len - branch - 1;
	if (left <= JUMP_MAX) {
		w->out->insns[branch].jt = (uint8_t)left;
	} else { /* with a long jump: the left half moves on by one */
		struct sock_filter *b = &w->out->insns[branch];

		r = emit(w, 0, 0, 0, 0);
		if (r < 0)
			return r;
		memmove(b + 2, b + 1, left * sizeof(*b));
		b[0].jf = 1;
		b[1] = (struct sock_filter){ .code = BPF_JMP | BPF_JA, .k = (uint32_t)left };
	}
	return emit_tree(w, leaves + middle, n - middle);
}

/* The results for all numbers on the present architecture, neighbours that agree put together. */
static int find_leaves(struct rewriter *w, struct leaf *leaves, size_t *ret_len)
{
	size_t n = 0;

	for (size_t i = 0; i < w->points_len; i++) {
		struct accumulator a = { SUBJECT_UNKNOWN, 0 };
		struct leaf leaf = { .first = w->points[i] };
		size_t pc = 0;
		int r;

		w->number = leaf.first;
		r = follow(w, &pc, &a);
		if (r < 0)
			return r;
		leaf.residue = w->in->insns[pc].code != (BPF_RET | BPF_K);
		leaf.result = leaf.residue ? 0 : w->in->insns[pc].k;
		if (n > 0 && !leaf.residue && !leaves[n - 1].residue &&
		    leaf.result == leaves[n - 1].result)
			continue;
		leaves[n++] = leaf;
	}
	*ret_len = n;
	return 0;
}

/* Everything for the present architecture. */
static int emit_arch(struct rewriter *w, struct leaf *leaves)
{
	size_t n;
	int r = find_leaves(w, leaves, &n);

	if (r < 0)
		return r;
	if (n == 1)
		return emit_leaf(w, leaves);
	r = emit(w, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
	return r < 0 ? r : emit_tree(w, leaves, n);
}

static int emit_all(struct rewriter *w, struct leaf *leaves)
{
	int r = emit(w, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);

	for (size_t i = 0; r == 0 && i < w->archs_len; i++) {
		size_t jump = w->out->len + 1;

		w->arch = w->archs[i];
		r = emit(w, BPF_JMP | BPF_JEQ | BPF_K, w->arch, 1, 0);
		if (r == 0)
			r = emit(w, BPF_JMP | BPF_JA, 0, 0, 0);
		if (r == 0)
			r = emit_arch(w, leaves);
		if (r == 0)
			w->out->insns[jump].k = (uint32_t)(w->out->len - jump - 1);
	}
	w->other_arch = true;
	if (r == 0)
		r = emit_arch(w, leaves);
	if (r < 0 || !w->uses_original)
		return r;
	for (size_t i = 0; i < w->out->len; i++)
		if (w->out->insns[i].code == (BPF_JMP | BPF_JA) &&
		    w->out->insns[i].k == TO_ORIGINAL)
			w->out->insns[i].k = (uint32_t)(w->out->len - i - 1);
	if (w->in->len > BPF_MAXINSNS - w->out->len)
		return -E2BIG;
	memcpy(w->out->insns + w->out->len, w->in->insns, w->in->len * sizeof(*w->in->insns));
	w->out->len += w->in->len;
	return 0;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Each constant may begin an interval, and the number after it; and the bit of x32 switches. */
static size_t find_points(const struct seccomp_program *in, uint32_t *points)
{
	size_t n = 0, kept = 0;

	for (uint32_t i = 0; i < 4; i++)
		points[n++] = i * X32_BIT;
	for (size_t i = 0; i < in->len; i++) {
		if (!is_branch(in->insns[i].code))
			continue;
		points[n++] = in->insns[i].k;
		if (in->insns[i].k != UINT32_MAX)
			points[n++] = in->insns[i].k + 1;
	}
	qsort(points, n, sizeof(*points), by_value);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || points[i] != points[kept - 1])
			points[kept++] = points[i];
	return kept;
}

static size_t audit_archs(const struct seccomp_profile *profile, uint32_t *archs)
{
	size_t n = 0;

	for (size_t i = 0; i < profile->archs_len; i++) {
		/* The one SCMP_ARCH_* that is not an AUDIT_ARCH_*. */
		uint32_t arch =
			profile->archs[i] == SCMP_ARCH_X32 ? SCMP_ARCH_X86_64 : profile->archs[i];
		bool known = false;

		for (size_t k = 0; k < n; k++)
			known = known || archs[k] == arch;
		if (!known)
			archs[n++] = arch;
	}
	return n;
}

int seccomp_tree_make(const struct seccomp_profile *profile, const struct seccomp_program *in,
		      struct seccomp_program *ret)
{
	const size_t points_max = 4 + 2 * in->len;
	_cleanup_free_ uint32_t *points = calloc(points_max, sizeof(*points));
	_cleanup_free_ struct leaf *leaves = calloc(points_max, sizeof(*leaves));
	_cleanup_free_ uint32_t *archs = calloc(profile->archs_len + 1, sizeof(*archs));
	_cleanup_free_ struct sock_filter *insns = calloc(BPF_MAXINSNS, sizeof(*insns));
	struct seccomp_program out = { .insns = insns };
	struct rewriter w = { .in = in, .out = &out, .points = points, .archs = archs };
	int r;

	if (!points || !leaves || !archs || !insns)
		return -ENOMEM;
	/* So that nothing is ever decided by what the accumulator holds at the start. */
	if (in->len == 0 || in->insns[0].code != (BPF_LD | BPF_W | BPF_ABS))
		return -ENOTSUP;
	w.points_len = find_points(in, points);
	w.archs_len = audit_archs(profile, archs);
	r = emit_all(&w, leaves);
	if (r < 0)
		return r;
	ret->insns = TAKE_PTR(insns);
	ret->len = out.len;
	return 0;
}
