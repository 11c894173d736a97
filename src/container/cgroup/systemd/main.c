/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hcs-systemd: speaks to systemd for the runtime, which is linked statically and has no D-Bus. One
 * request comes as JSON on stdin:
 *   { "action": "start" | "update" | "stop", "unit": "x.scope", "user": bool, "timeout": seconds,
 *     "properties": [ [ name, signature, value ], … ] }
 * Exit status 0, or 1 with one line on stderr.
 */
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#define DESTINATION "org.freedesktop.systemd1"
#define PATH "/org/freedesktop/systemd1"
#define MANAGER "org.freedesktop.systemd1.Manager"
#define USEC_PER_SEC 1000000ull

struct request {
	const char *action, *unit;
	bool user;
	uint64_t timeout_usec;
	json_t *properties;
};

/* What is being waited for: a job's end. */
struct wait {
	const char *job; /* object path */
	char result[32]; /* empty: not yet */
};

static uint64_t now_usec(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

/* --- properties --- */

static int append_integer(sd_bus_message *m, char type, const json_t *value)
{
	json_int_t n = json_integer_value(value);
	uint8_t y = (uint8_t)n;
	int16_t i16 = (int16_t)n;
	int32_t i32 = (int32_t)n;
	int64_t i64 = n;

	/* JSON has no integers above INT64_MAX: "unlimited" comes as -1. */
	if (!json_is_integer(value))
		return -EINVAL;
	switch (type) {
	case 'y':
		return sd_bus_message_append_basic(m, type, &y);
	case 'n':
	case 'q':
		return sd_bus_message_append_basic(m, type, &i16);
	case 'i':
	case 'u':
		return sd_bus_message_append_basic(m, type, &i32);
	default:
		return sd_bus_message_append_basic(m, type, &i64);
	}
}

static int append_value(sd_bus_message *m, const char *signature, const json_t *value)
{
	int flag = json_is_true(value);
	double real = json_number_value(value);

	switch (signature[0]) {
	case 'b':
		return sd_bus_message_append_basic(m, 'b', &flag);
	case 's':
		return json_is_string(value)
			       ? sd_bus_message_append_basic(m, 's', json_string_value(value))
			       : -EINVAL;
	case 'd':
		return sd_bus_message_append_basic(m, 'd', &real);
	default:
		return signature[1] ? -EINVAL : append_integer(m, signature[0], value);
	}
}

/* "as", "ay", "au", "a(ss)", "a(st)" */
static int append_array(sd_bus_message *m, const char *contents, const json_t *value)
{
	const json_t *item;
	size_t i;
	int r = sd_bus_message_open_container(m, 'a', contents);

	if (r < 0 || !json_is_array(value))
		return r < 0 ? r : -EINVAL;
	json_array_foreach(value, i, item)
	{
		if (contents[0] == '(') {
			char fields[8];
			size_t n = strlen(contents) - 2;

			if (n >= sizeof(fields) || json_array_size(item) != n)
				return -EINVAL;
			memcpy(fields, contents + 1, n);
			fields[n] = 0;
			r = sd_bus_message_open_container(m, 'r', fields);
			for (size_t k = 0; r >= 0 && k < n; k++)
				r = append_value(m, (char[]){ fields[k], 0 },
						 json_array_get(item, k));
			if (r >= 0)
				r = sd_bus_message_close_container(m);
		} else {
			r = append_value(m, contents, item);
		}
		if (r < 0)
			return r;
	}
	return sd_bus_message_close_container(m);
}

static int append_property(sd_bus_message *m, const json_t *property)
{
	const char *name = json_string_value(json_array_get(property, 0));
	const char *signature = json_string_value(json_array_get(property, 1));
	const json_t *value = json_array_get(property, 2);
	int r;

	if (!name || !signature || !value)
		return -EINVAL;
	r = sd_bus_message_open_container(m, 'r', "sv");
	if (r >= 0)
		r = sd_bus_message_append_basic(m, 's', name);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', signature);
	if (r >= 0)
		r = signature[0] == 'a' ? append_array(m, signature + 1, value)
					: append_value(m, signature, value);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_properties(sd_bus_message *m, const json_t *properties, sd_bus_error *error)
{
	const json_t *property;
	size_t i;
	int r = sd_bus_message_open_container(m, 'a', "(sv)");

	if (r < 0)
		return r;
	json_array_foreach(properties, i, property)
	{
		r = append_property(m, property);
		if (r < 0) {
			const char *name = json_string_value(json_array_get(property, 0));

			return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
						 "property %s: %s", name ? name : "?",
						 strerror(-r));
		}
	}
	return sd_bus_message_close_container(m);
}

/* --- jobs --- */

static int job_removed(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct wait *wait = data;
	const char *job, *unit, *result;
	uint32_t id;

	(void)error;
	if (sd_bus_message_read(m, "uoss", &id, &job, &unit, &result) < 0)
		return 0;
	if (wait->job && strcmp(job, wait->job) == 0)
		(void)snprintf(wait->result, sizeof(wait->result), "%s", result);
	return 0;
}

/* A job may end before its name has come back: the signal then waits in the bus's queue. */
static int wait_for_job(sd_bus *bus, struct wait *wait, const struct request *q, const char *what)
{
	uint64_t end = now_usec() + q->timeout_usec;

	while (!wait->result[0]) {
		uint64_t now = now_usec();
		int r = sd_bus_process(bus, NULL);

		if (r < 0) {
			fprintf(stderr, "lost the bus while waiting for %s: %s\n", q->unit,
				strerror(-r));
			return r;
		}
		if (r > 0)
			continue;
		if (now >= end) {
			fprintf(stderr, "systemd did not %s %s within %llu s\n", what, q->unit,
				(unsigned long long)(q->timeout_usec / USEC_PER_SEC));
			return -ETIMEDOUT;
		}
		(void)sd_bus_wait(bus, end - now);
	}
	if (strcmp(wait->result, "done") == 0)
		return 0;
	fprintf(stderr, "systemd could not %s %s: the job's result is '%s'\n", what, q->unit,
		wait->result);
	return -EIO;
}

static int subscribe(sd_bus *bus, struct wait *wait)
{
	int r = sd_bus_match_signal(bus, NULL, DESTINATION, PATH, MANAGER, "JobRemoved",
				    job_removed, wait);

	if (r >= 0)
		r = sd_bus_call_method(bus, DESTINATION, PATH, MANAGER, "Subscribe", NULL, NULL,
				       NULL);
	if (r < 0)
		fprintf(stderr,
			"systemd does not answer on the bus: %s; is systemd running? use "
			"--cgroup-manager cgroupfs\n",
			strerror(-r));
	return r;
}

/* --- actions --- */

static int call_start(sd_bus *bus, const struct request *q, sd_bus_error *error,
		      sd_bus_message **ret)
{
	sd_bus_message *m = NULL;
	int r = sd_bus_message_new_method_call(bus, &m, DESTINATION, PATH, MANAGER,
					       "StartTransientUnit");

	if (r >= 0)
		r = sd_bus_message_append(m, "ss", q->unit, "replace");
	if (r >= 0)
		r = append_properties(m, q->properties, error);
	if (r >= 0)
		r = sd_bus_message_append(m, "a(sa(sv))", 0);
	if (r >= 0)
		r = sd_bus_call(bus, m, q->timeout_usec, error, ret);
	sd_bus_message_unref(m);
	return r;
}

static void reset_failed(sd_bus *bus, const struct request *q)
{
	(void)sd_bus_call_method(bus, DESTINATION, PATH, MANAGER, "ResetFailedUnit", NULL, NULL,
				 "s", q->unit);
}

static int start(sd_bus *bus, const struct request *q)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	struct wait wait = { 0 };
	int r = subscribe(bus, &wait);

	if (r < 0)
		return r;
	r = call_start(bus, q, &error, &reply);
	if (r < 0 && sd_bus_error_has_name(&error, DESTINATION ".UnitExists")) {
		/* One that failed (OOM) stays in systemd's memory until it is told to forget. */
		reset_failed(bus, q);
		sd_bus_error_free(&error);
		r = call_start(bus, q, &error, &reply);
	}
	if (r >= 0)
		r = sd_bus_message_read(reply, "o", &wait.job);
	if (r < 0)
		fprintf(stderr, "systemd refuses %s: %s\n", q->unit,
			error.message ? error.message : strerror(-r));
	else
		r = wait_for_job(bus, &wait, q, "start");
	sd_bus_message_unref(reply);
	sd_bus_error_free(&error);
	return r;
}

static int stop(sd_bus *bus, const struct request *q)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	struct wait wait = { 0 };
	int r = subscribe(bus, &wait);

	if (r < 0)
		return r;
	r = sd_bus_call_method(bus, DESTINATION, PATH, MANAGER, "StopUnit", &error, &reply, "ss",
			       q->unit, "replace");
	if (r < 0 && sd_bus_error_has_name(&error, DESTINATION ".NoSuchUnit")) {
		r = 0; /* gone with its last process */
	} else if (r < 0 || (r = sd_bus_message_read(reply, "o", &wait.job)) < 0) {
		fprintf(stderr, "systemd does not stop %s: %s\n", q->unit,
			error.message ? error.message : strerror(-r));
	} else {
		r = wait_for_job(bus, &wait, q, "stop");
	}
	if (r >= 0)
		reset_failed(bus, q);
	sd_bus_message_unref(reply);
	sd_bus_error_free(&error);
	return r;
}

static int update(sd_bus *bus, const struct request *q)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *m = NULL;
	int r = sd_bus_message_new_method_call(bus, &m, DESTINATION, PATH, MANAGER,
					       "SetUnitProperties");

	if (r >= 0) /* true: until reboot, as the scope itself */
		r = sd_bus_message_append(m, "sb", q->unit, 1);
	if (r >= 0)
		r = append_properties(m, q->properties, &error);
	if (r >= 0)
		r = sd_bus_call(bus, m, q->timeout_usec, &error, NULL);
	if (r < 0)
		fprintf(stderr, "systemd does not update %s: %s\n", q->unit,
			error.message ? error.message : strerror(-r));
	sd_bus_message_unref(m);
	sd_bus_error_free(&error);
	return r;
}

static int open_bus(const struct request *q, sd_bus **ret)
{
	const char *address =
		getenv(q->user ? "DBUS_SESSION_BUS_ADDRESS" : "DBUS_SYSTEM_BUS_ADDRESS");
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char usual[256] = "/run/dbus/system_bus_socket";
	int r = q->user ? sd_bus_open_user(ret) : sd_bus_open_system(ret);

	if (r >= 0)
		return 0;
	if (q->user)
		(void)snprintf(usual, sizeof(usual), "%s/bus",
			       runtime ? runtime : "$XDG_RUNTIME_DIR");
	fprintf(stderr, "no %s bus at %s (%s); is systemd running? use --cgroup-manager cgroupfs\n",
		q->user ? "user" : "system", address ? address : usual, strerror(-r));
	return r;
}

static int read_request(json_t *root, struct request *ret)
{
	*ret = (struct request){
		.action = json_string_value(json_object_get(root, "action")),
		.unit = json_string_value(json_object_get(root, "unit")),
		.user = json_is_true(json_object_get(root, "user")),
		.properties = json_object_get(root, "properties"),
		.timeout_usec = (uint64_t)json_integer_value(json_object_get(root, "timeout")) *
				USEC_PER_SEC,
	};
	return ret->action && ret->unit && ret->timeout_usec > 0 ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	struct request request;
	json_error_t where;
	sd_bus *bus = NULL;
	json_t *root;
	int r;

	(void)argv;
	if (argc > 1) {
		fprintf(stderr, "hcs-systemd is started by runhcs and takes no arguments\n");
		return 2;
	}
	root = json_loadf(stdin, 0, &where);
	if (!root || read_request(root, &request) < 0) {
		fprintf(stderr, "hcs-systemd: no request on stdin: it is started by runhcs\n");
		json_decref(root);
		return 2;
	}
	r = open_bus(&request, &bus);
	if (r >= 0) {
		if (strcmp(request.action, "start") == 0)
			r = start(bus, &request);
		else if (strcmp(request.action, "stop") == 0)
			r = stop(bus, &request);
		else
			r = update(bus, &request);
	}
	sd_bus_flush_close_unref(bus);
	json_decref(root);
	return r < 0;
}
