/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/machine.h"

#include <string.h>

#include "base/json.h"

static const struct machine_ops *const monitors[] = { &machine_qemu };

const struct machine_ops *machine_get(const char *name, struct error *err)
{
	char buf[JSON_PRINTABLE_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(monitors); i++)
		if (strcmp(monitors[i]->name, name) == 0)
			return monitors[i];
	(void)error_set(err, EINVAL, "there is no monitor \"%s\" (there is qemu)",
			json_printable(name, buf));
	return NULL;
}

void machine_agent_up(struct machine *machine)
{
	machine->wake = close_fd(machine->wake);
}

void machine_done(struct machine *machine)
{
	helper_done(&machine->monitor);
	machine->agent = close_fd(machine->agent);
	machine->console = close_fd(machine->console);
	machine->wake = close_fd(machine->wake);
}
