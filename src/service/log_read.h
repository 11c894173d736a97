/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Reading a log (log_file.h) record by record, over all of its files, oldest first, while it grows and is
 * rotated. */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "service/log_file.h"

struct log_reader {
	int dir_fd; /* borrowed */
	char *name; /* owned */
	int fd;     /* owned: the file that is read; -1: none yet */
	char *data; /* owned: what is read, and not taken yet */
	size_t len, at, size;
	bool rotated; /* the file that is read was seen to be no longer the current one */
};

struct log_record {
	enum log_stream stream;
	const char *text; /* until the next one is read */
	size_t len;
	const char *time; /* as it is stored */
	int64_t time_ns;
	void *json; /* private */
};
void log_record_done(struct log_record *record);

/* Begins tail records before the end, tail -1: at the beginning. */
int log_reader_open(int dir_fd, const char *id, int64_t tail, struct log_reader *ret,
		    struct error *err);
/* 1: *ret is for log_record_done; 0: nothing more yet. What is no record is passed over. */
int log_reader_next(struct log_reader *reader, struct log_record *ret, struct error *err);
void log_reader_done(struct log_reader *reader);
#define _cleanup_log_reader_ _cleanup_(log_reader_done)
