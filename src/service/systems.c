/* SPDX-License-Identifier: Apache-2.0 */
#include "service/systems.h"

#include <signal.h>
#include <string.h>

#include "base/pid.h"
#include "compute/roots.h"
#include "service/record.h"

#define VM_SUFFIX "@vm"
#define END_TIMEOUT_MS 10000

struct systems {
	const struct service *service;
	struct system_entry *items;
	size_t len;
};

void systems_free(struct system_entry *systems, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		free(systems[i].root);
		free(systems[i].id);
		free(systems[i].name);
		free(systems[i].owner);
		free(systems[i].host);
	}
	free(systems);
}

/* A new entry at the end, strings copied. NULL without memory. */
static struct system_entry *add(struct systems *s, const char *root, const char *id,
				const char *suffix, const char *name, const char *owner)
{
	struct system_entry *items = reallocarray(s->items, s->len + 1, sizeof(*items)), *entry;

	if (!items)
		return NULL;
	s->items = items;
	entry = &items[s->len];
	*entry = (struct system_entry){ .root = strdup(root),
					.name = strdup(name),
					.owner = strdup(owner) };
	if (asprintf(&entry->id, "%s%s", id, suffix) < 0)
		entry->id = NULL;
	s->len++;
	return entry->root && entry->id && entry->name && entry->owner ? entry : NULL;
}

/* What people call it: hcs's name, or the one that a pod's engine put into the annotations. */
static char *name_of(const struct systems *s, const struct compute_host *host,
		     const struct compute_state *state)
{
	static const char *const keys[] = { "io.kubernetes.cri.container-name",
					    "io.kubernetes.cri.sandbox-name",
					    "io.kubernetes.cri-o.ContainerName",
					    "io.kubernetes.cri-o.Name",
					    "io.container.manager.name" };
	_cleanup_error_ struct error ignored = ERROR_INIT;
	struct compute_state full = { 0 };
	char *name = NULL;

	if (strcmp(host->root, s->service->compute_root) == 0) {
		_cleanup_record_ struct record record = RECORD_INIT;

		if (record_open(s->service, state->id, RECORD_READ, &record, &ignored) == 0)
			return strdup(record.name);
		return strdup("");
	}
	if (compute_state(host, state->id, &full, &ignored) < 0)
		return strdup("");
	for (size_t k = 0; k < ARRAY_SIZE(keys) && !name; k++)
		for (size_t i = 0; i < full.annotations_len && !name; i++)
			if (strcmp(full.annotations[i].key, keys[k]) == 0)
				name = strdup(full.annotations[i].value);
	compute_state_done(&full);
	return name ? name : strdup("");
}

/* The VM that a container owns, before it; its name is made of theirs later. */
static bool add_vm(struct systems *s, const char *root, const struct compute_state *state)
{
	struct system_entry *vm;

	if (state->isolation != ISOLATION_HYPERV || state->vm_host ||
	    state->status == STATUS_STOPPED)
		return true;
	vm = add(s, root, state->id, VM_SUFFIX, "", state->owner);
	if (!vm)
		return false;
	vm->type = SYSTEM_VIRTUAL_MACHINE;
	vm->isolation = ISOLATION_HYPERV;
	vm->status = STATUS_RUNNING;
	return true;
}

static bool add_container(struct systems *s, const struct compute_host *host,
			  const struct compute_state *state)
{
	_cleanup_free_ char *name = name_of(s, host, state);
	struct system_entry *entry =
		name ? add(s, host->root, state->id, "", name, state->owner) : NULL;

	if (!entry)
		return false;
	entry->isolation = state->isolation;
	entry->status = state->status;
	if (state->isolation != ISOLATION_HYPERV)
		return true;
	return asprintf(&entry->host, "%s" VM_SUFFIX,
			state->vm_host ? state->vm_host : state->id) >= 0;
}

static int list_root(struct systems *s, const char *root, struct error *err)
{
	struct compute_host host = s->service->host;
	_cleanup_error_ struct error ignored = ERROR_INIT;
	struct compute_state *states;
	bool whole = true;
	size_t len;

	host.root = root;
	/* Somebody else's, who may be removing it: it is left out. */
	if (compute_list(&host, &states, &len, &ignored) < 0)
		return 0;
	for (size_t i = 0; i < len; i++) {
		whole = whole && add_vm(s, root, &states[i]) && add_container(s, &host, &states[i]);
		compute_state_done(&states[i]);
	}
	free(states);
	return whole ? 0 : error_oom(err);
}

/* What a VM hosts: its owner, and those that joined. */
static int name_vms(struct systems *s, struct error *err)
{
	for (size_t v = 0; v < s->len; v++) {
		struct system_entry *vm = &s->items[v];

		for (size_t i = 0; vm->type == SYSTEM_VIRTUAL_MACHINE && i < s->len; i++) {
			const struct system_entry *c = &s->items[i];
			char *names;

			if (!c->host || strcmp(c->root, vm->root) != 0 ||
			    strcmp(c->host, vm->id) != 0)
				continue;
			if (asprintf(&names, "%s%s%s", vm->name, *vm->name ? "," : "",
				     *c->name ? c->name : c->id) < 0)
				return error_oom(err);
			free(vm->name);
			vm->name = names;
		}
	}
	return 0;
}

int systems_list(const struct service *service, struct system_entry **ret, size_t *ret_len,
		 struct error *err)
{
	struct systems s = { .service = service };
	char **roots = NULL;
	size_t len = 0;
	int r = compute_roots_list(&roots, &len, err);

	for (size_t i = 0; i < len; i++) {
		if (r == 0)
			r = list_root(&s, roots[i], err);
		free(roots[i]);
	}
	free(roots);
	if (r == 0)
		r = name_vms(&s, err);
	if (r < 0) {
		systems_free(s.items, s.len);
		return r;
	}
	*ret = s.items;
	*ret_len = s.len;
	return 0;
}

int systems_find(const struct system_entry *systems, size_t len, const char *name,
		 const struct system_entry **ret, struct error *err)
{
	const struct system_entry *found = NULL;
	size_t matches = 0;

	for (size_t i = 0; i < len; i++) {
		const struct system_entry *s = &systems[i];
		const bool exact = strcmp(s->id, name) == 0;

		if (exact) {
			*ret = s;
			return 0;
		}
		/* A VM's names are those of others. */
		if (s->type == SYSTEM_CONTAINER &&
		    (strcmp(s->name, name) == 0 || strncmp(s->id, name, strlen(name)) == 0)) {
			found = s;
			matches++;
		}
	}
	if (matches > 1)
		return error_set(err, ENOTUNIQ,
				 "%s: more than one compute system is called so: use an id", name);
	if (!found || !*name)
		return error_set(err, ENOENT, "No such compute system: %s", name);
	*ret = found;
	return 0;
}

/* The container that stands for it, and where its state is. */
static char *container_of(const struct service *service, const struct system_entry *system,
			  struct compute_host *host)
{
	size_t len = strlen(system->id);

	*host = service->host;
	host->root = system->root;
	if (system->type == SYSTEM_VIRTUAL_MACHINE)
		len -= strlen(VM_SUFFIX);
	return strndup(system->id, len);
}

int system_signal(const struct service *service, const struct system_entry *system, int sig,
		  struct error *err)
{
	struct compute_host host;
	_cleanup_free_ char *id = container_of(service, system, &host);

	return id ? compute_signal(&host, id, sig, false, err) : error_oom(err);
}

int system_pause(const struct service *service, const struct system_entry *system, bool pause,
		 struct error *err)
{
	struct compute_host host;
	_cleanup_free_ char *id = container_of(service, system, &host);

	if (!id)
		return error_oom(err);
	return pause ? compute_pause(&host, id, err) : compute_resume(&host, id, err);
}

int system_stop(const struct service *service, const struct system_entry *system, int timeout_ms,
		struct error *err)
{
	struct compute_host host;
	_cleanup_free_ char *id = container_of(service, system, &host);
	struct compute_state state = { 0 };
	_cleanup_close_ int pidfd = -1;
	struct pid_stat stat;
	int r;

	if (!id)
		return error_oom(err);
	r = compute_state(&host, id, &state, err);
	if (r < 0)
		return r;
	if (state.pid > 0 && pid_read_stat(state.pid, &stat) == 0)
		pidfd = pid_open(state.pid, stat.start_time);
	compute_state_done(&state);
	if (pidfd < 0)
		return error_set(err, ESRCH, "%s: it does not run", system->id);
	r = compute_signal(&host, id, SIGTERM, false, err);
	if (r < 0 || pidfd_wait_end(pidfd, timeout_ms) != 0)
		return r;
	r = compute_signal(&host, id, SIGKILL, false, err);
	if (r == 0 && pidfd_wait_end(pidfd, END_TIMEOUT_MS) == 0)
		return error_set(err, ETIMEDOUT, "%s: it does not end", system->id);
	return r;
}
