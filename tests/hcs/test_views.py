"""What shows things: ps, inspect, images, history, volumes, networks, prune, system df."""

import json
import re

import pytest


def rows(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_ps_shows_what_runs_and_all(service):
    service.started("one", "sleep", "1000", flags=("--label", "tier=front"))
    service("run", "--name", "two", "nano", "sh", "-c", "exit 3", check=False)
    service("create", "--name", "three", "nano", "true")
    lines = service("ps").stdout.splitlines()
    assert re.match(r"CONTAINER ID {8}IMAGE {15}COMMAND {13}CREATED +STATUS +PORTS {15}NAMES$", lines[0])
    assert len(lines) == 2 and re.match(
        r'[0-9a-f]{12} {8}nano +"sleep 1000" +(Less than a second|\d+ seconds?) ago +Up .* one$', lines[1])
    shown = {r["Names"]: r for r in rows(service("ps", "-a", "--format", "json"))}
    assert list(shown) == ["three", "two", "one"]  # the newest first
    assert shown["three"]["Status"] == "Created" and shown["three"]["State"] == "created"
    assert re.match(r"Exited \(3\) .* ago$", shown["two"]["Status"])
    assert {r["Isolation"] for r in shown.values()} == {service.isolation}
    assert service("ps", "-q").stdout.strip() == service.directory("one").name[:12]
    assert service("ps", "-q", "--no-trunc").stdout.strip() == service.directory("one").name
    assert service("ps", "-l", "--format", "{{.Names}}").stdout == "three\n"
    assert service("ps", "-n", "2", "--format", "{{.Names}}").stdout == "three\ntwo\n"
    service("pause", "one")
    assert service("ps", "--format", "{{.Status}}").stdout.endswith("(Paused)\n")
    service("unpause", "one")


def test_sizes_have_three_digits_as_docker_prints_them(service):
    size = service("images", "--format", "{{.Size}}", "nano").stdout.strip()
    number, unit = re.match(r"([\d.]+)([kM]?B)$", size).groups()
    assert unit == "MB" and 1 <= len(number.replace(".", "")) <= 3
    (step,) = rows(service("history", "--format", "json", "nano"))
    assert step["Size"] == size


def test_a_status_that_is_none_is_refused(service):
    assert "invalid filter 'status=runing'" in service.fails("ps", "--filter", "status=runing")


FILTERS = [
    (["name=^o"], ["one"]),
    (["name=one", "name=two"], ["two", "one"]),
    (["status=exited"], ["two"]),
    (["status=running"], ["one"]),
    (["exited=3"], ["two"]),
    (["exited=0"], []),
    (["label=tier"], ["one"]),
    (["label=tier=back"], []),
    (["label!=tier"], ["two"]),
    (["ancestor=nano"], ["two", "one"]),
    (["ancestor=other"], []),
    (["before=two"], ["one"]),
    (["since=one"], ["two"]),
    (["network=none"], ["two", "one"]),
    (["network=bridge"], []),
    (["volume=/data"], ["two"]),
    (["name=one", "status=exited"], []),
]


@pytest.mark.once("the list is the same")
def test_ps_filters(service):
    service.started("one", "sleep", "1000", flags=("--label", "tier=front"))
    service("run", "--name", "two", "-v", "things:/data", "nano", "sh", "-c", "exit 3", check=False)
    for filters, names in FILTERS:
        words = [w for f in filters for w in ("--filter", f)]
        assert service("ps", "-a", *words, "--format", "{{.Names}}").stdout.split() == names, filters
    service("rm", "-f", "one", "two")
    service("volume", "rm", "things")


@pytest.mark.parametrize("words, says", [
    (["ps", "--filter", "nome=x"], "invalid filter 'nome' (there are id, name,"),
    (["ps", "--filter", "name"], "bad format of filter name"),
    (["ps", "--format", "table {{.Nam}}"], "there is no field Nam (there are ID, Names,"),
    (["images", "--format", "{{.Nam}}"], "there is no field Nam (there are Repository, Tag,"),
    (["ps", "--format", "{{"], "a value is missing"),
    (["ps", "--filter", "before=nobody"], "No such container: nobody"),
    (["images", "--filter", "dangling=maybe"], "true or false is expected"),
    (["inspect", "nobody"], "No such object: nobody"),
    (["inspect", "--type", "image", "nobody"], "No such image: nobody"),
    (["inspect", "--type", "thing", "nano"], "not a valid value for --type"),
    (["history", "nobody"], "No such image: nobody"),
    (["tag", "nano", "UPPER"], "must be lowercase"),
    (["tag", "nobody", "x"], "No such image: nobody"),
    (["rmi", "nobody"], "No such image: nobody"),
    (["volume", "rm", "nobody"], "no such volume: nobody"),
    (["volume", "create", "a/b"], "invalid characters"),
    (["volume", "create", "--opt", "type=nfs", "x"], "--opt is not supported"),
    (["network", "inspect", "nobody"], "no such network: nobody"),
    (["network", "create", "x"], "networks are CNI's configuration files"),
])
@pytest.mark.once("nothing is run")
def test_refused(service, words, says):
    result = service(*words, check=False)
    assert result.returncode in (1, 125)
    assert says in result.stderr and result.stderr.startswith("hcs: "), result.stderr


def test_inspect_of_a_container(service):
    service.started("one", "sleep", "1000", flags=(
        "-e", "A=1", "--label", "tier=front", "-w", "/tmp", "--memory", "64m", "-v", "things:/data:ro"))
    (document,) = json.loads(service("inspect", "-s", "one").stdout)
    assert document["Id"] == service.directory("one").name
    assert document["Name"] == "/one" and document["Path"] == "sleep" and document["Args"] == ["1000"]
    assert document["State"]["Status"] == "running" and document["State"]["Pid"] > 0
    assert document["HostConfig"]["Isolation"] == service.isolation
    assert document["HostConfig"]["Memory"] == 64 << 20
    assert document["Config"]["Labels"]["tier"] == "front" and "A=1" in document["Config"]["Env"]
    assert document["Config"]["WorkingDir"] == "/tmp"
    (mount,) = document["Mounts"]
    assert (mount["Type"], mount["Name"], mount["Destination"], mount["RW"]) == ("volume", "things", "/data", False)
    assert document["SizeRootFs"] >= document["SizeRw"] >= 0
    # As the page that this follows greps for it.
    assert f'            "Isolation": "{service.isolation}",\n' in service("inspect", "one").stdout
    assert service("inspect", "-f", "{{.State.Status}} {{.HostConfig.Isolation}} {{json .Config.Cmd}}",
                   "one").stdout == f'running {service.isolation} ["sleep","1000"]\n'
    service("rm", "-f", "one")
    service("volume", "rm", "things")


@pytest.mark.once("nothing of a container")
def test_inspect_goes_on_with_the_next(service):
    result = service("inspect", "nobody", "nano", check=False)
    assert result.returncode == 1 and result.stderr == "hcs: No such object: nobody\n"
    (document,) = json.loads(result.stdout)
    assert document["RepoTags"] == ["nano:latest"]
    assert document["Config"]["Cmd"] == ["sh"] and document["Os"] == "linux"
    assert len(document["RootFS"]["Layers"]) == 1 and document["Size"] > 0


@pytest.mark.once("nothing of a container")
def test_images_and_their_names(service):
    lines = service("images").stdout.splitlines()
    assert re.match(r"REPOSITORY {10}TAG {17}IMAGE ID {12}CREATED +SIZE$", lines[0])
    assert re.match(r"nano {16}latest {14}[0-9a-f]{12} {8}.* ago +\d+(\.\d+)?MB$", lines[1])
    service("tag", "nano", "localhost:5000/other/nano:2")
    try:
        assert service("images", "localhost:5000/other/nano", "--format", "{{.Repository}} {{.Tag}}"
                       ).stdout == "localhost:5000/other/nano 2\n"
        assert service("images", "-q").stdout.count("\n") == 1
        assert service("images", "--filter", "reference=localhost:5000/*/*", "--format", "{{.Tag}}").stdout == "2\n"
        assert service("images", "--filter", "dangling=true", "-q").stdout == ""
    finally:
        assert service("rmi", "localhost:5000/other/nano:2").stdout == "Untagged: localhost:5000/other/nano:2\n"
    assert service("images", "localhost:5000/other/nano", "-q").stdout == ""


@pytest.mark.once("nothing of a container")
def test_image_is_removed_with_its_last_name(service):
    archive = service.root.parent / "small.tar"
    import tarfile
    with tarfile.open(archive, "w") as tar:
        tar.addfile(tarfile.TarInfo("empty"))
    service("import", archive, "small")
    short = service("images", "small", "-q").stdout.strip()
    assert service("history", "small").stdout.splitlines()[1].startswith(short)
    service("create", "--name", "one", "small", "/x")
    assert "is using its referenced image" in service.fails("rmi", "small")
    service("rm", "one")
    said = service("rmi", "small").stdout.splitlines()
    assert said[0] == "Untagged: small:latest" and said[1].startswith("Deleted: sha256:")
    assert service("images", "--filter", "reference=small", "-q").stdout == ""


@pytest.mark.once("nothing of a container")
def test_image_prune(service):
    import tarfile
    archive = service.root.parent / "small.tar"
    for content in ("a", "b"):
        with tarfile.open(archive, "w") as tar:
            tar.addfile(tarfile.TarInfo(content))
        service("import", archive, "small")
    assert service("images", "--filter", "dangling=true", "-q").stdout.count("\n") == 1
    out = service("image", "prune", "-f").stdout
    assert "Deleted Images:\ndeleted: sha256:" in out and "Total reclaimed space:" in out
    assert service("images", "--filter", "dangling=true", "-q").stdout == ""
    assert service("images", "small", "-q").stdout != ""
    service("rmi", "small")
    assert service("images", "nano", "-q").stdout != ""


@pytest.mark.once("nothing of a container")
def test_volumes(service):
    def names(*flags):
        return set(service("volume", "ls", "-q", *flags).stdout.split())

    before, before_dangling = names(), names("--filter", "dangling=true")  # of other tests
    assert service("volume", "create", "things").stdout == "things\n"
    anonymous = service("volume", "create").stdout.strip()
    assert re.match(r"[0-9a-f]{64}$", anonymous)
    assert service("volume", "ls").stdout.splitlines()[0] == "DRIVER              VOLUME NAME"
    assert names() - before == {"things", anonymous}
    (document,) = json.loads(service("volume", "inspect", "things").stdout)
    assert document["Mountpoint"] == f"{service.root}/volumes/things/_data"
    service("run", "--name", "one", "-v", "things:/data", "nano", "sh", "-c", "echo kept >/data/file")
    assert service("run", "--rm", "-v", "things:/data", "nano", "cat", "/data/file").stdout == "kept\n"
    assert "volume is in use" in service("volume", "rm", "things", check=False).stderr
    assert names("--filter", "dangling=true") - before_dangling == {anonymous}
    assert anonymous in service("volume", "prune", "-f").stdout
    service("rm", "one")
    assert service("volume", "rm", "things").stdout == "things\n"
    assert service("volume", "rm", "-f", "things").returncode == 0
    assert not names() - before


def test_container_prune(service):
    service.started("runs", "sleep", "1000")
    service("run", "--name", "over", "nano", "true")
    service("run", "--name", "kept", "--label", "keep=1", "nano", "true")
    assert service("container", "prune", input="n\n").stdout == ""
    out = service("container", "prune", "-f", "--filter", "label!=keep").stdout
    assert out.startswith("Deleted Containers:\n") and "Total reclaimed space: " in out
    assert set(service("ps", "-a", "--format", "{{.Names}}").stdout.split()) == {"runs", "kept"}
    service("system", "prune", "-f")
    assert service("ps", "-a", "--format", "{{.Names}}").stdout == "runs\n"
    assert service("images", "nano", "-q").stdout


def test_system_df(service):
    service("run", "--name", "one", "nano", "sh", "-c", "dd if=/dev/urandom of=/big bs=1M count=3; sync")
    shown = {r["Type"]: r for r in rows(service("system", "df", "--format", "json"))}
    assert set(shown) == {"Images", "Containers", "Local Volumes"}
    assert (shown["Containers"]["TotalCount"], shown["Containers"]["Active"]) == ("1", "0")
    assert re.match(r"\d+(\.\d+)?MB$", shown["Containers"]["Size"])
    assert float(service("ps", "-as", "--format", "{{slice .Size 0 1}}").stdout) >= 3


@pytest.mark.once("nothing of a container")
def test_networks(service):
    names = service("network", "ls", "-q").stdout.split()
    assert {"bridge", "host", "none"} <= set(names)
    documents = json.loads(service("network", "inspect", "bridge", "none").stdout)
    assert [d["Name"] for d in documents] == ["bridge", "none"]
    assert [d["Driver"] for d in documents] == ["bridge", "null"]
    assert json.loads(service("inspect", "--type", "network", "host").stdout)[0]["Driver"] == "host"
