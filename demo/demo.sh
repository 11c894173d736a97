#!/bin/sh
# The demonstration that ./dev demo runs: demo.sh BUILD_DIR. What the documents of Windows containers show, on
# Linux: one image in both isolations, the same commands on both, what the host sees of each, and a container
# that changes its isolation. Ends with 0 only if all it says came true.
set -eu

die() { printf 'demo: %s\n' "$*" >&2; exit 1; }
say() { printf '\n==> %s\n' "$*"; }
note() { printf '    %s\n' "$*"; }

[ -d "${1:-}" ] || die "usage: demo.sh BUILD_DIR (./dev demo calls it)"
[ "$(id -u)" -eq 0 ] || die "needs root: it makes namespaces, mounts and cgroups"
here=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "$1" && pwd)
program=$build/hcs
[ -x "$program" ] || die "$program is not there: run ./dev build first"
for tool in ps docker-registry debootstrap qemu-system-x86_64; do
	command -v "$tool" >/dev/null || die "$tool is not installed (./dev demo installs it)"
done
export HCS_LIBEXECDIR="${HCS_LIBEXECDIR:-$build/libexec/hcs}"
for part in vmwp vmproc vmlinux initramfs hcs-image hcs-supervisor; do
	[ -r "$HCS_LIBEXECDIR/$part" ] ||
		die "$HCS_LIBEXECDIR/$part is not there: run ./dev demo, or ./dev kernel and ./dev build"
done

work=$build/demo
# Its own images and containers: nobody else's are seen or touched.
export HCS_ROOT="$work/root" HCS_RUN_ROOT="$work/run"
port=${HCS_DEMO_PORT:-5000}
registry=
names="process hyperv DEMO"
umask 022
mkdir -p "$work"

sweep() {
	# shellcheck disable=SC2046,SC2086 # words
	left=$("$program" ps -aq 2>/dev/null) || left=
	# shellcheck disable=SC2086
	[ -z "$left" ] || "$program" rm -f -v $left >/dev/null
}

leave() {
	status=$?
	trap - EXIT INT TERM HUP PIPE
	sweep || status=1
	[ -z "$registry" ] || kill "$registry" 2>/dev/null || :
	exit "$status"
}

# What is shown is what is run, but for the variables above.
hcs() {
	printf '\n$ hcs %s\n' "$*"
	"$program" "$@"
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

# --- checks -------------------------------------------------------------------------------------------

host_pings() {
	ps -C ping -o pid= | tr -d ' ' | sort -n | tr '\n' ' '
}

# The process that a container's state names.
pid_of() {
	"$program" inspect --format '{{.State.Pid}}' "$1"
}

isolation_of() {
	"$program" inspect --format '{{.HostConfig.Isolation}}' "$1"
}

expect() { # what is said, what is, what should be
	[ "$2" = "$3" ] || die "$1: '$2', not '$3'"
}

wait_for_answer() { # container
	tries=100
	until "$program" logs "$1" 2>/dev/null | grep -q 'bytes from'; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || { "$program" logs "$1" >&2; die "ping in $1 gets no answer"; }
		sleep 0.1
	done
}

# --- the demonstration --------------------------------------------------------------------------------

serve_images() {
	say "Two base images from Debian's packages, in a registry on loopback: what nanoserver and servercore are there"
	rm -f "$work/images.log"
	setpriv --pdeathsig TERM sh "$here/images/make.sh" "$build/images" "$port" \
		</dev/null >"$work/images.log" 2>&1 9>&- &
	registry=$!
	until grep -q '^ready' "$work/images.log" 2>/dev/null; do
		kill -0 "$registry" 2>/dev/null || { cat "$work/images.log" >&2; die "no images"; }
		sleep 0.2
	done
	grep -v '^ready' "$work/images.log"
}

pull_images() {
	say "Pulled, once for both isolations"
	for image in nano core; do
		hcs pull "127.0.0.1:$port/$image"
		"$program" tag "127.0.0.1:$port/$image" "$image"
	done
	hcs images
	hcs info
}

run_both() {
	say "The same image and program in each isolation: a long-lived ping"
	pings_before=$(host_pings)
	hcs run -d --name process --isolation=process core ping localhost
	hcs run -d --name hyperv --isolation=hyperv core ping localhost
	wait_for_answer process
	wait_for_answer hyperv
	hcs ps
	for name in process hyperv; do
		printf '\n$ hcs inspect %s | grep -i isolation\n' "$name"
		"$program" inspect "$name" | grep -i '"isolation"'
		expect "the isolation of $name" "$(isolation_of "$name")" "$name"
	done
}

look_inside() {
	say "By the same command both show their processes"
	hcs top process
	hcs top hyperv
	"$program" top hyperv | grep -q ping || die "top does not show the ping in the VM"
}

look_from_host() {
	say "The host sees the ping of process isolation, and not that of hyperv isolation"
	host ps -C ping -o pid,user,args
	pid=$(pid_of process)
	[ "$(host_pings)" = "$(printf '%s%s ' "$pings_before" "$pid" | tr ' ' '\n' | sort -n | tr -s '\n' ' ' |
		sed 's/^ //')" ] || die "the host's pings are not those from before and process $pid"
	note "Process $pid, in the container's list and in the host's: one and the same. Of the other, nothing."
	say "What it sees instead is the worker process of the utility VM"
	host ps -C vmwp -o pid,user,args
	pgrep -a -x vmwp | grep -q "$("$program" inspect --format '{{.Id}}' hyperv)" ||
		die "there is no vmwp for the container"
	hcs compute list
}

compare_kernels() {
	say "One is on the host's kernel, the other on its own"
	hcs exec process uname -r
	hcs exec hyperv uname -r
	host uname -r
	expect "the kernel of process" "$("$program" exec process uname -r)" "$(uname -r)"
	[ "$("$program" exec hyperv uname -r)" != "$(uname -r)" ] || die "hyperv is on the host's kernel"
	say "All else is the same: pause, statistics, limits"
	hcs pause hyperv
	hcs ps --format 'table {{.Names}}\t{{.Status}}\t{{.Isolation}}'
	hcs unpause hyperv
	hcs update --memory 256m --memory-swap 256m process
	hcs stats --no-stream
}

convert() {
	say "A container changes its isolation, and keeps what it wrote, its name and its configuration"
	# shellcheck disable=SC2016 # expanded in the container
	hcs run --name DEMO --isolation=process core sh -c 'echo "written on $(uname -r)" >/root/note; cat /root/note'
	hcs start DEMO
	if "$program" inspect --format '{{.State.Running}}' DEMO | grep -q true; then
		hcs stop DEMO
	fi
	hcs inspect --format '{{.Name}}: {{.HostConfig.Isolation}}' DEMO
	hcs set DEMO --isolation hyperv
	hcs inspect --format '{{.Name}}: {{.HostConfig.Isolation}}' DEMO
	expect "the isolation of DEMO" "$(isolation_of DEMO)" hyperv
	hcs cp DEMO:/root/note "$work/note"
	expect "what it wrote" "$(cat "$work/note")" "written on $(uname -r)"
	hcs start -a DEMO
	hcs set DEMO --isolation process
	hcs cp DEMO:/root/note "$work/note"
	[ "$(cat "$work/note")" != "written on $(uname -r)" ] || die "DEMO did not run in a VM"
	note "$(cat "$work/note"): that was the VM's kernel."
	if "$program" set hyperv --isolation process 2>"$work/refused"; then
		die "a running container was converted"
	fi
	say "Only a stopped container can be converted"
	printf '\n$ hcs set hyperv --isolation process\n%s\n' "$(cat "$work/refused")"
}

finish() {
	say "Stopped and removed"
	# shellcheck disable=SC2086 # words
	{
		hcs stop -t 2 process hyperv
		hcs rm $names
	}
	hcs ps -a
	expect "containers that are left" "$("$program" ps -aq)" ""
	# Others' may be there.
	left=$("$program" compute list --format '{{.Root}} {{.Id}}' | grep -F "$HCS_RUN_ROOT/" || :)
	expect "compute systems that are left" "$left" ""
	expect "the host's pings" "$(host_pings)" "$pings_before"
	! grep -F " $work/" /proc/self/mountinfo | grep -v ' - nsfs ' || die "a mount is still there"
	note "Nothing stays but the images, and the bridge that containers have shared: no process, no VM, no mount."
}

serve_images
pull_images
run_both
look_inside
look_from_host
compare_kernels
convert
finish

shown=${program#"$PWD/"}
say "To try next"
cat <<TEXT
    The images are in a store of their own; for the commands below:
        export HCS_ROOT=$HCS_ROOT HCS_RUN_ROOT=$HCS_RUN_ROOT
    A shell in each isolation ('exit' ends it):
        $shown run -it --rm --isolation=process core
        $shown run -it --rm --isolation=hyperv core
    A server, reached by a port of this host, and a shell beside it:
        $shown run -d --name web -p 8080:80 --isolation=hyperv nano httpd -f -h /etc
        $shown enter web
    All commands, and one of them:
        $shown help
        $shown run --help
    What each command of Windows' documents is called here: docs/windows.md
    All tests, with containerd, Docker and Podman:
        ./dev check
TEXT
