/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the network drive from outside: vm/nic.h on the host, guest/net.h in the guest,
 * and peers to speak with. Also the first process of the test's guest.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/fd.h"
#include "guest/net.h"
#include "vm/nic.h"

#define VNET_HEADER 12 /* with the number of buffers, as virtio 1.0 has it */
#define PORT 7

static int fail(const struct error *err)
{
	fprintf(stderr, "%s\n", error_text(err));
	return 1;
}

static int fail_errno(const char *what)
{
	perror(what);
	return 1;
}

/* attach NETNS SOCKET: sends {"request", "macs"} and the taps. */
static int attach(const char *path, int sock)
{
	struct nic_plan plan = NIC_PLAN_INIT;
	struct error err = ERROR_INIT;
	int fds[VM_NICS_MAX], netns = open(path, O_RDONLY | O_CLOEXEC);
	json_t *macs = json_array();
	char *text;

	if (netns < 0)
		return fail_errno(path);
	if (nic_attach(netns, &plan, &err) < 0)
		return fail(&err);
	for (size_t i = 0; i < plan.len; i++) {
		fds[i] = plan.nics[i].tap_fd;
		json_array_append_new(macs, json_string(plan.nics[i].mac));
	}
	text = json_dumps(json_pack("{s:O?, s:o}", "request", plan.request, "macs", macs), 0);
	return fd_send(sock, text, strlen(text), fds, plan.len) < 0 ? 1 : 0;
}

static int detach(const char *path)
{
	struct error err = ERROR_INIT;
	int netns = open(path, O_RDONLY | O_CLOEXEC);

	if (netns < 0)
		return fail_errno(path);
	return nic_detach(netns, &err) < 0 ? fail(&err) : 0;
}

/* configure NETNS: the request on stdin; devices are looked for in the caller's namespace. */
static int configure(const char *path, FILE *input)
{
	struct error err = ERROR_INIT;
	int netns = open(path, O_RDONLY | O_CLOEXEC);
	json_t *request = json_loadf(input, 0, NULL);

	if (netns < 0)
		return fail_errno(path);
	return guest_net_configure(request, netns, &err) < 0 ? fail(&err) : 0;
}

static int take_offloads(int fd)
{
	const int size = VNET_HEADER;

	/* What virtio-net's driver in the guest takes, by QEMU. */
	if (ioctl(fd, TUNSETVNETHDRSZ, &size) < 0 ||
	    ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN) < 0)
		return -1;
	return 0;
}

static int make_tap(const char *mac, int *ret)
{
	struct ifreq request = { .ifr_name = "wire%d",
				 .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	unsigned int b[6];
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	int sock = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
		return -1;
	sscanf(mac, "%x:%x:%x:%x:%x:%x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]);
	request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	for (int i = 0; i < 6; i++)
		request.ifr_hwaddr.sa_data[i] = (char)b[i];
	if (ioctl(sock, SIOCSIFHWADDR, &request) < 0)
		return -1;
	*ret = fd;
	return 0;
}

static void forward(int from, int to)
{
	static char frame[128 * 1024];
	ssize_t n;

	for (int i = 0; i < 64; i++) {
		n = read(from, frame, sizeof(frame));
		if (n <= 0)
			return;
		/* A guest that is down loses what comes. */
		if (write(to, frame, (size_t)n) < 0 && errno == EAGAIN)
			return;
	}
}

/* wire (TAP MAC)...: in the guest's namespace: a tap for each, frames carried between the two. */
static int wire(int argc, char **argv)
{
	struct pollfd fds[2 * VM_NICS_MAX];
	nfds_t n = 0;

	for (int i = 0; i + 1 < argc; i += 2, n += 2) {
		fds[n].fd = (int)strtol(argv[i], NULL, 10);
		if (make_tap(argv[i + 1], &fds[n + 1].fd) < 0 || take_offloads(fds[n].fd) < 0 ||
		    take_offloads(fds[n + 1].fd) < 0)
			return fail_errno("wire");
		fds[n].events = fds[n + 1].events = POLLIN;
	}
	printf("wired\n");
	fflush(stdout);
	while (poll(fds, n, -1) > 0)
		for (nfds_t i = 0; i < n; i++)
			if (fds[i].revents & POLLIN)
				forward(fds[i].fd, fds[i ^ 1].fd);
	return 0;
}

static void echo_tcp(int fd)
{
	static char buf[65536];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (fd_write_all(fd, buf, (size_t)n) < 0)
			break;
	_exit(0);
}

/* serve: echo over TCP and UDP, IPv4 and IPv6. */
static int serve(void)
{
	const struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	static char buf[65536];
	const int on = 1;
	struct pollfd fds[2] = {
		{ .fd = socket(AF_INET6, SOCK_STREAM, 0), .events = POLLIN },
		{ .fd = socket(AF_INET6, SOCK_DGRAM, 0), .events = POLLIN },
	};

	setsockopt(fds[0].fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	for (int i = 0; i < 2; i++)
		if (bind(fds[i].fd, (const struct sockaddr *)&any, sizeof(any)) < 0)
			return fail_errno("bind");
	if (listen(fds[0].fd, 16) < 0)
		return fail_errno("listen");
	printf("serving\n");
	fflush(stdout);
	while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
		if (fds[0].revents & POLLIN) {
			int fd = accept(fds[0].fd, NULL, NULL);

			if (fork() == 0)
				echo_tcp(fd);
			close(fd);
		}
		if (fds[1].revents & POLLIN) {
			struct sockaddr_in6 from;
			socklen_t len = sizeof(from);
			ssize_t n = recvfrom(fds[1].fd, buf, sizeof(buf), 0,
					     (struct sockaddr *)&from, &len);

			if (n >= 0)
				(void)!sendto(fds[1].fd, buf, (size_t)n, 0,
					      (struct sockaddr *)&from, len);
		}
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
	return 0;
}

static unsigned char pattern(size_t i)
{
	return (unsigned char)(i * 31 + (i >> 8) * 7 + (i >> 16));
}

static int ask_tcp(int fd, size_t size)
{
	static unsigned char in[65536], out[65536];
	size_t sent = 0, got = 0;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (got < size) {
		struct pollfd p = { .fd = fd, .events = POLLIN | (sent < size ? POLLOUT : 0) };
		ssize_t n;

		if (poll(&p, 1, 10000) <= 0)
			return fail_errno("tcp: no answer");
		if (p.revents & POLLOUT) {
			size_t len = size - sent < sizeof(out) ? size - sent : sizeof(out);

			for (size_t i = 0; i < len; i++)
				out[i] = pattern(sent + i);
			n = write(fd, out, len);
			if (n > 0)
				sent += (size_t)n;
		}
		if (!(p.revents & ~POLLOUT))
			continue;
		n = read(fd, in, sizeof(in));
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return fail_errno("tcp: read");
		for (ssize_t i = 0; i < n; i++)
			if (in[i] != pattern(got++)) {
				fprintf(stderr, "tcp: byte %zu differs\n", got - 1);
				return 1;
			}
	}
	return 0;
}

static int ask_udp(int fd, size_t size)
{
	static unsigned char in[65536], out[65536];

	for (size_t i = 0; i < size; i++)
		out[i] = pattern(i);
	for (int tries = 0; tries < 5; tries++) { /* the first may wait for ARP, and be lost */
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (send(fd, out, size, 0) < 0)
			return fail_errno("udp: send");
		if (poll(&p, 1, 1000) <= 0)
			continue;
		if (recv(fd, in, sizeof(in), 0) == (ssize_t)size && memcmp(in, out, size) == 0)
			return 0;
		return fail_errno("udp: differs");
	}
	fprintf(stderr, "udp: no answer\n");
	return 1;
}

/* ask tcp|udp ADDRESS SIZE: what is sent must come back. Prints Mbit/s, both ways added. */
static int ask(bool tcp, const char *address, size_t size)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	char mapped[64];
	struct timespec t0, t1;
	double seconds;
	int r, fd = socket(AF_INET6, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);

	(void)snprintf(mapped, sizeof(mapped), "%s%s",
		       strchr(address, ':') ? "" : "::ffff:", address);
	if (inet_pton(AF_INET6, mapped, &to.sin6_addr) != 1)
		return fail_errno(address);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return fail_errno("connect");
	clock_gettime(CLOCK_MONOTONIC, &t0);
	r = tcp ? ask_tcp(fd, size) : ask_udp(fd, size);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	seconds = (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9;
	if (r == 0)
		printf("%.0f\n", (double)size * 2 * 8 / 1e6 / seconds);
	return r;
}

/* One line is one command; its output is followed by a byte 1, its status and a line's end. */
static void obey(int port)
{
	FILE *in = fdopen(dup(port), "r");
	char line[4096];

	while (fgets(line, sizeof(line), in)) {
		int status;
		pid_t child = fork();

		if (child == 0) {
			dup2(port, 1);
			dup2(port, 2);
			execl("/bin/busybox", "sh", "-c", line, (char *)NULL);
			_exit(127);
		}
		waitpid(child, &status, 0);
		dprintf(port, "\001%d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 255);
	}
}

/* The device tells of its port in its own time. */
static int open_port(void)
{
	for (int tries = 0; tries < 1000; tries++) {
		const struct timespec wait = { .tv_nsec = 10000000 };

		for (int i = 0; i < 16; i++) { /* of which of the devices it is */
			char path[32];
			int fd;

			(void)snprintf(path, sizeof(path), "/dev/vport%dp1", i);
			fd = open(path, O_RDWR | O_CLOEXEC);
			if (fd >= 0)
				return fd;
		}
		nanosleep(&wait, NULL);
	}
	_exit(1);
}

/* As PID 1 of a guest: the network namespace of the test's container, in a namespace of its own. */
static int guest(void)
{
	struct error err = ERROR_INIT;
	json_t *request;
	int outside, inside, port, r;

	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	(void)mount("proc", "/proc", "proc", 0, NULL);
	(void)mount("sys", "/sys", "sysfs", 0, NULL);
	(void)mount("dev", "/dev", "devtmpfs", 0, NULL);
	port = open_port();
	outside = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	(void)unshare(CLONE_NEWNET);
	inside = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	(void)setns(outside, CLONE_NEWNET);
	request = json_load_file("/request.json", 0, NULL);
	r = guest_net_configure(request, inside, &err);
	(void)setns(inside, CLONE_NEWNET);
	dprintf(port, "%s\001%d\n", r < 0 ? error_text(&err) : "configured", r < 0);
	if (fork() == 0)
		_exit(serve());
	obey(port);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (getpid() == 1 && argc < 2)
		return guest();
	if (strcmp(what, "attach") == 0 && argc == 4)
		return attach(argv[2], (int)strtol(argv[3], NULL, 10));
	if (strcmp(what, "detach") == 0 && argc == 3)
		return detach(argv[2]);
	if (strcmp(what, "configure") == 0 && argc == 3)
		return configure(argv[2], stdin);
	if (strcmp(what, "wire") == 0 && argc >= 4)
		return wire(argc - 2, argv + 2);
	if (strcmp(what, "serve") == 0)
		return serve();
	if (strcmp(what, "ask") == 0 && argc == 5)
		return ask(strcmp(argv[2], "tcp") == 0, argv[3], strtoul(argv[4], NULL, 10));
	fprintf(stderr, "net_tool attach|detach|configure|wire|serve|ask\n");
	return 2;
}
