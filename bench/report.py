# SPDX-License-Identifier: Apache-2.0
"""The table that people read."""

MARK = {True: "pass", False: "FAIL", None: ""}


def number(value):
    return f"{value:9.2f}" if value < 1000 else f"{value:9.0f}"


def row(label, unit, stats, ratio, mark):
    five = " ".join(number(stats[k]) for k in ("min", "p25", "median", "p75", "max"))
    times = ""
    if ratio:
        times = f"{ratio['median']:6.2f}  ({ratio['p25']:.2f}-{ratio['p75']:.2f})"
    return f"  {label:<20} {unit:<4} {stats['n']:>4} {five}  {times:<21} {mark}".rstrip()


HEADER = (f"  {'':<20} {'unit':<4} {'n':>4} "
          + " ".join(f"{k:>9}" for k in ("min", "p25", "median", "p75", "max"))
          + "  x crun (p25-p75)")


def print_environment(env):
    for key, value in env.items():
        print(f"{key:<14} {value}")
    print()
    print(HEADER)


def print_case(result):
    """One measured case: a line for each that ran, one for each that did not."""
    target = f"  [target: {result['target']}]" if result.get("target") else ""
    print(f"\n{result['title']}{target}")
    for label, entry in result["entries"].items():
        if "stats" in entry:
            print(row(label, entry["unit"], entry["stats"], entry.get("ratio"),
                      MARK[entry.get("pass")]))
        else:
            note = entry["note"] if len(entry["note"]) <= 84 else entry["note"][:81] + "..."
            print(f"  {label:<20} {note:<84}  {MARK[entry.get('pass')]}".rstrip())
    print(end="", flush=True)


def print_verdicts(results):
    checked = [(r, e) for r in results for e in r["entries"].values()
               if e.get("pass") is not None]
    failed = [(r, e) for r, e in checked if not e["pass"]]
    print(f"\n{len(checked) - len(failed)} of {len(checked)} targets reached")
    for result, _ in failed:
        print(f"  missed: {result['title']} [{result['target']}]")
