"""A container on another kernel version than the host's, or than that of other containers: Debian's stock
cloud kernel, a bzImage with its drivers as modules, taken from the archive and unpacked."""

import re
import subprocess

import pytest

from host import host
from runtime import PATIENCE

pytestmark = pytest.mark.hyperv


@pytest.fixture(scope="session")
def stock(tmp_path_factory):
    """The image, with lib/modules where the package has it."""
    directory = tmp_path_factory.mktemp("stock-kernel")
    directory.chmod(0o755)  # apt's user downloads, the monitor's reads
    depends = subprocess.run(["apt-cache", "depends", "linux-image-cloud-amd64"], text=True, capture_output=True).stdout
    name = re.search(r"Depends: (linux-image-[0-9.]+-\S*cloud-amd64)\S*", depends)
    assert name, f"apt knows no cloud kernel: {depends}"
    subprocess.run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", name.group(1)], cwd=directory,
                   check=True, capture_output=True, timeout=300)
    (package,) = directory.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", package, directory], check=True)
    package.unlink()
    # As `depmod` in the package's own installation script does.
    (modules,) = (directory / "lib/modules").iterdir()
    subprocess.run(["depmod", "-b", directory, modules.name], check=True, capture_output=True)
    (image,) = (directory / "boot").glob("vmlinuz-*")
    return image


def version_of(image) -> str:
    return image.name.removeprefix("vmlinuz-")


def test_stock_kernel(runtime, bundle, stock):
    """The same bundle runs on it, with its share, its cgroups and its terminal's devices."""
    b = bundle().sh("uname -r; cat /sys/fs/cgroup/cgroup.controllers; echo kept >/kept")
    b.spec["root"]["readonly"] = False
    out = runtime.run(b, "--kernel", stock, timeout=120 * PATIENCE).lines
    assert out[0] == version_of(stock)
    assert {"cpu", "memory", "pids"} <= set(out[1].split())
    assert (b.rootfs / "kept").read_text() == "kept\n"


def test_two_kernels_side_by_side(runtime, bundle, stock):
    """Each container has its own; `state` says which, exec goes to the right one."""
    one = runtime.start(bundle())
    b = bundle()
    b.spec.setdefault("annotations", {})["io.hcs.kernel"] = str(stock)
    other = runtime.start(b, timeout=120 * PATIENCE)
    assert other.exec("uname", "-r").out.strip() == version_of(stock)
    assert one.exec("uname", "-r").out.strip() not in (version_of(stock), host("uname", "-r").strip())
    assert other.state()["vm"]["kernel"] == str(stock)
    assert other.state()["vm"]["kernel"] != one.state()["vm"]["kernel"]
