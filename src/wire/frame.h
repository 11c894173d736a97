/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The frame: what travels between a host-side client (vmproc, a command), vmwp and the agent in a
 * utility VM. A header of 16 bytes, little-endian, and a body. The same on both hops: vmwp only
 * routes, by `client`, and never looks into a body but HELLO's.
 *
 *   client ◀─ unix stream socket ─▶ vmwp ◀─ one virtio-console port ─▶ agent
 *
 * A client's own frames carry client 0; vmwp puts the number of the connection there on the way to
 * the agent, and looks the number up on the way back: what names no living connection is dropped.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define WIRE_PROTOCOL 1 /* spoken; see WIRE_HELLO */
#define WIRE_HEADER 16
/* A frame with data fits one buffer of the guest's console driver (32 KiB). */
#define WIRE_DATA_MAX (32768 - WIRE_HEADER)
#define WIRE_REQUEST_MAX (8 << 20)  /* to the guest: a configuration fits */
#define WIRE_RESPONSE_MAX (1 << 20) /* from the guest */
/* Bytes that a stream's sender may have under way before its receiver grants more. */
#define WIRE_WINDOW_SIZE (128 << 10)

enum wire_type {
	/* Agent → vmwp first of all, client 0: {"protocol": 1, "minimum": 1, "kernel": "6.12.1"}.
	 * vmwp answers client 0: {"protocol": n, "time": nanoseconds since the epoch}; n is the
	 * highest both speak, none: vmwp ends the VM. Then vmwp sends each client, waiting or
	 * to come, the agent's HELLO with "monitor" and "accelerator" added. */
	WIRE_HELLO = 1,
	WIRE_REQUEST, /* client → agent, number: the client's own. JSON, see message.h */
	WIRE_RESPONSE, /* agent → client, the request's number: {"result": …} or {"error": …} */
	WIRE_EXIT,     /* agent → client: its process ended, after the last byte of output.
			* {"code": n} or {"signal": n} */
	WIRE_EVENT,    /* agent → client, number: of the request that asked for it. JSON */
	WIRE_GONE,     /* vmwp → agent: the client has gone; its process is to be killed. Empty */
	WIRE_END,      /* vmwp → client, last: the VM has ended. {"reason": "…"} */
	/* Streams of the client's process; number 0, 1, 2: its stdin, stdout, stderr. */
	WIRE_DATA = 16, /* at most WIRE_DATA_MAX bytes, never empty */
	WIRE_EOF,       /* sender has no more (half-close). Empty */
	WIRE_STOP,      /* receiver wants no more (its reader has gone). Empty */
	WIRE_WINDOW,    /* receiver grants more: u32 bytes, little-endian */
};

struct frame {
	uint32_t type, size; /* size: of the body */
	uint32_t client, number;
};

/* Which way a frame travels decides how long its body may be. */
enum wire_way { WIRE_TO_GUEST, WIRE_TO_HOST };

void frame_encode(const struct frame *frame, uint8_t out[WIRE_HEADER]);
/* 0, or -EPROTO: a type that does not exist or not that way, a size over the type's limit, a stream
 * number over 2. Nothing of a broken frame is to be used: the link is over. */
int frame_decode(const uint8_t in[WIRE_HEADER], enum wire_way way, struct frame *ret);
