"""What other users of the machine, and what a container makes, can do."""

import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

NOBODY = 65534


def reaches(path) -> bool:
    """May a user without rights get at it?"""
    code = f"import os, sys; os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY}); os.stat(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.once("the modes of the host's directories")
def test_no_other_user_gets_at_volumes_records_and_sockets(service):
    # A set-user-ID program that a container makes in a volume would be one of the host's.
    service("run", "--name", "maker", "-v", "tools:/tools", "nano", "sh", "-c",
            "cp /bin/busybox /tools/su && chmod 4755 /tools/su")
    service("volume", "create", "empty")
    service.started("up", "sleep", "1000")
    program = service.root / "volumes/tools/_data/su"
    assert program.stat().st_mode & stat.S_ISUID
    assert reaches(service.root), "the directory above is not what hides them"
    assert not reaches(program)
    assert not reaches(service.root / "volumes/empty")
    assert not reaches(service.directory("up") / "container.json")
    assert not reaches(service.root / "names/up")
    assert not reaches(service.run_root / "containers" / service.directory("up").name / "attach.sock")
    service("rm", "-f", "up", "maker")
    service("volume", "rm", "tools", "empty")


def test_a_copy_gives_nobody_rights(service, tmp_path):
    """hcs cp of a set-user-ID program, or a device: without -a it is a file of the caller's like any other."""
    service("run", "--name", "maker", "nano", "sh", "-c",
            "mkdir /d && cp /bin/busybox /d/su && chown 1234 /d/su && chmod 6755 /d/su && "
            "busybox mknod -m 666 /d/null c 1 3")
    service("cp", "maker:/d", tmp_path / "plain")
    service("cp", "-a", "maker:/d", tmp_path / "kept")
    plain, kept = (tmp_path / "plain/su").stat(), (tmp_path / "kept/su").stat()
    assert (plain.st_uid, stat.S_IMODE(plain.st_mode)) == (0, 0o755)
    assert (kept.st_uid, stat.S_IMODE(kept.st_mode)) == (1234, 0o6755)
    assert stat.S_IMODE((tmp_path / "plain/null").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "kept/null").stat().st_mode) == 0o666
    # Into a container it is the user's own tree that is copied.
    service("cp", tmp_path / "kept", "maker:/back")
    service("cp", "-a", "maker:/back/su", tmp_path / "back")
    assert stat.S_IMODE((tmp_path / "back").stat().st_mode) == 0o6755


@pytest.mark.once("the programs that one command runs")
def test_commit_keeps_the_environment_off_the_command_line(service, tmp_path):
    """What a container has in its environment is for no other user's ps."""
    service("create", "--name", "maker", "-e", "TOKEN=sesame", "nano", "true")
    trace = tmp_path / "argv"
    fake = tmp_path / "libexec"
    fake.mkdir()
    real = Path(os.environ["HCS_LIBEXECDIR"])
    for entry in real.iterdir():
        (fake / entry.name).symlink_to(entry)
    (fake / "hcs-image").unlink()
    (fake / "hcs-image").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >>{trace}\nexec {real}/hcs-image "$@"\n')
    (fake / "hcs-image").chmod(0o755)
    service("commit", "maker", "committed", env=os.environ | {"HCS_LIBEXECDIR": str(fake)})
    assert "commit-layer" in trace.read_text()
    assert "sesame" not in trace.read_text()
    assert "TOKEN=sesame" in service("image", "inspect", "committed").stdout
    service("rmi", "committed")
    service("rm", "maker")


@pytest.mark.once("what hcs prints")
def test_names_that_a_container_makes_do_not_drive_the_terminal(service):
    service.started("up", "sh", "-c", r'''touch "/$(printf 'a\033]0;x\007')"; exec sleep 1000''')
    pid, master = service.terminal("diff", "up")
    out = b""
    try:
        while chunk := os.read(master, 4096):
            out += chunk
    except OSError:
        pass
    os.close(master)
    os.waitpid(pid, 0)
    assert b"A /a?]0;x?" in out, out
    # To a program it is the name.
    assert "A /a\033]0;x\007" in service("diff", "up").stdout
    error = service.fails("cp", "up:/\033]0;y\007", "/tmp/hcs-review-none")
    assert "\033" not in error and "\007" not in error


@pytest.mark.once("directories of the host")
def test_a_volume_whose_removal_was_killed_goes_with_the_next(service):
    service("volume", "create", "one")
    left = service.root / "volumes" / ("." + 32 * "a7")
    (left / "_data/deep").mkdir(parents=True)
    other = service.root / "volumes/.other"
    other.mkdir()
    service("volume", "rm", "one")
    assert not left.exists()
    assert other.exists(), "it is not one of ours"
    other.rmdir()


@pytest.mark.once("what hcs writes on the host")
def test_export_writes_through_nobodys_link_and_replaces_no_device(service, tmp_path):
    service("create", "--name", "made", "nano", "true")
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "out.tar.part").symlink_to(victim)
    service("export", "-o", tmp_path / "out.tar", "made")
    assert victim.read_text() == "precious"
    assert (tmp_path / "out.tar").stat().st_size > 10240
    os.mknod(tmp_path / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    service("export", "-o", tmp_path / "null", "made")
    assert stat.S_ISCHR((tmp_path / "null").lstat().st_mode)
    assert "is a directory" in service.fails("export", "-o", tmp_path, "made")
    assert sorted(os.listdir(tmp_path)) == ["null", "out.tar", "out.tar.part", "victim"]
    service("rm", "made")


@pytest.mark.once("the image's files are read on the host in either isolation")
def test_an_image_of_many_groups_takes_no_memory(service, tmp_path):
    etc = tmp_path / "root/etc"
    etc.mkdir(parents=True)
    (etc / "passwd").write_text("u:x:1:1::/:/bin/sh\n")
    (etc / "group").write_text("".join(f"g{n}:x:{n}:u\n" for n in range(60000)))
    subprocess.run(["tar", "-C", tmp_path / "root", "-cf", tmp_path / "many.tar", "."], check=True)
    service("import", "-c", 'CMD ["true"]', "-c", "USER u", tmp_path / "many.tar", "many")
    # The supervisor is what reads them; it has the limits of whoever starts it.
    limit = 2 << 30
    done = service("run", "--name", "many", "many", check=False,
                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
    assert "memory" not in done.stderr, done.stderr
    assert "/true" in done.stderr or "true" in done.stderr, done.stderr
    service("rm", "many")
    service("rmi", "many")
