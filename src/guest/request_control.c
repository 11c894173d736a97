/* SPDX-License-Identifier: Apache-2.0 */
/* Commands on a container that is there. */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "guest/agent.h"
#include "guest/bundle.h"
#include "guest/request.h"
#include "oci/parse.h"

int request_start(struct request *request, json_t **ret_result, struct error *err)
{
	(void)ret_result;
	return compute_start(&request->host, request->id, err);
}

int request_signal(struct request *request, json_t **ret_result, struct error *err)
{
	json_t *value = json_object_get(request->root, "signal");
	json_int_t sig = json_integer_value(value);

	(void)ret_result;
	if (!json_is_integer(value) || sig < 0 || sig > SIGRTMAX)
		return error_set(err, EINVAL, "signal: expected a number up to %d", SIGRTMAX);
	return compute_signal(&request->host, request->id, (int)sig, request_bool(request, "all"),
			      err);
}

int request_pause(struct request *request, json_t **ret_result, struct error *err)
{
	(void)ret_result;
	return compute_pause(&request->host, request->id, err);
}

int request_resume(struct request *request, json_t **ret_result, struct error *err)
{
	(void)ret_result;
	return compute_resume(&request->host, request->id, err);
}

int request_update(struct request *request, json_t **ret_result, struct error *err)
{
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_free_ char *text = NULL;
	struct oci_resources *resources;
	size_t len;
	int r;

	(void)ret_result;
	r = request_object(request, "resources", &text, &len, err);
	if (r == 0)
		r = oci_resources_parse(text, len, &arena, &resources, err);
	if (r < 0)
		return r;
	return compute_update(&request->host, request->id, resources, NULL, NULL, err);
}

/* By a command, and by the agent when the connection ends, perhaps at once: the second waits, and finds
 * nothing that is not of the next container of that id. */
int request_delete(struct request *request, json_t **ret_result, struct error *err)
{
	_cleanup_close_ int lock = -1;
	int r;

	(void)ret_result;
	lock = bundle_lock(request->id);
	if (lock == -ESTALE)
		return 0;
	r = compute_delete(&request->host, request->id, true, err);
	if (r == 0 && lock >= 0)
		bundle_remove(request->id);
	return r;
}

static int sync_all(struct request *request, json_t **ret_result, struct error *err)
{
	(void)request;
	(void)ret_result;
	(void)err;
	sync();
	return 0;
}

const struct request_op request_cleanup = { "cleanup", request_delete, false, true };
const struct request_op request_sync = { "sync", sync_all, false, false };
