/* SPDX-License-Identifier: Apache-2.0 */
#include "service/attach_client.h"

#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/attach_protocol.h"

#define EXIT_KILLED 137

struct foreground {
	struct attach_client *client;
	/* What is typed or piped in, and not sent yet. */
	unsigned char input[ATTACH_DATA_MAX];
	size_t input_len;
	bool input_over, end_sent, detached;
	/* What came, and is not written yet. */
	struct attach_packet output;
	size_t output_at;
	int output_fd; /* 1 or 2; -1: nothing waits */
	bool gone[3];  /* nobody reads this descriptor any more */
	bool ended;
	int status;
};

static struct attach_size terminal_size(void)
{
	struct winsize size;

	if (ioctl(0, TIOCGWINSZ, &size) < 0 && ioctl(1, TIOCGWINSZ, &size) < 0)
		return (struct attach_size){ 0 };
	return (struct attach_size){ .rows = size.ws_row, .columns = size.ws_col };
}

struct attach_request attach_request_of(const struct record *record,
					const struct service_attach *attach)
{
	struct attach_request request = { 0 };

	if (!attach)
		return request;
	if (attach->stdin_ && record->config.open_stdin)
		request.streams |= ATTACH_STDIN;
	if (attach->stdout_)
		request.streams |= ATTACH_STDOUT;
	if (attach->stderr_ && !record->config.tty)
		request.streams |= ATTACH_STDERR;
	if (record->config.tty)
		request.size = terminal_size();
	return request;
}

int attach_client_begin(const struct service *service, const struct record *record,
			const struct service_attach *attach, int sock, struct attach_client *ret,
			struct error *err)
{
	struct attach_client client = { .service = service,
					.id = record->id,
					.sock = sock,
					.tty = record->config.tty,
					.input = attach->stdin_ && record->config.open_stdin,
					.output = attach->stdout_,
					.error_output = attach->stderr_,
					.sig_proxy = attach->sig_proxy,
					.session = SESSION_INIT };
	int r = detach_keys_parse(attach->detach_keys, &client.detach, err);

	if (r == 0)
		r = session_begin(&client.session, err);
	*ret = client;
	if (r < 0)
		attach_client_done(ret);
	return r;
}

void attach_client_done(struct attach_client *client)
{
	session_done(&client->session);
	client->sock = close_fd(client->sock);
}

static void read_input(struct foreground *f)
{
	/* Room for keys that were kept back. */
	ssize_t n = read(0, f->input, sizeof(f->input) - DETACH_KEYS_MAX);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		f->input_over = true;
		return;
	}
	f->input_len = (size_t)n;
	if (f->client->tty)
		f->detached = detach_keys_filter(&f->client->detach, f->input, &f->input_len);
}

static void send_input(struct foreground *f)
{
	int r = 0;

	if (f->input_len > 0) {
		r = attach_send(f->client->sock, ATTACH_INPUT, f->input, f->input_len,
				MSG_DONTWAIT);
		if (r == -EAGAIN)
			return;
		f->input_len = 0;
	}
	if (f->input_over && !f->end_sent && r == 0)
		f->end_sent =
			attach_send(f->client->sock, ATTACH_INPUT, NULL, 0, MSG_DONTWAIT) == 0;
	/* The supervisor has gone: what it said last is still to be read. */
	if (r < 0)
		f->end_sent = f->input_over = true;
}

/* What may be written without waiting when poll says that something may. */
static size_t at_once(int fd, size_t len)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return len;
	return len < PIPE_BUF ? len : PIPE_BUF;
}

static void write_output(struct foreground *f)
{
	size_t left = f->output.len - f->output_at;
	ssize_t n = write(f->output_fd, f->output.data + f->output_at, at_once(f->output_fd, left));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0) {
		/* Whoever read it has gone; the container is not ended for that. */
		f->gone[f->output_fd] = true;
		f->output_fd = -1;
		return;
	}
	f->output_at += (size_t)n;
	if (f->output_at == f->output.len)
		f->output_fd = -1;
}

static int take_packet(struct foreground *f, struct error *err)
{
	int r = attach_receive(f->client->sock, &f->output, MSG_DONTWAIT), fd;

	if (r == -EAGAIN)
		return 0;
	if (r < 0)
		return error_sys(err, -r, "read from the supervisor");
	if (r == 0) {
		f->ended = true;
		f->status = EXIT_KILLED;
		return error_set(err, ECONNRESET, "the container's supervisor was killed");
	}
	switch (f->output.type) {
	case ATTACH_OUTPUT:
	case ATTACH_ERROR_OUTPUT:
		fd = f->output.type == ATTACH_OUTPUT ? 1 : 2;
		f->output_at = 0;
		f->output_fd = f->gone[fd] || f->output.len == 0 ? -1 : fd;
		return 0;
	case ATTACH_WARNING:
		if (f->client->service->host.warn && f->output.len < ATTACH_DATA_MAX) {
			f->output.data[f->output.len] = '\0';
			f->client->service->host.warn((const char *)f->output.data,
						      f->client->service->host.warn_data);
		}
		return 0;
	case ATTACH_EXIT:
		f->ended = true;
		if (f->output.len == sizeof(int32_t)) {
			int32_t status;

			memcpy(&status, f->output.data, sizeof(status));
			f->status = status;
		}
		return 0;
	case ATTACH_FAILED:
		return attach_failure_read(&f->output, err);
	default:
		return 0;
	}
}

static void take_signals(struct foreground *f)
{
	struct attach_client *client = f->client;
	struct signalfd_siginfo info;

	while (read(client->session.signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		int32_t sig = (int32_t)info.ssi_signo;

		if (sig == SIGWINCH && client->tty) {
			struct attach_size size = terminal_size();

			(void)attach_send(client->sock, ATTACH_RESIZE, &size, sizeof(size),
					  MSG_DONTWAIT);
			continue;
		}
		/* For our own sake, not sent to the container. */
		if (sig == SIGCHLD || sig == SIGPIPE || sig == SIGURG || sig == SIGWINCH ||
		    ((sig == SIGTTIN || sig == SIGTTOU) && client->session.raw))
			continue;
		if (client->sig_proxy) {
			_cleanup_error_ struct error ignored = ERROR_INIT;

			/* Not by the connection, where input that nobody reads may be in the way. */
			(void)compute_signal(&client->service->host, client->id, sig, false,
					     &ignored);
		} else if (sig == SIGINT || sig == SIGTERM || sig == SIGHUP || sig == SIGQUIT) {
			f->detached = true;
			f->status = 128 + sig;
		}
	}
}

static int step(struct foreground *f, struct error *err)
{
	struct attach_client *client = f->client;
	bool waiting = f->input_len > 0 || (f->input_over && !f->end_sent);
	struct pollfd p[] = {
		{ .fd = client->session.signal_fd, .events = POLLIN },
		{ .fd = client->input && !waiting && !f->input_over ? 0 : -1, .events = POLLIN },
		{ .fd = f->output_fd, .events = POLLOUT },
		{ .fd = client->sock, .events = waiting ? POLLOUT : 0 },
	};

	if (f->output_fd < 0)
		p[3].events |= POLLIN;
	else if (!waiting)
		p[3].fd = -1; /* its hang-up would make this loop spin */
	if (poll(p, ARRAY_SIZE(p), -1) < 0)
		return errno == EINTR ? 0 : error_sys(err, errno, "poll");
	if (p[0].revents)
		take_signals(f);
	if (p[1].revents)
		read_input(f);
	if (p[2].revents && f->output_fd >= 0)
		write_output(f);
	if (p[1].revents || (p[3].revents & (POLLOUT | POLLHUP | POLLERR)))
		send_input(f);
	if (p[3].revents & (POLLIN | POLLHUP | POLLERR) && f->output_fd < 0)
		return take_packet(f, err);
	return 0;
}

int attach_client_run(struct attach_client *client, int *ret_status, bool *ret_detached,
		      struct error *err)
{
	struct foreground f = { .client = client, .output_fd = -1 };
	int r = client->tty && client->input ? session_raw(&client->session, err) : 0;

	while (r == 0 && !f.ended && !f.detached)
		r = step(&f, err);
	session_done(&client->session);
	*ret_status = f.status;
	if (ret_detached)
		*ret_detached = f.detached;
	return r;
}
