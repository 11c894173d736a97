# SPDX-License-Identifier: Apache-2.0
"""Hyperv isolation: absolute times, with the same bundles in process isolation beside them."""

import json
import os
import subprocess
import time
from dataclasses import dataclass
from typing import Callable, Optional

import cases
import layers
import stats

TIMEOUT_S = 120  # of one command, on however slow a machine
RUN_SHARE = 1 / 3  # of the rounds: for what starts a VM
STREAM_BYTES = 200 * 10**6  # target.c writes as much
STREAM_ROUNDS = 5
STREAM_TARGET = 50.0  # MB/s
MEMORY_ROUNDS = 3
MEMORY_TARGET = 4.0  # MiB
SMALL_MIB = 40
SMALL_ROUNDS = 3


@dataclass
class Isolated(cases.Runtime):
    """runhcs with an isolation."""

    isolation: str = "hyperv"

    def call(self, *words):
        if words[0] in ("run", "create"):
            words = (words[0], "--isolation", self.isolation, *words[1:])
        return super().call(*words)


@dataclass
class Case:
    key: str
    title: str
    steps: Callable  # (bench, runtime) → driver words
    target: Optional[float] = None  # ms, at most
    share: float = RUN_SHARE  # of the rounds
    compare: bool = True  # process isolation beside it


def run_steps(bench, runtime):
    """`run` is over when everything is: :settle would wait for what is left, and fail."""
    name = bench.container(runtime, "run")
    return [":time", *runtime.call("run", "-b", bench.bundles["true"], name), ":settle"]


def create_steps(bench, runtime):
    name = bench.container(runtime, "create")
    return [
        ":time", *runtime.call("create", "-b", bench.bundles["pause"], name),
        ":done", *runtime.call("delete", "-f", name),
        ":settle",
    ]


def start_steps(bench, runtime):
    name = bench.container(runtime, "start")
    return [
        ":prep", *runtime.call("create", "-b", bench.bundles["pause"], name),
        ":time", *runtime.call("start", name),
        ":done", *runtime.call("delete", "-f", name),
        ":settle",
    ]


def pod_steps(bench, runtime):
    """One more container in a VM that runs."""
    owner = bench.container(runtime, "owner")
    name = bench.container(runtime, "member")
    return [
        ":first", *runtime.call("create", "-b", bench.bundles["pause"], owner),
        ":first", *runtime.call("start", owner),
        ":time", *runtime.call("run", "--host", owner, "-b", bench.bundles["true"], name),
        ":last", *runtime.call("delete", "-f", owner),
    ]


CASES = [
    Case("hv-run", "hyperv: run, cold, until nothing is left", run_steps, target=1200),
    Case("hv-exec", "hyperv: exec of true in a running container",
         cases.in_running_container("exec", "exec", "ID", "/bin/true"), target=60, share=1),
    Case("hv-create", "hyperv: create", create_steps),
    Case("hv-start", "hyperv: start", start_steps),
    Case("hv-delete", "hyperv: delete -f of a running container", cases.delete_running_steps),
    Case("hv-pod", "hyperv: run of one more container in the VM (--host)", pod_steps,
         compare=False),
    Case("hv-state", "hyperv: state of a running container",
         cases.in_running_container("state", "state", "ID"), share=1),
    Case("hv-list", "hyperv: list with a running container",
         cases.in_running_container("list", "list"), share=1),
]
KEYS = [c.key for c in CASES] + ["hv-stdout", "hv-memory", "hv-small", *layers.KEYS]


def runtimes_of(runhcs):
    """The two isolations; containers of both are below one root, as users have them."""
    return [Isolated(name, runhcs.command, runhcs.root, name) for name in ("hyperv", "process")]


def make_entry(values, unit):
    return {"unit": unit, "stats": stats.summary(values), "samples": values}


def measure_case(case, bench, driver, runtimes, rounds):
    rounds = max(1, round(rounds * case.share))
    words = []
    for runtime in runtimes if case.compare else runtimes[:1]:
        words += [":alt", runtime.name, *case.steps(bench, runtime)]
    samples, failures = driver.measure(words, rounds, warmup=1, plain=True, timeout=TIMEOUT_S)
    entries = {}
    for runtime in runtimes if case.compare else runtimes[:1]:
        got = [v[0] for v in samples.get(runtime.name, {}).values()]
        failed = runtime.name in failures or not got
        entries[runtime.name] = ({"note": failures.get(runtime.name, "no samples")} if failed
                                 else make_entry(got, "ms"))
    judge(entries["hyperv"], case.target and (lambda ms: ms <= case.target))
    target = {"target": f"<= {case.target} ms"} if case.target else {}
    return {"key": case.key, "title": case.title, "entries": entries, **target}


def judge(entry, reached):
    if reached:
        entry["pass"] = "stats" in entry and reached(entry["stats"]["median"])


def read_stream(command):
    """MB/s from the first byte to the end: until then the VM boots. None if not all came."""
    buffer = bytearray(1 << 20)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as process:
        fd = process.stdout.fileno()
        total = os.readv(fd, [buffer])
        start = time.monotonic()
        count = total
        while count:
            count = os.readv(fd, [buffer])
            total += count
        seconds = time.monotonic() - start
    return total / 1e6 / seconds if total == STREAM_BYTES and not process.returncode else None


def stdout_result(bench, runtimes):
    got = {r.name: [] for r in runtimes}
    for _ in range(STREAM_ROUNDS):
        for runtime in runtimes:
            name = bench.container(runtime, "stdout")
            got[runtime.name].append(
                read_stream(runtime.call("run", "-b", bench.bundles["write"], name)))
    entries = {}
    for name, values in got.items():
        whole = [v for v in values if v is not None]
        entries[name] = ({"note": f"{len(values) - len(whole)} of {len(values)} broke off"}
                         if len(whole) < len(values) else make_entry(whole, "MB/s"))
    judge(entries["hyperv"], lambda speed: speed >= STREAM_TARGET)
    return {"key": "hv-stdout", "title": f"hyperv: {STREAM_BYTES // 10**6} MB to stdout",
            "target": f">= {STREAM_TARGET:.0f} MB/s", "entries": entries}


def memory_of(pid):
    """(Pss, private) in MiB, as the kernel counts them."""
    fields = {}
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        for line in list(file)[1:]:
            words = line.split()
            fields[words[0].rstrip(":")] = int(words[1]) / 1024
    return fields["Pss"], fields["Private_Clean"] + fields["Private_Dirty"]


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def program_of(pid):
    with open(f"/proc/{pid}/comm", encoding="ascii") as file:
        return file.read().strip()


def memory_sample(bench, runtime):
    """Of one running container's processes on the host: {label: MiB}."""
    name = bench.container(runtime, "memory")
    sample = {}
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL,
             "stderr": subprocess.DEVNULL}
    try:
        for words in (("create", "-b", bench.bundles["pause"], name), ("start", name),
                      ("exec", name, "/bin/write")):
            subprocess.run(runtime.call(*words), check=True, **quiet)
        state = subprocess.run(runtime.call("state", name), check=True, capture_output=True)
        vmproc = json.loads(state.stdout)["pid"]
        vmwp = children(vmproc)[0]
        for label, pid in (("vmwp", vmwp), ("vmproc", vmproc)):
            sample[label], sample[label + ", private"] = memory_of(pid)
        for pid in children(vmwp):
            helper = program_of(pid).split("-")[0]
            helpers = [pid, *children(pid)]  # virtiofsd forks into its sandbox
            sample[helper] = sum(memory_of(p)[0] for p in helpers)
    finally:
        subprocess.run(runtime.call("delete", "-f", name), check=False, **quiet)
    return sample


def memory_result(bench, runtimes):
    title = "hyperv: memory on the host, once 200 MB have passed through (Pss)"
    result = {"key": "hv-memory", "title": title,
              "target": f"vmwp and vmproc <= {MEMORY_TARGET:.0f} MiB"}
    try:
        samples = [memory_sample(bench, runtimes[0]) for _ in range(MEMORY_ROUNDS)]
    except (subprocess.CalledProcessError, OSError, LookupError) as error:
        return {**result, "entries": {"hyperv": {"note": str(error), "pass": False}}}
    entries = {label: make_entry([s[label] for s in samples], "MiB") for label in samples[0]}
    for label in ("vmwp", "vmproc"):
        judge(entries[label], lambda mib: mib <= MEMORY_TARGET)
    return {**result, "entries": entries}


def small_result(bench, driver, runtimes):
    """The agent listens, and a container runs, in a VM with so little memory."""
    config = os.path.join(os.path.dirname(bench.rootfs), "small.json")
    with open(config, "w", encoding="utf-8") as file:
        json.dump({"hyperv": {"memory": f"{SMALL_MIB}M"}}, file)
    name = bench.container(runtimes[0], "small")
    words = [":alt", "hyperv", ":time", "env", f"HCS_CONFIG={config}",
             *runtimes[0].call("run", "-b", bench.bundles["true"], name), ":settle"]
    samples, failures = driver.measure(words, SMALL_ROUNDS, warmup=0, plain=True,
                                       timeout=TIMEOUT_S)
    got = [v[0] for v in samples.get("hyperv", {}).values()]
    entry = make_entry(got, "ms") if got else {"note": failures.get("hyperv", "no samples")}
    entry["pass"] = len(got) == SMALL_ROUNDS
    return {"key": "hv-small", "title": f"hyperv: run in a VM of {SMALL_MIB} MiB",
            "target": "runs", "entries": {"hyperv": entry}}


def measure_all(wanted, add, bench, driver, runhcs, rounds):
    """Every wanted case; each result is given to add."""
    runtimes = runtimes_of(runhcs)
    for case in CASES:
        if wanted(case.key):
            add(measure_case(case, bench, driver, runtimes, rounds))
    if wanted("hv-stdout"):
        add(stdout_result(bench, runtimes))
    if wanted("hv-memory"):
        add(memory_result(bench, runtimes))
    if wanted("hv-small"):
        add(small_result(bench, driver, runtimes))
    layers.measure_all(wanted, add, bench, runtimes[0], rounds)


def environment(runhcs):
    """What VMs are made of here, by `features`."""
    if not runhcs.command:
        return {}
    done = subprocess.run([runhcs.command, "features"], capture_output=True, check=False)
    try:
        notes = json.loads(done.stdout)["annotations"]
    except (ValueError, LookupError):
        return {"hyperv": "features does not tell"}
    missing = notes.get("io.hcs.hyperv.missing")
    kind = "{} {}".format(notes.get("io.hcs.hyperv.monitor"),
                          notes.get("io.hcs.hyperv.accelerator"))
    return {"hyperv": f"missing: {missing}" if missing else kind}
