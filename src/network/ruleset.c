/* SPDX-License-Identifier: Apache-2.0 */
#include "network/ruleset.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/netlink.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* Linux 5.14 */
#endif
#define NFT_PROGRAM "xtables-nft-multi"

/* By Debian's alternatives iptables is one of two programs; the other's rules have no generation. */
static bool is_nft(const char *program)
{
	_cleanup_free_ char *path = realpath(program, NULL);
	const char *name = path ? strrchr(path, '/') : NULL;

	return name && strcmp(name + 1, NFT_PROGRAM) == 0;
}

static int read_generation(const struct netlink_message *message, void *data)
{
	const struct nlattr *attrs[NFTA_GEN_MAX + 1];
	uint32_t *generation = data;
	int r;

	if (message->type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN) ||
	    message->len < sizeof(struct nfgenmsg))
		return 0;
	r = netlink_parse((const char *)message->data + sizeof(struct nfgenmsg),
			  message->len - sizeof(struct nfgenmsg), attrs, NFTA_GEN_MAX);
	if (r == 0)
		*generation = ntohl(netlink_u32(attrs[NFTA_GEN_ID], 0));
	return r;
}

/* 0: the kernel does not tell. It begins with 1, and leaves 0 out where it wraps. cookie: of the namespace,
 * never another's until the host is started again. */
static uint32_t generation_of(uint64_t *cookie)
{
	const struct nfgenmsg header = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 };
	_cleanup_netlink_ struct netlink nl = NETLINK_INIT;
	struct netlink_request rq;
	socklen_t len = sizeof(*cookie);
	uint32_t generation = 0;

	if (netlink_open(&nl, NETLINK_NETFILTER) < 0 ||
	    getsockopt(nl.fd, SOL_SOCKET, SO_NETNS_COOKIE, cookie, &len) < 0)
		return 0;
	netlink_begin(&rq, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, NLM_F_ACK, &header,
		      sizeof(header));
	return netlink_transact(&nl, &rq, read_generation, &generation, NULL) < 0 ? 0 : generation;
}

json_t *ruleset_state(const char *program)
{
	_cleanup_free_ char *boot = NULL;
	uint64_t cookie = 0;
	uint32_t generation;
	size_t len;

	if (!is_nft(program))
		return NULL;
	generation = generation_of(&cookie);
	if (generation == 0 ||
	    file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 128, &boot, &len) < 0)
		return NULL;
	boot[strcspn(boot, "\n")] = '\0';
	return json_pack("{s:s, s:I, s:I}", "boot", boot, "namespace", (json_int_t)cookie,
			 "generation", (json_int_t)generation);
}
