#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Starts one VM by hand: start.py VMWP KERNEL INITRD [key=value of the settings...]

Prints what the agent said, then frames as they come; ends the VM at the end of stdin or ^C."""
import json
import select
import sys

import machine


def main():
    vmwp, kernel, initrd = sys.argv[1:4]
    more = {}
    for word in sys.argv[4:]:
        key, _, value = word.partition("=")
        more[key] = value if key in ("kernel_parameters", "name", "kernel_boot",
                                     "accelerator") else json.loads(value)
    with machine.Vm(vmwp, kernel=kernel, initrd=initrd, **more) as vm:
        print(f"ready after {vm.ready() * 1000:.1f} ms, vmwp {vm.pid}, socket {vm.socket_path}",
              flush=True)
        client = vm.connect()
        print("hello:", client.hello(), flush=True)
        print("helpers:", vm.helpers(), flush=True)
        while True:
            readable, _, _ = select.select([client.sock, sys.stdin], [], [])
            if sys.stdin in readable and not sys.stdin.readline():
                break
            if client.sock in readable:
                print("frame:", client.receive(), flush=True)


try:
    main()
except (EOFError, KeyboardInterrupt):
    pass
