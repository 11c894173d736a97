/* SPDX-License-Identifier: Apache-2.0 */
#include "service/names.h"

#include <stdint.h>
#include <string.h>
#include <sys/random.h>

static const char *const qualities[] = {
	"able",   "amber",  "brave",   "bright",  "brisk",  "calm",    "candid", "careful",
	"clear",  "clever", "cosy",    "curious", "daring", "eager",   "early",  "earnest",
	"fair",   "famous", "fine",    "fleet",   "fond",   "frank",   "free",   "fresh",
	"gentle", "glad",   "golden",  "grand",   "happy",  "hardy",   "honest", "humble",
	"jolly",  "keen",   "kind",    "lively",  "loyal",  "lucid",   "lucky",  "mellow",
	"merry",  "mighty", "modest",  "nimble",  "noble",  "patient", "plain",  "polite",
	"prompt", "proud",  "quick",   "quiet",   "ready",  "robust",  "rosy",   "serene",
	"silent", "silver", "simple",  "sincere", "smooth", "snug",    "solid",  "spry",
	"steady", "stout",  "sturdy",  "subtle",  "sunny",  "swift",   "tender", "tidy",
	"trusty", "upbeat", "valiant", "vivid",   "warm",   "wise",    "witty",  "young",
};

static const char *const things[] = {
	"alder",   "anchor",  "aspen",   "badger",  "beacon", "birch",   "bridge", "brook",
	"cedar",   "clover",  "comet",   "copper",  "crane",  "delta",   "dune",   "eagle",
	"ember",   "falcon",  "fern",    "finch",   "fjord",  "forest",  "fox",    "garnet",
	"glacier", "granite", "grove",   "gull",    "harbor", "hazel",   "heron",  "hill",
	"island",  "jasper",  "juniper", "kestrel", "lagoon", "lantern", "larch",  "lark",
	"laurel",  "linden",  "lynx",    "maple",   "marsh",  "meadow",  "meteor", "moss",
	"oak",     "ocean",   "otter",   "owl",     "pebble", "pine",    "planet", "plover",
	"poplar",  "prairie", "quartz",  "quill",   "raven",  "reed",    "ridge",  "river",
	"robin",   "rowan",   "sail",    "sparrow", "spruce", "stone",   "summit", "swan",
	"thistle", "thrush",  "tundra",  "valley",  "violet", "walnut",  "willow", "wren",
};

static void random_bytes(void *ret, size_t n)
{
	unsigned char *at = ret;

	while (n > 0) {
		/* Never short below 256 bytes once the kernel has booted. */
		ssize_t got = getrandom(at, n, 0);

		if (got > 0) {
			at += got;
			n -= (size_t)got;
		}
	}
}

void random_hex(char *ret, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[64];

	while (n > 0) {
		size_t some = n < sizeof(bytes) ? n : sizeof(bytes);

		random_bytes(bytes, some);
		for (size_t i = 0; i < some; i++) {
			*ret++ = digits[bytes[i] >> 4];
			*ret++ = digits[bytes[i] & 15];
		}
		n -= some;
	}
	*ret = '\0';
}

int name_check(const char *name, struct error *err)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789_.-";
	size_t len = strlen(name);

	if (len < 2 || strspn(name, allowed) != len || strchr("_.-", name[0]))
		return error_set(err, EINVAL,
				 "Invalid container name (%.64s), only [a-zA-Z0-9][a-zA-Z0-9_.-] "
				 "are allowed, at least two of them",
				 name);
	if (len > NAME_MAX_LEN)
		return error_set(err, ENAMETOOLONG,
				 "Invalid container name (%.64s…): %zu characters, at most %d are "
				 "allowed",
				 name, len, NAME_MAX_LEN);
	return 0;
}

char *name_invent(unsigned attempt)
{
	char *name = NULL;
	uint32_t random;

	random_bytes(&random, sizeof(random));
	if (asprintf(&name, "%s_%s", qualities[random % ARRAY_SIZE(qualities)],
		     things[(random >> 8) % ARRAY_SIZE(things)]) < 0)
		return NULL;
	if (attempt > 3) {
		char *numbered = NULL;

		if (asprintf(&numbered, "%s%u", name, random >> 16) < 0)
			numbered = NULL;
		free(name);
		return numbered;
	}
	return name;
}
