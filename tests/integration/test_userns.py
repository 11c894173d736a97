"""User namespaces: mappings, ownership, idmapped mounts."""

import os

import pytest


@pytest.fixture
def shifted(bundle):
    """A bundle in a user namespace whose rootfs belongs to the mapped root."""
    return bundle(own_files=True).map_user().give_to(100000, 100000)


def test_maps(runtime, shifted):
    out = runtime.run(shifted.sh("cat /proc/self/uid_map /proc/self/gid_map; id -u; id -g")).lines
    assert [line.split() for line in out[:2]] == [["0", "100000", "65536"]] * 2
    assert out[2:] == ["0", "0"]


def test_several_ranges(runtime, bundle):
    b = bundle().map_user()
    b.linux["uidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 1},
                              {"containerID": 1, "hostID": 200000, "size": 10},
                              {"containerID": 1000, "hostID": 300000, "size": 5}]
    out = runtime.run(b.sh("cat /proc/self/uid_map")).lines
    assert [line.split() for line in out] == [
        ["0", "100000", "1"], ["1", "200000", "10"], ["1000", "300000", "5"]]


@pytest.mark.host_view("looks at the process on the host")
def test_process_runs_as_the_mapped_user(runtime, shifted):
    c = runtime.start(shifted)
    assert os.stat(f"/proc/{c.pid}").st_uid == 100000
    c.delete(force=True)
    c = runtime.start(shifted.user(1000, 1000))
    assert os.stat(f"/proc/{c.pid}").st_uid == 101000


def test_files_made_inside_belong_to_the_mapped_user(runtime, shifted):
    shifted.writable().caps("CAP_CHOWN")
    runtime.run(shifted.sh("touch /made; chown 5:6 /made"))
    info = os.stat(shifted.rootfs / "made")
    assert (info.st_uid, info.st_gid) == (100005, 100006)


def test_exec_enters_the_user_namespace(runtime, shifted):
    c = runtime.start(shifted)
    assert c.exec("cat", "/proc/self/uid_map").out.split() == ["0", "100000", "65536"]
    assert c.exec("id", "-u", options=["-u", "7"]).out == "7\n"


def test_user_outside_the_mapping_is_refused(runtime, bundle):
    b = bundle().map_user(size=1000).user(5000, 0)
    runtime.run_fails(b, says="5000")
    runtime.leftovers.assert_none()


@pytest.mark.once("refused before anything is made")
def test_mappings_without_a_user_namespace_are_refused(runtime, bundle):
    b = bundle().map_user().without_namespace("user")
    if not runtime.standin:
        runtime.run_fails(b, says="linux.uidMappings")
    runtime.leftovers.assert_none()


@pytest.mark.once("refused before anything is made")
def test_user_namespace_without_mappings_is_refused(runtime, bundle):
    runtime.run_fails(bundle().namespace("user"), says="appings")
    runtime.leftovers.assert_none()


@pytest.mark.once("refused before anything is made")
@pytest.mark.peer_lacks("naming the mapping")
@pytest.mark.parametrize("mappings", [
    [{"containerID": 0, "hostID": 100000, "size": 10},
     {"containerID": 5, "hostID": 200000, "size": 10}],
    [{"containerID": 0, "hostID": 100000, "size": 0}],
    [{"containerID": 0, "hostID": 4294967290, "size": 100}],
])
def test_impossible_mappings(runtime, bundle, mappings):
    b = bundle().map_user()
    b.linux["uidMappings"] = mappings
    runtime.run_fails(b, says="linux.uidMappings")
    runtime.leftovers.assert_none()


def test_capabilities_hold_in_the_namespace_only(runtime, shifted):
    shifted.caps("CAP_SYS_ADMIN", "CAP_MKNOD")
    shifted.tmpfs("/tmp")
    out = runtime.run(shifted.sh(
        "mount -t tmpfs t /tmp && echo mounted; "
        "mknod /tmp/null c 1 3 2>/dev/null || echo no device")).out
    assert "mounted" in out and "no device" in out


def test_devices_are_usable(runtime, shifted):
    out = runtime.run(shifted.sh("echo x >/dev/null && head -c 4 /dev/zero | wc -c; "
                                 "head -c 4 /dev/urandom | wc -c")).out.split()
    assert out == ["4", "4"]


def test_terminal_in_a_user_namespace(runtime, shifted, console):
    shifted.sh("tty; echo ok >/dev/console; sleep 1000")
    shifted.process["terminal"] = True
    runtime.start(shifted, "--console-socket", console.path)
    screen = console.receive()
    screen.expect("/dev/(pts/0|console)")
    screen.expect("ok")


@pytest.mark.host_view("a VM cannot share the host's network namespace")
def test_joined_network_namespace_of_the_host_has_no_sysfs(runtime, shifted):
    """sysfs cannot be mounted by a user namespace that does not own the network namespace; what
    engines do is bind the host's /sys. Either that works or the mount is refused by name."""
    shifted.without_namespace("network").without_mount("/sys/fs/cgroup").without_mount("/sys")
    shifted.mount("/sys", "none", "/sys", ["rbind", "nosuid", "noexec", "nodev", "ro"])
    assert "kernel" in runtime.run(shifted.sh("ls /sys")).out


@pytest.fixture
def volume(work):
    """A directory with files of users 0 and 1000."""
    path = work / "volume"
    path.mkdir()
    for owner in (0, 1000):
        (path / f"of{owner}").write_text("x")
        os.chown(path / f"of{owner}", owner, owner)
    return path


OWNERS = "stat -c '%n %u %g' /vol/*"


@pytest.mark.peer_lacks("idmapped mounts")
def test_idmap_option_uses_the_containers_mapping(runtime, shifted, volume):
    shifted.bind(volume, "/vol", "bind", "idmap").sh(OWNERS)
    assert runtime.run(shifted).lines == ["/vol/of0 0 0", "/vol/of1000 1000 1000"]


@pytest.mark.peer_lacks("idmapped mounts")
def test_without_idmap_they_belong_to_nobody(runtime, shifted, volume):
    shifted.bind(volume, "/vol", "bind").sh(OWNERS)
    assert runtime.run(shifted).lines == ["/vol/of0 65534 65534", "/vol/of1000 65534 65534"]


@pytest.mark.peer_lacks("idmapped mounts")
def test_mappings_of_a_mount(runtime, bundle, volume):
    """A mount with mappings of its own, without a user namespace: ids on disk are container ids
    of the mapping, and appear as its host ids."""
    maps = {"uidMappings": [{"containerID": 0, "hostID": 5000, "size": 65536}],
            "gidMappings": [{"containerID": 0, "hostID": 6000, "size": 65536}]}
    b = bundle().bind(volume, "/vol", "bind", "idmap", **maps).sh(OWNERS)
    assert runtime.run(b).lines == ["/vol/of0 5000 6000", "/vol/of1000 6000 7000"]


@pytest.mark.peer_lacks("idmapped mounts")
def test_files_made_on_an_idmapped_mount(runtime, shifted, volume):
    shifted.bind(volume, "/vol", "bind", "idmap").sh("touch /vol/new")
    runtime.run(shifted)
    assert os.stat(volume / "new").st_uid == 0


@pytest.mark.peer_lacks("idmapped mounts")
def test_ridmap_covers_submounts(runtime, shifted, volume, work):
    from host import host
    sub, other = volume / "sub", work / "other"
    sub.mkdir()
    other.mkdir()
    (other / "file").write_text("x")
    host("mount", "--bind", other, sub)  # not a tmpfs: idmapped only since Linux 6.3
    runtime.leftovers.rebase()
    script = "stat -c %u /vol/sub/file"
    shifted.bind(volume, "/vol", "rbind", "ridmap").sh(script)
    assert runtime.run(shifted).out == "0\n"
    shifted.mount_of("/vol")["options"] = ["rbind", "idmap"]
    assert runtime.run(shifted).out == "65534\n"


@pytest.mark.once("refused before anything is made")
@pytest.mark.peer_lacks("idmapped mounts")
def test_idmap_without_any_mapping_is_refused(runtime, bundle, volume):
    runtime.run_fails(bundle().bind(volume, "/vol", "bind", "idmap"), says="mounts[")
    runtime.leftovers.assert_none()


@pytest.mark.once("refused before anything is made")
@pytest.mark.peer_lacks("idmapped mounts")
def test_half_a_mapping_is_refused(runtime, bundle, volume):
    b = bundle().bind(volume, "/vol", "bind",
                      uidMappings=[{"containerID": 0, "hostID": 1, "size": 1}])
    runtime.run_fails(b, says="mounts[")
    runtime.leftovers.assert_none()


def test_rootfs_that_the_mapped_root_cannot_enter(runtime, shifted, work):
    """A rootfs below a directory closed to the mapped user: works or fails with one line."""
    os.chmod(work, 0o700)
    result = runtime.run(shifted.sh("echo in"), check=False)
    os.chmod(work, 0o755)
    if result.rc == 0:
        assert result.out == "in\n"
    else:
        runtime.assert_error(result, "ermission denied")
    runtime.leftovers.assert_none()
