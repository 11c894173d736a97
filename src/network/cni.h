/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The runtime's side of the CNI specification, sections 2 to 5: a list of plugins is run in order for ADD
 * and CHECK, backwards for DEL; each is a program that gets its configuration on stdin.
 */
#include <jansson.h>

#include "base/error.h"

struct cni_attachment {
	const char *plugins; /* CNI_PATH */
	const char *id, *interface;
	const char *netns;  /* NULL: gone (DEL only) */
	const char *args;   /* CNI_ARGS; NULL: none */
	const json_t *list; /* cni_config.list */
	const json_t *
		runtime; /* {capability: value}; each plugin gets those that it names. NULL: none */
	const json_t *previous; /* result of ADD, for DEL and CHECK; NULL: there is none */
	int keep_fd;            /* see subprocess.h: how others know that a plugin still runs */
};

/* Whether all programs of a list are installed: asked before anything is made. */
int cni_find(const char *plugins, const json_t *list, struct error *err);
/* Adds the interface. *ret_result: owned, the last plugin's result. When it fails the caller runs
 * cni_delete. The error has the plugin's words. */
int cni_add(const struct cni_attachment *attachment, json_t **ret_result, struct error *err);
/* Takes it off; each plugin gets its turn, the first error counts. */
int cni_delete(const struct cni_attachment *attachment, struct error *err);
/* Whether all is as ADD left it. Nothing is asked where the list says "disableCheck", or is older than
 * 0.4.0, which has no such command. */
int cni_check(const struct cni_attachment *attachment, struct error *err);
