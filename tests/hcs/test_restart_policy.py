"""Restart policies, and how long a restart waits."""

import os
import signal
import time

import pytest

from service import wait_until


def starts(service, name):
    return service("logs", name).stdout.count("run")


def test_on_failure_as_often_as_said(service):
    service("run", "-d", "--name", "failing", "--restart", "on-failure:3", "nano", "sh", "-c",
            "echo run; exit 4")
    service.await_status("failing", "exited")
    assert starts(service, "failing") == 4
    state = service.state("failing")
    assert (state["ExitCode"], state["RestartCount"]) == (4, 3)


def test_on_failure_not_after_success(service):
    service("run", "-d", "--name", "fine", "--restart", "on-failure", "nano", "echo", "run")
    service.await_status("fine", "exited")
    time.sleep(0.5)
    assert starts(service, "fine") == 1


@pytest.mark.parametrize("policy", ["always", "unless-stopped"])
def test_until_it_is_stopped(service, policy):
    service("run", "-d", "--name", "again", "--restart", policy, "nano", "echo", "run")
    wait_until(lambda: starts(service, "again") >= 3, "it is started again")
    service("stop", "again")
    assert service.status("again") == "exited"
    count = starts(service, "again")
    time.sleep(1)
    assert starts(service, "again") == count


def test_a_stop_while_it_waits_ends_the_wait(service):
    service("run", "-d", "--name", "waiting", "--restart", "always", "nano", "false")
    wait_until(lambda: service.status("waiting") == "restarting" and
               service.state("waiting")["RestartCount"] >= 3, "it waits")
    began = time.monotonic()
    service("stop", "waiting")
    assert time.monotonic() - began < 5
    assert service.status("waiting") == "exited"


def test_killed_by_the_user_it_stays_so(service):
    service.started("down", "sleep", "1000", flags=["--restart", "always"])
    service("kill", "down")
    time.sleep(0.5)
    assert service.status("down") == "exited"


@pytest.mark.host_view("kills its process on the host")
def test_killed_by_somebody_else_it_comes_back(service):
    service.started("struck", "sleep", "1000", flags=["--restart", "always"])
    pid = service.state("struck")["Pid"]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: service.status("struck") == "running" and service.state("struck")["Pid"] != pid,
               "it runs again")


@pytest.mark.host_view("times are those of a process")
def test_each_wait_is_twice_the_last(service):
    service("run", "-d", "--name", "slower", "--restart", "on-failure:5", "nano", "sh", "-c",
            "echo run; exit 1")
    service.await_status("slower", "exited")
    from datetime import datetime
    times = [datetime.fromisoformat(r["time"][:26]).timestamp() for r in service.log_records("slower")]
    waits = [b - a for a, b in zip(times, times[1:])]
    assert len(waits) == 5
    for wait, least in zip(waits, (0.1, 0.2, 0.4, 0.8, 1.6)):
        assert least * 0.95 <= wait, waits


def test_force_removes_it_for_good(service):
    service("run", "-d", "--name", "hydra", "--restart", "always", "nano", "false")
    wait_until(lambda: starts(service, "hydra") >= 0 and service.state("hydra")["RestartCount"] > 1,
               "it is started again")
    service("rm", "-f", "hydra")
    service.assert_nothing_left()


def test_a_policy_that_is_changed_while_it_runs(service):
    service.started("changed", "sh", "-c", "sleep 1; exit 1", flags=["--restart", "always"])
    service("update", "--restart", "no", "changed")
    service.await_status("changed", "exited")
    time.sleep(0.5)
    assert service.status("changed") == "exited"
