/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The files of a record: container.json, state.json. */
#include "service/record.h"

#define RECORD_CONTAINERS "containers"
#define RECORD_NAMES "names"
#define RECORD_LOCK_FILE "lock"
#define RECORD_ALIVE_FILE "alive"
#define RECORD_NAMES_LOCK "names/:lock" /* no name has a colon */
/* Beginnings of directories that are not containers yet, or no more; no id has a colon. */
#define RECORD_NEW ":new-"
#define RECORD_REMOVED ":removed-"
#define RECORD_REMOVED_VOLUMES ":removed-volumes-"

/* Reads both files of record->dir_fd; what record has of them already is freed. */
int record_load(struct record *record, struct error *err);
/* Frees what was loaded. */
void record_unload(struct record *record);
/* Writes container.json; durable: also through a power cut. */
int record_write_config(struct record *record, bool durable, struct error *err);
/* record->path and ->id. */
int record_name_paths(const struct service *service, const char *id, struct record *record,
		      struct error *err);
/* flock(2), over EINTR. 0 or -errno. */
int record_flock(int fd, int operation);
/* Removes the directories that killed commands left half made or half removed. */
void record_sweep(const struct service *service);
