#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# PID 1 of the machine of tests/kvm: Debian's kernel, this machine's files read-only, and a shell on the
# second serial port. A line on it is a command; its status, the length of its output and that come back.
busybox mkdir -p /dev /proc /sys /host
busybox mount -t devtmpfs dev /dev
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
while read -r module; do
	busybox insmod "/modules/$module" || echo "kvm test: $module did not load"
done </modules/order
busybox mount -t 9p -o trans=virtio,version=9p2000.L,cache=loose,msize=512000,ro host /host ||
	echo "kvm test: no files"
for directory in dev proc sys; do
	busybox mount --move "/$directory" "/host/$directory"
done
busybox mount -t cgroup2 cgroup2 /host/sys/fs/cgroup
busybox mount -t tmpfs tmpfs /host/run
busybox ip link set lo up

# shellcheck disable=SC2016 # for the shell that reads it
serve='
stty -F /dev/ttyS1 raw -echo
exec <>/dev/ttyS1 >&0 2>/dev/console
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
cd /run
echo ready
while read -r line; do
	sh -c "$line" >/run/output 2>&1 </dev/null
	echo "$? $(wc -c </run/output)"
	cat /run/output
done'
echo "$serve" >/host/run/serve
exec busybox switch_root /host /bin/sh /run/serve
