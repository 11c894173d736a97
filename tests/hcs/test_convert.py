"""set --isolation: a stopped container goes on in the other isolation with what it wrote."""

import os

import pytest

OTHER = {"process": "hyperv", "hyperv": "process"}
WRITE = r"""
echo text >/tmp/file; chmod 640 /tmp/file; chown 1234:50 /tmp/file; touch -d '2001-02-03 04:05:06' /tmp/file
ln -s file /tmp/link; ln /tmp/file /tmp/hard; mkdir -p /tmp/a/b; mknod /tmp/fifo p 2>/dev/null
rm /etc/group; rm -r /root; mkdir /root; echo new >/root/new; echo changed >>/etc/passwd
dd if=/dev/zero of=/tmp/sparse bs=1 count=1 seek=1000000 2>/dev/null
"""
LOOK = r"""
stat -c '%n %F %a %u:%g %h %s %Y' /tmp/file /tmp/link /tmp/hard /tmp/a/b /tmp/sparse /root/new
cat /tmp/link; ls -a /root; ls /etc/group 2>&1; tail -n 1 /etc/passwd; md5sum </tmp/sparse
"""


@pytest.mark.parametrize("there_and_back", [False, True])
def test_what_it_wrote_goes_with_it(service, there_and_back):
    if "HCS_TEST_NO_VM" in os.environ:
        pytest.skip("HCS_TEST_NO_VM says that no VM is to be started")
    script = f"if [ -e /root/new ]; then {LOOK}\nelse {WRITE}\nfi; [ ! -e /status ]"
    service("run", "--name", "moved", "nano", "sh", "-c", script)
    before = service("start", "-a", "moved").stdout
    assert "text" in before and "changed" in before
    other = OTHER[service.isolation]
    for isolation in [other] + ([service.isolation] if there_and_back else []):
        service("set", "moved", "--isolation", isolation)
        stored = (service.directory("moved") / "container.json").read_text().replace(" ", "")
        assert f'"Isolation":"{isolation}"' in stored
        assert service("start", "-a", "moved", timeout=120).stdout == before
    scratch = [p.name for p in service.directory("moved").glob("scratch*")]
    assert scratch == [{"process": "scratch", "hyperv": "scratch.ext4"}[isolation]]


def test_refused_while_it_runs(service):
    service.started("busy", "sleep", "1000")
    for state, command in (("running", "pause"), ("paused", "unpause")):
        assert f"is {state}" in service.fails("set", "busy", "--isolation", OTHER[service.isolation])
        service(command, "busy")


def test_to_what_it_is_already(service):
    service("create", "--name", "same", "nano", "true")
    service("set", "same", "--isolation", service.isolation)


def test_one_that_has_never_run(service):
    service("create", "--name", "fresh", "nano", "echo", "ran")
    service("set", "fresh", "--isolation", OTHER[service.isolation])
    assert service("start", "-a", "fresh", timeout=120).stdout == "ran\n"


def test_what_the_other_cannot_do_is_refused_and_nothing_changes(service):
    if service.isolation == "hyperv":
        service("create", "--name", "bound", "--kernel", "/nowhere/vmlinux", "nano", "true", check=False)
        return
    service("create", "--name", "bound", "--network=host", "nano", "echo", "still")
    assert "host" in service.fails("set", "bound", "--isolation", "hyperv")
    assert service("start", "-a", "bound").stdout == "still\n"
