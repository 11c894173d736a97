"""mounts: what is mounted, with which attributes, and where."""

import os

import pytest

from host import host


@pytest.fixture
def volume(work):
    path = work / "volume"
    path.mkdir()
    (path / "file").write_text("from the host\n")
    return path


def mount_line(runtime, b, point) -> str:
    """The mountinfo line of a mount point as the container sees it."""
    b.sh("cat /proc/self/mountinfo")
    lines = [line for line in runtime.run(b).lines if line.split()[4] == point]
    assert lines, f"{point} is not mounted"
    return lines[-1]


def mount_options(runtime, b, point) -> set:
    return set(mount_line(runtime, b, point).split()[5].split(","))


def covering_options(runtime, b, path) -> set:
    """The attributes that hold at a path. What is one mount below another on the host can be one
    file system in a VM, with the attributes of its mount."""
    b.sh(f"ls {path} >/dev/null; cat /proc/self/mountinfo")
    lines = [line.split() for line in runtime.run(b).lines]
    found = [f for f in lines if path == f[4] or path.startswith(f[4].rstrip("/") + "/")]
    return set(max(found, key=lambda f: len(f[4]))[5].split(","))


def test_default_mounts(runtime, bundle):
    out = runtime.run(bundle().sh("cat /proc/self/mountinfo")).lines
    kinds = {line.split()[4]: line.split(" - ")[1].split()[0] for line in out}
    for point, kind in [("/proc", "proc"), ("/dev", "tmpfs"), ("/dev/pts", "devpts"),
                        ("/dev/shm", "tmpfs"), ("/dev/mqueue", "mqueue"), ("/sys", "sysfs")]:
        assert kinds[point] == kind
    assert kinds["/sys/fs/cgroup"] in ("tmpfs", "cgroup2")


def test_default_attributes(runtime, bundle):
    b = bundle()
    assert {"nosuid", "noexec", "nodev", "ro"} <= mount_options(runtime, b, "/sys")
    assert {"nosuid", "noexec"} <= mount_options(runtime, b, "/dev/pts")
    assert {"nosuid", "noexec", "nodev"} <= mount_options(runtime, b, "/dev/shm")


def test_bind_readwrite(runtime, bundle, volume):
    b = bundle().bind(volume, "/vol", "bind", "rw").sh("cat /vol/file; echo back >/vol/new")
    assert runtime.run(b).out == "from the host\n"
    assert (volume / "new").read_text() == "back\n"


def test_bind_readonly(runtime, bundle, volume):
    b = bundle().bind(volume, "/vol", "bind", "ro")
    assert runtime.run(b.sh("touch /vol/x 2>/dev/null || echo refused")).out == "refused\n"
    assert not (volume / "x").exists()


def test_type_none_with_bind_option(runtime, bundle, volume):
    b = bundle().mount("/vol", "none", volume, ["bind"]).sh("cat /vol/file")
    assert runtime.run(b).out == "from the host\n"
    b = bundle().mount("/vol", None, volume, ["rbind"]).sh("cat /vol/file")
    assert runtime.run(b).out == "from the host\n"


def test_bind_source_relative_to_the_bundle(runtime, bundle):
    b = bundle()
    (b.path / "data").mkdir()
    (b.path / "data/file").write_text("relative\n")
    assert runtime.run(b.bind("data", "/vol").sh("cat /vol/file")).out == "relative\n"


def test_bind_a_single_file(runtime, bundle, volume):
    b = bundle().bind(volume / "file", "/etc/passwd").bind(volume / "file", "/newdir/newfile")
    assert runtime.run(b.sh("cat /etc/passwd /newdir/newfile")).out == "from the host\n" * 2


def test_bind_a_single_file_readonly(runtime, bundle, volume):
    b = bundle().bind(volume / "file", "/etc/hosts", "bind", "ro")
    runtime.run(b.sh("echo x >/etc/hosts"), check=False)
    assert (volume / "file").read_text() == "from the host\n"


def test_bind_a_socket_and_a_fifo(runtime, bundle, volume):
    os.mkfifo(volume / "fifo")
    b = bundle().bind(volume / "fifo", "/run/fifo")
    if runtime.isolation == "hyperv":  # two kernels, and a pipe is in one of them
        runtime.create_fails(b, says=["mounts", "FIFO"])
        return
    assert runtime.run(b.sh("test -p /run/fifo && echo fifo")).out == "fifo\n"


def test_bind_a_device(runtime, bundle):
    b = bundle().bind("/dev/null", "/mnt/null")
    b.resources["devices"] = [{"allow": True, "access": "rwm"}]
    assert runtime.run(b.sh("echo x >/mnt/null && test -c /mnt/null && echo ok")).out == "ok\n"


def test_bind_through_a_symlinked_source(runtime, bundle, volume, work):
    """The source is the administrator's: links in it are followed."""
    (work / "link").symlink_to(volume)
    assert runtime.run(bundle().bind(work / "link", "/vol").sh("cat /vol/file")).rc == 0


def test_bind_keeps_submounts_out_and_rbind_takes_them(runtime, bundle, volume):
    (volume / "sub").mkdir()
    host("mount", "-t", "tmpfs", "tmpfs", volume / "sub")
    (volume / "sub/inner").write_text("inner\n")
    runtime.leftovers.rebase()
    script = "cat /vol/sub/inner 2>/dev/null || echo none"
    assert runtime.run(bundle().bind(volume, "/vol", "bind").sh(script)).out == "none\n"
    assert runtime.run(bundle().bind(volume, "/vol", "rbind").sh(script)).out == "inner\n"


@pytest.mark.peer_lacks("recursive attributes")
@pytest.mark.parametrize("option,attribute", [
    ("rro", "ro"), ("rnosuid", "nosuid"), ("rnodev", "nodev"), ("rnoexec", "noexec"),
    ("rnoatime", "noatime"), ("rnosymfollow", "nosymfollow"), ("rnodiratime", "nodiratime")])
def test_recursive_attributes(runtime, bundle, volume, option, attribute):
    (volume / "sub").mkdir()
    host("mount", "-t", "tmpfs", "tmpfs", volume / "sub")
    runtime.leftovers.rebase()
    b = bundle().bind(volume, "/vol", "rbind", option)
    assert attribute in mount_options(runtime, b, "/vol")
    assert attribute in covering_options(runtime, b, "/vol/sub")


@pytest.mark.host_view("in a VM a volume is one file system with all below")
@pytest.mark.peer_lacks("recursive attributes")
def test_plain_ro_does_not_reach_submounts(runtime, bundle, volume):
    (volume / "sub").mkdir()
    host("mount", "-t", "tmpfs", "tmpfs", volume / "sub")
    runtime.leftovers.rebase()
    b = bundle().bind(volume, "/vol", "rbind", "ro")
    assert "ro" in mount_options(runtime, b, "/vol")
    assert "rw" in mount_options(runtime, b, "/vol/sub")


@pytest.mark.peer_lacks("recursive attributes")
def test_recursive_attributes_can_be_cleared(runtime, bundle, volume):
    host("mount", "-t", "tmpfs", "-o", "ro,nosuid,noexec", "tmpfs", volume)
    runtime.leftovers.rebase()
    b = bundle().bind(volume, "/vol", "rbind", "rrw", "rexec")
    options = mount_options(runtime, b, "/vol")
    assert "rw" in options and "noexec" not in options


@pytest.mark.parametrize("option", ["nosuid", "nodev", "noexec", "noatime", "nodiratime"])
def test_bind_attributes(runtime, bundle, volume, option):
    assert option in mount_options(runtime, bundle().bind(volume, "/vol", "bind", option), "/vol")


@pytest.mark.host_view("the guest's mount has its own attributes; read-only holds on the host's side")
@pytest.mark.peer_lacks("keeping what the host's mount refuses")
def test_bind_of_a_readonly_host_mount_stays_readonly(runtime, bundle, volume):
    """Asking for one attribute more does not clear those that the host's mount has."""
    host("mount", "-t", "tmpfs", "-o", "ro,nosuid,nodev,noexec", "tmpfs", volume)
    runtime.leftovers.rebase()
    options = mount_options(runtime, bundle().bind(volume, "/vol", "bind", "nosuid"), "/vol")
    assert {"ro", "nosuid", "nodev", "noexec"} <= options


@pytest.mark.host_view("a mount of the guest's has no peer on the host")
@pytest.mark.parametrize("option,field", [
    ("rshared", "shared:"), ("rslave", "master:"), ("rprivate", ""), ("private", ""),
    ("shared", "shared:"), ("slave", "master:"), ("unbindable", "unbindable")])
def test_propagation_of_a_mount(runtime, bundle, volume, option, field):
    host("mount", "-t", "tmpfs", "tmpfs", volume)
    host("mount", "--make-shared", volume)
    runtime.leftovers.rebase()
    line = mount_line(runtime, bundle().bind(volume, "/vol", "rbind", option), "/vol")
    optional = line.split(" - ")[0].split()[6:]
    if field:
        assert any(f.startswith(field) for f in optional), line
    else:
        assert optional == [], line


def test_slave_receives_a_later_mount(runtime, bundle, volume):
    host("mount", "-t", "tmpfs", "tmpfs", volume)
    host("mount", "--make-shared", volume)
    (volume / "later").mkdir()
    runtime.leftovers.rebase()
    b = bundle().bind(volume, "/vol", "rbind", "rslave")
    b.linux["rootfsPropagation"] = "rslave"
    c = runtime.start(b)
    host("mount", "-t", "tmpfs", "tmpfs", volume / "later")
    (volume / "later/new").write_text("seen")
    assert c.exec("cat", "/vol/later/new").out == "seen"
    # The share's daemon holds what the guest has seen, as a shell in the directory would.
    host("umount", *(["-l"] if runtime.isolation == "hyperv" else []), volume / "later")


@pytest.mark.host_view("a mount of the guest's has no peer on the host")
@pytest.mark.parametrize("propagation,field", [
    ("private", None), ("rprivate", None), ("slave", "master:"), ("rslave", "master:"),
    ("shared", "shared:"), ("rshared", "shared:")])
def test_rootfs_propagation(runtime, bundle, propagation, field):
    if runtime.standin and propagation in ("slave", "shared", "rshared"):
        pytest.skip("peer: leaves the rootfs private")
    b = bundle()
    host("mount", "--bind", b.path, b.path)
    host("mount", "--make-shared", b.path)
    runtime.leftovers.rebase()
    b.linux["rootfsPropagation"] = propagation
    optional = mount_line(runtime, b, "/").split(" - ")[0].split()[6:]
    if field is None:
        assert optional == []
    else:
        assert any(f.startswith(field) for f in optional), optional


@pytest.mark.once("refused before anything is made")
def test_rootfs_propagation_unknown(runtime, bundle):
    b = bundle()
    b.linux["rootfsPropagation"] = "sideways"
    runtime.run_fails(b, says="linux.rootfsPropagation" if not runtime.standin else ())
    runtime.leftovers.assert_none()


def test_tmpfs_options(runtime, bundle):
    b = bundle().tmpfs("/new", "size=1m", "mode=0711", "uid=5", "gid=6", "noexec")
    b.sh("stat -c '%a %u %g' /new; df -k /new | tail -1 | awk '{print $2}'")
    assert runtime.run(b).lines == ["711 5 6", "1024"]


def test_tmpfs_takes_the_mode_of_the_directory_it_covers(runtime, bundle):
    b = bundle().tmpfs("/root").sh("stat -c %a /root")
    (b.rootfs / "root").chmod(0o700)
    assert runtime.run(b).out == "700\n"


def test_tmpcopyup(runtime, bundle):
    b = bundle()
    b.put("/etc/deep/down/file", "kept", 0o604)
    (b.rootfs / "etc/link").symlink_to("deep/down/file")
    os.chown(b.rootfs / "etc/deep/down/file", 12, 34)
    b.tmpfs("/etc", "tmpcopyup", "mode=755")
    out = runtime.run(b.sh("cat /etc/link; stat -c ' %a %u %g' /etc/deep/down/file;"
                           "echo new >/etc/new; readlink /etc/link")).lines
    assert out == ["kept 604 12 34", "deep/down/file"]
    assert not (b.rootfs / "etc/new").exists()


def test_mounts_are_made_in_order(runtime, bundle, volume):
    b = bundle().tmpfs("/mnt").bind(volume, "/mnt/vol").sh("cat /mnt/vol/file")
    assert runtime.run(b).out == "from the host\n"
    b = bundle().bind(volume, "/mnt/vol").tmpfs("/mnt").sh("ls /mnt")
    assert runtime.run(b).out == ""


def test_relative_destination(runtime, bundle, volume):
    """Since 1.2 of the spec a relative destination is taken from /."""
    assert runtime.run(bundle().bind(volume, "mnt/vol").sh("cat /mnt/vol/file")).rc == 0


def test_destination_is_made(runtime, bundle, volume):
    b = bundle().bind(volume, "/a/b/c").sh("cat /a/b/c/file")
    assert runtime.run(b).rc == 0
    assert (b.rootfs / "a/b/c").is_dir()


def test_destination_with_dots_and_slashes(runtime, bundle, volume):
    b = bundle().bind(volume, "/mnt/../mnt//./vol/").sh("cat /mnt/vol/file")
    assert runtime.run(b).rc == 0


@pytest.mark.parametrize("link", ["target", "/target", "../target", "../../../../target",
                                  "/proc/../target"])
def test_symlinked_destination_stays_inside(runtime, bundle, volume, link):
    b = bundle()
    (b.rootfs / "target").mkdir()
    (b.rootfs / "link").symlink_to(link)
    b.bind(volume, "/link").sh("cat /target/file")
    assert runtime.run(b).out == "from the host\n"
    assert os.listdir(b.rootfs / "target") == []


def test_symlinked_parent_stays_inside(runtime, bundle, volume):
    b = bundle()
    (b.rootfs / "real").mkdir()
    (b.rootfs / "alias").symlink_to("/real")
    b.bind(volume, "/alias/new/vol").sh("cat /real/new/vol/file")
    assert runtime.run(b).out == "from the host\n"
    assert not os.path.exists("/real")


def test_symlink_to_an_absolute_host_path_makes_nothing_there(runtime, bundle, volume, work):
    """CVE-2019-18837 and 2024-45310: nothing is created outside the rootfs."""
    outside = work / "outside"
    outside.mkdir()
    b = bundle()
    (b.rootfs / "evil").symlink_to(f"{outside}/made")
    b.bind(volume, "/evil/vol").bind(volume / "file", "/evil/f")
    runtime.run(b.args("true"), check=False)
    assert os.listdir(outside) == []
    runtime.leftovers.assert_none()


def test_mqueue_and_shm_work(runtime, bundle):
    assert runtime.run(bundle().sh("touch /dev/mqueue/q && echo x >/dev/shm/s && echo ok")).rc == 0


def test_second_proc(runtime, bundle):
    b = bundle().mount("/mnt", "proc", "proc").sh("test -e /mnt/self/status && echo ok")
    assert runtime.run(b).out == "ok\n"


def test_cgroup_mount_shows_the_containers_own(runtime, bundle):
    """The container sees its own cgroup at the top of each hierarchy, read-only."""
    out = runtime.run(bundle().sh(
        "for d in /sys/fs/cgroup /sys/fs/cgroup/*; do test -f $d/cgroup.procs && grep -qx 1 $d/cgroup.procs &&"
        " { mkdir $d/x 2>/dev/null && echo wrote || echo ro; }; done | sort -u"))
    assert out.out == "ro\n"


def test_cgroup_mount_with_a_cgroup_namespace(runtime, bundle):
    b = bundle().namespace("cgroup").sh(
        "for d in /sys/fs/cgroup /sys/fs/cgroup/*; do test -f $d/cgroup.procs && cat $d/cgroup.procs; done"
        " | sort -u | head -1")
    assert runtime.run(b).out == "1\n"


def test_cgroup_mount_writable(runtime, bundle):
    b = bundle().namespace("cgroup")
    b.mount_of("/sys/fs/cgroup")["options"] = ["nosuid", "noexec", "nodev", "relatime", "rw"]
    b.sh("for d in /sys/fs/cgroup/pids /sys/fs/cgroup; do test -f $d/cgroup.procs && mkdir $d/x && rmdir $d/x"
         " && echo ok && break; done")
    assert runtime.run(b).out == "ok\n"


def test_dev_bound_from_the_host(runtime, bundle):
    """With /dev bound the runtime leaves it alone."""
    b = bundle()
    for point in ("/dev/pts", "/dev/shm", "/dev/mqueue", "/dev"):
        b.without_mount(point)
    b.mount("/dev", "bind", "/dev", ["rbind", "ro"]).sh("test -c /dev/null && echo ok")
    before = sorted(os.listdir("/dev"))
    assert runtime.run(b).out == "ok\n"
    assert sorted(os.listdir("/dev")) == before


def test_missing_source(runtime, bundle):
    runtime.run_fails(bundle().bind("/no/such/source", "/vol"), says="/no/such/source")
    runtime.leftovers.assert_none()


def test_directory_onto_a_file(runtime, bundle, volume):
    runtime.run_fails(bundle().bind(volume, "/etc/passwd"), says="/etc/passwd")
    runtime.leftovers.assert_none()


def test_unknown_file_system_type(runtime, bundle):
    runtime.run_fails(bundle().mount("/vol", "nosuchfs", "x"), says="nosuchfs")
    runtime.leftovers.assert_none()


@pytest.mark.once("refused before anything is made")
@pytest.mark.peer_lacks("refusing empty or missing destinations by JSON path")
def test_destination_missing(runtime, bundle):
    b = bundle()
    b.spec["mounts"].append({"type": "tmpfs", "source": "tmpfs"})
    runtime.run_fails(b, says="mounts[7].destination")
    b.spec["mounts"][7] = {"destination": "", "type": "tmpfs"}
    runtime.run_fails(b, says="mounts[7].destination")
    runtime.leftovers.assert_none()


def test_option_that_the_file_system_refuses(runtime, bundle):
    runtime.run_fails(bundle().tmpfs("/tmp", "nosuchoption=1"), says="/tmp")
    runtime.leftovers.assert_none()


def test_mount_on_root_is_refused_or_harmless(runtime, bundle, volume):
    b = bundle().bind(volume, "/")
    result = runtime.run(b.args("true"), check=False)
    assert result.rc != 0
    runtime.leftovers.assert_none()


def test_many_mounts(runtime, bundle, volume):
    b = bundle()
    for i in range(120):
        b.bind(volume, f"/m/{i}")
    assert runtime.run(b.sh("ls /m | wc -l; cat /m/119/file")).lines == ["120", "from the host"]


@pytest.mark.host_view("a VM mounts no file system of the host's but by a bind")
def test_long_option_string(runtime, bundle, volume):
    """More than a page of data (overlay with many lower directories)."""
    lowers = []
    for i in range(40):
        path = volume / f"lower-with-a-rather-long-name-to-fill-the-page-{i:03}"
        path.mkdir()
        (path / f"f{i}").write_text("")
        lowers.append(str(path))
    b = bundle().mount("/vol", "overlay", "overlay", ["lowerdir=" + ":".join(lowers)])
    assert runtime.run(b.sh("ls /vol | wc -l")).out == "40\n"


def test_no_mounts_at_all(runtime, bundle):
    b = bundle()
    b.spec["mounts"] = []
    b.linux["maskedPaths"] = b.linux["readonlyPaths"] = []
    b.writable()
    result = runtime.run(b.sh("echo bare"), check=False)
    if runtime.standin:
        pytest.skip("peer: needs /proc")
    assert result.out == "bare\n" or result.rc != 0


def test_mounts_do_not_reach_the_host(runtime, bundle, volume):
    c = runtime.start(bundle().bind(volume, "/vol").tmpfs("/tmp"))
    assert not [f for f in runtime.leftovers.new() if f.startswith("mount")]
    c.delete(force=True)
    runtime.leftovers.assert_none()
