#!/bin/sh
# The demonstration that ./dev demo runs: demo.sh BUILD_DIR. Two root file systems, a long-lived ping in
# each, and the same processes seen by runhcs and by the host; then one of them once more, in a utility VM,
# where the host does not see it. Ends with 0 only if all it says came true.
set -eu

die() { printf 'demo: %s\n' "$*" >&2; exit 1; }
say() { printf '\n==> %s\n' "$*"; }
note() { printf '    %s\n' "$*"; }

[ -d "${1:-}" ] || die "usage: demo.sh BUILD_DIR (./dev demo calls it)"
[ "$(id -u)" -eq 0 ] || die "needs root: it makes namespaces, mounts and cgroups"
build=$(cd "$1" && pwd)
runhcs=$build/runhcs
[ -x "$runhcs" ] || die "$runhcs is not there: run ./dev build first"
for program in debootstrap busybox ps unshare setpriv flock qemu-system-x86_64; do
	command -v "$program" >/dev/null || die "$program is not installed (./dev demo installs it)"
done
libexec=${HCS_LIBEXECDIR:-$build/libexec/hcs}
for part in vmwp vmproc vmlinux initramfs; do
	[ -r "$libexec/$part" ] || die "$libexec/$part is not there: run ./dev demo, or ./dev kernel and ./dev build"
done
export HCS_LIBEXECDIR="$libexec"

work=$build/demo
state=$work/state
# As a person in the current directory would write them.
runhcs_shown=${runhcs#"$PWD/"}
work_shown=${work#"$PWD/"}
suite=bookworm
child=
umask 022
mkdir -p "$work"

# Containers that this demonstration, or an earlier one that was killed, has left. Nobody else's: they have
# a state directory of their own.
sweep() {
	for entry in "$state"/*/; do
		[ -d "$entry" ] || continue
		"$runhcs" --root "$state" delete --force "$(basename "$entry")" || return 1
	done
	rm -rf "$state"
}

leave() {
	status=$?
	trap - EXIT INT TERM HUP PIPE
	# With its pid namespace go all its children.
	[ -z "$child" ] || kill -KILL "$child" 2>/dev/null || :
	sweep || status=1
	rm -rf --one-file-system "$work"/*.part
	exit "$status"
}

# What is shown is what is run, but for the option that names the state directory.
hcs() {
	printf '\n$ runhcs %s\n' "$*"
	"$runhcs" --root "$state" "$@"
}
host() {
	printf '\nhost$ %s\n' "$*"
	"$@"
}

exec 9>"$work/.lock"
flock -w 10 9 || die "another demonstration is running in $work"
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
trap 'exit 141' PIPE
sweep
rm -rf --one-file-system "$work"/*.part

# --- root file systems --------------------------------------------------------------------------------

write_etc() { # rootfs
	printf '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n' >"$1/etc/hosts"
}

# The archive that apt uses: where a mirror is configured, the world may be out of reach.
mirror() {
	# shellcheck disable=SC2016 # apt's own variable
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $suite" \
		'Component: main' 2>/dev/null | head -n 1
}

# Until child ends; its latest line is shown where somebody watches.
wait_for_child() { # log
	while kill -0 "$child" 2>/dev/null; do
		[ ! -t 1 ] || printf '\r\033[K    %.70s' "$(tail -n 1 "$1" 2>/dev/null)"
		sleep 1
	done
	[ ! -t 1 ] || printf '\r\033[K'
	ended=$child
	child=
	wait "$ended"
}

# Built aside and then renamed, so that it is there whole or not at all; what was downloaded stays in cache
# for the next try. In namespaces of its own, and killed with this shell, debootstrap leaves no mount and
# no process.
build_debian() {
	rootfs=$work/debian/rootfs
	[ ! -d "$rootfs" ] || { note "already there: $rootfs"; return 0; }
	archive=$(mirror)
	archive=${archive:-http://deb.debian.org/debian}
	log=$work/debootstrap.log
	note "debootstrap of $suite from $archive: a minute or two, only the first time"
	mkdir -p "$work/debian" "$work/cache"
	setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc \
		debootstrap --variant=minbase --include=iputils-ping --cache-dir="$work/cache" \
		"$suite" "$work/debian.part" "$archive" \
		</dev/null >"$log" 2>&1 &
	child=$!
	wait_for_child "$log" || {
		tail -n 3 "$log" >&2
		die "debootstrap failed (offline? $archive must be reachable once; log: $log)"
	}
	write_etc "$work/debian.part"
	mv "$work/debian.part" "$rootfs"
}

build_tiny() {
	rootfs=$work/tiny/rootfs
	part=$work/tiny.part
	rm -rf --one-file-system "$rootfs"
	mkdir -p "$work/tiny"
	for dir in bin dev etc proc root sys tmp; do
		mkdir -p "$part/$dir"
	done
	cp "$(command -v busybox)" "$part/bin/busybox"
	chroot "$part" /bin/busybox true 2>/dev/null ||
		die "busybox is not linked statically: install busybox-static"
	for applet in $(busybox --list); do
		[ "$applet" = busybox ] || ln -s busybox "$part/bin/$applet"
	done
	printf 'root:x:0:0:root:/root:/bin/sh\n' >"$part/etc/passwd"
	write_etc "$part"
	mv "$part" "$rootfs"
}

# A config.json from the runtime's own template: no terminal, another program and name, CAP_NET_RAW.
write_config() { # bundle, host name
	rm -f "$1/config.json"
	"$runhcs" spec --bundle "$1"
	sed -i -e 's/"terminal": true/"terminal": false/' \
		-e 's/^\(\t*\)"sh"$/\1"ping",\n\1"localhost"/' \
		-e 's/^\(\t*\)"CAP_NET_BIND_SERVICE"$/&,\n\1"CAP_NET_RAW"/' \
		-e "s/\"hostname\": \"runhcs\"/\"hostname\": \"$2\"/" "$1/config.json"
	for word in '"localhost"' '"CAP_NET_RAW"' "\"$2\""; do
		grep -q "$word" "$1/config.json" || die "$1/config.json: $word did not get in"
	done
}

# For whoever wants to look around afterwards: the same Debian, with a shell at the terminal.
write_shell() {
	mkdir -p "$work/shell"
	rm -f "$work/shell/config.json"
	"$runhcs" spec --bundle "$work/shell"
	sed -i -e 's|"path": "rootfs"|"path": "../debian/rootfs"|' "$work/shell/config.json"
}

# --- checks -------------------------------------------------------------------------------------------

# The one process of a container, as runhcs says.
pid_of() {
	"$runhcs" --root "$state" ps --format json "$1" | tr -dc '0-9\n'
}

check_host_sees() { # id, pid
	case " $(ps -C ping -o pid= | tr -s ' \n' '  ') " in
	*" $2 "*) ;;
	*) die "the host's ps does not show process $2 of $1" ;;
	esac
	note "$1: process $2 in the container's list and in the host's: one and the same."
}

answers() { # id: how many times ping was answered
	grep -c 'bytes from' "$work/$1.log" || :
}

wait_for_answer() {
	tries=50
	until [ "$(answers "$1")" -gt 0 ]; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || { cat "$work/$1.log" >&2; die "ping in $1 gets no answer"; }
		sleep 0.1
	done
}

wait_until_stopped() {
	tries=50
	until "$runhcs" --root "$state" state "$1" | grep -q '"stopped"'; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || die "$1 does not stop"
		sleep 0.1
	done
}

check_nothing_stays() { # pid …
	for pid; do
		# Of an ended process the host's pid 1 may not have taken notice yet: a zombie holds nothing.
		case $(ps -o stat= -p "$pid") in
		'' | Z*) ;;
		*) die "process $pid is still there" ;;
		esac
	done
	[ -z "$("$runhcs" --root "$state" list --quiet)" ] || die "a container is still listed"
	! grep -F " $work/" /proc/self/mountinfo || die "a mount is still there"
	left=$(find /sys/fs/cgroup -type d -name 'hcs-demo-*' 2>/dev/null)
	[ -z "$left" ] || die "a cgroup is still there: $left"
}

# A number of a section of the statistics; a host without that controller has none.
show_stat() { # label, section, key
	value=$(sed -n "s/,\"vm\":.*//; s/.*\"$2\":{[^}]*$3\([0-9][0-9]*\).*/\1/p" "$work/stats.json")
	note "$1: ${value:-not counted here}"
}

# --- the second half: hyperv isolation -----------------------------------------------------------------

host_pings() {
	ps -C ping -o pid= | tr -d ' ' | sort -n | tr '\n' ' '
}

# The same command for the one in each isolation.
both() { # command, arguments after the container's name...
	command=$1
	shift
	hcs "$command" hcs-demo-debian "$@"
	hcs "$command" hcs-demo-vm "$@"
}

start_vm() {
	say "The same Debian once more, from the same bundle, in a utility VM: one option more"
	pings_before=$(host_pings)
	printf '\n$ runhcs run --isolation hyperv --detach --bundle %s hcs-demo-vm\n' "$work_shown/debian"
	"$runhcs" --root "$state" run --isolation hyperv --detach --bundle "$work/debian" hcs-demo-vm \
		</dev/null >"$work/vm.log" 2>&1 || { cat "$work/vm.log" >&2; die "the VM does not run"; }
	wait_for_answer vm
	sed -n 's/.*level=warning msg="\(.*\)"$/\n    runhcs says: \1/p' "$work/vm.log"
	hcs list
}

compare_processes() {
	say "Side by side: what runhcs sees in each, and what the host sees"
	both ps
	host ps -C ping -o pid,ppid,user,args
	[ "$(host_pings)" = "$pings_before" ] || die "the host sees a ping that it should not"
	vm_pid=$(pid_of hcs-demo-vm)
	host ps -C vmwp,vmproc -o pid,ppid,user,args
	worker_pid=$(ps -C vmwp -o pid=,args= | awk '/ hcs-demo-vm$/ { print $1 }')
	[ -n "$worker_pid" ] || die "the host's ps does not show the VM's worker"
	printf '\n'
	note "No process of the container in the VM is among the host's, which sees vmwp, the VM's worker"
	note "(process $worker_pid, a user of its own), and process $vm_pid, which stands for the container."
}

compare_kernels() {
	say "One kernel is the host's, the other its own"
	both exec uname -r
	host uname -r
	process_kernel=$("$runhcs" --root "$state" exec hcs-demo-debian uname -r)
	vm_kernel=$("$runhcs" --root "$state" exec hcs-demo-vm uname -r)
	[ "$process_kernel" = "$(uname -r)" ] || die "the first is not on the host's kernel"
	[ "$vm_kernel" != "$(uname -r)" ] || die "the second is on the host's kernel"
}

compare_pause() {
	say "The same commands do the same: pause and resume, in the VM"
	hcs pause hcs-demo-vm
	before=$(answers vm)
	sleep 2
	during=$(answers vm)
	hcs resume hcs-demo-vm
	sleep 2
	after=$(answers vm)
	printf '\n'
	note "answers to ping: $before when paused, $during two seconds later, $after two after it was resumed"
	[ "$during" -eq "$before" ] || die "it was not paused"
	[ "$after" -gt "$during" ] || die "it did not go on"
}

second_half() {
	start_vm
	compare_processes
	compare_kernels
	both exec cat /etc/debian_version
	compare_pause
	say "What each uses"
	for id in debian vm; do
		printf '\n$ runhcs events --stats hcs-demo-%s\n' "$id"
		"$runhcs" --root "$state" events --stats "hcs-demo-$id" >"$work/stats.json"
		show_stat 'memory, bytes' memory '"usage":'
		show_stat 'processes' pids '"current":'
	done
	note "the whole VM on the host, bytes: $(sed 's/.*"vm":{"memory":{"usage":\([0-9]*\).*/\1/' "$work/stats.json")"
	say "And the state tells what it runs in"
	hcs state hcs-demo-vm
}

# --- the demonstration --------------------------------------------------------------------------------

say "Two root file systems, each made an OCI bundle: a directory with rootfs/ and config.json"
build_debian
note "Debian $(cat "$work/debian/rootfs/etc/debian_version"): $(du -sh "$work/debian/rootfs" | cut -f 1)"
build_tiny
note "tiny, one busybox: $(du -sh "$work/tiny/rootfs" | cut -f 1)"
write_config "$work/debian" debian
write_config "$work/tiny" tiny
write_shell
note "config.json comes from 'runhcs spec'. Changed: the program is 'ping localhost', and the container"
note "is given CAP_NET_RAW, which ping's raw socket needs and the template does not give."

say "A long-lived ping in each, in the background"
note "runhcs is $runhcs_shown; its state is in $work_shown/state (option --root, left out below)."
for id in debian tiny; do
	printf '\n$ runhcs run --detach --bundle %s hcs-demo-%s\n' "$work_shown/$id" "$id"
	"$runhcs" --root "$state" run --detach --bundle "$work/$id" "hcs-demo-$id" \
		</dev/null >"$work/$id.log" 2>&1 || { cat "$work/$id.log" >&2; die "$id does not run"; }
done
wait_for_answer debian
wait_for_answer tiny
hcs list
printf '\n'
tail -n 1 "$work/debian.log"
tail -n 1 "$work/tiny.log"

say "What runhcs sees in the containers, and what the host sees"
hcs ps hcs-demo-debian
hcs ps hcs-demo-tiny
host ps -C ping -o pid,ppid,user,args
printf '\n'
debian_pid=$(pid_of hcs-demo-debian)
tiny_pid=$(pid_of hcs-demo-tiny)
check_host_sees hcs-demo-debian "$debian_pid"
check_host_sees hcs-demo-tiny "$tiny_pid"
note "That is process isolation: one kernel, the host's."

say "From inside it looks otherwise: own pids, own name, own root; but the host's kernel"
hcs exec hcs-demo-tiny ps
hcs exec hcs-demo-debian cat /etc/debian_version
hcs exec hcs-demo-debian uname -nr
host uname -nr

say "The state, as the runtime specification has it"
hcs state hcs-demo-debian

say "Paused, all its processes stand still; resumed, they go on"
hcs pause hcs-demo-debian
hcs list
before=$(answers debian)
sleep 2
during=$(answers debian)
hcs resume hcs-demo-debian
sleep 2
after=$(answers debian)
printf '\n'
note "answers to ping: $before when paused, $during two seconds later, $after two after it was resumed"
[ "$during" -eq "$before" ] || die "it was not paused"
[ "$after" -gt "$during" ] || die "it did not go on"

say "What it uses (from 'runhcs events --stats': one JSON object)"
printf '\n$ runhcs events --stats hcs-demo-debian\n'
"$runhcs" --root "$state" events --stats hcs-demo-debian >"$work/stats.json"
show_stat 'CPU time, ns' cpu '"total":'
show_stat 'memory, bytes' memory '"usage":'
show_stat 'processes' pids '"current":'

second_half

say "Ended by the signal of Ctrl-C, on which ping prints its statistics; then deleted"
for id in debian tiny vm; do
	hcs kill "hcs-demo-$id" INT
	wait_until_stopped "hcs-demo-$id"
	tail -n 3 "$work/$id.log"
done
hcs list
hcs delete hcs-demo-debian
hcs delete hcs-demo-tiny
hcs delete hcs-demo-vm
hcs list
check_nothing_stays "$debian_pid" "$tiny_pid" "$vm_pid" "$worker_pid"
printf '\n'
note "Nothing stays: no process, no VM, no mount, no cgroup, no state."

say "To try next"
cat <<TEXT
    A shell in Debian ('exit' ends it), and ping in the foreground (Ctrl-C ends it):
        $runhcs_shown run --bundle $work_shown/shell sh1
        $runhcs_shown run --bundle $work_shown/tiny ping1
    The same in a VM:
        $runhcs_shown run --isolation hyperv --bundle $work_shown/shell sh2
    All commands, and one of them:
        $runhcs_shown help
        $runhcs_shown help run
    All tests, with containerd, Docker and Podman:
        ./dev check
TEXT
