/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Networks of containers by CNI plugins (cni.dev/docs/spec 1.0.0): a default bridge with NAT and port
 * mappings, and whatever network the administrator has in /etc/cni/net.d. The same for both isolations:
 * a network namespace is made and pinned, the plugins fill it, and a container, or a utility VM's taps,
 * get it by path.
 */
#include <stdint.h>

#include "base/error.h"
#include "oci/spec.h"

#define NETWORK_DEFAULT "bridge"
#define NETWORK_ENDPOINTS_MAX 8 /* vm/settings.h: VM_NICS_MAX */

struct network_paths {               /* borrowed */
	const char *root, *run_root; /* as struct service has them */
	const char *plugins;         /* CNI_PATH: NULL: /usr/lib/cni:/opt/cni/bin */
	const char *config;          /* NULL: /etc/cni/net.d */
};

struct network_port {             /* -p */
	uint16_t container, host; /* host 0: any free one, chosen by network_attach */
	uint16_t host_end;        /* above host: the first free one of host to host_end */
	char protocol[8];         /* "tcp", "udp", "sctp" */
	char host_ip[46];         /* "": all */
};

struct network_endpoint { /* what a container has in one network; owned strings, NULL: none */
	char *network, *interface;                           /* "bridge", "eth0" */
	char *mac, *address, *gateway, *address6, *gateway6; /* address without prefix */
	unsigned prefix, prefix6;
	char *result; /* JSON of the plugins' result, as DEL wants it again */
};

struct network_request {
	const char *id;              /* of the container; ≤ 64 characters */
	const char *const *networks; /* names; the first has the default route and the ports */
	size_t networks_len;
	const char *mac, *address; /* asked for in the first one; NULL: any */
	const struct network_port *ports;
	size_t ports_len;
	const char *const *aliases;
	size_t aliases_len;
	/* What the default network's bridge has: from the configuration file; NULL: one like
	 * 10.90.0.0/16 that collides with none of the host's. */
	const char *subnet;
};

struct network_attachment { /* owned */
	char *netns;        /* path of the pinned namespace: RUN/netns/ID */
	struct network_endpoint endpoints[NETWORK_ENDPOINTS_MAX];
	size_t endpoints_len;
	struct network_port *ports; /* with the host's ports that were chosen */
	size_t ports_len;
	struct strv nameservers, searches; /* what plugins said; may be empty */
};
void network_attachment_done(struct network_attachment *attachment);

/* Makes a namespace with loopback up, pins it, and adds it to the networks in turn; undone whole when
 * one fails. No networks: loopback alone ("none"). -EADDRINUSE: "port 8080/tcp is taken". */
int network_attach(const struct network_paths *paths, const struct network_request *request,
		   struct network_attachment *ret, struct error *err);
/* Takes it off and removes the namespace, as far as it is there; also what a killed attach left (by the
 * cache that CNI wants kept below RUN/cni). When a plugin fails the namespace goes all the same, and the
 * next call asks the plugin again. */
int network_detach(const struct network_paths *paths, const char *id, struct error *err);

/* Asks the plugins whether all is as they left it (CNI's CHECK). -ENOENT: it is on no network. */
int network_check(const struct network_paths *paths, const char *id, struct error *err);

struct network_info {             /* owned */
	char *name, *type, *file; /* file NULL: built in */
	char *subnet, *gateway;   /* as far as the configuration says */
	char *config;             /* JSON of the conflist */
};
/* The built-in ones (bridge, host, none) and those in paths->config; a file that is none is left out.
 * Caller: network_info_done each, free. */
int network_list(const struct network_paths *paths, struct network_info **ret, size_t *ret_len,
		 struct error *err);
void network_info_done(struct network_info *info);

struct network_files { /* what /etc/hosts, /etc/resolv.conf and /etc/hostname are written from */
	const char *hostname, *domainname;
	const struct network_attachment *attachment; /* NULL: the host's network or none */
	const char *const *extra_hosts; /* "name:ip", "name=ip", "host-gateway" as ip */
	size_t extra_hosts_len;
	const char *const *dns, *const *dns_search, *const *dns_options;
	size_t dns_len, dns_search_len, dns_options_len;
	bool host_network; /* copies of the host's own files */
};
/* Writes hosts, resolv.conf and hostname into dir_fd (mode 0644). Nameservers on the host's loopback are
 * not passed on to a container with a network of its own (docker's rule, then its public default is not
 * ours: said by error only where nothing else is there? no: left empty). */
int network_files_write(int dir_fd, const struct network_files *files, struct error *err);

/* "[[ip:][hostPort]:]containerPort[/proto]", also ranges "8000-8010:80-90"; appended to *ports. Docker's
 * words in the error. */
int network_port_parse(const char *text, struct network_port **ports, size_t *len,
		       struct error *err);
