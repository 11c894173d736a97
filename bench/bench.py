#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares runhcs with crun and runc, side by side in one run, and with a floor in C; measures hyperv
isolation beside process isolation, pulling images beside skopeo, umoci and containerd, and hcs beside
containerd and docker."""

import argparse
import contextlib
import datetime
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import bundle  # noqa: E402
import cases  # noqa: E402
import hyperv  # noqa: E402
import images  # noqa: E402
import report  # noqa: E402
import service  # noqa: E402
import stats  # noqa: E402

MIB = 1024.0
LIST_LIMIT_MS = 50.0
GROWTH_LIMIT = 1.5  # cost of one container among many ÷ among few
TINY_MEMORY = 512 * 1024
TINY_ROUNDS = 5
PROCESS_KEYS = [c.key for c in cases.CASES] + ["memory", "tiny", "scale"]
KEYS = [*PROCESS_KEYS, *hyperv.KEYS, *images.KEYS, *service.KEYS]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=("process", "hyperv", "images", "service"),
                        help="measure one isolation, the pulling of images, or hcs, alone "
                        "(default all)")
    parser.add_argument("--runhcs", default=os.path.join(HERE, "..", "build", "runhcs"),
                        metavar="PATH", help="default: build/runhcs of this checkout")
    parser.add_argument("--crun", default="crun", metavar="PATH")
    parser.add_argument("--runc", default="runc", metavar="PATH")
    parser.add_argument("--rounds", type=int, default=60, help="samples of each (default 60)")
    parser.add_argument("--only", action="append", metavar="CASE",
                        help="measure these cases alone: "
                        + ", ".join(KEYS))
    parser.add_argument("--scale-runtime", default="runhcs", metavar="NAME",
                        help="who makes the 1,000 containers (default runhcs)")
    parser.add_argument("--json", metavar="FILE", help="write everything measured there too")
    parser.add_argument("--check", action="store_true",
                        help="exit with 1 unless every target is reached")
    args = parser.parse_args()
    if args.rounds < 1:
        parser.error("--rounds must be at least 1")
    for key in args.only or []:
        if key not in KEYS:
            parser.error(f"--only {key}: no such case")
    return args


def compile_tools(directory):
    """Builds driver, floor and the containers' program; static, so that none pays a linker."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    common = ["-std=gnu17", "-O2", "-static"]
    for name, flags in (
        ("driver", []),
        ("floor", []),
        ("target", ["-nostdlib", "-ffreestanding", "-fno-stack-protector"]),
    ):
        subprocess.run([*compiler, *common, *flags, os.path.join(HERE, name + ".c"),
                        "-o", os.path.join(directory, name)], check=True)


def cgroup2_mounts_beside_v1():
    """The cgroup2 mounts of a hybrid layout, which crun 1.8 refuses; none where v2 is alone."""
    kinds = {"cgroup": [], "cgroup2": []}
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        for line in file:
            left, _, right = line.partition(" - ")
            kind = right.split()[0]
            if kind in kinds:
                kinds[kind].append(left.split()[4])
    return kinds["cgroup2"] if kinds["cgroup"] else []


def describe_failure(text):
    """The driver's 'COMMAND: OUTCOME: LAST LINE', the command cut down to its verb."""
    command, _, outcome = text.partition(": ")
    words = command.split()
    verb = words[3] if words[1:2] == ["--root"] and len(words) > 3 else words[0]
    return f"{verb} failed: {outcome}"


class Driver:
    """Calls driver.c and reads what it prints."""

    def __init__(self, directory, hidden_mounts):
        self.path = os.path.join(directory, "driver")
        self.errors = os.path.join(directory, "stderr")
        self.hide = [word for mount in hidden_mounts for word in ("-u", mount)]

    def measure(self, words, rounds, warmup=2, plain=False, timeout=20, prefix=()):
        """Returns ({name: {round: (ms, KiB)}}, {name: why it failed})."""
        command = [*prefix, self.path, "-n", str(rounds), "-w", str(warmup), "-t", str(timeout),
                   "-e", self.errors]
        command += [] if plain else self.hide
        samples, failures = {}, {}
        with subprocess.Popen(command + words, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                kind, name, rest = line.rstrip("\n").split(" ", 2)
                if kind == "sample":
                    number, ns, kib = map(int, rest.split())
                    samples.setdefault(name, {})[number] = (ns / 1e6, kib)
                else:
                    failures[name] = describe_failure(rest)
        if process.returncode:
            sys.exit(f"bench: the driver ended with status {process.returncode}")
        return samples, failures


def entries_of(samples, failures, runtimes, index, unit, scale=1.0):
    """A result's lines: one for each runtime and floor, those that are missing named."""
    names = [r.name for r in runtimes]
    names += [n for n in {**samples, **failures} if n not in names]
    values = {n: {r: v[index] / scale for r, v in s.items()} for n, s in samples.items()}
    entries = {}
    for name in names:
        absent = [r for r in runtimes if r.name == name and not r.command]
        if absent:
            entries[name] = {"note": "not built" if name == "runhcs" else "not installed"}
        elif name in failures or not values.get(name):
            entries[name] = {"note": failures.get(name, "no samples")}
        else:
            entries[name] = {"unit": unit, "stats": stats.summary(list(values[name].values())),
                             "samples": list(values[name].values())}
            if name != "crun" and values.get("crun"):
                entries[name]["ratio"] = stats.pairwise_ratio(values[name], values["crun"])
    return entries


def judge(entries, target):
    """Marks runhcs's line. Without a figure for crun there is nothing to compare with."""
    ours = entries.get("runhcs")
    if ours is None or target is None:
        return
    if ours.get("ratio"):
        ours["pass"] = ours["ratio"]["median"] <= target
    elif "stats" not in ours:
        ours["pass"] = False


def measure_case(case, bench, driver, runtimes, rounds):
    chosen = [r for r in runtimes if r.name == "runhcs"] if case.hybrid else runtimes
    rounds = max(1, round(rounds * case.share))
    words = cases.driver_words(case, bench, [r for r in chosen if r.command], rounds)
    samples, failures = driver.measure(words, rounds, plain=case.hybrid)
    entries = entries_of(samples, failures, chosen, 0, "ms")
    judge(entries, case.target)
    result = {"key": case.key, "title": case.title, "entries": entries}
    if case.target:
        result["target"] = f"<= {case.target} x crun"
    return result, (samples, failures)


def memory_result(measured, runtimes):
    """Peak memory, out of the samples of `run`."""
    samples, failures = measured
    entries = entries_of(samples, failures, runtimes, 1, "MiB", MIB)
    judge(entries, 1.0)
    return {"key": "memory", "title": "peak memory of run (largest process)",
            "target": "<= crun", "entries": entries}


def tiny_memory_result(bench, driver, runtimes):
    words = cases.tiny_memory_words(bench, [r for r in runtimes if r.command])
    samples, failures = driver.measure(words, TINY_ROUNDS, warmup=0)
    entries = entries_of(samples, failures, runtimes, 0, "ms")
    if "runhcs" in entries:
        entries["runhcs"]["pass"] = len(samples.get("runhcs", {})) == TINY_ROUNDS
    return {"key": "tiny", "title": f"run with a memory limit of {TINY_MEMORY // 1024} KiB",
            "target": "starts", "entries": entries}


def scale_results(bench, driver, runtime):
    """1,000 containers: what one more costs among few and among many, and how long list takes."""
    title = f"{cases.SCALE_MARKS[-1]:,} containers"
    if not runtime.command:
        entries = {runtime.name: {"note": "not built", "pass": False}}
        return [{"key": "scale", "title": title, "target": "linear, list < 50 ms",
                 "entries": entries}]
    samples, failures = driver.measure(cases.scale_words(bench, runtime), 0, warmup=0,
                                       plain=runtime.name == "runhcs")
    results, first, last = [], cases.SCALE_MARKS[0], cases.SCALE_MARKS[-1]
    for verb in ("create", "list", "delete"):
        entries = {}
        for mark in cases.SCALE_MARKS:
            name = f"{verb}-{mark}"
            label = f"{runtime.name} {'with' if verb == 'list' else 'up to'} {mark}"
            got = [v[0] for v in samples.get(name, {}).values()]
            if name in failures or not got:
                entries[label] = {"note": failures.get(name, "no samples"), "pass": False}
            else:
                entries[label] = {"unit": "ms", "stats": stats.summary(got), "samples": got}
        target = f"one of {last} costs <= {GROWTH_LIMIT} x one of {first}"
        rows = list(entries.values())
        if all("stats" in row for row in rows):
            growth = rows[-1]["stats"]["median"] / rows[0]["stats"]["median"]
            if verb == "list":
                growth *= first / last
                target += f", < {LIST_LIMIT_MS:.0f} ms"
            rows[-1]["growth"] = growth
            rows[-1]["pass"] = growth <= GROWTH_LIMIT and (
                verb != "list" or rows[-1]["stats"]["median"] < LIST_LIMIT_MS)
        results.append({"key": "scale", "title": f"{title}: {verb}", "target": target,
                        "entries": entries})
    return results


def first_line_of(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout.strip().splitlines() or ["?"])[0]


def environment(runtimes, hidden):
    env = {
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": shlex.join(["bench/bench.py", *sys.argv[1:]]),
        "kernel": f"{os.uname().release} {os.uname().machine}, {os.cpu_count()} cpus",
        "load": "{:.2f} {:.2f} {:.2f}".format(*os.getloadavg()),
        "cgroups": "hybrid; cgroup2 unmounted for the comparison" if hidden else "as mounted",
    }
    for runtime in runtimes:
        env[runtime.name] = (first_line_of([runtime.command, "--version"])
                             if runtime.command else "not there")
    return env


def remove_leftovers(runtimes, prefix):
    """Whatever a failed case left behind, by this run's ids only."""
    for runtime in runtimes:
        if not runtime.command or not os.path.isdir(runtime.root):
            continue
        for name in os.listdir(runtime.root):
            if name.startswith(prefix):
                subprocess.run(runtime.call("delete", "-f", name), check=False,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def workspace():
    path = tempfile.mkdtemp(prefix="hcs-bench-")
    os.chmod(path, 0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def prepare(directory):
    compile_tools(directory)
    rootfs = os.path.join(directory, "rootfs")
    bundle.make_rootfs(rootfs, os.path.join(directory, "target"))

    def make(name, **options):
        return bundle.make_bundle(os.path.join(directory, "bundle-" + name), rootfs, **options)

    bundles = {
        "true": make("true"),
        "pause": make("pause", args=["/bin/pause"]),
        "seccomp": make("seccomp", seccomp=os.path.join(HERE, "seccomp-default.json")),
        "tiny": make("tiny", memory=TINY_MEMORY),
        "write": make("write", args=["/bin/write"]),
    }
    return cases.Bench(bundles, rootfs, os.path.join(directory, "floor"),
                       f"hcs-bench-{os.getpid()}")


def measure_all(args, bench, driver, runtimes, hidden):
    results = []

    def wanted(*keys):
        return not args.only or any(key in args.only for key in keys)

    def add(result):
        report.print_case(result)
        results.append(result)

    if args.part in (None, "process"):
        measure_process(args, bench, driver, runtimes, hidden, wanted, add)
    if args.part in (None, "hyperv"):
        hyperv.measure_all(wanted, add, bench, driver, runtimes[0], args.rounds)
    if args.part in (None, "images"):
        program = os.path.join(os.path.dirname(args.runhcs), "libexec/hcs/hcs-image")
        images.measure_all(wanted, add, os.path.dirname(bench.rootfs), program, args.rounds)
    if args.part in (None, "service"):
        service.measure_all(wanted, add, driver,
                            os.path.join(os.path.dirname(args.runhcs), "hcs"), args.rounds)
    return results


def measure_process(args, bench, driver, runtimes, hidden, wanted, add):
    for case in cases.CASES:
        with_memory = case.key == "run" and wanted("memory")
        if not (wanted(case.key) or with_memory) or case.hybrid and not hidden:
            continue
        result, measured = measure_case(case, bench, driver, runtimes, args.rounds)
        if wanted(case.key):
            add(result)
        if with_memory:
            add(memory_result(measured, runtimes))
    if wanted("tiny"):
        add(tiny_memory_result(bench, driver, runtimes))
    if wanted("scale"):
        for runtime in runtimes:
            if runtime.name == args.scale_runtime:
                for result in scale_results(bench, driver, runtime):
                    add(result)


def main():
    args = parse_arguments()
    if os.geteuid() != 0:
        sys.exit("bench: must be run as root: it makes containers with all namespaces")
    hidden = cgroup2_mounts_beside_v1()
    with workspace() as directory:
        bench = prepare(directory)
        driver = Driver(directory, hidden)
        runtimes = cases.find_runtimes(args.runhcs, args.crun, args.runc, directory)
        env = environment(runtimes, hidden)
        if args.part in (None, "hyperv"):
            env.update(hyperv.environment(runtimes[0]))
        report.print_environment(env)
        try:
            results = measure_all(args, bench, driver, runtimes, hidden)
        finally:
            remove_leftovers(runtimes, bench.prefix)
    report.print_verdicts(results)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"environment": env, "results": results}, file, indent=1)
            file.write("\n")
    failed = any(e.get("pass") is False for r in results for e in r["entries"].values())
    return 1 if args.check and failed else 0


if __name__ == "__main__":
    sys.exit(main())
