"""process: what the first program finds about itself."""

import os
import re

import pytest

STATUS = "cat /proc/self/status"


def status(result) -> dict:
    return dict(line.split(":\t", 1) for line in result.lines if ":\t" in line)


def caps_of(result) -> dict:
    return {k: int(v, 16) for k, v in status(result).items() if k.startswith("Cap")}


CHOWN, KILL, NET_BIND, NET_RAW, SYS_CHROOT, AUDIT_WRITE = 1 << 0, 1 << 5, 1 << 10, 1 << 13, 1 << 18, 1 << 29


def test_cwd(runtime, bundle):
    b = bundle().sh("pwd")
    b.process["cwd"] = "/etc"
    assert runtime.run(b).out == "/etc\n"


def test_cwd_that_the_user_cannot_enter(runtime, bundle):
    """Either entered with the runtime's rights or refused; never another directory in silence."""
    b = bundle().sh("pwd -P").user(1000, 1000)
    (b.rootfs / "root").chmod(0o700)
    b.process["cwd"] = "/root"
    result = runtime.run(b, check=False)
    assert result.rc != 0 or result.out in ("/root\n",) or "getcwd" in result.err


def test_cwd_missing_is_made_or_refused(runtime, bundle):
    b = bundle().writable().sh("pwd")
    b.process["cwd"] = "/made/here"
    result = runtime.run(b, check=False)
    assert result.out == "/made/here\n" or result.rc != 0


@pytest.mark.once("refused before anything is made")
def test_cwd_relative_is_refused(runtime, bundle):
    b = bundle().sh("pwd")
    b.process["cwd"] = "etc"
    runtime.run_fails(b, says="process.cwd")
    runtime.leftovers.assert_none()


def test_environment_is_the_configs_only(runtime, bundle):
    b = bundle().args("env")
    b.process["env"] += ["A=1", "EMPTY=", "EQ=a=b", "UTF=ü"]
    lines = set(runtime.run(b, env={**os.environ, "HOST_SECRET": "1"}).lines)
    assert {"A=1", "EMPTY=", "EQ=a=b", "UTF=ü"} <= lines
    assert not any(line.startswith("HOST_SECRET") for line in lines)


def test_home_is_set_from_passwd(runtime, bundle):
    assert runtime.run(bundle().sh("echo $HOME").user(1000, 1000)).out == "/home/app\n"
    assert runtime.run(bundle().sh("echo $HOME")).out == "/root\n"
    b = bundle().sh("echo $HOME")
    b.process["env"].append("HOME=/given")
    assert runtime.run(b).out == "/given\n"


def test_program_is_searched_in_the_containers_path(runtime, bundle):
    b = bundle().args("mytool")
    b.put("/opt/mytool", "#!/bin/sh\necho found\n", 0o755)
    b.process["env"] = ["PATH=/nowhere:/opt:/bin"]
    assert runtime.run(b).out == "found\n"


def test_relative_program_is_taken_from_cwd(runtime, bundle):
    b = bundle().args("./tool")
    b.put("/opt/tool", "#!/bin/sh\necho found\n", 0o755)
    b.process["cwd"] = "/opt"
    assert runtime.run(b).out == "found\n"


def test_argument_vector_is_exact(runtime, bundle):
    args = ["/bin/sh", "-c", 'for a; do echo "[$a]"; done', "sh", "", " ", "a b", "-x", "ü"]
    assert runtime.run(bundle().args(*args)).lines == ["[]", "[ ]", "[a b]", "[-x]", "[ü]"]


def test_user_and_groups(runtime, bundle):
    b = bundle().sh("id -u; id -g; id -G").user(1000, 2000, additionalGids=[5, 77])
    lines = runtime.run(b).lines
    assert lines[:2] == ["1000", "2000"]
    assert set(lines[2].split()) == {"2000", "5", "77"}


def test_no_groups_of_the_caller(runtime, bundle):
    b = bundle().sh("grep Groups /proc/self/status")
    result = runtime.run(b, preexec_fn=lambda: os.setgroups([4, 24, 27]))
    assert result.out.split()[1:] in ([], ["0"])


def test_user_without_passwd_entry(runtime, bundle):
    assert runtime.run(bundle().sh("id -u").user(54321, 54321)).out == "54321\n"


def test_umask(runtime, bundle):
    b = bundle().sh("umask").user(0, 0, umask=0o027)
    assert runtime.run(b).out == "0027\n"


def test_umask_default(runtime, bundle):
    """The spec says the caller's, runc and the engines that know it expect 0022; never 0, which a
    runtime needs while it makes devices."""
    out = runtime.run(bundle().sh("umask"), preexec_fn=lambda: os.umask(0o007)).out
    assert out in ("0007\n", "0022\n")


@pytest.mark.peer_lacks("runc sets it for the first process only")
def test_umask_in_exec(runtime, bundle):
    c = runtime.start(bundle().user(0, 0, umask=0o077))
    assert c.exec_sh("umask").out == "0077\n"


def test_rlimits(runtime, bundle):
    b = bundle().sh("cat /proc/self/limits")
    b.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200},
                            {"type": "RLIMIT_CORE", "soft": 0, "hard": 0},
                            {"type": "RLIMIT_STACK", "soft": 1048576, "hard": 2097152},
                            {"type": "RLIMIT_CPU", "soft": 1000, "hard": 2000},
                            {"type": "RLIMIT_NPROC", "soft": 50, "hard": 60}]
    limits = {line[:26].strip(): line[26:].split()[:2] for line in runtime.run(b).lines[1:]}
    assert limits["Max open files"] == ["100", "200"]
    assert limits["Max core file size"] == ["0", "0"]
    assert limits["Max stack size"] == ["1048576", "2097152"]
    assert limits["Max cpu time"] == ["1000", "2000"]
    assert limits["Max processes"] == ["50", "60"]


@pytest.mark.peer_lacks("runc 1.1 raises the soft limit of open files")
def test_rlimits_in_exec(runtime, bundle):
    b = bundle()
    b.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 123, "hard": 456}]
    assert runtime.start(b).exec_sh("ulimit -n; ulimit -Hn").lines == ["123", "456"]


@pytest.mark.once("refused before anything is made")
@pytest.mark.parametrize("limits,where", [
    ([{"type": "RLIMIT_NONSENSE", "soft": 1, "hard": 1}], "process.rlimits[0].type"),
    ([{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 5}], "process.rlimits[0]"),
    ([{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 1}, {"type": "RLIMIT_NOFILE", "soft": 2, "hard": 2}],
     "process.rlimits[1]"),
])
def test_rlimits_refused(runtime, bundle, limits, where):
    if runtime.standin and where == "process.rlimits[1]":
        pytest.skip("peer: takes the last")
    b = bundle().args("true")
    b.process["rlimits"] = limits
    runtime.run_fails(b, says=where)
    runtime.leftovers.assert_none()


@pytest.mark.host_view("the limits of the runtime's own process")
def test_rlimit_that_may_not_be_raised(runtime, bundle):
    """Without CAP_SYS_RESOURCE a hard limit cannot be raised: refused by name, not passed over."""
    with open("/proc/self/status", encoding="ascii") as own:
        if int(re.search(r"CapEff:\s*(\w+)", own.read()).group(1), 16) & 1 << 24:
            pytest.skip("this machine lets root raise limits")
    b = bundle().args("true")
    b.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 1048570, "hard": 1048570}]
    runtime.run_fails(b, says="RLIMIT_NOFILE")
    runtime.leftovers.assert_none()


def test_oom_score_adj(runtime, bundle):
    b = bundle().sh("cat /proc/self/oom_score_adj")
    b.process["oomScoreAdj"] = 500
    assert runtime.run(b).out == "500\n"


def test_oom_score_adj_in_exec(runtime, bundle):
    b = bundle()
    b.process["oomScoreAdj"] = 300
    assert runtime.start(b).exec("cat", "/proc/self/oom_score_adj").out == "300\n"


@pytest.mark.once("refused before anything is made")
def test_oom_score_adj_out_of_range(runtime, bundle):
    b = bundle().args("true")
    b.process["oomScoreAdj"] = 1001
    runtime.run_fails(b, says="process.oomScoreAdj")
    runtime.leftovers.assert_none()


def test_default_capabilities(runtime, bundle):
    caps = caps_of(runtime.run(bundle().sh(STATUS)))
    expected = AUDIT_WRITE | KILL | NET_BIND
    assert caps["CapBnd"] == caps["CapEff"] == caps["CapPrm"] == expected
    assert caps["CapInh"] == caps["CapAmb"] == 0


def test_capability_sets_differ(runtime, bundle):
    b = bundle().sh(STATUS).user(0, 0)
    b.process["noNewPrivileges"] = True
    b.process["capabilities"] = {"bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"],
                                 "permitted": ["CAP_CHOWN", "CAP_KILL"],
                                 "effective": ["CAP_KILL"]}
    caps = caps_of(runtime.run(b))
    assert caps["CapBnd"] == CHOWN | KILL | NET_RAW


def test_no_capabilities_at_all(runtime, bundle):
    b = bundle().sh(STATUS)
    b.process["capabilities"] = {}
    assert set(caps_of(runtime.run(b)).values()) == {0}


def test_capabilities_of_an_ordinary_user(runtime, bundle):
    """Without ambient ones an exec by uid 1000 keeps none; the bounding set stays."""
    caps = caps_of(runtime.run(bundle().sh(STATUS).user(1000, 1000)))
    assert caps["CapEff"] == caps["CapPrm"] == 0
    assert caps["CapBnd"] == AUDIT_WRITE | KILL | NET_BIND


def test_ambient_capabilities_reach_an_ordinary_user(runtime, bundle):
    names = ["CAP_NET_BIND_SERVICE", "CAP_KILL"]
    b = bundle().sh(STATUS).user(1000, 1000).caps(*names, inheritable=names, ambient=names)
    caps = caps_of(runtime.run(b))
    assert caps["CapEff"] == caps["CapPrm"] == caps["CapAmb"] == KILL | NET_BIND


def test_inheritable_only_when_asked(runtime, bundle):
    """CVE-2022-29162: empty unless the config says otherwise."""
    assert caps_of(runtime.run(bundle().sh(STATUS)))["CapInh"] == 0
    b = bundle().sh(STATUS).caps("CAP_KILL", inheritable=["CAP_KILL"])
    assert caps_of(runtime.run(b))["CapInh"] == KILL


@pytest.mark.once("refused before anything is made")
def test_unknown_capability(runtime, bundle):
    b = bundle().args("true").caps("CAP_KILL", "CAP_FLY")
    result = runtime.run(b, check=False)
    if runtime.standin:
        pytest.skip("peer: warns")
    runtime.assert_error(result, "CAP_FLY", "process.capabilities")
    runtime.leftovers.assert_none()


def test_capability_that_the_runtime_lacks(runtime, bundle):
    """Root without CAP_SYS_RESOURCE: engines ask for all capabilities; what cannot be had is
    dropped with a warning (as runc does) or refused by name, never a crash."""
    b = bundle().sh(STATUS).caps("CAP_KILL", "CAP_SYS_RESOURCE")
    result = runtime.run(b, check=False)
    if result.rc == 0:
        assert caps_of(result)["CapEff"] & KILL
    else:
        runtime.assert_error(result, "CAP_SYS_RESOURCE")


@pytest.mark.parametrize("wanted", [True, False])
def test_no_new_privileges(runtime, bundle, wanted):
    b = bundle().sh(STATUS)
    b.process["noNewPrivileges"] = wanted
    assert status(runtime.run(b))["NoNewPrivs"] == str(int(wanted))


@pytest.mark.peer_lacks("process.scheduler")
@pytest.mark.parametrize("scheduler,number", [
    ({"policy": "SCHED_BATCH", "nice": 5}, os.SCHED_BATCH),
    ({"policy": "SCHED_IDLE"}, os.SCHED_IDLE),
    ({"policy": "SCHED_OTHER", "nice": 7}, os.SCHED_OTHER),
])
def test_scheduler(runtime, bundle, scheduler, number):
    b = bundle().sh("awk '{print $41, $19}' /proc/$$/stat")
    b.process["scheduler"] = scheduler
    assert runtime.run(b).out == f"{number} {scheduler.get('nice', 0)}\n"


@pytest.mark.peer_lacks("process.scheduler")
@pytest.mark.parametrize("policy", ["SCHED_FIFO", "SCHED_RR"])
def test_scheduler_real_time(runtime, bundle, policy):
    """On v1 a cgroup has no real-time share by default; then it is refused by name."""
    b = bundle().sh("awk '{print $41}' /proc/$$/stat")
    b.process["scheduler"] = {"policy": policy, "priority": 3, "flags": ["SCHED_FLAG_RESET_ON_FORK"]}
    result = runtime.run(b, check=False)
    if result.rc:
        runtime.assert_error(result, "process.scheduler")
    else:
        assert result.out == f"{getattr(os, policy)}\n"


@pytest.mark.once("refused before anything is made")
@pytest.mark.peer_lacks("process.scheduler")
@pytest.mark.parametrize("scheduler", [
    {"policy": "SCHED_NONE"}, {"policy": "SCHED_OTHER", "nice": 50},
    {"policy": "SCHED_FIFO", "priority": 1000}, {"policy": "SCHED_OTHER", "flags": ["NO_FLAG"]},
    {"policy": 1}])
def test_scheduler_refused(runtime, bundle, scheduler):
    b = bundle().args("true")
    b.process["scheduler"] = scheduler
    runtime.run_fails(b, says="process.scheduler")
    runtime.leftovers.assert_none()


@pytest.mark.peer_lacks("process.ioPriority")
@pytest.mark.parametrize("io_class,priority,expected", [
    ("IOPRIO_CLASS_BE", 6, "best-effort: prio 6"), ("IOPRIO_CLASS_IDLE", 0, "idle")])
def test_io_priority(runtime, bundle, io_class, priority, expected):
    b = bundle().sh("ionice -p $$")
    b.process["ioPriority"] = {"class": io_class, "priority": priority}
    assert expected in runtime.run(b).out


@pytest.mark.once("refused before anything is made")
@pytest.mark.peer_lacks("process.ioPriority")
@pytest.mark.parametrize("value", [{"class": "IOPRIO_CLASS_XX", "priority": 1},
                                   {"class": "IOPRIO_CLASS_BE", "priority": 8},
                                   {"priority": 1}])
def test_io_priority_refused(runtime, bundle, value):
    b = bundle().args("true")
    b.process["ioPriority"] = value
    runtime.run_fails(b, says="process.ioPriority")
    runtime.leftovers.assert_none()


@pytest.mark.peer_lacks("execCPUAffinity")
def test_exec_cpu_affinity(runtime, bundle):
    cpus = sorted(os.sched_getaffinity(0)) if runtime.isolation == "process" else [0]
    b = bundle()
    b.process["execCPUAffinity"] = {"initial": str(cpus[0]), "final": str(cpus[-1])}
    c = runtime.start(b)
    out = c.exec_sh("grep Cpus_allowed_list /proc/self/status").out
    assert out.split()[1] == str(cpus[-1])
    first = c.exec_sh("grep Cpus_allowed_list /proc/1/status").out.split()[1]
    assert first != str(cpus[-1]) or len(cpus) == 1, "init is not touched by it"


@pytest.mark.once("refused before anything is made")
@pytest.mark.peer_lacks("execCPUAffinity")
@pytest.mark.parametrize("text", ["x", "1-", "-1", "3-1", "99999999", "0,,1"])
def test_exec_cpu_affinity_refused(runtime, bundle, text):
    b = bundle().args("true")
    b.process["execCPUAffinity"] = {"initial": text}
    runtime.run_fails(b, says="process.execCPUAffinity")
    runtime.leftovers.assert_none()


PERSONALITY = r"""
#include <stdio.h>
#include <sys/personality.h>
int main(void) { printf("%x\n", personality(0xffffffff)); }
"""


@pytest.mark.peer_lacks("personality")
@pytest.mark.parametrize("domain,value", [("LINUX", "0"), ("LINUX32", "8")])
def test_personality(runtime, bundle, compile_c, domain, value):
    b = bundle()
    b.linux["personality"] = {"domain": domain}
    program = b.install(compile_c("pers", PERSONALITY))
    assert runtime.run(b.args(program)).out == value + "\n"
    c = runtime.start(b.args("sleep", "1000"))
    assert c.exec(program).out == value + "\n"


@pytest.mark.once("refused before anything is made")
@pytest.mark.peer_lacks("personality")
@pytest.mark.parametrize("value", [{"domain": "WINDOWS"}, {"domain": "LINUX", "flags": ["X"]}])
def test_personality_refused(runtime, bundle, value):
    b = bundle().args("true")
    b.linux["personality"] = value
    runtime.run_fails(b, says="linux.personality")
    runtime.leftovers.assert_none()


def test_sysctl(runtime, bundle):
    b = bundle().sh("cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax /proc/sys/fs/mqueue/msg_max")
    b.linux["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "4096",
                         "fs.mqueue.msg_max": "20"}
    assert runtime.run(b).lines == ["1", "4096", "20"]


def test_sysctl_with_slashes_and_dotted_names(runtime, bundle):
    b = bundle().sh("cat /proc/sys/net/ipv4/conf/lo/forwarding")
    b.linux["sysctl"] = {"net/ipv4/conf/lo/forwarding": "1"}
    assert runtime.run(b).out == "1\n"


@pytest.mark.once("refused before anything is made")
@pytest.mark.parametrize("key,without", [
    ("net.ipv4.ip_forward", "network"), ("kernel.msgmax", "ipc"), ("fs.mqueue.msg_max", "ipc"),
    ("kernel.domainname", "uts")])
def test_sysctl_of_a_shared_namespace_is_refused(runtime, bundle, key, without):
    b = bundle().args("true").without_namespace(without)
    if without == "uts":
        del b.spec["hostname"]
    b.linux["sysctl"] = {key: "1"}
    runtime.run_fails(b, says=key)
    runtime.leftovers.assert_none()


@pytest.mark.once("refused before anything is made")
@pytest.mark.parametrize("key", ["vm.swappiness", "kernel.panic", "fs.file-max", "../kernel/panic",
                                 "net.ipv4/../../../kernel/panic", "kernel.hostname", ""])
def test_sysctl_that_belongs_to_the_host_is_refused(runtime, bundle, key):
    if runtime.standin and key.startswith("net"):
        pytest.skip("peer: other check")
    b = bundle().args("true")
    b.linux["sysctl"] = {key: "1"}
    runtime.run_fails(b, says="sysctl")
    runtime.leftovers.assert_none()


def test_sysctl_unknown_or_bad_value(runtime, bundle):
    b = bundle().args("true")
    b.linux["sysctl"] = {"net.ipv4.no_such_key": "1"}
    runtime.run_fails(b, says="no_such_key")
    b.linux["sysctl"] = {"net.ipv4.ip_forward": "lots"}
    runtime.run_fails(b, says="net.ipv4.ip_forward")
    runtime.leftovers.assert_none()


@pytest.mark.parametrize("args,status_,says", [
    (["nosuchprogram"], 127, "executable file not found in $PATH"),
    (["/bin/nosuchprogram"], 127, "no such file or directory"),
    (["/etc/passwd"], 126, "permission denied"),
])
@pytest.mark.parametrize("command", ["run", "create"])
def test_program_missing_or_not_executable(runtime, bundle, command, args, status_, says):
    b = bundle().args(*args)
    b.write()
    result = runtime(command, "-b", b.path, runtime.new_id(), check=False)
    assert result.rc != 0
    if not runtime.standin:
        runtime.assert_error(result, says, args[0], rc=status_)
        runtime.leftovers.assert_none()


def test_program_of_the_wrong_format(runtime, bundle):
    b = bundle().args("/bin/garbage")
    b.put("/bin/garbage", b"\x7fELFgarbage" + bytes(100), 0o755)
    runtime.run_fails(b, says=["/bin/garbage", "exec format error"])
    runtime.leftovers.assert_none()


@pytest.mark.host_view("a VM's kernel has no policy: labels are left out there, and said so")
def test_apparmor_and_selinux_without_the_module(runtime, bundle):
    """A label the kernel cannot apply is refused by its JSON path."""
    if os.path.exists("/sys/kernel/security/apparmor") or os.path.exists("/sys/fs/selinux/enforce"):
        pytest.skip("this kernel has the module")
    if runtime.standin:
        pytest.skip("peer: ignores them")
    for field in ("apparmorProfile", "selinuxLabel"):
        b = bundle().args("true")
        b.process[field] = "some_profile"
        runtime.run_fails(b, says=f"process.{field}")
    runtime.leftovers.assert_none()


def test_processes_do_not_inherit_a_nice_value_or_pdeathsig(runtime, bundle):
    c = runtime.start(bundle())
    assert c.exec_sh("awk '{print $19}' /proc/1/stat").out == "0\n"
