/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Between a supervisor and whoever is attached to its container: a SOCK_SEQPACKET connection, one message
 * a packet: a type, then its body. Numbers are the host's. The first packet of a client is ATTACH; one
 * that wants no stream only waits for the end. A connection that ends without EXIT or FAILED: the
 * supervisor was killed.
 */
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

#define ATTACH_SOCKET "attach.sock"
#define ATTACH_DATA_MAX 16384 /* bytes of one packet beside the type */
#define ATTACH_CLIENTS_MAX 64

enum attach_type {
	/* from the client */
	ATTACH_ATTACH = 'A', /* struct attach_request */
	ATTACH_INPUT = 'i',  /* bytes; without any: the end of them */
	ATTACH_RESIZE = 'r', /* struct attach_size */
	/* from the supervisor */
	ATTACH_STARTED = 'S',      /* the program runs (to who had it started) */
	ATTACH_WARNING = 'W',      /* text */
	ATTACH_FAILED = 'F',       /* struct attach_failure, text */
	ATTACH_OUTPUT = 'o',       /* bytes */
	ATTACH_ERROR_OUTPUT = 'e', /* bytes */
	ATTACH_EXIT = 'X',         /* int32_t: exit status; the last packet */
};

struct attach_size {
	uint16_t rows, columns;
};

#define ATTACH_STDIN 1u
#define ATTACH_STDOUT 2u
#define ATTACH_STDERR 4u
struct attach_request {
	uint32_t streams;
	struct attach_size size; /* of the client's terminal; 0: not known */
};

struct attach_failure {
	int32_t code, exit_status; /* as in struct error */
};

struct attach_packet {
	size_t len; /* of data */
	unsigned char type;
	unsigned char data[ATTACH_DATA_MAX];
};

/* Sends a packet whole: 0, -EAGAIN when the socket is full and flags have MSG_DONTWAIT, or -errno. */
int attach_send(int sock, unsigned char type, const void *data, size_t len, int flags);
/* 1: a packet; 0: the connection has ended; -EAGAIN with MSG_DONTWAIT; -EPROTO: not one of ours. */
int attach_receive(int sock, struct attach_packet *ret, int flags);
/* Sends err; takes nothing of it. */
int attach_send_failure(int sock, const struct error *err);
/* Sets err from a FAILED packet. Returns -err->code. */
int attach_failure_read(const struct attach_packet *packet, struct error *err);
