"""Fixtures of the tests of registries.

HCS_BUILD       the build directory (default: build)
HCS_LIBEXECDIR  where hcs-image is (default: libexec/hcs in it)

Everything is on the loopback interface and below pytest's own directory, but for certificates in
/etc/docker/certs.d, under names with a port that no other has; these are removed again.
"""

import shutil
from pathlib import Path

import pytest

from layout import small_image, write_layout
from lying import Lying
from server import Registry
from tool import Tool, program

CERTIFICATES = Path("/etc/docker/certs.d")


def pytest_collection_modifyitems(config, items):
    if not program().exists():
        pytest.exit(f"no program to test: {program()} (build it, or set HCS_BUILD)", 2)


@pytest.fixture
def hcs(tmp_path):
    made = Tool(tmp_path / "hcs")
    yield made
    shutil.rmtree(made.root, ignore_errors=True)


@pytest.fixture
def other_hcs(tmp_path):
    """Another machine."""
    made = Tool(tmp_path / "other")
    yield made
    shutil.rmtree(made.root, ignore_errors=True)


@pytest.fixture(scope="session")
def image():
    return small_image()


@pytest.fixture(scope="session")
def layout(image, tmp_path_factory):
    path = tmp_path_factory.mktemp("layout") / "oci"
    write_layout(image, path)
    return path


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    made = Registry(tmp_path_factory.mktemp("registry"))
    yield made
    made.close()


@pytest.fixture
def make_registry(tmp_path):
    made = []

    def make(**options):
        root = tmp_path / f"registry{len(made)}"
        root.mkdir()
        made.append(Registry(root, **options))
        return made[-1]

    yield make
    for registry in made:
        registry.close()


@pytest.fixture
def lying(image):
    made = Lying(image)
    yield made
    made.close()


@pytest.fixture
def make_lying():
    made = []

    def make(*arguments, **options):
        made.append(Lying(*arguments, **options))
        return made[-1]

    yield make
    for registry in made:
        registry.close()


@pytest.fixture
def certificates():
    """certificates(host): that host's directory in certs.d, gone after the test."""
    made = []

    def directory(host):
        assert ":" in host
        made.append(CERTIFICATES / host)
        return made[-1]

    existed = [p for p in (CERTIFICATES.parent, CERTIFICATES) if p.exists()]
    yield directory
    for path in made:
        shutil.rmtree(path, ignore_errors=True)
    for path in (CERTIFICATES, CERTIFICATES.parent):
        if path not in existed and path.exists() and not any(path.iterdir()):
            path.rmdir()
