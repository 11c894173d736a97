# SPDX-License-Identifier: Apache-2.0
"""Adds up a JUnit report: tally.py REPORT → "PASSED FAILED SKIPPED", then a line for each failure.

A test that failed and then failed again while cleaning up is one failure.
"""

import sys
import xml.etree.ElementTree


def main(report) -> int:
    passed, failed, skipped = set(), {}, {}
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname', '')} {case.get('name')}"
        trouble = next((case.find(kind) for kind in ("failure", "error")
                        if case.find(kind) is not None), None)
        skip = case.find("skipped")
        if trouble is not None:
            failed.setdefault(name, trouble.get("message") or "")
        elif skip is not None:
            skipped[name] = skip.get("message") or "no reason"
        else:
            passed.add(name)
    print(len(passed - failed.keys()), len(failed), len(skipped))
    for name, message in failed.items():
        print(f"failed: {name}: {message.strip().splitlines()[0][:300] if message.strip() else ''}")
    reasons = list(skipped.values())
    for reason in dict.fromkeys(reasons):
        print(f"skipped: {reasons.count(reason)}: {reason[:300]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
