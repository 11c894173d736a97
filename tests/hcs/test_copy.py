"""hcs cp, of containers that do not run: what it writes is there afterwards."""


def test_what_is_copied_into_a_stopped_container_stays(service, tmp_path):
    tree = tmp_path / "tree"
    (tree / "below").mkdir(parents=True)
    (tree / "below/file").write_text("kept\n" * 10000)
    service("create", "--name", "kept", "nano", "md5sum", "/tree/below/file")
    service("cp", tree, "kept:/tree")
    service("cp", "kept:/tree/below/file", tmp_path / "back")
    assert (tmp_path / "back").read_text() == "kept\n" * 10000
    assert service("start", "-a", "kept").stdout.endswith("  /tree/below/file\n")
    service("rm", "kept")
