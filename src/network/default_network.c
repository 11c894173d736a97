/* SPDX-License-Identifier: Apache-2.0 */
#include "network/default_network.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>

#include "base/environment.h"
#include "base/json.h"
#include "base/subprocess.h"
#include "network/route.h"
#include "network/ruleset.h"
#include "network/state.h"

#define DEFAULT_RUN_ROOT "/run/hcs"
/* 10.90.0.0/16, and on from there: below are those that other tools begin with. */
#define SUBNET_FIRST 90
#define SUBNET_STATE "bridge.json"
#define RULES_STATE "rules.json"
#define PREFIX_MIN                                                                                 \
	8 /* of a configured subnet: what host-local can walk, and room for a container */
#define PREFIX_MAX 29
#define IPTABLES_TIMEOUT_MS (60 * 1000)

/* hcs0, and for another run directory, whose containers know nothing of these, a bridge of its own. */
static void bridge_name(const char *run_root, char name[IFNAMSIZ])
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	if (strcmp(run_root, DEFAULT_RUN_ROOT) == 0) {
		(void)snprintf(name, IFNAMSIZ, "hcs0");
		return;
	}
	for (const char *c = run_root; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	(void)snprintf(name, IFNAMSIZ, "hcs%08x", hash);
}

int default_network_subnet(int cni_fd, char **ret, struct error *err)
{
	json_t *json;
	const char *subnet;
	int r = state_load(cni_fd, SUBNET_STATE, &json, err);

	*ret = NULL;
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	subnet = json_string_value(json_object_get(json, "subnet"));
	if (subnet)
		*ret = strdup(subnet);
	if (subnet && !*ret)
		r = error_oom(err);
	json_decref(json);
	return r;
}

static int store_subnet(int cni_fd, const char *subnet, struct error *err)
{
	json_t *json = json_pack("{s:s}", "subnet", subnet);
	int r = json ? state_store(cni_fd, SUBNET_STATE, json, err) : error_oom(err);

	json_decref(json);
	return r;
}

/* The subnets of the administrator's networks, whose bridges need not be there yet. */
static int add_configured(const char *directory, struct route_subnet **subnets, size_t *len,
			  struct error *err)
{
	struct cni_config *configs;
	struct route_subnet *more;
	size_t n;
	int r = cni_config_list(directory, &configs, &n, err);

	if (r < 0)
		return r;
	more = realloc(*subnets, (*len + n + 1) * sizeof(*more));
	if (more)
		*subnets = more;
	for (size_t i = 0; i < n; i++) {
		const char *gateway, *subnet = cni_config_subnet(&configs[i], &gateway);

		if (more && subnet && route_subnet_parse(subnet, &more[*len]) == 0)
			++*len;
		cni_config_done(&configs[i]);
	}
	free(configs);
	return more ? 0 : error_oom(err);
}

/* The first /16 of 10.90.0.0 to 10.255.0.0, then of 10.0.0.0 on, that meets no route and no network. */
static int choose_subnet(const struct network_paths *paths, const char *bridge, char **ret,
			 struct error *err)
{
	_cleanup_free_ struct route_subnet *routes = NULL;
	size_t len = 0;
	int r = route_list(bridge, &routes, &len);

	if (r < 0)
		return error_sys(err, -r, "read the host's routes");
	r = add_configured(paths->config ? paths->config : CNI_CONFIG_DIRECTORY, &routes, &len,
			   err);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < 256; i++) {
		const unsigned second = (SUBNET_FIRST + i) % 256;
		const struct route_subnet subnet = { .address = 10u << 24 | second << 16,
						     .prefix = 16 };
		bool is_free = true;

		for (size_t k = 0; k < len && is_free; k++)
			is_free = !route_subnets_overlap(&subnet, &routes[k]);
		if (!is_free)
			continue;
		if (asprintf(ret, "10.%u.0.0/16", second) < 0) {
			*ret = NULL;
			return error_oom(err);
		}
		return 0;
	}
	return error_set(
		err, EADDRNOTAVAIL,
		"no subnet for the default network: the host has routes to all of 10.0.0.0/8 "
		"(name one in config.json: \"network\": {\"subnet\": …})");
}

static int chosen_subnet(const struct network_paths *paths, int cni_fd, const char *bridge,
			 char **ret, struct error *err)
{
	_cleanup_close_ int locked_fd = -1;
	int r = default_network_subnet(cni_fd, ret, err);

	if (r < 0 || *ret)
		return r;
	r = state_open(paths, true, &locked_fd, err);
	if (r == 0)
		r = default_network_subnet(cni_fd, ret, err);
	if (r < 0 || *ret)
		return r;
	r = choose_subnet(paths, bridge, ret, err);
	return r < 0 ? r : store_subnet(cni_fd, *ret, err);
}

/* The configured one, as the kernel writes it. */
static int given_subnet(int cni_fd, const char *subnet, char **ret, struct error *err)
{
	char printable[JSON_PRINTABLE_SIZE], address[INET_ADDRSTRLEN];
	struct route_subnet parsed;
	struct in_addr in;
	_cleanup_free_ char *before = NULL;
	int r;

	if (route_subnet_parse(subnet, &parsed) < 0 || parsed.prefix < PREFIX_MIN ||
	    parsed.prefix > PREFIX_MAX)
		return error_set(err, EINVAL,
				 "subnet %s of the default network: must be like 10.90.0.0/16, "
				 "with a prefix "
				 "of %d to %d",
				 json_printable(subnet, printable), PREFIX_MIN, PREFIX_MAX);
	in.s_addr = htonl(parsed.address);
	if (asprintf(ret, "%s/%u", inet_ntop(AF_INET, &in, address, sizeof(address)),
		     parsed.prefix) < 0) {
		*ret = NULL;
		return error_oom(err);
	}
	r = default_network_subnet(cni_fd, &before, err);
	if (r == 0 && (!before || strcmp(before, *ret) != 0))
		r = store_subnet(cni_fd, *ret, err);
	return r;
}

int default_network_config(const struct network_paths *paths, int cni_fd, const char *subnet,
			   bool with_ports, struct cni_config *ret, struct error *err)
{
	_cleanup_free_ char *own = NULL, *leases = NULL;
	char bridge[IFNAMSIZ], gateway[INET_ADDRSTRLEN] = "";
	struct route_subnet parsed;
	struct in_addr first;
	json_t *json;
	int r;

	bridge_name(paths->run_root, bridge);
	r = subnet ? given_subnet(cni_fd, subnet, &own, err)
		   : chosen_subnet(paths, cni_fd, bridge, &own, err);
	if (r < 0)
		return r;
	if (route_subnet_parse(own, &parsed) == 0) {
		first.s_addr = htonl(parsed.address + 1);
		(void)inet_ntop(AF_INET, &first, gateway, sizeof(gateway));
	}
	if (asprintf(&leases, "%s/cni/leases", paths->run_root) < 0) {
		leases = NULL;
		return error_oom(err);
	}
	/* CHECK of the portmap of Debian 12 (1.1.1) misses the IPv6 chains that it does not make. */
	json = json_pack("{s:s, s:s, s:[{s:s, s:s, s:b, s:b, s:{s:b, s:b}, "
			 "s:{s:s, s:s, s:[[{s:s, s:s}]], s:[{s:s}]}}], "
			 "s:b}",
			 "cniVersion", "1.0.0", "name", NETWORK_DEFAULT, "plugins", "type",
			 "bridge", "bridge", bridge, "isGateway", 1, "hairpinMode", 1,
			 "capabilities", "mac", 1, "ips", 1, "ipam", "type", "host-local",
			 "dataDir", leases, "ranges", "subnet", own, "gateway", gateway, "routes",
			 "dst", "0.0.0.0/0", "disableCheck", with_ports);
	if (json && with_ports &&
	    json_array_append_new(json_object_get(json, "plugins"),
				  json_pack("{s:s, s:{s:b}}", "type", "portmap", "capabilities",
					    "portMappings", 1)) < 0) {
		json_decref(json);
		json = NULL;
	}
	return json ? cni_config_take(json, NULL, ret, err) : error_oom(err);
}

const char *cni_config_subnet(const struct cni_config *config, const char **ret_gateway)
{
	const json_t *first = json_array_get(json_object_get(config->list, "plugins"), 0);
	const json_t *ipam = json_object_get(first, "ipam");
	const json_t *range = json_array_get(json_array_get(json_object_get(ipam, "ranges"), 0), 0);

	if (!json_object_get(range, "subnet"))
		range = ipam;
	*ret_gateway = json_string_value(json_object_get(range, "gateway"));
	return json_string_value(json_object_get(range, "subnet"));
}

static int iptables(const char *program, const char *operation, const char *const *rule,
		    struct error *err)
{
	_cleanup_free_ char **environment = environment_for_helpers();
	_cleanup_free_ char *output = NULL;
	char *argv[24] = { (char *)"iptables", (char *)"-w", (char *)"-t", (char *)rule[0],
			   (char *)operation };
	size_t n = 5;
	int r;

	if (!environment)
		return error_oom(err);
	for (size_t i = 1; rule[i] && n + 1 < ARRAY_SIZE(argv); i++)
		argv[n++] = (char *)rule[i];
	r = subprocess_run(&(struct subprocess){ .path = program,
						 .argv = argv,
						 .envp = environment,
						 .timeout_ms = IPTABLES_TIMEOUT_MS,
						 .stdout_fd = -1,
						 .stderr_fd = -1,
						 .cwd_fd = -1 },
			   &output, err);
	if (r <= 0 || operation[1] == 'C')
		return r;
	if (output)
		output[strcspn(output, "\n")] = '\0';
	return error_set(err, EIO, "iptables -t %s %s %s: %s", rule[0], operation, rule[1],
			 output && *output ? output : "failed");
}

/* NULL: not there. */
static const char *find_iptables(void)
{
	static const char *const places[] = { "/usr/sbin/iptables", "/sbin/iptables",
					      "/usr/local/sbin/iptables" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}

/* Nobody has touched any rule since ours were seen: an iptables that looks for them is a tenth of a start. */
static bool seen_already(const struct network_paths *paths, const json_t *now)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	_cleanup_close_ int fd = -1;
	json_t *seen = NULL;
	bool same;

	if (!now || state_open(paths, false, &fd, &ignored) < 0 ||
	    state_load(fd, RULES_STATE, &seen, &ignored) < 0)
		return false;
	same = json_equal(seen, now);
	json_decref(seen);
	return same;
}

/* Without it the next start looks for itself. */
static void remember_seen(const struct network_paths *paths, const json_t *now)
{
	_cleanup_error_ struct error ignored = ERROR_INIT;
	_cleanup_close_ int locked_fd = -1;

	if (now && state_open(paths, true, &locked_fd, &ignored) == 0)
		(void)state_store(locked_fd, RULES_STATE, now, &ignored);
}

/* Asked for before the rules are looked for, so that a change meanwhile is one. */
static json_t *rules_state(const char *program, const char *bridge, const char *subnet)
{
	json_t *now = ruleset_state(program);

	if (now && (json_object_set_new(now, "bridge", json_string(bridge)) < 0 ||
		    json_object_set_new(now, "subnet", json_string(subnet)) < 0)) {
		json_decref(now);
		return NULL;
	}
	return now;
}

int default_network_open_host(const struct network_paths *paths, const struct cni_config *config,
			      struct error *err)
{
	const json_t *first = json_array_get(json_object_get(config->list, "plugins"), 0);
	const char *bridge = json_string_value(json_object_get(first, "bridge")), *gateway;
	const char *subnet = cni_config_subnet(config, &gateway), *program = find_iptables();
	/* The first is asked for at every start; whoever flushes the tables takes it along with the others.
	 * Those of FORWARD come first: a host's own policy, or Docker's, may be to drop. */
	const struct {
		const char *add, *rule[16];
	} rules[] = {
		{ "-A",
		  { "nat", "POSTROUTING", "-s", subnet, "!", "-o", bridge, "-j", "MASQUERADE" } },
		{ "-I", { "filter", "FORWARD", "-i", bridge, "-j", "ACCEPT" } },
		{ "-I",
		  { "filter", "FORWARD", "-o", bridge, "-m", "conntrack", "--ctstate",
		    "RELATED,ESTABLISHED,DNAT", "-j", "ACCEPT" } },
	};
	_cleanup_close_ int locked_fd = -1;
	json_t *now;
	int r;

	if (!program)
		return error_set(err, ENOENT,
				 "the default network needs iptables, which is not installed (or "
				 "use --network none)");
	now = rules_state(program, bridge, subnet);
	if (seen_already(paths, now)) {
		json_decref(now);
		return 0;
	}
	r = iptables(program, "-C", rules[0].rule, err);
	if (r == 0)
		remember_seen(paths, now);
	json_decref(now);
	if (r <= 0)
		return r;
	r = state_open(paths, true, &locked_fd, err);
	/* The one that is asked for last. */
	for (size_t i = ARRAY_SIZE(rules); i > 0 && r == 0; i--) {
		r = iptables(program, "-C", rules[i - 1].rule, err);
		if (r > 0)
			r = iptables(program, rules[i - 1].add, rules[i - 1].rule, err);
	}
	return r < 0 ? error_wrap(err, r, "default network") : 0;
}
