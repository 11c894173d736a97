"""The runtime killed at random instants: what it left can be finished or removed.

Each round starts a command, kills it with SIGKILL at a random instant within the time the command
takes, and asks `delete --force` to clean up. HCS_KILLS sets the rounds, HCS_SEED repeats a run.
Under hyperv a create takes a VM: of the other commands, where the VM is there already, fewer rounds.
"""

import os
import random
import time

import pytest

import leftovers
from runtime import Running

ROUNDS = int(os.environ.get("HCS_KILLS", "100"))  # of each of the four commands
SHARES = 4  # of a command's rounds, so that workers can divide them


def timed(runtime, prepare, arguments) -> float:
    """How long the command takes when nobody kills it."""
    longest = 0.0
    for _ in range(3):
        cid = runtime.new_id()
        prepare(cid)
        before = time.monotonic()
        runtime(*arguments(cid))
        longest = max(longest, time.monotonic() - before)
        runtime("delete", "--force", cid, check=False)
    return longest


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("command", ["create", "start", "exec", "delete"])
def test_killed_at_random(runtime, bundle, command, share):
    rounds = -(-ROUNDS // SHARES)
    if runtime.isolation == "hyperv" and command != "create":
        rounds = -(-rounds // 5)
    if runtime.standin and command == "create":
        pytest.skip("peer: runc 3591, killed while creating it leaves cgroups")
    seed = int(os.environ.get("HCS_SEED", time.time_ns() & 0xFFFFFFFF))
    chance = random.Random(seed + share)
    b = bundle()
    b.resources["memory"] = {"limit": 64 << 20}
    b.write()

    def prepare(cid):
        if command == "start":
            runtime("create", "-b", b.path, cid)
        elif command in ("exec", "delete"):
            runtime("run", "-d", "-b", b.path, cid)

    def arguments(cid):
        return {"create": ["create", "-b", b.path, cid], "start": ["start", cid],
                "exec": ["exec", "-d", cid, "sleep", "1000"],
                "delete": ["delete", "--force", cid]}[command]

    span = timed(runtime, prepare, arguments)
    failures = []
    for number in range(rounds):
        cid = runtime.new_id()
        prepare(cid)
        victim = Running(runtime.argv(*arguments(cid)))
        instant = chance.uniform(0, span)
        time.sleep(instant)
        victim.stop()
        result = runtime("delete", "--force", cid, check=False)
        where = f"round {number}, seed {seed}, killed after {instant * 1000:.2f} ms"
        if result.rc:
            failures.append(f"{where}: {result!r}")
        try:
            runtime.leftovers.assert_none(patience=2)
        except AssertionError as error:
            failures.append(f"{where}: {error}")
            clean(runtime)
    assert not failures, f"{len(failures)} of {rounds}: " + "\n".join(failures[:5])


def clean(runtime):
    """So that one failure is not counted again in every later round."""
    for pid in leftovers.descendants():
        if pid not in runtime.leftovers.processes and pid not in leftovers.OWNED:
            leftovers.kill(pid)
    leftovers.remove_cgroups(runtime.mark)
    for entry in os.listdir(runtime.root):
        if entry[0] not in leftovers.RUNTIMES_OWN:
            os.system(f"rm -rf '{runtime.root}/{entry}'")
    runtime.leftovers.rebase()


def test_id_is_free_again_after_a_killed_create(runtime, bundle):
    """No stale lock or directory keeps the id."""
    b = bundle()
    b.write()
    cid = runtime.new_id()
    for i in range(10):
        victim = Running(runtime.argv("create", "-b", b.path, cid))
        time.sleep(0.002 * i if runtime.isolation == "process" else 0.1 * i)
        victim.stop()
        runtime("delete", "--force", cid, check=False)
        runtime("create", "-b", b.path, cid)
        runtime("delete", "--force", cid)
    runtime.leftovers.assert_none(patience=2)


def test_foreground_run_killed(runtime, bundle):
    """The container is not the runtime's child's business any more: delete --force ends it."""
    b = bundle()
    b.write()
    cid = runtime.new_id()
    victim = Running(runtime.argv("run", "-b", b.path, cid))
    time.sleep(0.2)
    victim.stop()
    runtime("delete", "--force", cid)
    runtime.leftovers.assert_none(patience=2)
