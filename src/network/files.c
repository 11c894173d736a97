/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/json.h"
#include "network/network.h"

#define HOST_FILE_MAX ((size_t)1024 * 1024)
#define RESOLV_CONF "/etc/resolv.conf"
/* Where systemd-resolved, whose own address is the host's loopback, has the servers that it asks. */
#define RESOLV_CONF_UPSTREAM "/run/systemd/resolve/resolv.conf"

struct text {
	char *data;
	size_t len;
	FILE *stream;
};

static int text_open(struct text *text, struct error *err)
{
	text->stream = open_memstream(&text->data, &text->len);
	return text->stream ? 0 : error_oom(err);
}

static void text_done(struct text *text)
{
	if (text->stream)
		(void)fclose(text->stream);
	free(text->data);
}

/* Written in place: a container that runs has the file mounted, one that does not is not looking. */
static int write_file(int dir_fd, const char *name, struct text *text, struct error *err)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (fclose(TAKE_PTR(text->stream)) != 0)
		return error_oom(err);
	fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return error_sys(err, errno, "make the container's %s", name);
	r = fchmod(fd, 0644) < 0 ? -errno : fd_write_all(fd, text->data, text->len);
	return r < 0 ? error_sys(err, -r, "write the container's %s", name) : 0;
}

/* A file of the host's, "" where there is none. */
static int host_file(const char *path, char **ret, struct error *err)
{
	size_t len;
	int r = file_read_regular(AT_FDCWD, path, HOST_FILE_MAX, ret, &len);

	if (r == -ENOENT) {
		*ret = strdup("");
		return *ret ? 0 : error_oom(err);
	}
	return r < 0 ? error_sys(err, -r, "read %s", path) : 0;
}

static bool is_address(const char *text)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static const struct network_endpoint *first_endpoint(const struct network_files *files)
{
	const struct network_attachment *to = files->attachment;

	return to && to->endpoints_len > 0 ? &to->endpoints[0] : NULL;
}

/* "name:ip", "name=ip", "name:[ip6]", "name:host-gateway" */
static int put_extra_host(const struct network_files *files, const char *extra, FILE *to,
			  struct error *err)
{
	const struct network_endpoint *ep = first_endpoint(files);
	const size_t name_len = strcspn(extra, ":=");
	char printable[JSON_PRINTABLE_SIZE], address[INET6_ADDRSTRLEN];
	const char *ip = extra[name_len] ? extra + name_len + 1 : "";
	size_t len = strlen(ip);

	if (name_len == 0 || strcspn(extra, " \t\n#") < name_len)
		return error_set(err, EINVAL, "bad format for add-host: %s",
				 json_printable(extra, printable));
	if (strcmp(ip, "host-gateway") == 0) {
		ip = files->host_network ? "127.0.0.1" : ep ? ep->gateway : NULL;
		if (!ip && ep)
			ip = ep->gateway6;
		if (!ip)
			return error_set(err, EINVAL,
					 "add-host: %s: the container's network has no gateway",
					 json_printable(extra, printable));
		len = strlen(ip);
	} else if (len > 2 && ip[0] == '[' && ip[len - 1] == ']') {
		ip++;
		len -= 2;
	}
	if (len < sizeof(address)) {
		memcpy(address, ip, len);
		address[len] = '\0';
	}
	if (len >= sizeof(address) || !is_address(address))
		return error_set(err, EINVAL, "invalid IP address in add-host: %s",
				 json_printable(extra, printable));
	(void)fprintf(to, "%s\t%.*s\n", address, (int)name_len, extra);
	return 0;
}

static void put_own_name(const struct network_files *files, const char *address, FILE *to)
{
	if (!address)
		return;
	if (files->domainname && *files->domainname)
		(void)fprintf(to, "%s\t%s.%s %s\n", address, files->hostname, files->domainname,
			      files->hostname);
	else
		(void)fprintf(to, "%s\t%s\n", address, files->hostname);
}

static int write_hosts(int dir_fd, const struct network_files *files, struct error *err)
{
	static const char usual[] = "127.0.0.1\tlocalhost\n"
				    "::1\tlocalhost ip6-localhost ip6-loopback\n"
				    "fe00::0\tip6-localnet\n"
				    "ff00::0\tip6-mcastprefix\n"
				    "ff02::1\tip6-allnodes\n"
				    "ff02::2\tip6-allrouters\n";
	_cleanup_(text_done) struct text text = { 0 };
	_cleanup_free_ char *own = NULL;
	int r = text_open(&text, err);

	if (r == 0 && files->host_network)
		r = host_file("/etc/hosts", &own, err);
	if (r < 0)
		return r;
	(void)fputs(own ? own : usual, text.stream);
	if (own && *own && own[strlen(own) - 1] != '\n')
		(void)fputc('\n', text.stream);
	for (size_t i = 0; i < files->extra_hosts_len && r == 0; i++)
		r = put_extra_host(files, files->extra_hosts[i], text.stream, err);
	if (r < 0)
		return r;
	for (size_t i = 0; files->attachment && i < files->attachment->endpoints_len; i++) {
		put_own_name(files, files->attachment->endpoints[i].address, text.stream);
		put_own_name(files, files->attachment->endpoints[i].address6, text.stream);
	}
	return write_file(dir_fd, "hosts", &text, err);
}

/* 127.0.0.0/8 and ::1 are the container's own loopback, where nobody answers. */
static bool is_loopback(const char *address)
{
	unsigned char bytes[16];
	static const unsigned char one[16] = { [15] = 1 };

	if (inet_pton(AF_INET, address, bytes) == 1)
		return bytes[0] == 127;
	return inet_pton(AF_INET6, address, bytes) == 1 && memcmp(bytes, one, sizeof(one)) == 0;
}

/* Calls put for each line of a resolv.conf: its keyword and the rest. */
static void each_line(char *conf, void (*put)(void *data, const char *keyword, char *rest),
		      void *data)
{
	char *state = NULL;

	for (char *line = strtok_r(conf, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
		char *rest;
		size_t len = strcspn(line, " \t");

		if (line[0] == '#' || line[0] == ';' || !line[len])
			continue;
		line[len] = '\0';
		rest = line + len + 1;
		rest += strspn(rest, " \t");
		len = strlen(rest);
		while (len > 0 && strchr(" \t\r", rest[len - 1]))
			rest[--len] = '\0';
		put(data, line, rest);
	}
}

struct resolv { /* what is taken of the host's file */
	bool loopback, servers, searches, options;
	size_t found; /* servers */
	FILE *to;     /* NULL: count only */
};

static void take_line(void *data, const char *keyword, char *rest)
{
	struct resolv *resolv = data;
	bool wanted = false;

	if (strcmp(keyword, "nameserver") == 0) {
		wanted = resolv->servers && (resolv->loopback || !is_loopback(rest));
		resolv->found += wanted;
	} else if (strcmp(keyword, "search") == 0 || strcmp(keyword, "domain") == 0) {
		wanted = resolv->searches;
	} else if (strcmp(keyword, "options") == 0) {
		wanted = resolv->options;
	}
	if (wanted && resolv->to)
		(void)fprintf(resolv->to, "%s %s\n", keyword, rest);
}

static int host_resolv_conf(bool loopback, char **ret, struct error *err)
{
	struct resolv count = { .loopback = loopback, .servers = true };
	_cleanup_free_ char *copy = NULL;
	int r = host_file(RESOLV_CONF, ret, err);

	if (r < 0 || loopback)
		return r;
	copy = strdup(*ret);
	if (!copy)
		return error_oom(err);
	each_line(copy, take_line, &count);
	if (count.found > 0 || !strstr(*ret, "127.0.0.53"))
		return 0;
	free(TAKE_PTR(*ret));
	return host_file(RESOLV_CONF_UPSTREAM, ret, err);
}

static void put_list(FILE *to, const char *keyword, const char *const *items, size_t len)
{
	if (len == 0)
		return;
	(void)fputs(keyword, to);
	for (size_t i = 0; i < len; i++)
		(void)fprintf(to, " %s", items[i]);
	(void)fputc('\n', to);
}

static int check_words(const char *option, const char *const *items, size_t len, struct error *err)
{
	char printable[JSON_PRINTABLE_SIZE];

	for (size_t i = 0; i < len; i++)
		if (!*items[i] || strpbrk(items[i], " \t\r\n"))
			return error_set(err, EINVAL, "%s: %s is no single word", option,
					 json_printable(items[i], printable));
	return 0;
}

static int check_dns(const struct network_files *files, struct error *err)
{
	char printable[JSON_PRINTABLE_SIZE];
	int r;

	for (size_t i = 0; i < files->dns_len; i++)
		if (!is_address(files->dns[i]))
			return error_set(err, EINVAL, "dns: %s is no IP address",
					 json_printable(files->dns[i], printable));
	r = check_words("dns-search", files->dns_search, files->dns_search_len, err);
	return r < 0 ? r
		     : check_words("dns-option", files->dns_options, files->dns_options_len, err);
}

/* What the user said, else what the network's plugins said, else what the host has. */
static int write_resolv_conf(int dir_fd, const struct network_files *files, struct error *err)
{
	const struct network_attachment *at = files->attachment;
	const bool plugin_servers = at && at->nameservers.len > 0;
	const bool plugin_searches = at && at->searches.len > 0;
	_cleanup_(text_done) struct text text = { 0 };
	_cleanup_free_ char *own = NULL;
	struct resolv resolv = { .loopback = files->host_network,
				 .servers = files->dns_len == 0 && !plugin_servers,
				 .searches = files->dns_search_len == 0 && !plugin_searches,
				 .options = files->dns_options_len == 0 };
	int r = check_dns(files, err);

	if (r == 0)
		r = text_open(&text, err);
	if (r == 0)
		r = host_resolv_conf(files->host_network, &own, err);
	if (r < 0)
		return r;
	resolv.to = text.stream;
	if (files->dns_search_len > 0) {
		/* "." says that there are to be none. */
		if (files->dns_search_len > 1 || strcmp(files->dns_search[0], ".") != 0)
			put_list(text.stream, "search", files->dns_search, files->dns_search_len);
	} else if (plugin_searches) {
		put_list(text.stream, "search", (const char *const *)at->searches.items,
			 at->searches.len);
	}
	for (size_t i = 0; i < files->dns_len; i++)
		(void)fprintf(text.stream, "nameserver %s\n", files->dns[i]);
	for (size_t i = 0; files->dns_len == 0 && plugin_servers && i < at->nameservers.len; i++)
		(void)fprintf(text.stream, "nameserver %s\n", at->nameservers.items[i]);
	each_line(own, take_line, &resolv);
	put_list(text.stream, "options", files->dns_options, files->dns_options_len);
	return write_file(dir_fd, "resolv.conf", &text, err);
}

static int write_hostname(int dir_fd, const struct network_files *files, struct error *err)
{
	_cleanup_(text_done) struct text text = { 0 };
	int r = text_open(&text, err);

	if (r < 0)
		return r;
	(void)fprintf(text.stream, "%s\n", files->hostname);
	return write_file(dir_fd, "hostname", &text, err);
}

int network_files_write(int dir_fd, const struct network_files *files, struct error *err)
{
	int r = write_hosts(dir_fd, files, err);

	if (r == 0)
		r = write_resolv_conf(dir_fd, files, err);
	return r < 0 ? r : write_hostname(dir_fd, files, err);
}
