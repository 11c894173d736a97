"""Logs: docker's json-file format, and reading it."""

import json
import re
import subprocess
import time

import pytest

from service import wait_until


def run(service, name, script, *flags):
    service("run", "--name", name, *flags, "nano", "sh", "-c", script, text=False)


def test_the_format_is_dockers(service):
    run(service, "fmt", r"""printf 'one\n"two"\\\t\001\n'; sleep 0.3; echo err >&2; printf unfinished""")
    records = service.log_records("fmt")
    assert [(r["log"], r["stream"]) for r in records if r["stream"] == "stdout"] == [
        ("one\n", "stdout"), ('"two"\\\t\x01\n', "stdout"), ("unfinished", "stdout")]
    assert [r["log"] for r in records if r["stream"] == "stderr"] == ["err\n"]
    assert all(list(r) == ["log", "stream", "time"] for r in records)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", r["time"]) for r in records)


def test_long_lines_are_kept_in_parts_and_shown_whole(service):
    run(service, "long", "head -c 40000 /dev/zero | tr '\\0' y; echo")
    parts = [r["log"] for r in service.log_records("long")]
    assert [len(p) for p in parts] == [16384, 16384, 7233]
    assert service("logs", "long").stdout == "y" * 40000 + "\n"


def test_what_is_no_text_becomes_the_sign_for_it(service):
    run(service, "bytes", r"printf 'a\377b\303\251\360\237\230\200\n'")
    assert [r["log"] for r in service.log_records("bytes")] == ["a\ufffdbé😀\n"]


def test_both_streams_come_out_where_they_went_in(service):
    run(service, "two", "echo o; sleep 0.1; echo e >&2; sleep 0.1; echo p")
    result = service("logs", "two")
    assert (result.stdout, result.stderr) == ("o\np\n", "e\n")


@pytest.mark.parametrize("tail, first", [("0", None), ("1", 1000), ("3", 998), ("999", 2), ("1000", 1),
                                         ("5000", 1), ("all", 1), ("-1", 1)])
def test_tail(service, tail, first):
    run(service, "long", "seq 1 1000")
    expected = "".join(f"{n}\n" for n in range(first, 1001)) if first else ""
    assert service("logs", f"--tail={tail}", "long").stdout == expected


def test_tail_over_rotated_files(service):
    run(service, "rotated", "seq 1 3000", "--log-opt", "max-size=20k", "--log-opt", "max-file=20")
    names = [p.name for p in service.directory("rotated").glob("*-json.log*")]
    assert len(names) > 5
    assert service("logs", "rotated").stdout == "".join(f"{n}\n" for n in range(1, 3001))
    assert service("logs", "--tail", "1500", "rotated").stdout == "".join(
        f"{n}\n" for n in range(1501, 3001))


def test_rotation_keeps_to_its_bounds(service):
    run(service, "bounded", "seq 1 20000", "--log-opt", "max-size=10k", "--log-opt", "max-file=3")
    files = list(service.directory("bounded").glob("*-json.log*"))
    assert len(files) == 3 and all(f.stat().st_size <= 10240 + 200 for f in files)
    lines = service("logs", "bounded").stdout.split()
    assert lines == [str(n) for n in range(int(lines[0]), 20001)]


def test_rotation_with_one_file(service):
    run(service, "single", "seq 1 5000", "--log-opt", "max-size=10k")
    assert len(list(service.directory("single").glob("*-json.log*"))) == 1
    assert service("logs", "--tail", "1", "single").stdout == "5000\n"


def test_timestamps_since_and_until(service):
    run(service, "timed", "echo early; sleep 1; echo late")
    first, second = (r["time"] for r in service.log_records("timed"))
    assert service("logs", "-t", "timed").stdout == f"{first} early\n{second} late\n"
    assert service("logs", "--since", second, "timed").stdout == "late\n"
    assert service("logs", "--until", first, "timed").stdout == "early\n"
    assert service("logs", "--since", "1h", "timed").stdout == "early\nlate\n"


def test_follow_ends_with_the_container(service):
    service.started("short", "sh", "-c", "echo one; sleep 1; echo two")
    assert service("logs", "-f", "short").stdout == "one\ntwo\n"


def test_follow_over_rotation(service):
    service.started("turning", "sh", "-c", "i=0; while [ $i -lt 100 ]; do seq 1 100; i=$((i+1)); done",
                    flags=["--log-opt", "max-size=20k", "--log-opt", "max-file=100"])
    out = service("logs", "-f", "turning").stdout.split()
    assert out == [str(n) for _ in range(100) for n in range(1, 101)]


def test_follow_sees_lines_at_once(service):
    service.started("live", "sh", "-c", "while :; do date +%s; sleep 0.2; done")
    with subprocess.Popen(service.argv("logs", "-f", "--tail", "0", "live"), stdout=subprocess.PIPE,
                          text=True) as follower:
        line = follower.stdout.readline()
        assert line.strip().isdigit()
        follower.kill()


def test_follow_of_one_that_has_ended(service):
    run(service, "ended", "echo x")
    assert service("logs", "-f", "ended").stdout == "x\n"


def test_no_log(service):
    run(service, "silent", "echo x", "--log-driver", "none")
    assert not list(service.directory("silent").glob("*-json.log*"))
    assert "does not support reading" in service.fails("logs", "silent")


def test_the_log_goes_on_at_the_next_start(service):
    run(service, "twice", "echo x")
    service("start", "-a", "twice")
    assert service("logs", "twice").stdout == "x\nx\n"


def test_a_damaged_log_is_read_as_far_as_it_is_one(service):
    run(service, "damaged", "seq 1 3")
    path = next(service.directory("damaged").glob("*-json.log"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"{broken\n\0\0\n" + b"[]\n{}\n" + lines[1] + lines[2] + b'{"log":"cut')
    assert service("logs", "damaged").stdout == "1\n2\n3\n"
    service("start", "-a", "damaged")
    assert service("logs", "damaged").stdout == "1\n2\n3\n1\n2\n3\n"


def test_a_full_disk_loses_lines_and_nothing_else(service, session_dir):
    """The directory of the container on a small file system, as if the disk were full."""
    import leftovers
    service("create", "--name", "full", "nano", "sh", "-c", "seq 1 200000; echo end >&2")
    directory = service.directory("full")
    subprocess.run(["cp", "-a", f"{directory}/.", session_dir / "kept"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", directory], check=True)
    try:
        subprocess.run(["cp", "-a", f"{session_dir}/kept/.", directory], check=True)
        if service.isolation == "process":
            result = service("start", "-a", "full", check=False)
            assert result.stdout == "".join(f"{n}\n" for n in range(1, 200001))
            assert result.returncode == 0
            text = next(directory.glob("*-json.log")).read_text()
            assert text.endswith("\n") and all(json.loads(line) for line in text.splitlines())
    finally:
        wait_until(lambda: subprocess.run(["umount", directory], check=False,
                                          capture_output=True).returncode == 0, "it is free")
        subprocess.run(["rm", "-r", session_dir / "kept"], check=True)
    assert leftovers.mounts().count(str(directory)) == 0


def test_nothing_is_lost_that_was_printed_before_a_kill(service):
    service.started("struck", "sh", "-c", "seq 1 1000; echo ready; sleep 1000")
    wait_until(lambda: "ready" in service("logs", "--tail", "1", "struck").stdout, "it is ready")
    service("kill", "struck")
    assert service("logs", "struck").stdout.split() == [str(n) for n in range(1, 1001)] + ["ready"]
    time.sleep(0)
