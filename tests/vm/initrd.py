# SPDX-License-Identifier: Apache-2.0
"""The initramfs of vmwp's tests: guest_init as /init, and busybox."""
import os
import stat


def entry(name, mode, data=b"", device=(0, 0)):
    """One file of a cpio archive (newc)."""
    fields = [0, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0]
    header = b"070701" + b"".join(b"%08x" % field for field in fields)
    head = header + name.encode() + b"\0"
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def build(path, init, busybox="/bin/busybox"):
    archive = b""
    for name in ("bin", "dev", "proc", "sys", "share", "tmp"):
        archive += entry(name, stat.S_IFDIR | 0o755)
    archive += entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    for name, source in (("init", init), ("bin/busybox", busybox)):
        with open(source, "rb") as file:
            archive += entry(name, stat.S_IFREG | 0o755, file.read())
    archive += entry("TRAILER!!!", 0)
    with open(path, "wb") as file:
        file.write(archive)
    os.chmod(path, 0o644)


if __name__ == "__main__":
    import sys
    build(sys.argv[1], sys.argv[2])
