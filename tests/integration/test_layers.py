"""windows.layerFolders: layers and a scratch in place of a rootfs; topmost first, scratch last."""

import os
import shutil

import pytest

from bundle import link_tree
from runtime import until

pytestmark = pytest.mark.peer_lacks("layerFolders")


@pytest.fixture
def layered(bundle, work, template):
    """A bundle of three layers over a busybox base, without root."""
    folders = work / "layers"
    folders.mkdir()
    link_tree(template, folders / "base")
    for name in ("middle", "top"):
        (folders / name / "etc").mkdir(parents=True)
    for name in ("base", "middle", "top"):
        (folders / name / "etc" / f"only-{name}").write_text(name)
        (folders / name / "etc/all").write_text(name)
    (folders / "base/etc/lower").write_text("base")
    (folders / "middle/etc/lower").write_text("middle")
    (folders / "scratch").mkdir()
    b = bundle()
    shutil.rmtree(b.rootfs)
    del b.spec["root"]
    b.layers = folders
    b.spec["windows"] = {"layerFolders": [str(folders / n) for n in ("top", "middle", "base", "scratch")]}
    return b


def snapshot(path) -> dict:
    found = {}
    for base, dirs, files in os.walk(path):
        for name in dirs + files:
            full = os.path.join(base, name)
            found[full] = os.lstat(full).st_mtime_ns
    return found


def test_topmost_wins(runtime, layered):
    b = layered.sh("cd /etc; for f in all lower only-base only-middle only-top; do cat $f; echo; done")
    assert runtime.run(b).lines == ["top", "middle", "base", "middle", "top"]
    runtime.leftovers.assert_none()


def test_writes_go_to_the_scratch_only(runtime, layered):
    before = {n: snapshot(layered.layers / n) for n in ("top", "middle", "base")}
    runtime.run(layered.sh("echo new >/etc/new; echo changed >/etc/all; rm /etc/only-base; mkdir /newdir"))
    assert {n: snapshot(layered.layers / n) for n in before} == before
    assert os.listdir(layered.layers / "scratch")


def test_scratch_is_kept_from_run_to_run(runtime, layered):
    runtime.run(layered.sh("echo first >/etc/new; rm /etc/only-base"))
    out = runtime.run(layered.sh("cat /etc/new; test -e /etc/only-base || echo removed")).lines
    assert out == ["first", "removed"]


def test_empty_scratch_starts_afresh(runtime, layered):
    runtime.run(layered.sh("echo first >/etc/new"))
    shutil.rmtree(layered.layers / "scratch")
    (layered.layers / "scratch").mkdir()
    assert runtime.run(layered.sh("test -e /etc/new || echo afresh")).out == "afresh\n"


def test_overlay_lives_as_long_as_the_container(runtime, layered):
    c = runtime.create(layered.sh("echo up; sleep 1000"))
    c.start()
    c.until_output("up")
    assert c.exec("cat", "/etc/all").out == "top"
    c.kill("KILL")
    c.wait_stopped()
    c.delete()
    runtime.leftovers.assert_none()


def test_state_says_a_rootfs(runtime, layered):
    c = runtime.create(layered)
    assert c.state()["rootfs"]


def test_readonly_root(runtime, layered):
    layered.spec["root"] = {"path": "rootfs", "readonly": True}
    result = runtime.run(layered.sh("cat /etc/all; touch /x 2>/dev/null || echo ' ro'"), check=False)
    assert result.out == "top ro\n", result


def test_relative_to_the_bundle(runtime, layered):
    for name in ("top", "middle", "base", "scratch"):
        shutil.move(layered.layers / name, layered.path / name)
    layered.spec["windows"]["layerFolders"] = ["top", "middle", "base", "scratch"]
    assert runtime.run(layered.sh("cat /etc/all")).out == "top"


def test_one_layer_and_scratch(runtime, layered):
    folders = layered.layers
    layered.spec["windows"]["layerFolders"] = [str(folders / "base"), str(folders / "scratch")]
    assert runtime.run(layered.sh("cat /etc/all; echo x >/x")).out == "base"


@pytest.mark.parametrize("count", [30, 120])
def test_many_layers(runtime, layered, count):
    folders = layered.layers
    names = []
    for i in range(count):
        (folders / f"a-layer-with-a-long-name-so-that-options-exceed-a-page-{i}").mkdir()
        names.append(str(folders / f"a-layer-with-a-long-name-so-that-options-exceed-a-page-{i}"))
        with open(names[-1] + f"/file{i}", "w", encoding="ascii") as out:
            out.write(str(i))
    layered.spec["windows"]["layerFolders"][0:0] = names
    assert runtime.run(layered.sh("ls -d /file* | wc -l")).out == f"{count}\n"


@pytest.mark.parametrize("name", ["with:colon", "with,comma", "with space", "upperdir=x", "back\\slash"])
def test_names_that_mean_something_to_overlay(runtime, layered, name):
    (layered.layers / "top").rename(layered.layers / name)
    layered.spec["windows"]["layerFolders"][0] = str(layered.layers / name)
    result = runtime.run(layered.sh("cat /etc/all"), check=False)
    if result.rc:
        runtime.assert_error(result, "windows.layerFolders[0]")
    else:
        assert result.out == "top"
    runtime.leftovers.assert_none()


@pytest.mark.parametrize("folders,where", [
    ([], "windows.layerFolders"), (["scratch"], "windows.layerFolders"),
    ("top", "windows.layerFolders"), ([1, "scratch"], "windows.layerFolders[0]"),
    (["missing", "scratch"], "missing"), (["top", "missing"], "missing"),
    (["base", ""], "windows.layerFolders[1]")])
def test_refused(runtime, layered, folders, where):
    if isinstance(folders, list):
        folders = [str(layered.layers / f) if isinstance(f, str) and f else f for f in folders]
    layered.spec["windows"]["layerFolders"] = folders
    runtime.run_fails(layered, says=where)
    runtime.leftovers.assert_none()


def test_scratch_is_a_file(runtime, layered):
    (layered.layers / "scratch").rmdir()
    (layered.layers / "scratch").write_text("")
    runtime.run_fails(layered, says="scratch")
    runtime.leftovers.assert_none()


def test_two_containers_share_layers(runtime, bundle, layered, work):
    first = runtime.start(layered.sh("echo one >/etc/all; echo up; sleep 1000"))
    first.until_output("up")
    (work / "scratch2").mkdir()
    layered.spec["windows"]["layerFolders"][-1] = str(work / "scratch2")
    second = runtime.start(layered.sh("cat /etc/all; sleep 1000"))
    assert until(lambda: second.out) == "top"


def test_failed_create_takes_the_overlay_away(runtime, layered):
    runtime.create_fails(layered.args("/no/such/program"), rc=127)
    runtime.leftovers.assert_none()
    runtime.create_fails(layered.sh("true").bind("/no/such/source", "/x"))
    runtime.leftovers.assert_none()


def test_delete_force_takes_the_overlay_away(runtime, layered):
    c = runtime.start(layered)
    c.delete(force=True)
    runtime.leftovers.assert_none()
    shutil.rmtree(layered.layers / "scratch")  # nothing holds it


def test_with_a_user_namespace(runtime, layered):
    layered.map_user()
    result = runtime.run(layered.sh("cat /etc/all"), check=False)
    assert result.out == "top" or result.rc != 0
    runtime.leftovers.assert_none()
