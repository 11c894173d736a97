/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * CRIU's requests and answers are protocol buffers (its images/rpc.proto). Only two wire types
 * occur in them, numbers and byte strings, so they are written and read here rather than by
 * generated code.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

/* Being written. When memory runs out failed is set and stays; nothing else needs checking. */
struct criu_message {
	uint8_t *data; /* owned */
	size_t len, room;
	bool failed;
};

void criu_put_number(struct criu_message *m, unsigned field, int64_t value);
/* Also enumerations and booleans are numbers. A NULL text is left out. */
void criu_put_text(struct criu_message *m, unsigned field, const char *text);
void criu_put_message(struct criu_message *m, unsigned field, const struct criu_message *inner);
/* The messages that are two texts: ext_mount_map, join_namespace, cgroup_root. */
void criu_put_pair(struct criu_message *m, unsigned field, const char *first, const char *second);
void criu_message_done(struct criu_message *m);

#define _cleanup_criu_message_ _cleanup_(criu_message_done)

/* Being read; points into what was received. */
struct criu_reader {
	const uint8_t *at, *end;
};

struct criu_field {
	unsigned number;
	bool is_number;
	uint64_t value;      /* of a number */
	const uint8_t *data; /* of a byte string, not terminated */
	size_t len;
};

/* 1: *ret is the next field; 0: no more; -EPROTO: malformed. */
int criu_next_field(struct criu_reader *reader, struct criu_field *ret);
/* The field as a message of its own. */
static inline struct criu_reader criu_field_reader(const struct criu_field *field)
{
	return (struct criu_reader){ .at = field->data, .end = field->data + field->len };
}
