"""Device nodes and which devices may be used."""

import os
import stat

import pytest

DEFAULTS = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9),
            "tty": (5, 0)}
NODE = "stat -c '%n %F %a %u %g %t %T' "


def test_default_devices(runtime, bundle):
    script = "for d in " + " ".join(DEFAULTS) + "; do stat -c '%n %F %a %t %T' /dev/$d; done"
    for line in runtime.run(bundle().sh(script)).lines:
        words = line.split()
        name = words[0].rsplit("/", 1)[1]
        assert words[1:4] == ["character", "special", "file"]
        assert words[4] == "666"
        assert (int(words[5], 16), int(words[6], 16)) == DEFAULTS[name]


def test_default_devices_work(runtime, bundle):
    out = runtime.run(bundle().sh(
        "echo x >/dev/null && cat /dev/null; head -c 3 /dev/zero | wc -c; head -c 3 /dev/urandom | wc -c;"
        "echo x 2>/dev/null >/dev/full || echo full")).out.split()
    assert out == ["3", "3", "full"]


def test_default_links(runtime, bundle):
    out = runtime.run(bundle().sh(
        "for l in fd stdin stdout stderr ptmx; do readlink /dev/$l; done")).lines
    assert out[:4] == ["/proc/self/fd", "/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2"]
    assert out[4] in ("pts/ptmx", "/dev/pts/ptmx")


def test_nothing_else_in_dev(runtime, bundle):
    names = set(runtime.run(bundle().sh("ls /dev")).out.split())
    assert names <= set(DEFAULTS) | {"fd", "stdin", "stdout", "stderr", "ptmx", "pts", "shm",
                                     "mqueue", "core", "console"}


def test_no_console_without_a_terminal(runtime, bundle):
    assert runtime.run(bundle().sh("test -e /dev/console || echo none")).out == "none\n"


@pytest.fixture
def allow_all():
    def allow(b):
        b.resources["devices"] = [{"allow": True, "access": "rwm"}]
        return b
    return allow


def test_device_of_the_config(runtime, bundle):
    b = bundle()
    b.linux["devices"] = [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229,
                           "fileMode": 0o640, "uid": 7, "gid": 8}]
    out = runtime.run(b.sh(NODE + "/dev/fuse")).out
    assert out == "/dev/fuse character special file 640 7 8 a e5\n"


def test_device_mode_is_not_cut_by_the_umask(runtime, bundle):
    b = bundle()
    b.linux["devices"] = [{"path": "/dev/mine", "type": "c", "major": 1, "minor": 3,
                           "fileMode": 0o666, "uid": 0, "gid": 0}]
    result = runtime.run(b.sh("stat -c %a /dev/mine"), preexec_fn=lambda: os.umask(0o077))
    assert result.out == "666\n"


def test_device_in_a_new_directory(runtime, bundle):
    b = bundle()
    b.linux["devices"] = [{"path": "/dev/sub/dir/node", "type": "c", "major": 1, "minor": 3}]
    assert runtime.run(b.sh("test -c /dev/sub/dir/node && echo ok")).out == "ok\n"


def test_block_device_and_fifo(runtime, bundle):
    b = bundle()
    b.linux["devices"] = [{"path": "/dev/blk", "type": "b", "major": 7, "minor": 0},
                          {"path": "/dev/pipe", "type": "p"}]
    out = runtime.run(b.sh("test -b /dev/blk && echo block; test -p /dev/pipe && echo fifo")).out
    assert out == "block\nfifo\n"


def test_u_is_a_character_device(runtime, bundle):
    b = bundle()
    b.linux["devices"] = [{"path": "/dev/u", "type": "u", "major": 1, "minor": 3}]
    assert runtime.run(b.sh("test -c /dev/u && echo ok")).out == "ok\n"


@pytest.mark.peer_lacks("runc 1.1 then refuses the device itself")
def test_default_device_may_be_given_again(runtime, bundle):
    b = bundle()
    b.linux["devices"] = [{"path": "/dev/null", "type": "c", "major": 1, "minor": 3,
                           "fileMode": 0o666}]
    assert runtime.run(b.sh("test -c /dev/null && echo ok")).out == "ok\n"


@pytest.mark.once("refused before anything is made")
@pytest.mark.peer_lacks("refusal by JSON path")
@pytest.mark.parametrize("device,where", [
    ({"path": "/dev/x", "type": "z", "major": 1, "minor": 3}, "linux.devices[0].type"),
    ({"path": "/dev/x", "type": "c"}, "linux.devices[0]"),
    ({"type": "c", "major": 1, "minor": 3}, "linux.devices[0].path"),
    ({"path": "dev/x", "type": "c", "major": 1, "minor": 3}, "linux.devices[0].path"),
    ({"path": "/dev/x", "type": "c", "major": -1, "minor": 3}, "linux.devices[0].major"),
    ({"path": "/dev/x", "type": "c", "major": "1", "minor": 3}, "linux.devices[0].major"),
    ({"path": "/dev/x", "type": "c", "major": 1, "minor": 3, "fileMode": 99999}, "fileMode"),
])
def test_impossible_devices(runtime, bundle, device, where):
    b = bundle()
    b.linux["devices"] = [device]
    runtime.run_fails(b, says=where)
    runtime.leftovers.assert_none()


def test_device_over_a_directory_is_refused(runtime, bundle):
    b = bundle().writable()
    b.linux["devices"] = [{"path": "/etc", "type": "c", "major": 1, "minor": 3}]
    result = runtime.run(b.args("true"), check=False)
    if not runtime.standin:
        runtime.assert_error(result, "/etc")
    assert (b.rootfs / "etc/passwd").exists()
    runtime.leftovers.assert_none()


TRY = "dd if=%s bs=1 count=1 2>&1 >/dev/null | grep -q 'not permitted' && echo refused || echo open"


def test_access_is_refused_without_a_rule(runtime, bundle):
    b = bundle().caps("CAP_MKNOD")
    b.tmpfs("/mnt", "mode=777")
    b.sh("mknod /mnt/kmsg c 1 11 && " + TRY % "/mnt/kmsg")
    assert runtime.run(b).out == "refused\n"


def test_rule_opens_a_device(runtime, bundle):
    b = bundle().caps("CAP_MKNOD", "CAP_SYSLOG")
    b.resources["devices"].append({"allow": True, "type": "c", "major": 1, "minor": 11,
                                   "access": "rwm"})
    b.tmpfs("/mnt", "mode=777").sh("mknod /mnt/kmsg c 1 11 && " + TRY % "/mnt/kmsg")
    assert runtime.run(b).out == "open\n"


def test_access_letters_matter(runtime, bundle):
    """w without r: opening for reading fails, for writing works."""
    b = bundle().caps("CAP_MKNOD")
    b.resources["devices"] += [{"allow": True, "type": "c", "major": 1, "minor": 4, "access": "wm"}]
    b.tmpfs("/mnt", "mode=777").sh(
        "mknod /mnt/x c 1 4; exec 2>/dev/null; (: </mnt/x) && echo read; (: >/mnt/x) && echo write; true")
    out = runtime.run(b).out
    assert "read" not in out


def test_mknod_of_a_foreign_device_is_refused(runtime, bundle):
    """The default rules allow making any node (docker) or none; opening is what is refused."""
    b = bundle().caps("CAP_MKNOD")
    b.resources["devices"] = [{"allow": False, "access": "rwm"}]
    b.tmpfs("/mnt", "mode=777").sh("mknod /mnt/disk b 254 0 && (: </mnt/disk) 2>/dev/null && echo leaked; true")
    assert runtime.run(b, check=False).out == ""


def test_a_later_rule_wins(runtime, bundle):
    b = bundle().caps("CAP_MKNOD")
    b.resources["devices"] += [{"allow": True, "type": "c", "major": 1, "minor": 11, "access": "rwm"},
                               {"allow": False, "type": "c", "major": 1, "minor": 11, "access": "rwm"}]
    b.tmpfs("/mnt", "mode=777").sh("mknod /mnt/kmsg c 1 11 2>/dev/null; " + TRY % "/mnt/kmsg"
                                   + "; test -e /mnt/kmsg || echo refused")
    assert "open\n" not in runtime.run(b).out or "refused" in runtime.run(b).out


def test_everything_allowed(runtime, bundle, allow_all):
    b = allow_all(bundle().caps("CAP_MKNOD", "CAP_SYSLOG"))
    b.tmpfs("/mnt", "mode=777").sh("mknod /mnt/kmsg c 1 11 && " + TRY % "/mnt/kmsg")
    assert runtime.run(b).out == "open\n"


def test_exec_obeys_the_same_rules(runtime, bundle):
    b = bundle().caps("CAP_MKNOD").tmpfs("/mnt", "mode=777")
    c = runtime.start(b)
    assert c.exec_sh("mknod /mnt/kmsg c 1 11 && " + TRY % "/mnt/kmsg").out == "refused\n"


@pytest.mark.host_view("device nodes of the host")
def test_host_dev_is_untouched(runtime, bundle):
    before = {name: os.lstat("/dev/" + name) for name in DEFAULTS}
    runtime.run(bundle().sh("true"))
    for name, info in before.items():
        now = os.lstat("/dev/" + name)
        assert (now.st_ino, now.st_rdev, stat.S_IMODE(now.st_mode)) == \
            (info.st_ino, info.st_rdev, stat.S_IMODE(info.st_mode))
