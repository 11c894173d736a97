"""--log, --log-format, --debug: what engines read back."""

import json
import re

import pytest


@pytest.mark.once("no container is made")
def test_json_lines(runtime, work):
    """containerd and podman take the last error line's msg."""
    log = work / "log.json"
    runtime.globals = ["--log", str(log), "--log-format", "json"]
    result = runtime("state", runtime.new_id(), check=False)
    assert result.rc != 0
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    assert entries[-1]["level"] == "error"
    assert "does not exist" in entries[-1]["msg"]
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", entries[-1]["time"])


@pytest.mark.once("no container is made")
def test_message_with_quotes_and_control_characters_stays_one_line(runtime, work):
    log = work / "log.json"
    runtime.globals = ["--log", str(log), "--log-format", "json"]
    runtime("state", 'a"b\\c\nd\x01', check=False)
    lines = log.read_text().splitlines()
    assert len(lines) == 1
    assert json.loads(lines[0])["level"] == "error"


@pytest.mark.once("no container is made")
def test_text_format(runtime, work):
    log = work / "log"
    runtime.globals = ["--log", str(log), "--log-format", "text"]
    runtime("state", runtime.new_id(), check=False)
    assert re.match(r'time="[^"]+" level=error msg=".*does not exist', log.read_text())


@pytest.mark.once("no container is made")
def test_text_is_the_default_for_a_file(runtime, work):
    log = work / "log"
    runtime.globals = ["--log", str(log)]
    runtime("state", runtime.new_id(), check=False)
    assert "level=error" in log.read_text()


@pytest.mark.once("no container is made")
def test_error_still_goes_to_stderr(runtime, work):
    runtime.globals = ["--log", str(work / "log")]
    assert "does not exist" in runtime("state", runtime.new_id(), check=False).err


@pytest.mark.once("no container is made")
def test_appends(runtime, work):
    log = work / "log"
    log.write_text("before\n")
    runtime.globals = ["--log", str(log), "--log-format", "json"]
    runtime("state", runtime.new_id(), check=False)
    assert log.read_text().startswith("before\n{")


def test_success_writes_nothing_without_debug(runtime, bundle, work):
    log = work / "log"
    runtime.globals = ["--log", str(log), "--log-format", "json"]
    assert runtime.run(bundle().sh("echo ok")).out == "ok\n"
    assert not log.exists() or log.read_text() == ""


def test_debug_writes_json_too(runtime, bundle, work):
    log = work / "log"
    runtime.globals = ["--debug", "--log", str(log), "--log-format", "json"]
    runtime.run(bundle().sh("echo ok"))
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    assert entries and {e["level"] for e in entries} <= {"debug", "info", "warning"}


def test_debug_does_not_disturb_the_containers_streams(runtime, bundle, work):
    runtime.globals = ["--debug", "--log", str(work / "log")]
    result = runtime.run(bundle().sh("echo out; echo err >&2"))
    assert (result.out, result.err) == ("out\n", "err\n")


def test_failure_in_the_container_init_is_logged(runtime, bundle, work):
    """What goes wrong in the child reaches the log of the parent."""
    log = work / "log"
    runtime.globals = ["--log", str(log), "--log-format", "json"]
    runtime.create_fails(bundle().bind("/no/such/source", "/x"))
    runtime.globals = []
    assert "/no/such/source" in json.loads(log.read_text().splitlines()[-1])["msg"]


@pytest.mark.once("no container is made")
def test_log_that_cannot_be_opened(runtime, bundle, work):
    runtime.globals = ["--log", str(work / "none/log")]
    runtime.fails("list", says="log")


@pytest.mark.once("no container is made")
@pytest.mark.parametrize("target", ["/dev/null", "/dev/stderr"])
def test_special_files(runtime, target):
    runtime.globals = ["--log", target]
    assert runtime("state", runtime.new_id(), check=False).rc != 0
