/* SPDX-License-Identifier: Apache-2.0 */
#include "vmproc/request.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_tree.h"
#include "base/json.h"
#include "container/sync.h"
#include "vmproc/protocol.h"
#include "wire/message.h"

#define WARNINGS_MAX 32 /* of one answer */

/* The link's failure to send is not one of ours: that it has ended is seen, with what the other side
 * said last, where it is read. */
static int send_request(struct vmproc *p, const void *text, size_t len, uint32_t *ret_number,
			struct error *err)
{
	int r;

	p->number++;
	if (p->number == 0) /* 0 means none */
		p->number++;
	r = wire_link_send(&p->link, WIRE_REQUEST, 0, p->number, text, len);
	if (r < 0 && r != -EPIPE)
		return error_sys(err, -r, "send a request to the utility VM");
	*ret_number = p->number;
	return 0;
}

static int send_json(struct vmproc *p, json_t *request, uint32_t *ret_number, struct error *err)
{
	_cleanup_free_ char *text = request ? json_tree_text(request) : NULL;

	json_decref(request);
	return text ? send_request(p, text, strlen(text), ret_number, err) : error_oom(err);
}

static ssize_t read_at(const struct vmproc *p, void *buf, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = pread(p->requests, (char *)buf + got, len - got,
				  (off_t)(p->requests_at + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

int request_send_next(struct vmproc *p, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	uint32_t len = 0;
	ssize_t n = read_at(p, &len, sizeof(len));
	int r;

	if (n == 0)
		return 0;
	if (n != (ssize_t)sizeof(len) || len == 0 || len > WIRE_REQUEST_MAX)
		return error_set(err, EPROTO, "broken requests");
	p->requests_at += sizeof(len);
	text = malloc(len);
	if (!text)
		return error_oom(err);
	if (read_at(p, text, len) != (ssize_t)len)
		return error_set(err, EPROTO, "cut requests");
	p->requests_at += len;
	r = send_request(p, text, len, &p->awaited, err);
	return r < 0 ? r : 1;
}

int request_start(struct vmproc *p, struct error *err)
{
	return send_json(p, json_pack("{s:s, s:s}", "op", "start", "id", p->id), &p->awaited, err);
}

bool request_possible(const struct vmproc *p)
{
	return p->control == 0 && !p->link.ended && wire_link_room(&p->link) > 4096;
}

int request_signal(struct vmproc *p, int signal, struct error *err)
{
	return send_json(p, json_pack("{s:s, s:i}", "op", "signal", "signal", signal), &p->control,
			 err);
}

int request_resize(struct vmproc *p, const struct winsize *size, struct error *err)
{
	return send_json(p,
			 json_pack("{s:s, s:i, s:i}", "op", "resize", "width", (int)size->ws_col,
				   "height", (int)size->ws_row),
			 &p->control, err);
}

int request_hangup(struct vmproc *p, struct error *err)
{
	return send_json(p, json_pack("{s:s}", "op", "hangup"), &p->control, err);
}

static void pass_warnings(const struct vmproc *p, const json_t *result)
{
	const json_t *warnings = json_object_get(result, "warnings");
	size_t n = json_array_size(warnings);

	for (size_t i = 0; i < n && i < WARNINGS_MAX && p->sync >= 0; i++) {
		const char *text = json_string_value(json_array_get(warnings, i));
		_cleanup_free_ char *line = text ? message_printable(text) : NULL;

		if (line)
			(void)sync_send_text(p->sync, SYNC_WARNING, line);
	}
}

int request_result(struct vmproc *p, const uint8_t *body, size_t len, int *ret_pid,
		   struct error *err)
{
	json_t *result = message_parse(body, len, err);
	json_int_t pid;

	if (!result)
		return err->code > 0 ? -err->code : -EPROTO;
	pass_warnings(p, result);
	pid = json_integer_value(json_object_get(result, "pid"));
	if (ret_pid)
		*ret_pid = pid > 0 && pid <= INT32_MAX ? (int)pid : 0;
	json_decref(result);
	return 0;
}

int request_parse_exit(const uint8_t *body, size_t len, enum end_kind *ret_kind, int *ret_number)
{
	_cleanup_json_doc_ struct json_doc doc = { 0 };
	_cleanup_error_ struct error ignored = ERROR_INIT;
	const json_t *code, *signal;
	json_int_t n;

	if (!body || json_doc_parse((const char *)body, len, &doc, &ignored) < 0)
		return -EPROTO;
	code = json_object_get(doc.root, "code");
	signal = json_object_get(doc.root, "signal");
	if (!json_is_integer(code) == !json_is_integer(signal))
		return -EPROTO;
	n = json_integer_value(json_is_integer(code) ? code : signal);
	*ret_kind = json_is_integer(code) ? END_STATUS : END_SIGNAL;
	if (*ret_kind == END_STATUS ? n < 0 || n > 255 : n < 1 || n > 64)
		return -EPROTO;
	*ret_number = (int)n;
	return 0;
}

void request_parse_end(const uint8_t *body, size_t len, char *reason, size_t size)
{
	_cleanup_json_doc_ struct json_doc doc = { 0 };
	_cleanup_error_ struct error ignored = ERROR_INIT;
	_cleanup_free_ char *line = NULL;
	const char *text = NULL;

	if (body && json_doc_parse((const char *)body, len, &doc, &ignored) == 0)
		text = json_string_value(json_object_get(doc.root, "reason"));
	line = text ? message_printable(text) : NULL;
	(void)snprintf(reason, size, "%s", line && *line ? line : "no reason was given");
}
