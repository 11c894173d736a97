/* SPDX-License-Identifier: Apache-2.0 */
#include "container/cgroup/devices.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "container/cgroup/private.h"

#define RULES_MAX 65536

static const struct device_rule default_rules[] = {
	{ true, 'c', -1, -1, DEVICE_MKNOD }, { true, 'b', -1, -1, DEVICE_MKNOD },
	{ true, 'c', 1, 3, DEVICE_ALL },    /* null */
	{ true, 'c', 1, 5, DEVICE_ALL },    /* zero */
	{ true, 'c', 1, 7, DEVICE_ALL },    /* full */
	{ true, 'c', 1, 8, DEVICE_ALL },    /* random */
	{ true, 'c', 1, 9, DEVICE_ALL },    /* urandom */
	{ true, 'c', 5, 0, DEVICE_ALL },    /* tty */
	{ true, 'c', 5, 1, DEVICE_ALL },    /* console */
	{ true, 'c', 5, 2, DEVICE_ALL },    /* ptmx */
	{ true, 'c', 136, -1, DEVICE_ALL }, /* pts */
};

void device_list_done(struct device_list *list)
{
	free(list->items);
	*list = (struct device_list){ 0 };
}

const char *device_rule_text(const struct device_rule *rule, char *buf)
{
	char major[24] = "*", minor[24] = "*";

	if (rule->major >= 0)
		(void)snprintf(major, sizeof(major), "%" PRId64, rule->major);
	if (rule->minor >= 0)
		(void)snprintf(minor, sizeof(minor), "%" PRId64, rule->minor);
	(void)snprintf(buf, DEVICE_TEXT_MAX, "%c %s:%s %s%s%s", rule->type, major, minor,
		       rule->access & DEVICE_READ ? "r" : "",
		       rule->access & DEVICE_WRITE ? "w" : "",
		       rule->access & DEVICE_MKNOD ? "m" : "");
	return buf;
}

static int64_t number_or_any(const struct opt_i64 *n)
{
	return n->set && n->value >= 0 ? n->value : -1;
}

static int convert_rule(const struct oci_device_rule *from, size_t i, struct device_rule *to,
			struct error *err)
{
	const char *type = from->type && *from->type ? from->type : "a";

	*to = (struct device_rule){
		.allow = from->allow,
		.type = type[0] == 'u' ? 'c' : type[0],
		.major = number_or_any(&from->major),
		.minor = number_or_any(&from->minor),
	};
	if (type[1] || !strchr("abc", to->type))
		return error_set(err, EINVAL,
				 "linux.resources.devices[%zu].type: '%s' is none of a, b, c", i,
				 type);
	if (!from->access || !*from->access)
		to->access = DEVICE_ALL;
	for (const char *a = from->access; a && *a; a++) {
		if (*a != 'r' && *a != 'w' && *a != 'm')
			return error_set(
				err, EINVAL,
				"linux.resources.devices[%zu].access: '%s' is not of r, w, m", i,
				from->access);
		to->access |= *a == 'r' ? DEVICE_READ : *a == 'w' ? DEVICE_WRITE : DEVICE_MKNOD;
	}
	/* dev_t of the kernel: 12 and 20 bits. */
	if (to->major >= 1 << 12 || to->minor >= 1 << 20)
		return error_set(err, ERANGE,
				 "linux.resources.devices[%zu]: there is no device %" PRId64
				 ":%" PRId64,
				 i, to->major, to->minor);
	return 0;
}

int device_list_build(const struct oci_device_rules *rules, struct device_list *ret,
		      struct error *err)
{
	_cleanup_device_list_ struct device_list list = { 0 };

	if (rules->len > RULES_MAX)
		return error_set(err, E2BIG, "linux.resources.devices: more than %d rules",
				 RULES_MAX);
	list.items = calloc(rules->len + ARRAY_SIZE(default_rules), sizeof(*list.items));
	if (!list.items)
		return error_oom(err);
	for (size_t i = 0; i < rules->len; i++) {
		int r = convert_rule(&rules->items[i], i, &list.items[list.len++], err);

		if (r < 0)
			return r;
	}
	memcpy(list.items + list.len, default_rules, sizeof(default_rules));
	list.len += ARRAY_SIZE(default_rules);
	*ret = list;
	list = (struct device_list){ 0 };
	return 0;
}

static bool is_everything(const struct device_rule *rule)
{
	return rule->type == 'a' && rule->major < 0 && rule->minor < 0 &&
	       rule->access == DEVICE_ALL;
}

static bool field_contains(int64_t wide, int64_t narrow)
{
	return wide < 0 || wide == narrow;
}

static bool contains(const struct device_rule *wide, const struct device_rule *narrow)
{
	return wide->type == narrow->type && field_contains(wide->major, narrow->major) &&
	       field_contains(wide->minor, narrow->minor);
}

static bool field_meets(int64_t a, int64_t b)
{
	return a < 0 || b < 0 || a == b;
}

static bool meets(const struct device_rule *a, const struct device_rule *b)
{
	return a->type == b->type && field_meets(a->major, b->major) &&
	       field_meets(a->minor, b->minor) && (a->access & b->access);
}

static void policy_add(struct device_policy *p, const struct device_rule *rule)
{
	for (size_t i = 0; i < p->exceptions.len; i++) {
		struct device_rule *e = &p->exceptions.items[i];

		if (contains(e, rule) && contains(rule, e)) {
			e->access |= rule->access;
			return;
		}
	}
	p->exceptions.items[p->exceptions.len++] = *rule;
}

/* Takes back exceptions; false when a wider one would have to be cut. */
static bool policy_remove(struct device_policy *p, const struct device_rule *rule)
{
	size_t kept = 0;
	bool ok = true;

	for (size_t i = 0; i < p->exceptions.len; i++) {
		struct device_rule e = p->exceptions.items[i];

		if (contains(rule, &e))
			e.access &= ~rule->access;
		else if (meets(rule, &e))
			ok = false;
		if (e.access)
			p->exceptions.items[kept++] = e;
	}
	p->exceptions.len = kept;
	return ok;
}

/* "a" with numbers or part of the access is both block and character devices. */
static bool policy_step(struct device_policy *p, const struct device_rule *rule)
{
	if (is_everything(rule)) {
		p->allow = rule->allow;
		p->exceptions.len = 0;
		return true;
	}
	if (rule->type == 'a') {
		struct device_rule c = *rule, b = *rule;

		c.type = 'c';
		b.type = 'b';
		return policy_step(p, &c) && policy_step(p, &b);
	}
	if (rule->allow != p->allow) {
		policy_add(p, rule);
		return true;
	}
	return policy_remove(p, rule);
}

int device_policy_build(const struct oci_device_rules *rules, struct device_policy *ret,
			struct error *err)
{
	_cleanup_device_list_ struct device_list list = { 0 };
	struct device_policy p = { 0 };
	char text[DEVICE_TEXT_MAX];
	int r = device_list_build(rules, &list, err);

	if (r < 0)
		return r;
	p.exceptions.items = calloc(list.len * 2, sizeof(*p.exceptions.items));
	if (!p.exceptions.items)
		return error_oom(err);
	for (size_t i = 0; i < list.len; i++) {
		/* Where the spec's rules end with everything allowed but some, the defaults do not
		 * bring back what was denied. */
		if (i >= rules->len && p.allow)
			break;
		if (policy_step(&p, &list.items[i]))
			continue;
		device_list_done(&p.exceptions);
		return error_set(
			err, EOPNOTSUPP,
			"linux.resources.devices[%zu]: '%s %s' cuts a hole into a wider rule, "
			"which cgroup v1 cannot hold",
			i, list.items[i].allow ? "allow" : "deny",
			device_rule_text(&list.items[i], text));
	}
	*ret = p;
	return 0;
}

bool device_rules_allow_all(const struct oci_device_rules *rules)
{
	bool all = rules->len == 0;

	for (size_t i = 0; i < rules->len; i++) {
		struct error ignored = ERROR_INIT;
		struct device_rule rule;

		if (convert_rule(&rules->items[i], i, &rule, &ignored) < 0) {
			error_done(&ignored);
			return false; /* so that it is looked at again, and refused */
		}
		if (is_everything(&rule))
			all = rule.allow;
		else if (!rule.allow)
			all = false;
	}
	return all;
}

/* --- cgroup v1 --- */

/* Both files stay open over all rules: each takes one rule a write. */
struct rule_files {
	struct target *t;
	int allow_fd, deny_fd;
};

static int write_rule(struct rule_files *f, bool allow, const char *text, struct error *err)
{
	const char *file = allow ? "devices.allow" : "devices.deny";
	int *fd = allow ? &f->allow_fd : &f->deny_fd;
	int dir_fd = hierarchy_dir(f->t->h), r = dir_fd < 0 ? dir_fd : 0;

	if (r == 0 && *fd < 0)
		*fd = openat(dir_fd, file, O_WRONLY | O_CLOEXEC);
	if (r == 0 && (*fd < 0 || write(*fd, text, strlen(text)) < 0))
		r = -errno;
	if (r == -EPERM)
		return error_set(
			err, EPERM,
			"linux.resources.devices: '%s' in %s of %s: the cgroup above does not "
			"allow it",
			text, file, f->t->h->dir);
	return r < 0 ? target_error(f->t, "linux.resources.devices", file, text, r, err) : 0;
}

static int parse_listed(const char *line, struct device_rule *ret)
{
	char type, major[16], minor[16], access[8];

	if (sscanf(line, "%c %15[0-9*]:%15[0-9*] %7[rwm]", &type, major, minor, access) != 4)
		return -EINVAL;
	*ret = (struct device_rule){ .type = type,
				     .major = *major == '*' ? -1 : atoll(major),
				     .minor = *minor == '*' ? -1 : atoll(minor) };
	ret->access = (strchr(access, 'r') ? DEVICE_READ : 0u) |
		      (strchr(access, 'w') ? DEVICE_WRITE : 0u) |
		      (strchr(access, 'm') ? DEVICE_MKNOD : 0u);
	return 0;
}

/* Takes away what is allowed now and no longer wanted. The kernel refuses to start from nothing
 * ("a" to devices.deny) once there are cgroups below, and for a moment nothing would be allowed. */
static int deny_others(struct rule_files *f, char *listed, const struct device_policy *p,
		       struct error *err)
{
	char *rest = NULL;

	for (char *line = strtok_r(listed, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		struct device_rule now;
		char text[DEVICE_TEXT_MAX];
		int r;

		if (parse_listed(line, &now) < 0)
			continue;
		for (size_t i = 0; i < p->exceptions.len; i++) {
			const struct device_rule *e = &p->exceptions.items[i];

			if (contains(e, &now) && contains(&now, e))
				now.access &= ~e->access;
		}
		if (!now.access)
			continue;
		r = write_rule(f, false, device_rule_text(&now, text), err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int write_policy(struct rule_files *f, const struct device_policy *p, struct error *err)
{
	char listed[8192] = "", text[DEVICE_TEXT_MAX];
	int r = 0;

	if (f->t->journal)
		(void)hierarchy_read(f->t->h, "devices.list", listed, sizeof(listed));
	if (listed[0] && listed[0] != 'a' && !p->allow)
		r = deny_others(f, listed, p, err);
	else
		r = write_rule(f, p->allow, "a", err);
	for (size_t i = 0; r == 0 && i < p->exceptions.len; i++)
		r = write_rule(f, !p->allow, device_rule_text(&p->exceptions.items[i], text), err);
	return r;
}

int v1_devices(struct target *t, const struct oci_resources *res, struct error *err)
{
	struct rule_files files = { .t = t, .allow_fd = -1, .deny_fd = -1 };
	struct device_policy p = { 0 };
	int r;

	if (!t->journal && device_rules_allow_all(&res->devices))
		return 0; /* as a fresh cgroup is */
	r = device_policy_build(&res->devices, &p, err);
	if (r < 0)
		return r;
	r = write_policy(&files, &p, err);
	close_fd(files.allow_fd);
	close_fd(files.deny_fd);
	device_list_done(&p.exceptions);
	return r;
}
