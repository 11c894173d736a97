# SPDX-License-Identifier: Apache-2.0
"""Adds up a report of pytest (JUnit) or meson (testlog.json).

tally.py REPORT → "PASSED FAILED SKIPPED", then a line for each failure and each reason to skip.

A test that failed and then failed again while cleaning up is one failure.
"""

import json
import sys
import xml.etree.ElementTree


def junit(report):
    """(name, result, message) of each test in pytest's report."""
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        name, result, message = f"{case.get('classname', '')} {case.get('name')}", "OK", ""
        for kind in ("skipped", "error", "failure"):
            if (found := case.find(kind)) is not None:
                result = "SKIP" if kind == "skipped" else "FAIL"
                message = found.get("message") or ""
        yield name, result, message


def meson(report):
    """The same from meson's log: its JUnit report counts what timed out among what passed."""
    with open(report, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            test = json.loads(line)
            yield test["name"], test["result"], test["result"]


def main(report) -> int:
    passed, failed, skipped = set(), {}, {}
    for name, result, message in (meson if report.endswith(".json") else junit)(report):
        if result == "OK":
            passed.add(name)
        elif result == "SKIP":
            skipped[name] = message or "no reason"
        else:
            failed.setdefault(name, message)
    print(len(passed - failed.keys()), len(failed), len(skipped))
    for name, message in failed.items():
        print(f"failed: {name}: {message.strip().splitlines()[0][:300] if message.strip() else ''}")
    reasons = list(skipped.values())
    for reason in dict.fromkeys(reasons):
        print(f"skipped: {reasons.count(reason)}: {reason[:300]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
