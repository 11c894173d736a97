"""linux.seccomp: actions, arguments, flags, the notify descriptor."""

import fcntl
import json
import os
import signal
import socket
import struct
import threading

import pytest

from terminal import receive_fds

EXDEV, EPERM = 18, 1

CALL = r"""
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
/* call NAME [ARGUMENT...]: prints "ok" or the errno. */
int main(int argc, char **argv)
{
	static const struct { const char *name; long nr; } calls[] = {
		{ "getpriority", SYS_getpriority }, { "umask", SYS_umask }, { "getpgid", SYS_getpgid },
		{ "getsid", SYS_getsid }, { "sethostname", SYS_sethostname }, { "getrandom", SYS_getrandom },
	};
	unsigned long a[6] = { 0 };
	long ret = -1;

	for (int i = 2; i < argc && i < 8; i++)
		a[i - 2] = strtoul(argv[i], NULL, 0);
	errno = 0;
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (!strcmp(argv[1], calls[i].name))
			ret = syscall(calls[i].nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (ret < 0)
		printf("%d\n", errno);
	else
		printf("ok\n");
	return 0;
}
"""


@pytest.fixture
def filtered(bundle, compile_c):
    """filtered(rule...) gives a bundle whose /bin/call meets these rules, default allow."""
    def make(*rules, default="SCMP_ACT_ALLOW", **more):
        b = bundle()
        b.install(compile_c("call", CALL))
        b.linux["seccomp"] = {"defaultAction": default, "architectures": ["SCMP_ARCH_X86_64"],
                              "syscalls": list(rules), **more}
        if os.uname().machine != "x86_64":
            del b.linux["seccomp"]["architectures"]
        return b
    return make


def rule(action, *names, **more):
    return {"names": list(names), "action": action, **more}


def compare(index, op, value, value_two=None):
    entry = {"index": index, "op": op, "value": value}
    if value_two is not None:
        entry["valueTwo"] = value_two
    return entry


def call(runtime, b, *args):
    return runtime.run(b.args("call", *map(str, args)), check=False)


def calls(runtime, b, *commands) -> list:
    """What several calls in one container answer."""
    return runtime.run(b.sh("; ".join(f"call {c}" for c in commands)), check=False).lines


def test_errno_default_is_eperm(runtime, filtered):
    b = filtered(rule("SCMP_ACT_ERRNO", "getpgid"))
    assert calls(runtime, b, "getpgid", "getsid") == [str(EPERM), "ok"]


@pytest.mark.parametrize("number", [0, 1, 18, 38, 4094])
def test_errno_ret(runtime, filtered, number):
    b = filtered(rule("SCMP_ACT_ERRNO", "getpgid", errnoRet=number))
    expected = "ok\n" if number == 0 else f"{number}\n"
    result = call(runtime, b, "getpgid")
    assert result.out == expected, result


def test_default_errno_ret(runtime, filtered):
    b = filtered(default="SCMP_ACT_ALLOW")
    b.linux["seccomp"].update(
        defaultAction="SCMP_ACT_ERRNO", defaultErrnoRet=EXDEV,
        syscalls=[rule("SCMP_ACT_ALLOW", *COMMON)])
    assert call(runtime, b, "getpgid").out == f"{EXDEV}\n"


# What a static C program, busybox and a runtime's last steps need.
COMMON = """
access arch_prctl brk capget capset chdir clone clone3 close close_range dup dup2 dup3 epoll_create1 epoll_ctl epoll_pwait
execve execveat exit exit_group fchdir fchmod fchown fcntl fstat fstatfs futex getcwd getdents64
getegid geteuid getgid getgroups getpid getppid getrandom gettid getuid ioctl kill lseek madvise
membarrier mmap mprotect mremap munmap nanosleep newfstatat open openat openat2 pipe pipe2 poll ppoll
prctl pread64 prlimit64 pwrite64 read readlink readlinkat readv rseq rt_sigaction rt_sigprocmask rt_sigreturn
sched_getaffinity sched_yield seccomp sendmsg recvmsg set_robust_list set_tid_address setgid setgroups setresgid
setresuid setuid sigaltstack socketpair stat statfs statx tgkill uname wait4 waitid write writev
faccessat2 faccessat lstat fsync umask keyctl setsid sendto recvfrom clock_nanosleep clock_gettime mount_setattr
""".split()


def test_allow_list(runtime, filtered):
    """An allow list as engines use it: the runtime's own last steps must pass it."""
    b = filtered(rule("SCMP_ACT_ALLOW", *COMMON), default="SCMP_ACT_ERRNO")
    assert call(runtime, b, "getpgid").out == "1\n"
    assert call(runtime, b, "getrandom").out != "1\n"


@pytest.mark.parametrize("op,value,hit,miss", [
    ("SCMP_CMP_EQ", 5, 5, 6), ("SCMP_CMP_NE", 5, 6, 5), ("SCMP_CMP_LT", 5, 4, 5),
    ("SCMP_CMP_LE", 5, 5, 6), ("SCMP_CMP_GT", 5, 6, 5), ("SCMP_CMP_GE", 5, 5, 4),
    ("SCMP_CMP_EQ", 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFF),
])
def test_comparisons(runtime, filtered, op, value, hit, miss):
    b = filtered(rule("SCMP_ACT_ERRNO", "umask", errnoRet=EXDEV, args=[compare(0, op, value)]))
    assert calls(runtime, b, f"umask {hit}", f"umask {miss}") == [str(EXDEV), "ok"]


def test_masked_comparison(runtime, filtered):
    b = filtered(rule("SCMP_ACT_ERRNO", "umask", errnoRet=EXDEV,
                      args=[compare(0, "SCMP_CMP_MASKED_EQ", 0xF0, 0x10)]))
    assert calls(runtime, b, "umask 0x1F", "umask 0x2F") == [str(EXDEV), "ok"]


def test_conditions_on_different_arguments_all_hold(runtime, filtered):
    b = filtered(rule("SCMP_ACT_ERRNO", "getpriority", errnoRet=EXDEV,
                      args=[compare(0, "SCMP_CMP_EQ", 0), compare(1, "SCMP_CMP_EQ", 1)]))
    assert calls(runtime, b, "getpriority 0 1", "getpriority 0 0") == [str(EXDEV), "ok"]


def test_conditions_on_one_argument_are_alternatives(runtime, filtered):
    """As runc and crun read the spec: several conditions on one index make several rules."""
    b = filtered(rule("SCMP_ACT_ERRNO", "umask", errnoRet=EXDEV,
                      args=[compare(0, "SCMP_CMP_EQ", 1), compare(0, "SCMP_CMP_EQ", 2)]))
    assert calls(runtime, b, "umask 1", "umask 2", "umask 3") == [str(EXDEV), str(EXDEV), "ok"]


@pytest.mark.parametrize("action", ["SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD",
                                    "SCMP_ACT_TRAP"])
def test_deadly_actions(runtime, filtered, action):
    b = filtered(rule(action, "getpgid"))
    result = call(runtime, b, "getpgid")
    assert result.rc == 128 + signal.SIGSYS
    assert result.out == ""


@pytest.mark.parametrize("action", ["SCMP_ACT_LOG", "SCMP_ACT_ALLOW", ])
def test_harmless_actions(runtime, filtered, action):
    assert call(runtime, filtered(rule(action, "getpgid")), "getpgid").out == "ok\n"


def test_trace_without_a_tracer_is_enosys(runtime, filtered):
    assert call(runtime, filtered(rule("SCMP_ACT_TRACE", "getpgid")), "getpgid").out == "38\n"


def test_unknown_system_calls_are_passed_over(runtime, filtered):
    """Profiles name calls of newer kernels and other architectures."""
    b = filtered(rule("SCMP_ACT_ERRNO", "getpgid", "a_call_of_the_future"))
    assert call(runtime, b, "getpgid").out == "1\n"


def test_exec_is_filtered_too(runtime, filtered):
    b = filtered(rule("SCMP_ACT_ERRNO", "getpgid", errnoRet=EXDEV))
    c = runtime.start(b.args("sleep", "1000"))
    assert c.exec("call", "getpgid").out == f"{EXDEV}\n"


@pytest.mark.parametrize("flags", [[], ["SECCOMP_FILTER_FLAG_LOG"],
                                   ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"]])
def test_flags(runtime, filtered, flags):
    if runtime.standin and flags:
        pytest.skip("peer: runc 1.1 supports no flags")
    b = filtered(rule("SCMP_ACT_ERRNO", "getpgid"), flags=flags)
    assert call(runtime, b, "getpgid").out == "1\n"


def test_without_no_new_privileges(runtime, filtered):
    """Then the filter is loaded while CAP_SYS_ADMIN is still there."""
    b = filtered(rule("SCMP_ACT_ERRNO", "getpgid"))
    b.process["noNewPrivileges"] = False
    b.user(1000, 1000)
    assert call(runtime, b, "getpgid").out == "1\n"


def test_filter_counts(runtime, filtered):
    b = filtered(rule("SCMP_ACT_ERRNO", "getpgid")).args("grep", "Seccomp:", "/proc/self/status")
    assert runtime.run(b).out.split()[1] == "2"


def test_many_rules(runtime, filtered):
    rules = [rule("SCMP_ACT_ERRNO", "umask", errnoRet=EXDEV, args=[compare(0, "SCMP_CMP_EQ", i)])
             for i in range(200)]
    b = filtered(*rules)
    assert calls(runtime, b, "umask 199", "umask 200") == [str(EXDEV), "ok"]


def test_other_architectures(runtime, filtered):
    b = filtered(rule("SCMP_ACT_ERRNO", "getpgid"))
    if os.uname().machine != "x86_64":
        pytest.skip("x86 only")
    b.linux["seccomp"]["architectures"] += ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]
    assert call(runtime, b, "getpgid").out == "1\n"


@pytest.mark.once("refused before anything is made")
@pytest.mark.peer_lacks("refusal by JSON path")
def test_errno_ret_with_an_action_that_has_none(runtime, filtered):
    b = filtered(rule("SCMP_ACT_KILL", "getpgid", errnoRet=5))
    b.write()
    result = runtime("create", "-b", b.path, runtime.new_id(), check=False)
    runtime.assert_error(result, "linux.seccomp.syscalls[0]")
    runtime.leftovers.assert_none()


RECV, SEND = 0xC0502100, 0xC0182101


def serve(listener, answers):
    """Take the state and the descriptor, then answer every notification with errno 77."""
    connection, _ = listener.accept()
    with connection:
        data, fds = receive_fds(connection)
        while len(fds) and not data.rstrip().endswith(b"}"):
            data += connection.recv(65536)
    answers.append((data, fds, os.readlink(f"/proc/self/fd/{fds[0]}")))
    try:
        while True:
            request = bytearray(80)
            fcntl.ioctl(fds[0], RECV, request)
            number = struct.unpack_from("Q", request)[0]
            fcntl.ioctl(fds[0], SEND, struct.pack("QqiI", number, 0, -77, 0))
            break
    except OSError:
        pass  # the poke that ends a test whose container never asked
    finally:
        os.close(fds[0])


@pytest.fixture
def agent(work):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(work / "seccomp.sock"))
    listener.listen()
    listener.settimeout(10)
    answers = []
    thread = threading.Thread(target=serve, args=(listener, answers), daemon=True)
    thread.start()
    yield str(work / "seccomp.sock"), answers
    thread.join(5)
    listener.close()


@pytest.mark.host_view("a descriptor cannot leave a VM")
def test_notify(runtime, filtered, agent):
    path, answers = agent
    b = filtered(rule("SCMP_ACT_NOTIFY", "getpgid"), listenerPath=path, listenerMetadata="meta data")
    b.spec["annotations"] = {"a": "b"}
    assert call(runtime, b, "getpgid").out == "77\n"
    data, fds, link = answers[0]
    state = json.loads(data)
    assert link == "anon_inode:seccomp notify"
    assert len(fds) == 1 and state["fds"] == ["seccompFd"]
    assert state["metadata"] == "meta data"
    assert state["pid"] > 0
    assert state["state"]["bundle"] == str(b.path)
    assert state["state"]["status"] in ("creating", "created")
    assert state["state"]["annotations"] == {"a": "b"}
    assert state["ociVersion"].startswith("1.")


@pytest.mark.host_view("a descriptor cannot leave a VM")
def test_notify_in_exec(runtime, filtered, work):
    """exec sends a descriptor of its own, with status running."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(work / "s"))
    listener.listen()
    answers = []
    b = filtered(rule("SCMP_ACT_NOTIFY", "getpgid"), listenerPath=str(work / "s"))

    def take_two():
        connection, _ = listener.accept()  # init's
        with connection:
            _data, fds = receive_fds(connection)
        serve(listener, answers)
        os.close(fds[0])

    thread = threading.Thread(target=take_two, daemon=True)
    thread.start()
    c = runtime.start(b.args("sleep", "1000"))
    assert c.exec("call", "getpgid").out == "77\n"
    thread.join(5)
    listener.close()
    assert json.loads(answers[0][0])["state"]["status"] == "running"


@pytest.mark.host_view("a descriptor cannot leave a VM")
def test_notify_without_a_listener(runtime, filtered, work):
    b = filtered(rule("SCMP_ACT_NOTIFY", "getpgid"))
    runtime.run_fails(b, says="listenerPath")
    b = filtered(rule("SCMP_ACT_NOTIFY", "getpgid"), listenerPath=str(work / "nobody.sock"))
    runtime.run_fails(b, says="nobody.sock")
    runtime.leftovers.assert_none()


@pytest.mark.host_view("a descriptor cannot leave a VM")
def test_notify_for_write_is_refused(runtime, filtered, agent):
    """The runtime itself must write after the filter is loaded: it could never get an answer."""
    path, _ = agent
    b = filtered(rule("SCMP_ACT_NOTIFY", "write"), listenerPath=path)
    result = runtime.run(b.args("true"), check=False, timeout=15)
    if not runtime.standin:
        assert result.rc != 0
        runtime.assert_error(result, "linux.seccomp")
    socket_poke(path)
    runtime.leftovers.assert_none()


def socket_poke(path):
    """Let the waiting agent thread end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as poke:
        poke.connect(path)
        reader, writer = os.pipe()
        socket.send_fds(poke, [b"{}"], [reader])
        os.close(writer)
        os.close(reader)


def test_listener_path_without_notify_is_harmless(runtime, filtered):
    b = filtered(rule("SCMP_ACT_ERRNO", "getpgid"), listenerPath="/no/such.sock")
    result = call(runtime, b, "getpgid")
    assert result.out == "1\n" or result.rc != 0
