#!/usr/bin/env python3
"""Makes the utility VM's initramfs: initramfs.py AGENT OUTPUT

A newc cpio archive with the static agent as /init, the console it starts on and the directories it
mounts over. Written here rather than by cpio(1), which would want root for the device node and would
take times, owners and inode numbers from this machine: the same agent gives the same bytes.
"""

import os
import stat
import sys

DIRECTORIES = ("dev", "proc", "run", "sys", "tmp")


def header(inode, mode, links, size, major, minor, name):
    fields = (inode, mode, 0, 0, links, 0, size, 0, 0, major, minor, len(name) + 1, 0)
    return b"070701" + b"".join(b"%08X" % field for field in fields)


def padding(length):
    return b"\0" * (-length % 4)


class Archive:
    def __init__(self):
        self.data = bytearray()
        self.inode = 0

    def add(self, name, mode, content=b"", device=(0, 0), links=1):
        name = name.encode()
        self.inode += 1
        inode = self.inode if mode else 0
        self.data += header(inode, mode, links, len(content), *device, name) + name + b"\0"
        self.data += padding(len(self.data))
        self.data += content
        self.data += padding(len(content))

    def finish(self):
        self.add("TRAILER!!!", 0)
        # The kernel takes a further archive right behind this one when it begins on 4 bytes; whole
        # pages spare the monitor a copy when it maps the file.
        self.data += b"\0" * (-len(self.data) % 4096)
        return bytes(self.data)


def initramfs(agent):
    archive = Archive()
    for name in DIRECTORIES:
        archive.add(name, stat.S_IFDIR | 0o755, links=2)
    archive.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    archive.add("init", stat.S_IFREG | 0o755, agent)
    return archive.finish()


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: initramfs.py AGENT OUTPUT")
    try:
        with open(sys.argv[1], "rb") as file:
            agent = file.read()
        if agent[:4] != b"\x7fELF":
            sys.exit(f"initramfs.py: {sys.argv[1]} is not an ELF program")
        # Whole or not at all: a build that was killed leaves no half archive that looks new.
        partial = f"{sys.argv[2]}.{os.getpid()}"
        with open(partial, "wb") as file:
            file.write(initramfs(agent))
        os.replace(partial, sys.argv[2])
    except OSError as error:
        sys.exit(f"initramfs.py: {error.filename}: {error.strerror}")


if __name__ == "__main__":
    main()
