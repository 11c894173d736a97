# SPDX-License-Identifier: Apache-2.0
"""What is measured: for each case the driver's steps for one runtime, and what is to be reached."""

import os
from dataclasses import dataclass
from typing import Callable, Optional

SCALE_MARKS = (250, 500, 1000)
LIST_SAMPLES = 10


@dataclass
class Runtime:
    """A runtime under test; `command` is None when it is not there."""

    name: str
    command: Optional[str]
    root: str

    def call(self, *words):
        return [self.command, "--root", self.root, *words]


@dataclass
class Bench:
    """Where the things a case needs are."""

    bundles: dict  # name → path
    rootfs: str
    floor: str
    prefix: str  # of container ids, unique to this run

    def container(self, runtime, case):
        return f"{self.prefix}-{runtime.name}-{case}"


@dataclass
class Case:
    key: str
    title: str
    steps: Callable  # (bench, runtime) → driver words
    target: Optional[float] = None  # × crun, at most
    floors: tuple = ()  # ((label, floor's options), …): shown beside the runtimes
    share: float = 1.0  # of the rounds
    hybrid: bool = False  # runhcs alone, with the cgroup2 mount left in place
    alone: bool = False  # all rounds of one runtime, then all of the next


def run_steps(bundle, idle=None):
    def steps(bench, runtime):
        words = [":idle", str(idle)] if idle else []
        name = bench.container(runtime, "run")
        return words + [":time", *runtime.call("run", "-b", bench.bundles[bundle], name)]

    return steps


def create_start_delete_steps(bundle):
    """`delete` follows once the container has ended, which is not on the clock."""

    def steps(bench, runtime):
        name = bench.container(runtime, "csd")
        return [
            ":time", *runtime.call("create", "-b", bench.bundles[bundle], name),
            ":time", *runtime.call("start", name),
            ":settle",
            ":time", *runtime.call("delete", name),
        ]

    return steps


def in_running_container(case, *timed):
    """Steps that time one command against a container that runs all the while."""

    def steps(bench, runtime):
        name = bench.container(runtime, case)
        words = [name if word == "ID" else word for word in timed]
        return [
            ":first", *runtime.call("create", "-b", bench.bundles["pause"], name),
            ":first", *runtime.call("start", name),
            ":time", *runtime.call(*words),
            ":last", *runtime.call("delete", "-f", name),
        ]

    return steps


def delete_running_steps(bench, runtime):
    name = bench.container(runtime, "kill")
    return [
        ":prep", *runtime.call("create", "-b", bench.bundles["pause"], name),
        ":prep", *runtime.call("start", name),
        ":time", *runtime.call("delete", "-f", name),
        ":settle",
    ]


CASES = [
    Case("run", "run, default bundle", run_steps("true"), target=0.4,
         floors=(("floor", ()), ("floor+masks+cgroups", ("-m", "-c")))),
    Case("run-seccomp", "run with Docker's default seccomp profile", run_steps("seccomp"),
         target=0.4),
    Case("csd", "create + start + delete", create_start_delete_steps("true"), target=0.4),
    Case("csd-seccomp", "create + start + delete with the seccomp profile",
         create_start_delete_steps("seccomp"), target=0.4),
    Case("exec", "exec of true in a running container",
         in_running_container("exec", "exec", "ID", "/bin/true"), target=0.6),
    Case("delete", "delete -f of a running container", delete_running_steps, target=0.5),
    Case("state", "state of a running container", in_running_container("state", "state", "ID")),
    Case("run-idle", "run after 100 ms of idleness", run_steps("true", idle=100), share=1 / 3),
    Case("run-alone", "run, each runtime alone, back to back", run_steps("true"), share=1 / 2,
         alone=True, floors=(("floor+masks+cgroups", ("-m", "-c")),)),
    Case("run-hybrid", "run in the plain hybrid cgroup layout", run_steps("true"), hybrid=True,
         floors=(("floor+masks+cgroups", ("-m", "-c")),)),
]


def driver_words(case, bench, runtimes, rounds):
    """The driver's alternatives for one case: the runtimes in their order, then the floors."""
    words = []
    own = [":range", "0", str(rounds)] if case.alone else []
    for runtime in runtimes:
        words += [":alt", runtime.name, *own, *case.steps(bench, runtime)]
    for label, options in case.floors:
        words += [":alt", label, *own, ":time", bench.floor, *options, bench.rootfs]
    return words


def tiny_memory_words(bench, runtimes):
    words = []
    for runtime in runtimes:
        name = bench.container(runtime, "tiny")
        words += [":alt", runtime.name,
                  ":time", *runtime.call("run", "-b", bench.bundles["tiny"], name)]
    return words


def scale_words(bench, runtime):
    """Creates up to the last mark, lists at each, then deletes all, in windows between marks."""
    name = bench.container(runtime, "many-%r")
    words, start = [], 0
    for mark in SCALE_MARKS:
        words += [":alt", f"create-{mark}", ":range", str(start), str(mark),
                  ":time", *runtime.call("create", "-b", bench.bundles["pause"], name)]
        words += [":alt", f"list-{mark}", ":range", "0", str(LIST_SAMPLES),
                  ":time", *runtime.call("list")]
        start = mark
    for mark, lower in reversed(list(zip(SCALE_MARKS, (0,) + SCALE_MARKS))):
        words += [":alt", f"delete-{mark}", ":range", str(lower), str(mark),
                  ":time", *runtime.call("delete", "-f", name)]
    return words


def find_runtimes(runhcs, crun, runc, roots):
    """The three in their order; a name without a slash is looked for in PATH."""
    import shutil

    found = []
    for name, command in (("runhcs", runhcs), ("crun", crun), ("runc", runc)):
        path = shutil.which(command)
        found.append(Runtime(name, os.path.abspath(path) if path else None,
                             os.path.join(roots, name)))
    return found
