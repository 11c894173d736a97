/* SPDX-License-Identifier: Apache-2.0 */
#include "child.h"

#include <sched.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "base/id_list.h"
#include "container/sched.h"

/* struct sched_attr, as far as is looked at */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static struct attributes attributes_now(void)
{
	struct attributes a = { 0 };

	CHECK(syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0) == 0);
	return a;
}

static void id_lists_are_parsed_and_bounded(void **state)
{
	unsigned long bits[ID_LIST_WORDS(128)];

	(void)state;
	assert_int_equal(id_list_parse("0-2,5", bits, 127), 4);
	assert_int_equal(bits[0], 0x27);
	assert_int_equal(id_list_parse(" 0 , 127 \n", bits, 127), 2);
	assert_true(bits[1] == 1UL << 63);
	assert_int_equal(id_list_parse("3,3,2-4", bits, 127), 3);
	assert_int_equal(id_list_parse("128", bits, 127), -ERANGE);
	assert_int_equal(id_list_parse("0-18446744073709551617", bits, 127), -ERANGE);
	assert_int_equal(id_list_parse("3-1", bits, 127), -ERANGE);
	for (const char *const *bad = (const char *const[]){ "", ",", "1,", "1-", "-1", "a", "1 2",
							     "1--2", "0x1", NULL };
	     *bad; bad++)
		assert_int_equal(id_list_parse(*bad, bits, 127), -EINVAL);
}

static void schedulers_are_checked(void **state)
{
	static const struct {
		struct oci_scheduler s;
		const char *text;
	} bad[] = {
		{ { .policy = "SCHED_X" }, "s.policy: unknown policy \"SCHED_X\"" },
		{ { .policy = "SCHED_ISO" }, "s.policy: Linux has no \"SCHED_ISO\"" },
		{ { .policy = "SCHED_OTHER", .nice = 20 }, "s.nice: 20 is not in -20 … 19" },
		{ { .policy = "SCHED_FIFO" },
		  "s.priority: 0 is not in 1 … 99, as SCHED_FIFO needs" },
		{ { .policy = "SCHED_BATCH", .priority = 1 },
		  "s.priority: only SCHED_FIFO and SCHED_RR have one" },
		{ { .policy = "SCHED_OTHER", .period = 5 },
		  "s.period: only SCHED_DEADLINE has it" },
		{ { .policy = "SCHED_DEADLINE", .runtime = 5 },
		  "s.runtime: SCHED_DEADLINE needs at least 1024 ns" },
		{ { .policy = "SCHED_DEADLINE", .runtime = 5000, .deadline = 4000 },
		  "s.deadline: must be at least runtime" },
		{ { .policy = "SCHED_DEADLINE", .runtime = 5000, .deadline = 9000, .period = 8000 },
		  "s.period: must be at least deadline" },
	};
	struct oci_scheduler flag = { .policy = "SCHED_OTHER", .flags = STRV("SCHED_FLAG_X") };
	struct error err = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_refused(scheduler_check(&bad[i].s, "s", &err), &err, bad[i].text);
	assert_refused(scheduler_check(&flag, "s", &err), &err,
		       "s.flags[0]: unknown flag \"SCHED_FLAG_X\"");
	assert_int_equal(scheduler_check(NULL, "s", &err), 0);
}

static void policies_are_set(void *arg)
{
	struct oci_scheduler batch = { .policy = "SCHED_BATCH",
				       .nice = 7,
				       .flags = STRV("SCHED_FLAG_RESET_ON_FORK") };
	struct oci_scheduler idle = { .policy = "SCHED_IDLE" };
	struct oci_scheduler fifo = { .policy = "SCHED_FIFO", .priority = 3 };
	struct oci_scheduler deadline = { .policy = "SCHED_DEADLINE",
					  .runtime = 100000,
					  .deadline = 10000000,
					  .period = 20000000 };
	struct error err = ERROR_INIT;
	struct attributes a;

	(void)arg;
	CHECK_OK(scheduler_apply(NULL, &err), &err);
	CHECK_OK(scheduler_apply(&batch, &err), &err);
	a = attributes_now();
	CHECK(a.policy == SCHED_BATCH && a.nice == 7 && a.flags == 1);
	CHECK_OK(scheduler_apply(&idle, &err), &err);
	CHECK(attributes_now().policy == SCHED_IDLE);
	CHECK_OK(scheduler_apply(&fifo, &err), &err);
	a = attributes_now();
	CHECK(a.policy == SCHED_FIFO && a.priority == 3);
	CHECK_OK(scheduler_apply(&deadline, &err), &err);
	a = attributes_now();
	CHECK(a.policy == 6 && a.runtime == 100000 && a.deadline == 10000000 &&
	      a.period == 20000000);
}

static void real_time_without_the_right_says_so(void *arg)
{
	const struct rlimit none = { 0, 0 };
	struct oci_scheduler fifo = { .policy = "SCHED_FIFO", .priority = 3 };
	struct oci_io_priority rt = { .class = "IOPRIO_CLASS_RT", .priority = 1 };
	struct error err = ERROR_INIT;

	(void)arg;
	CHECK(setrlimit(RLIMIT_RTPRIO, &none) == 0 && setresuid(1000, 1000, 1000) == 0);
	CHECK(scheduler_apply(&fifo, &err) == -EPERM);
	CHECK(strstr(error_text(&err), "process.scheduler: SCHED_FIFO is not permitted: it needs "
				       "CAP_SYS_NICE"));
	CHECK(io_priority_apply(&rt, &err) == -EPERM);
	CHECK(strstr(error_text(&err), "process.ioPriority: IOPRIO_CLASS_RT needs CAP_SYS_NICE"));
}

static void io_priority_is_set(void *arg)
{
	struct oci_io_priority be = { .class = "IOPRIO_CLASS_BE", .priority = 6 };
	struct oci_io_priority unknown = { .class = "IOPRIO_CLASS_NONE", .priority = 6 };
	struct oci_io_priority range = { .class = "IOPRIO_CLASS_BE", .priority = 8 };
	struct error err = ERROR_INIT;

	(void)arg;
	CHECK_OK(io_priority_apply(&be, &err), &err);
	CHECK(syscall(SYS_ioprio_get, 1, 0) == (2 << 13 | 6));
	CHECK(io_priority_check(&unknown, "p", &err) < 0);
	CHECK(strcmp(error_text(&err), "p.class: unknown class \"IOPRIO_CLASS_NONE\"") == 0);
	CHECK(io_priority_check(&range, "p", &err) < 0);
	CHECK(strcmp(error_text(&err), "p.priority: 8 is not in 0 … 7") == 0);
}

static void affinity_is_set(void *arg)
{
	struct error err = ERROR_INIT;
	cpu_set_t set;
	char list[32];
	int first;

	(void)arg;
	CHECK(sched_getaffinity(0, sizeof(set), &set) == 0);
	for (first = 0; !CPU_ISSET(first, &set); first++)
		;
	(void)snprintf(list, sizeof(list), "%d,65535", first); /* one that is not there: left out */
	CHECK_OK(cpu_affinity_check(list, "p", &err), &err);
	CHECK_OK(cpu_affinity_apply(list, &err), &err);
	CHECK(sched_getaffinity(0, sizeof(set), &set) == 0);
	CHECK(CPU_COUNT(&set) == 1 && CPU_ISSET(first, &set));
	CHECK_OK(cpu_affinity_apply("", &err), &err);
	CHECK(cpu_affinity_apply("65535", &err) == -EINVAL);
	CHECK(strstr(error_text(&err), "none of the CPUs \"65535\" is there"));
	CHECK(cpu_affinity_check("65536", "p.final", &err) < 0);
	CHECK(strstr(error_text(&err), "p.final: \"65536\" has a CPU above 65535"));
	CHECK(cpu_affinity_check("1;2", "p.final", &err) < 0);
}

static void memory_policy_is_set(void *arg)
{
	struct oci_memory_policy bind = { .mode = "MPOL_BIND",
					  .nodes = "0",
					  .flags = STRV("MPOL_F_STATIC_NODES") };
	struct oci_memory_policy none = { .mode = "MPOL_DEFAULT" };
	struct oci_memory_policy absent = { .mode = "MPOL_BIND", .nodes = "1023" };
	unsigned long nodes[16] = { 0 };
	struct error err = ERROR_INIT;
	int mode = -1;

	(void)arg;
	CHECK_OK(memory_policy_apply(&bind, &err), &err);
	CHECK(syscall(SYS_get_mempolicy, &mode, nodes, 1024, NULL, 0) == 0);
	CHECK(mode == (2 | 1 << 15) && nodes[0] == 1);
	CHECK(memory_policy_apply(&absent, &err) == -EINVAL);
	CHECK(strstr(error_text(&err), "linux.memoryPolicy: the kernel refuses MPOL_BIND"));
	CHECK_OK(memory_policy_apply(&none, &err), &err);
	CHECK(syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0) == 0 && mode == 0);
}

static void memory_policies_are_checked(void **state)
{
	struct oci_memory_policy unknown = { .mode = "MPOL_X" };
	struct oci_memory_policy none = { .mode = "MPOL_BIND" };
	struct oci_memory_policy some = { .mode = "MPOL_LOCAL", .nodes = "0" };
	struct oci_memory_policy high = { .mode = "MPOL_BIND", .nodes = "0-1024" };
	struct oci_memory_policy flag = { .mode = "MPOL_BIND",
					  .nodes = "0",
					  .flags = STRV("MPOL_F_X") };
	struct oci_memory_policy both = { .mode = "MPOL_BIND",
					  .nodes = "0",
					  .flags = STRV("MPOL_F_STATIC_NODES",
							"MPOL_F_RELATIVE_NODES") };
	struct error err = ERROR_INIT;

	(void)state;
	assert_refused(memory_policy_check(&unknown, "m", &err), &err,
		       "m.mode: unknown mode \"MPOL_X\"");
	assert_refused(memory_policy_check(&none, "m", &err), &err,
		       "m.nodes: MPOL_BIND needs at least one");
	assert_refused(memory_policy_check(&some, "m", &err), &err,
		       "m.nodes: MPOL_LOCAL takes none");
	assert_refused(memory_policy_check(&high, "m", &err), &err,
		       "m.nodes: \"0-1024\" has a node above 1023, or a range that runs backwards");
	assert_refused(memory_policy_check(&flag, "m", &err), &err,
		       "m.flags[0]: unknown flag \"MPOL_F_X\"");
	assert_refused(memory_policy_check(&both, "m", &err), &err,
		       "m.flags: MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other");
}

static void personality_is_set(void *arg)
{
	struct oci_personality linux32 = { .domain = "LINUX32" }, native = { .domain = "LINUX" };
	struct oci_personality other = { .domain = "BSD" };
	struct oci_personality flags = { .domain = "LINUX", .flags = STRV("ADDR_NO_RANDOMIZE") };
	struct error err = ERROR_INIT;

	(void)arg;
	CHECK_OK(personality_apply(&linux32, &err), &err);
	CHECK(personality(0xffffffff) == PER_LINUX32);
	CHECK_OK(personality_apply(&native, &err), &err);
	CHECK(personality(0xffffffff) == PER_LINUX);
	CHECK(personality_check(&other, "p", &err) < 0);
	CHECK(strcmp(error_text(&err), "p.domain: \"BSD\" is neither LINUX nor LINUX32") == 0);
	CHECK(personality_check(&flags, "p", &err) < 0);
	CHECK(strcmp(error_text(&err), "p.flags[0]: unknown flag \"ADDR_NO_RANDOMIZE\"") == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(id_lists_are_parsed_and_bounded),
		cmocka_unit_test(schedulers_are_checked),
		IN_CHILD(policies_are_set),
		IN_CHILD(real_time_without_the_right_says_so),
		IN_CHILD(io_priority_is_set),
		IN_CHILD(affinity_is_set),
		IN_CHILD(memory_policy_is_set),
		cmocka_unit_test(memory_policies_are_checked),
		IN_CHILD(personality_is_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
