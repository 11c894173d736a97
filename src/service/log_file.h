/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A container's log in docker's json-file format: a line of JSON for each line of output, or for each
 * 16 KiB of a longer one: {"log":"text\n","stream":"stdout","time":"2026-11-27T03:10:38.000000001Z"}.
 * Past max_size ID-json.log becomes .1, .1 becomes .2, and so on up to max_file files. What is not UTF-8
 * is U+FFFD in it.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define LOG_LINE_MAX 16384

enum log_stream { LOG_STDOUT, LOG_STDERR };

struct log_part { /* of a line that has not ended yet */
	char *text;
	size_t len;
};

struct log_file {
	int dir_fd, fd;          /* borrowed; owned, -1: no log */
	char *name;              /* owned */
	uint64_t size, max_size; /* bytes; max 0: no rotation */
	unsigned max_file;
	struct log_part parts[2];
	char *text; /* what is to be written, reused */
	size_t text_size;
	bool failed; /* something could not be written: the disk is full */
};
#define LOG_FILE_INIT ((struct log_file){ .dir_fd = -1, .fd = -1 })

/* "ID-json.log"; caller frees. */
char *log_file_name(const char *id);
/* Opens for appending; cut lines that a power cut left are ended. */
int log_file_open(int dir_fd, const char *id, uint64_t max_size, unsigned max_file,
		  struct log_file *ret, struct error *err);
/* len bytes of output. What does not fit on the disk is lost, and log->failed says so; the container runs on. */
void log_file_write(struct log_file *log, enum log_stream stream, const char *data, size_t len);
/* Writes lines that have not ended. */
void log_file_flush(struct log_file *log);
void log_file_done(struct log_file *log);
#define _cleanup_log_file_ _cleanup_(log_file_done)
