/* SPDX-License-Identifier: Apache-2.0 */
#include "network/port_claim.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define CHOOSE_TRIES 256
#define CLAIM_MAX 96 /* "sctp:65535@" and an address */
#define OWNER_MAX 80

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t make_address(const char *ip, uint16_t port, int family, union address *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (family == AF_INET6) {
		ret->v6.sin6_family = AF_INET6;
		ret->v6.sin6_port = htons(port);
		if (*ip)
			(void)inet_pton(AF_INET6, ip, &ret->v6.sin6_addr);
		return sizeof(ret->v6);
	}
	ret->v4.sin_family = AF_INET;
	ret->v4.sin_port = htons(port);
	if (*ip)
		(void)inet_pton(AF_INET, ip, &ret->v4.sin_addr);
	return sizeof(ret->v4);
}

/* Binds as a server would, which finds those that listen; *port 0: any. 0 or -errno. */
static int try_bind(const struct network_port *wanted, int family, uint16_t *port)
{
	const bool tcp = strcmp(wanted->protocol, "tcp") == 0;
	const int type = strcmp(wanted->protocol, "udp") == 0 ? SOCK_DGRAM : SOCK_STREAM;
	const int protocol = strcmp(wanted->protocol, "sctp") == 0 ? IPPROTO_SCTP : 0;
	_cleanup_close_ int sock = socket(family, type | SOCK_CLOEXEC, protocol);
	const int on = 1, off = 0;
	union address address;
	socklen_t len = make_address(wanted->host_ip, *port, family, &address);

	if (sock < 0)
		return -errno;
	/* Connections that are over are in nobody's way. */
	if (tcp && *port && setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return -errno;
	if (family == AF_INET6 && !*wanted->host_ip &&
	    setsockopt(sock, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0)
		return -errno;
	if (bind(sock, &address.any, len) < 0 || getsockname(sock, &address.any, &len) < 0)
		return -errno;
	*port = ntohs(family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
	return 0;
}

static int probe(const struct network_port *wanted, uint16_t *port)
{
	const bool any = !*wanted->host_ip;
	int r = try_bind(wanted, any || strchr(wanted->host_ip, ':') ? AF_INET6 : AF_INET, port);

	/* A host without IPv6. */
	if (any && (r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL))
		r = try_bind(wanted, AF_INET, port);
	/* One without SCTP has none that listens. */
	if ((r == -EPROTONOSUPPORT || r == -ESOCKTNOSUPPORT) && *port)
		r = 0;
	return r;
}

/* The container that has the port on an address that wanted's covers, or that covers it. */
static bool is_claimed(int ports_fd, const struct network_port *wanted, uint16_t port,
		       char owner[OWNER_MAX])
{
	_cleanup_close_ int fd = openat(ports_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	char prefix[32];
	struct dirent *entry;
	size_t prefix_len = (size_t)snprintf(prefix, sizeof(prefix), "%s:%u@", wanted->protocol,
					     (unsigned)port);

	if (!dir)
		return false;
	fd = -1;
	while ((entry = readdir(dir))) {
		const char *ip = entry->d_name + prefix_len;
		ssize_t n;

		if (strncmp(entry->d_name, prefix, prefix_len) != 0 ||
		    (*ip && *wanted->host_ip && strcmp(ip, wanted->host_ip) != 0))
			continue;
		n = readlinkat(ports_fd, entry->d_name, owner, OWNER_MAX - 1);
		owner[n > 0 ? n : 0] = '\0';
		return true;
	}
	return false;
}

static int taken(const struct network_port *wanted, uint16_t port, const char *owner,
		 struct error *err)
{
	return error_set(
		err, EADDRINUSE, "port %s%s%u/%s is taken%s%.12s (choose another host port)",
		wanted->host_ip, *wanted->host_ip ? ":" : "", (unsigned)port, wanted->protocol,
		*owner ? " by container " : " by a program of the host", owner);
}

/* One port of the host, or the first free one of a range. */
static int choose_of_range(int ports_fd, struct network_port *wanted, struct error *err)
{
	const unsigned last = wanted->host_end > wanted->host ? wanted->host_end : wanted->host;

	for (unsigned n = wanted->host; n <= last; n++) {
		char owner[OWNER_MAX] = "";
		uint16_t port = (uint16_t)n;
		int r = is_claimed(ports_fd, wanted, port, owner) ? -EADDRINUSE
								  : probe(wanted, &port);

		if (r == 0) {
			wanted->host = port;
			return 0;
		}
		if (r != -EADDRINUSE)
			return error_sys(err, -r, "publish port %s%s%u/%s", wanted->host_ip,
					 *wanted->host_ip ? ":" : "", n, wanted->protocol);
		if (last == wanted->host)
			return taken(wanted, port, owner, err);
	}
	return error_set(err, EADDRINUSE, "ports %u-%u/%s are all taken", wanted->host, last,
			 wanted->protocol);
}

static int choose_any(int ports_fd, struct network_port *wanted, struct error *err)
{
	for (int i = 0; i < CHOOSE_TRIES; i++) {
		char owner[OWNER_MAX];
		uint16_t port = 0;
		int r = probe(wanted, &port);

		if (r < 0)
			return error_sys(err, -r, "choose a host port for %u/%s", wanted->container,
					 wanted->protocol);
		if (!is_claimed(ports_fd, wanted, port, owner)) {
			wanted->host = port;
			return 0;
		}
	}
	return error_set(err, EADDRINUSE, "no free host port for %u/%s", wanted->container,
			 wanted->protocol);
}

int port_claim(int cni_fd, const char *id, struct network_port *ports, size_t len,
	       struct error *err)
{
	_cleanup_close_ int ports_fd = -1;
	int r = 0;

	if (len == 0)
		return 0;
	if (mkdirat(cni_fd, "ports", 0700) < 0 && errno != EEXIST)
		return error_sys(err, errno, "make cni/ports");
	ports_fd = openat(cni_fd, "ports", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (ports_fd < 0)
		return error_sys(err, errno, "open cni/ports");
	/* Those that are wanted first, so that no other is given one of them by chance. */
	for (int any = 0; any < 2; any++)
		for (size_t i = 0; i < len && r == 0; i++) {
			char name[CLAIM_MAX];

			if ((ports[i].host == 0) != any)
				continue;
			r = any ? choose_any(ports_fd, &ports[i], err)
				: choose_of_range(ports_fd, &ports[i], err);
			if (r < 0)
				break;
			(void)snprintf(name, sizeof(name), "%s:%u@%s", ports[i].protocol,
				       (unsigned)ports[i].host, ports[i].host_ip);
			if (symlinkat(id, ports_fd, name) < 0)
				r = error_sys(err, errno, "claim port %u", ports[i].host);
			ports[i].host_end = 0;
		}
	if (r < 0) {
		_cleanup_error_ struct error ignored = ERROR_INIT;

		(void)port_release(cni_fd, id, &ignored);
	}
	return r;
}

int port_release(int cni_fd, const char *id, struct error *err)
{
	_cleanup_close_ int fd =
		openat(cni_fd, "ports", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	int dir_fd;

	if (fd < 0)
		return errno == ENOENT ? 0 : error_sys(err, errno, "open cni/ports");
	dir = fdopendir(fd);
	if (!dir)
		return error_sys(err, errno, "read cni/ports");
	dir_fd = TAKE_FD(fd);
	while ((entry = readdir(dir))) {
		char owner[OWNER_MAX];
		ssize_t n = readlinkat(dir_fd, entry->d_name, owner, sizeof(owner) - 1);

		if (n < 0)
			continue;
		owner[n] = '\0';
		if (strcmp(owner, id) == 0 && unlinkat(dir_fd, entry->d_name, 0) < 0 &&
		    errno != ENOENT)
			return error_sys(err, errno, "remove cni/ports/%s", entry->d_name);
	}
	return 0;
}
