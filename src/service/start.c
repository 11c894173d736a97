/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "service/attach_client.h"
#include "service/lifecycle.h"
#include "service/record.h"
#include "service/scratch.h"
#include "service/supervisor.h"

#define EXIT_NOT_STARTED 125

static void pass_warning(const struct service *service, struct attach_packet *packet)
{
	if (!service->host.warn || packet->len >= ATTACH_DATA_MAX)
		return;
	packet->data[packet->len] = '\0';
	service->host.warn((const char *)packet->data, service->host.warn_data);
}

/* Until it says whether the container runs. */
static int await_start(const struct service *service, int sock, struct error *err)
{
	struct attach_packet packet;

	for (;;) {
		int r = attach_receive(sock, &packet, 0);

		if (r < 0)
			return error_sys(err, -r, "hear from the supervisor");
		if (r == 0)
			return error_set(err, ECONNRESET,
					 "the supervisor was killed before the container ran");
		if (packet.type == ATTACH_STARTED)
			return 0;
		if (packet.type == ATTACH_FAILED)
			return attach_failure_read(&packet, err);
		if (packet.type == ATTACH_WARNING)
			pass_warning(service, &packet);
	}
}

static int check(const struct record *record, struct error *err)
{
	if (record->state.status == RECORD_PAUSED)
		return error_set(err, EBUSY,
				 "cannot start a paused container, try unpause instead");
	return scratch_make(record, err);
}

static int start_attached(const struct service *service, struct record *record,
			  const struct service_attach *attach, int *ret_status, bool *ret_detached,
			  struct error *err)
{
	const struct attach_request request = attach_request_of(record, attach);
	_cleanup_attach_client_ struct attach_client client = { .sock = -1,
								.session = SESSION_INIT };
	int r = attach_client_begin(service, record, attach, -1, &client, err);

	if (r == 0)
		r = client.sock = supervisor_spawn(service, record, &request, err);
	if (r >= 0)
		r = await_start(service, client.sock, err);
	if (r < 0) {
		if (err->exit_status == 0)
			err->exit_status = EXIT_NOT_STARTED;
		return r;
	}
	return attach_client_run(&client, ret_status, ret_detached, err);
}

static int start_detached(const struct service *service, struct record *record, struct error *err)
{
	const struct attach_request request = { 0 };
	_cleanup_close_ int sock = supervisor_spawn(service, record, &request, err);
	int r = sock < 0 ? sock : await_start(service, sock, err);

	if (r < 0 && err->exit_status == 0)
		err->exit_status = EXIT_NOT_STARTED;
	return r;
}

int service_start(const struct service *service, const char *name,
		  const struct service_attach *attach, int *ret_status, bool *ret_detached,
		  struct error *err)
{
	_cleanup_record_ struct record record = RECORD_INIT;
	int r;

	if (ret_status)
		*ret_status = 0;
	if (ret_detached)
		*ret_detached = false;
	r = record_open(service, name, RECORD_LOCK, &record, err);
	if (r < 0)
		return r;
	if (record_is_up(&record) && record.state.status != RECORD_PAUSED) {
		record_unlock(&record);
		return attach ? service_attach(service, record.id, attach, ret_status, ret_detached,
					       err)
			      : 0;
	}
	r = check(&record, err);
	if (r < 0)
		return r;
	return attach ? start_attached(service, &record, attach, ret_status, ret_detached, err)
		      : start_detached(service, &record, err);
}

static int check_attach(const struct record *record, struct error *err)
{
	switch (record->state.status) {
	case RECORD_RUNNING:
		return 0;
	case RECORD_PAUSED:
		return error_set(err, EBUSY,
				 "You cannot attach to a paused container, unpause it first");
	case RECORD_RESTARTING:
		return error_set(
			err, EBUSY,
			"You cannot attach to a restarting container, wait until it is running");
	default:
		return error_set(err, ESRCH,
				 "You cannot attach to a stopped container, start it first");
	}
}

int service_attach(const struct service *service, const char *name,
		   const struct service_attach *attach, int *ret_status, bool *ret_detached,
		   struct error *err)
{
	_cleanup_attach_client_ struct attach_client client = { .sock = -1,
								.session = SESSION_INIT };
	_cleanup_record_ struct record record = RECORD_INIT;
	struct attach_request request;
	int r;

	*ret_status = 0;
	r = record_open(service, name, RECORD_READ, &record, err);
	if (r == 0)
		r = check_attach(&record, err);
	if (r == 0)
		r = attach_client_begin(service, &record, attach, -1, &client, err);
	if (r < 0)
		return r;
	request = attach_request_of(&record, attach);
	client.sock = supervisor_connect(service, &record, &request, err);
	if (client.sock < 0)
		return client.sock;
	return attach_client_run(&client, ret_status, ret_detached, err);
}
