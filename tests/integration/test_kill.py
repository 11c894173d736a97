"""kill: signals by name and number, to init and to all."""

import os

import pytest

from runtime import until

TRAP_ALL = """
for s in HUP INT QUIT USR1 USR2 TERM WINCH CONT ALRM; do trap "echo got-$s" $s; done
echo ready
while :; do sleep 0.05; done
"""


@pytest.fixture
def trapping(runtime, bundle):
    c = runtime.start(bundle().sh(TRAP_ALL))
    c.until_output("ready")
    return c


def test_spellings(trapping):
    for number, spelling in enumerate(["USR1", "SIGUSR1", "10", "usr1", "sigusr1"], 1):
        trapping.kill(spelling)
        until(lambda: trapping.out.count("got-USR1") == number, what=lambda: f"{spelling}: {trapping.out}")


def test_signals_arrive(trapping):
    for name in ("HUP", "INT", "QUIT", "USR2", "TERM", "WINCH", "ALRM"):
        trapping.kill(name)
        trapping.until_output(f"got-{name}")


def test_default_is_term(trapping):
    trapping.kill()
    trapping.until_output("got-TERM")


def test_kill_9_stops(runtime, bundle):
    c = runtime.start(bundle())
    c.kill("9")
    c.wait_stopped()


REALTIME = r"""
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
int main(void)
{
	sigset_t set;
	int sig;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	puts("ready");
	fflush(stdout);
	for (;;) {
		sigwait(&set, &sig);
		printf("signal %d\n", sig);
		fflush(stdout);
	}
}
"""


def test_realtime(runtime, bundle, compile_c):
    b = bundle()
    c = runtime.start(b.args(b.install(compile_c("catch", REALTIME))))
    c.until_output("ready")
    for spelling, number in [("35", 35), ("63", 63), ("RTMIN", 34), ("SIGRTMIN+3", 37), ("RTMAX", 64),
                             ("RTMAX-2", 62)]:
        if runtime.standin and not spelling.isdigit():
            continue  # runc knows real-time signals by number only
        c.kill(spelling)
        c.until_output(f"signal {number}$")


def test_signals_that_do_not_exist(runtime, bundle):
    c = runtime.start(bundle())
    for spelling in ("NOSUCH", "", "-1", "0x9", "65", "1000", "9x", "SIG", "99999999999999999999",
                     "RTMIN+31"):
        if runtime.standin and not spelling:
            continue  # runc takes the empty name for the default
        runtime.fails("kill", "--", c.id, spelling, says="signal")
    assert c.status == "running"


def test_all_reaches_every_process(runtime, bundle):
    b = bundle().sh("sleep 1000 & sleep 1000 & echo up; wait")
    if runtime.isolation == "process":  # a VM has no pid namespace of the host's to share
        b.without_namespace("pid")
    c = runtime.start(b)
    c.until_output("up")
    c.kill("KILL", "--all")
    c.wait_stopped()
    until(lambda: not [f for f in runtime.leftovers.new() if f.startswith("process")])


def test_all_short_option(runtime, bundle):
    c = runtime.start(bundle())
    c.kill("KILL", "-a")
    c.wait_stopped()


def test_stopped_container_cannot_be_killed(runtime, bundle):
    c = runtime.start(bundle().args("true"))
    c.wait_stopped()
    runtime.fails("kill", c.id, "TERM", says=[c.id, "stopped"])


def test_all_of_a_stopped_container_is_no_error(runtime, bundle):
    """Docker calls kill --all after the end to be sure; runc answers 0."""
    c = runtime.start(bundle().args("true"))
    c.wait_stopped()
    c.kill("KILL", "--all")


def test_created_container_can_be_killed(runtime, bundle):
    c = runtime.create(bundle())
    c.kill("KILL")
    c.wait_stopped()


def test_paused_container_dies_of_kill_9(runtime, bundle):
    """On v1 a frozen process does not die of SIGKILL until thawed: the runtime sees to it."""
    c = runtime.start(bundle())
    c.pause()
    c.kill("KILL")
    if runtime.standin:
        c.runtime("resume", c.id, check=False)
    c.wait_stopped()


@pytest.mark.once("about the pid and the start time in the state")
def test_pid_of_a_dead_init_is_not_signalled_again(runtime, bundle, helper):
    """The start time in the state protects a process that got the same pid later."""
    c = runtime.start(bundle())
    pid = c.pid
    c.kill("KILL")
    c.wait_stopped()
    until(lambda: not os.path.exists(f"/proc/{pid}"))
    with open("/proc/sys/kernel/ns_last_pid", "w", encoding="utf-8") as last:
        last.write(str(pid - 1))
    other = helper("sleep", "1000")
    if other.pid != pid:
        pytest.skip(f"another process took pid {pid} first")
    assert c.status == "stopped"
    runtime("kill", c.id, "KILL", check=False)
    c.delete(force=True)
    assert other.popen.poll() is None, "a stranger was killed"


def test_init_without_handlers_ignores_term_but_not_kill(runtime, bundle):
    """The kernel shields the init of a pid namespace from what it does not handle only against
    signals from inside; from the host every default action applies but that of TERM."""
    c = runtime.start(bundle())
    c.kill("TERM")
    c.kill("KILL")
    c.wait_stopped()
