/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/frame.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include <stdbool.h>

#include "base/cleanup.h"

#define STREAMS 3

enum { GUEST = 1 << WIRE_TO_GUEST, HOST = 1 << WIRE_TO_HOST };

struct rule {
	uint32_t max, min; /* bytes of the body */
	uint8_t ways;
	bool stream;
};

static const struct rule rules[] = {
	[WIRE_HELLO] = { WIRE_RESPONSE_MAX, 2, GUEST | HOST, false },
	[WIRE_REQUEST] = { WIRE_REQUEST_MAX, 2, GUEST, false },
	[WIRE_RESPONSE] = { WIRE_RESPONSE_MAX, 2, HOST, false },
	[WIRE_EXIT] = { 4096, 2, HOST, false },
	[WIRE_EVENT] = { WIRE_RESPONSE_MAX, 2, HOST, false },
	[WIRE_GONE] = { 0, 0, GUEST, false },
	[WIRE_END] = { 64 << 10, 2, HOST, false },
	[WIRE_DATA] = { WIRE_DATA_MAX, 1, GUEST | HOST, true },
	[WIRE_EOF] = { 0, 0, GUEST | HOST, true },
	[WIRE_STOP] = { 0, 0, GUEST | HOST, true },
	[WIRE_WINDOW] = { 4, 4, GUEST | HOST, true },
};

void frame_encode(const struct frame *frame, uint8_t out[WIRE_HEADER])
{
	const uint32_t words[] = { htole32(frame->type), htole32(frame->size),
				   htole32(frame->client), htole32(frame->number) };

	_Static_assert(sizeof(words) == WIRE_HEADER, "four words");
	memcpy(out, words, sizeof(words));
}

int frame_decode(const uint8_t in[WIRE_HEADER], enum wire_way way, struct frame *ret)
{
	const struct rule *rule;
	uint32_t words[4];

	memcpy(words, in, sizeof(words));
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = le32toh(words[i]);
	if (words[0] >= ARRAY_SIZE(rules))
		return -EPROTO;
	rule = &rules[words[0]]; /* one that does not exist goes no way */
	if (!(rule->ways & 1 << way) || words[1] > rule->max || words[1] < rule->min ||
	    (rule->stream && words[3] >= STREAMS))
		return -EPROTO;
	*ret = (struct frame){ words[0], words[1], words[2], words[3] };
	return 0;
}
