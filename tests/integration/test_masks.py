"""maskedPaths and readonlyPaths."""

import pytest


def test_masked_file_is_dev_null(runtime, bundle):
    b = bundle()
    b.put("/etc/secret", "secret")
    b.linux["maskedPaths"].append("/etc/secret")
    out = runtime.run(b.sh("cat /etc/secret; test -c /etc/secret && stat -c '%t %T' /etc/secret")).out
    assert out == "1 3\n"


def test_masked_directory_is_empty_and_readonly(runtime, bundle):
    b = bundle().writable()
    b.put("/etc/secrets/one", "secret")
    b.linux["maskedPaths"].append("/etc/secrets")
    out = runtime.run(b.sh("ls -A /etc/secrets; touch /etc/secrets/x 2>/dev/null || echo refused")).out
    assert out == "refused\n"
    assert (b.rootfs / "etc/secrets/one").exists()


def test_masked_directories_share_nothing_that_can_be_written(runtime, bundle):
    """Even a process with every capability short of mounting cannot pass data through a mask."""
    b = bundle().writable()
    for name in ("a", "b"):
        b.put(f"/etc/{name}/x", "")
        b.linux["maskedPaths"].append(f"/etc/{name}")
    b.caps("CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_CHOWN")
    out = runtime.run(b.sh("chmod 700 /etc/a 2>/dev/null || echo no; chown 5 /etc/a 2>/dev/null || echo no; "
                           "stat -c %u /etc/b")).out
    assert out == "no\nno\n0\n"


def test_default_masks(runtime, bundle):
    out = runtime.run(bundle().sh("wc -c </proc/timer_list; wc -c </proc/keys; ls -A /sys/firmware")).lines
    assert out == ["0", "0"]


def test_readonly_paths(runtime, bundle):
    b = bundle().writable()
    b.put("/etc/fixed/file", "x")
    b.linux["readonlyPaths"] += ["/etc/fixed"]
    out = runtime.run(b.sh("cat /etc/fixed/file; touch /etc/fixed/y 2>/dev/null || echo ' refused';"
                           "touch /etc/other && echo fine")).lines
    assert out == ["x refused", "fine"]


def test_default_readonly_paths(runtime, bundle):
    b = bundle().caps("CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE")
    out = runtime.run(b.sh("echo 1 2>/dev/null >/proc/sys/kernel/hostname || echo refused")).out
    assert "refused" in out


def test_readonly_keeps_other_flags(runtime, bundle):
    b = bundle().tmpfs("/tmp", "nosuid", "nodev", "noexec")
    b.linux["readonlyPaths"] += ["/tmp"]
    out = runtime.run(b.sh("grep ' /tmp ' /proc/self/mountinfo | tail -1")).out
    assert {"ro", "nosuid", "nodev", "noexec"} <= set(out.split()[5].split(","))


def test_missing_paths_are_passed_over(runtime, bundle):
    b = bundle()
    b.linux["maskedPaths"] += ["/no/such/thing"]
    b.linux["readonlyPaths"] += ["/no/such/thing"]
    assert runtime.run(b.sh("test -e /no || echo ok")).out == "ok\n"


def test_symlinked_masked_path_masks_inside(runtime, bundle, work):
    """A link cannot make the mask land on the host or miss."""
    b = bundle()
    b.put("/etc/secret", "secret")
    (b.rootfs / "etc/alias").symlink_to("/etc/secret")
    b.linux["maskedPaths"] += ["/etc/alias"]
    assert runtime.run(b.sh("cat /etc/secret /etc/alias"), check=False).out in ("", "secretsecret")


@pytest.mark.once("refused before anything is made")
@pytest.mark.peer_lacks("refusing relative paths")
@pytest.mark.parametrize("field", ["maskedPaths", "readonlyPaths"])
def test_relative_path_is_refused(runtime, bundle, field):
    b = bundle()
    b.linux[field].append("etc/passwd")
    runtime.run_fails(b, says=f"linux.{field}[")
    runtime.leftovers.assert_none()


def test_container_cannot_unmask(runtime, bundle):
    b = bundle().sh("umount /proc/keys 2>/dev/null && echo unmasked || echo kept")
    assert runtime.run(b).out == "kept\n"
