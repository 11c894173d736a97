/* SPDX-License-Identifier: Apache-2.0 */
#include "container/criu_message.h"

#include <string.h>

enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

static bool make_room(struct criu_message *m, size_t more)
{
	size_t room = m->room ? m->room : 256;
	uint8_t *data;

	if (m->failed)
		return false;
	while (room - m->len < more)
		room *= 2;
	if (room == m->room)
		return true;
	data = realloc(m->data, room);
	if (!data) {
		m->failed = true;
		return false;
	}
	m->data = data;
	m->room = room;
	return true;
}

static void put_varint(struct criu_message *m, uint64_t value)
{
	if (!make_room(m, 10))
		return;
	for (; value >= 0x80; value >>= 7)
		m->data[m->len++] = (uint8_t)(value | 0x80);
	m->data[m->len++] = (uint8_t)value;
}

static void put_bytes(struct criu_message *m, unsigned field, const void *data, size_t len)
{
	put_varint(m, (uint64_t)field << 3 | WIRE_BYTES);
	put_varint(m, len);
	if (len == 0 || !make_room(m, len))
		return;
	memcpy(m->data + m->len, data, len);
	m->len += len;
}

void criu_put_number(struct criu_message *m, unsigned field, int64_t value)
{
	put_varint(m, (uint64_t)field << 3 | WIRE_VARINT);
	put_varint(m, (uint64_t)value);
}

void criu_put_text(struct criu_message *m, unsigned field, const char *text)
{
	if (text)
		put_bytes(m, field, text, strlen(text));
}

void criu_put_message(struct criu_message *m, unsigned field, const struct criu_message *inner)
{
	m->failed |= inner->failed;
	put_bytes(m, field, inner->data, inner->len);
}

void criu_put_pair(struct criu_message *m, unsigned field, const char *first, const char *second)
{
	_cleanup_criu_message_ struct criu_message inner = { 0 };

	criu_put_text(&inner, 1, first);
	criu_put_text(&inner, 2, second);
	criu_put_message(m, field, &inner);
}

void criu_message_done(struct criu_message *m)
{
	free(m->data);
	*m = (struct criu_message){ 0 };
}

static int get_varint(struct criu_reader *reader, uint64_t *ret)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (reader->at == reader->end)
			return -EPROTO;
		value |= (uint64_t)(*reader->at & 0x7f) << shift;
		if (!(*reader->at++ & 0x80)) {
			*ret = value;
			return 0;
		}
	}
	return -EPROTO;
}

int criu_next_field(struct criu_reader *reader, struct criu_field *ret)
{
	struct criu_field field = { 0 };
	uint64_t key, len;

	if (reader->at == reader->end)
		return 0;
	if (get_varint(reader, &key) < 0 || key >> 3 == 0 || key >> 3 > UINT32_MAX)
		return -EPROTO;
	field.number = (unsigned)(key >> 3);
	switch ((enum wire_type)(key & 7)) {
	case WIRE_VARINT:
		field.is_number = true;
		if (get_varint(reader, &field.value) < 0)
			return -EPROTO;
		*ret = field;
		return 1;
	case WIRE_BYTES:
		if (get_varint(reader, &len) < 0)
			return -EPROTO;
		break;
	case WIRE_64:
		len = 8;
		break;
	case WIRE_32:
		len = 4;
		break;
	default:
		return -EPROTO;
	}
	if (len > (uint64_t)(reader->end - reader->at))
		return -EPROTO;
	field.data = reader->at;
	field.len = (size_t)len;
	reader->at += len;
	*ret = field;
	return 1;
}
