# SPDX-License-Identifier: Apache-2.0
"""A machine that has KVM: QEMU emulates an AMD processor with SVM, Debian's stock kernel drives it."""
import gzip
import importlib.util
import re
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
QEMU = "/usr/bin/qemu-system-x86_64"
PACKAGE = "linux-image-amd64"  # the cloud's has no 9p
# In the order that depmod gives them, each behind what it needs.
MODULES = ("virtio_pci", "9pnet_virtio", "9p", "kvm-amd", "overlay", "tun")
MEMORY_MIB = 2048
BOOT_S = 180


def initramfs_archive():
    spec = importlib.util.spec_from_file_location("initramfs", REPOSITORY / "guest/initramfs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Archive()


def unpack_kernel(directory: Path) -> Path:
    """Debian's kernel package, from the archive; its image."""
    directory.chmod(0o755)  # apt's user downloads
    depends = subprocess.run(["apt-cache", "depends", PACKAGE], text=True, capture_output=True, check=True).stdout
    name = re.search(r"Depends: (linux-image-[0-9]\S*)", depends)
    assert name, f"apt knows no {PACKAGE}: {depends}"
    subprocess.run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", name.group(1)], cwd=directory,
                   check=True, capture_output=True, timeout=300)
    (package,) = directory.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", package, directory], check=True)
    package.unlink()
    (modules,) = (directory / "lib/modules").iterdir()
    subprocess.run(["depmod", "-b", directory, modules.name], check=True, capture_output=True)
    (image,) = (directory / "boot").glob("vmlinuz-*")
    return image


def modules_of(root: Path) -> list:
    """MODULES and what they need, as files, in the order of loading."""
    (directory,) = (root / "lib/modules").iterdir()
    needs = {}
    for line in (directory / "modules.dep").read_text().splitlines():
        path, _, rest = line.partition(":")
        needs[path] = rest.split()
    by_name = {Path(path).stem: path for path in needs}
    order = []
    for name in MODULES:
        path = by_name[name]
        # modules.dep has what is needed first at the end.
        for wanted in [*reversed(needs[path]), path]:
            if wanted not in order:
                order.append(wanted)
    return [directory / path for path in order]


def build_initramfs(kernel_root: Path, target: Path):
    archive = initramfs_archive()
    directory, program = 0o040755, 0o100755
    for name in ("bin", "modules", "dev"):
        archive.add(name, directory, links=2)
    archive.add("dev/console", 0o020600, device=(5, 1))
    modules = modules_of(kernel_root)
    for module in modules:
        archive.add(f"modules/{module.name}", program, module.read_bytes())
    archive.add("modules/order", program, "".join(m.name + "\n" for m in modules).encode())
    archive.add("bin/busybox", program, Path("/bin/busybox").read_bytes())
    archive.add("init", program, (Path(__file__).parent / "init.sh").read_bytes())
    target.write_bytes(gzip.compress(archive.finish(), 1))


@dataclass
class Result:
    status: int
    out: str


class Machine:
    """Runs until it is closed; `sh` runs a line of shell in it, as root."""

    def __init__(self, kernel: Path, initramfs: Path, directory: Path):
        self.console = directory / "console"
        address = directory / "shell"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(address))
        listener.listen(1)
        self.process = subprocess.Popen([
            "setpriv", "--pdeathsig", "KILL", QEMU, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
            "-machine", "q35,accel=tcg", "-cpu", "max,+svm", "-smp", "1", "-m", str(MEMORY_MIB),
            "-kernel", kernel, "-initrd", initramfs, "-append", "console=ttyS0 quiet panic=-1 mitigations=off",
            "-serial", f"file:{self.console}", "-chardev", f"socket,id=shell,path={address}", "-serial", "chardev:shell",
            "-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap",
        ], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=(directory / "qemu").open("w"))
        try:
            listener.settimeout(BOOT_S)
            self.shell, _ = listener.accept()
            self.reader = self.shell.makefile("rb")
            self.expect_ready()
        except BaseException:
            self.close()
            raise
        finally:
            listener.close()

    def expect_ready(self):
        self.shell.settimeout(BOOT_S)
        try:
            line = self.reader.readline()
        except TimeoutError:
            line = b"nothing"
        assert line == b"ready\n", f"the machine said {line}: {self.last_words()}"

    def last_words(self) -> str:
        return self.console.read_text(errors="replace")[-2000:]

    def sh(self, line: str, timeout: float = 180) -> Result:
        assert "\n" not in line
        self.shell.settimeout(timeout)
        self.shell.sendall(line.encode() + b"\n")
        try:
            status, size = self.reader.readline().split()
            return Result(int(status), self.reader.read(int(size)).decode())
        except (TimeoutError, ValueError) as e:
            raise AssertionError(f"{line}: no answer: {self.last_words()}") from e

    def ok(self, line: str, timeout: float = 180) -> str:
        result = self.sh(line, timeout)
        assert result.status == 0, f"{line}: {result}\n{self.last_words()}"
        return result.out

    def close(self):
        self.process.kill()
        self.process.wait()
