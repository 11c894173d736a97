/* SPDX-License-Identifier: Apache-2.0 */
#include "hcs/view.h"

#include <stdarg.h>
#include <string.h>

#include "base/fd.h"
#include "base/timestamp.h"

struct view view_new(void)
{
	json_t *json = json_object();

	return (struct view){ .json = json, .failed = !json };
}

void view_json(struct view *view, const char *key, json_t *value)
{
	if (!value || !view->json || json_object_set_new(view->json, key, value) < 0)
		view->failed = true;
}

void view_text(struct view *view, const char *key, const char *text)
{
	json_t *value = json_string(text ? text : "");

	view_json(view, key, value ? value : json_string("?"));
}

void view_format(struct view *view, const char *key, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0) {
		text = NULL;
		view->failed = true;
	} else {
		view_text(view, key, text);
	}
}

void view_number(struct view *view, const char *key, int64_t value)
{
	view_json(view, key, json_integer(value));
}

void view_bool(struct view *view, const char *key, bool value)
{
	view_json(view, key, json_boolean(value));
}

int view_end(struct view *view, json_t *rows, struct error *err)
{
	const bool failed = view->failed;
	json_t *json = TAKE_PTR(view->json);

	if (failed) {
		json_decref(json);
		return error_oom(err);
	}
	return json_array_append_new(rows, json) < 0 ? error_oom(err) : 0;
}

char *view_time(const char *rfc3339, char buf[VIEW_TIME_SIZE])
{
	char utc[TIMESTAMP_SIZE];
	int64_t ns;

	if (!rfc3339 || timestamp_parse(rfc3339, strlen(rfc3339), &ns) < 0) {
		(void)snprintf(buf, VIEW_TIME_SIZE, "N/A");
		return buf;
	}
	(void)timestamp_text(ns, utc);
	(void)snprintf(buf, VIEW_TIME_SIZE, "%.10s %.8s +0000 UTC", utc, utc + 11);
	return buf;
}

/* Since then, in docker's words; false: no such time. */
static bool elapsed(const char *rfc3339, char buf[UNITS_SIZE])
{
	int64_t ns, now = timestamp_now_ns();

	if (!rfc3339 || timestamp_parse(rfc3339, strlen(rfc3339), &ns) < 0)
		return false;
	(void)units_duration(now > ns ? (now - ns) / 1000000000 : 0, buf);
	return true;
}

char *view_ago(const char *rfc3339, char buf[VIEW_TIME_SIZE])
{
	char since[UNITS_SIZE];

	if (elapsed(rfc3339, since))
		(void)snprintf(buf, VIEW_TIME_SIZE, "%s ago", since);
	else
		(void)snprintf(buf, VIEW_TIME_SIZE, "N/A");
	return buf;
}

json_t *view_map(const struct key_values *values)
{
	json_t *map = json_object();

	for (size_t i = 0; i < values->len && map; i++)
		if (json_object_set_new(map, values->items[i].key,
					json_string(values->items[i].value)) < 0) {
			json_decref(map);
			map = NULL;
		}
	return map;
}

json_t *view_list(const struct strv *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->len && array; i++)
		if (json_array_append_new(array, json_string(list->items[i])) < 0) {
			json_decref(array);
			array = NULL;
		}
	return array;
}

void view_labels(struct view *view, const struct key_values *labels)
{
	_cleanup_output_ struct output text = OUTPUT_INIT;

	for (size_t i = 0; i < labels->len; i++)
		output_format(&text, "%s%s=%s", i ? "," : "", labels->items[i].key,
			      labels->items[i].value);
	output_bytes(&text, "", 1);
	view->failed |= text.failed;
	view_text(view, "Labels", text.data);
	view_json(view, FORMAT_HIDDEN "Label", view_map(labels));
}

void view_id(struct view *view, const char *key, const char *id, bool no_trunc)
{
	const char *colon = strchr(id, ':');

	if (no_trunc)
		view_text(view, key, id);
	else
		view_format(view, key, "%.12s", colon ? colon + 1 : id);
}

char *view_status(const struct record *record, char buf[VIEW_TIME_SIZE])
{
	const struct record_state *state = &record->state;
	char since[UNITS_SIZE] = "";

	switch (state->status) {
	case RECORD_RUNNING:
	case RECORD_PAUSED:
		(void)elapsed(state->started_at, since);
		(void)snprintf(buf, VIEW_TIME_SIZE, "Up %s%s", since,
			       state->status == RECORD_PAUSED ? " (Paused)" : "");
		break;
	case RECORD_RESTARTING:
	case RECORD_EXITED:
		(void)elapsed(state->finished_at, since);
		(void)snprintf(buf, VIEW_TIME_SIZE, "%s (%d) %s ago",
			       state->status == RECORD_EXITED ? "Exited" : "Restarting",
			       state->exit_code, since);
		break;
	case RECORD_REMOVING:
		(void)snprintf(buf, VIEW_TIME_SIZE, "Removal In Progress");
		break;
	case RECORD_DEAD:
		(void)snprintf(buf, VIEW_TIME_SIZE, "Dead");
		break;
	default:
		(void)snprintf(buf, VIEW_TIME_SIZE, "Created");
		break;
	}
	return buf;
}

static bool is_published(const struct record *record, const char *exposed)
{
	char text[32];

	for (size_t i = 0; i < record->state.network.ports_len; i++) {
		const struct network_port *port = &record->state.network.ports[i];

		(void)snprintf(text, sizeof(text), "%u/%s", port->container, port->protocol);
		if (strcmp(text, exposed) == 0)
			return true;
	}
	return false;
}

char *view_ports(const struct record *record)
{
	const struct network_attachment *network = &record->state.network;
	_cleanup_output_ struct output out = OUTPUT_INIT;
	const struct strv *exposed = &record->config.exposed_ports;

	for (size_t i = 0; i < network->ports_len; i++) {
		const struct network_port *port = &network->ports[i];
		const bool v6 = strchr(port->host_ip, ':');

		output_format(&out, "%s%s%s%s:%u->%u/%s", out.len ? ", " : "", v6 ? "[" : "",
			      *port->host_ip ? port->host_ip : "0.0.0.0", v6 ? "]" : "", port->host,
			      port->container, port->protocol);
	}
	for (size_t i = 0; record_is_up(record) && i < exposed->len; i++)
		if (!is_published(record, exposed->items[i]))
			output_format(&out, "%s%s", out.len ? ", " : "", exposed->items[i]);
	output_bytes(&out, "", 1);
	return out.failed ? NULL : TAKE_PTR(out.data);
}

char **view_argv(const struct container_config *config, size_t *ret_len)
{
	char **argv = calloc(config->entrypoint.len + config->cmd.len + 1, sizeof(*argv));

	*ret_len = 0;
	for (size_t i = 0; argv && i < config->entrypoint.len; i++)
		argv[(*ret_len)++] = config->entrypoint.items[i];
	for (size_t i = 0; argv && i < config->cmd.len; i++)
		argv[(*ret_len)++] = config->cmd.items[i];
	return argv;
}

size_t view_cut(const char *text, size_t max)
{
	size_t i = 0;

	for (size_t shown = 0; text[i]; i++)
		if (((unsigned char)text[i] & 0xc0) != 0x80 && ++shown > max)
			break;
	return i;
}

void view_records_done(struct view_records *records)
{
	for (size_t i = 0; i < records->len; i++)
		record_done(&records->items[i]);
	free(records->items);
	*records = (struct view_records){ 0 };
}

void view_images_done(struct view_images *images)
{
	for (size_t i = 0; i < images->len; i++)
		image_done(&images->items[i]);
	free(images->items);
	*images = (struct view_images){ 0 };
}

bool view_confirm(const char *question, bool force)
{
	char answer[16];
	ssize_t n;

	if (force)
		return true;
	(void)fd_write_all(STDERR_FILENO, question, strlen(question));
	(void)fd_write_all(STDERR_FILENO, "\nAre you sure you want to continue? [y/N] ", 42);
	do
		n = read(STDIN_FILENO, answer, sizeof(answer));
	while (n < 0 && errno == EINTR);
	return n > 0 && (answer[0] == 'y' || answer[0] == 'Y');
}
