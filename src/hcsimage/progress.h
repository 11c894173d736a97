/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a transfer tells, as docker shows it: on a terminal a line for each layer, with a bar, that
 * changes in place; elsewhere one line for each thing that happened.
 */
#include <stdbool.h>

#include "image/transfer/ingest.h"

struct progress {
	bool quiet, terminal;
	struct progress_line {
		char *id, *text;
	} * lines;
	size_t len;
};

/* Of the standard output. */
void progress_begin(struct progress *progress, bool quiet);
void progress_done(struct progress *progress);
#define _cleanup_progress_ _cleanup_(progress_done)
/* Borrows progress. */
struct image_progress progress_steps(struct progress *progress);
/* Bytes as docker writes them: "12.58MB". Returns buf. */
char *progress_size(uint64_t bytes, char buf[32]);
