/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/stored_vm.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/cleanup.h"
#include "compute/system.h"

void stored_vm_done(struct stored_vm *vm)
{
	free(TAKE_PTR(vm->host));
	free(TAKE_PTR(vm->monitor));
	free(TAKE_PTR(vm->accelerator));
	free(TAKE_PTR(vm->kernel));
}

json_t *stored_vm_json(const struct stored_vm *vm)
{
	/* "s*": left out when NULL; "s": of what is always there. */
	return json_pack("{s:s*, s:s, s:s, s:s, s:I, s:i, s:i, s:I}", "host", vm->host, "monitor",
			 vm->monitor, "accelerator", vm->accelerator, "kernel", vm->kernel,
			 "memory", (json_int_t)vm->memory, "cpus", (int)vm->cpus, "pid",
			 (int)vm->pid, "pidStart", (json_int_t)vm->pid_start);
}

static int take(const json_t *value, size_t max, char **ret)
{
	const char *text = json_string_value(value);

	if (!text || !*text || strlen(text) > max)
		return -EPROTO;
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

int stored_vm_parse(const json_t *from, struct stored_vm *ret)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	const json_t *host = json_object_get(from, "host");
	const json_t *pid = json_object_get(from, "pid");
	const json_t *start = json_object_get(from, "pidStart");
	const json_t *memory = json_object_get(from, "memory");
	const json_t *cpus = json_object_get(from, "cpus");
	int r;

	*ret = (struct stored_vm){ 0 };
	if (json_object_size(from) != 7 + (size_t)(host != NULL))
		return -EPROTO;
	r = host ? take(host, NAME_MAX, &ret->host) : 0;
	if (r == 0 && host && compute_check_id(ret->host, &ignored) < 0)
		r = -EPROTO;
	if (r == 0)
		r = take(json_object_get(from, "monitor"), 32, &ret->monitor);
	if (r == 0)
		r = take(json_object_get(from, "accelerator"), 32, &ret->accelerator);
	if (r == 0)
		r = take(json_object_get(from, "kernel"), PATH_MAX, &ret->kernel);
	if (r < 0)
		return r;
	if (!json_is_integer(pid) || json_integer_value(pid) < 0 ||
	    json_integer_value(pid) > INT_MAX || !json_is_integer(start) ||
	    json_integer_value(start) < 0 || !json_is_integer(memory) ||
	    json_integer_value(memory) < 0 || !json_is_integer(cpus) ||
	    json_integer_value(cpus) < 0 || json_integer_value(cpus) > INT_MAX)
		return -EPROTO;
	ret->memory = (uint64_t)json_integer_value(memory);
	ret->cpus = (unsigned)json_integer_value(cpus);
	ret->pid = (pid_t)json_integer_value(pid);
	ret->pid_start = (uint64_t)json_integer_value(start);
	return 0;
}
