/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The files of a container, whatever it is doing: through its compute system while it runs; else through
 * one that is made of its layers and scratch for that alone, in its own isolation, in which nothing of the
 * image is ever executed. What a guest has written on a disk is so read by a guest.
 */
#include "container/files.h"
#include "service/record.h"

struct service_files {
	const struct service *service;
	struct record record; /* locked while the system is ours: nobody starts it meanwhile */
	char *compute_id;     /* owned */
	bool made;
};
#define SERVICE_FILES_INIT ((struct service_files){ .record = RECORD_INIT })

/* -ENOENT: "No such container: x". */
int service_files_open(const struct service *service, const char *name, struct service_files *ret,
		       struct error *err);
/* See compute_files. */
int service_files(struct service_files *files, const struct container_files *what,
		  struct error *err);
/* Ends the system that was made. */
void service_files_close(struct service_files *files);
#define _cleanup_service_files_ _cleanup_(service_files_close)
/* Removes what a killed command left of one. Nothing there is no error. The record is locked. */
int service_files_sweep(const struct service *service, const struct record *record,
			struct error *err);
