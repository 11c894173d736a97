#!/bin/sh
# Builds the guest kernel of a utility VM: build.sh OUTPUT_DIRECTORY → OUTPUT_DIRECTORY/vmlinux
#
# Source: Debian's linux-source-6.12. Configuration: container.config and the architecture's own, on
# top of nothing. A kernel once built is kept under ${HCS_CACHE:-/var/cache/hcs}/kernel/<key>, the key
# being made of all that goes into it. Two builds at once wait for each other; a build that is killed
# leaves nothing that could be taken for a kernel.
set -eu

die() { printf 'kernel: %s\n' "$*" >&2; exit 1; }

[ $# -eq 1 ] || { echo "usage: build.sh OUTPUT_DIRECTORY" >&2; exit 2; }
output=$1
here=$(cd "$(dirname "$0")" && pwd)
cache=${HCS_CACHE:-/var/cache/hcs}/kernel
series=6.12
tarball=${HCS_KERNEL_SOURCE:-/usr/src/linux-source-$series.tar.xz}
kept=4 # kernels in the cache: this one and the last few, for switching between branches
# About how many objects there are. Only the percentage that is shown hangs on it.
objects=1820

# The same input gives the same bytes, whoever builds it, when and where.
reproducible="KBUILD_BUILD_TIMESTAMP=2026-01-01T00:00:00Z KBUILD_BUILD_USER=hcs KBUILD_BUILD_HOST=hcs
 KBUILD_BUILD_VERSION=1 LC_ALL=C"
strip="strip -s -R .comment"

machine=$(uname -m)
case $machine in
x86_64) arch=x86_64 image=vmlinux ;;
*) die "no configuration for $machine yet: $here/ has $(cd "$here" && echo ./*.config)" ;;
esac

# Progress: one line rewritten on a terminal, else a line a phase and one every tenth of the work.
terminal=
[ ! -t 1 ] || terminal=1
phase() {
	if [ -n "$terminal" ]; then printf '\r\033[Kkernel: %s' "$*"; else printf 'kernel: %s\n' "$*"; fi
}
done_with() { [ -z "$terminal" ] || printf '\r\033[K'; printf 'kernel: %s\n' "$*"; }

count_objects() { # reads make's lines
	awk -v total=$objects -v terminal="$terminal" '
		$1 ~ /^(CC|AS|LD|AR)$/ {
			n++; percent = int(n * 100 / total); if (percent > 99) percent = 99
			if (terminal) {
				if (n % 5 == 0) { printf "\r\033[Kkernel: compiling %3d %% (%d objects)", percent, n; fflush() }
			} else if (int(percent / 10) > shown) {
				shown = int(percent / 10); printf "kernel: compiling %d %%\n", shown * 10; fflush()
			}
		}'
}

for tool in gcc make flex bison bc xz flock; do
	command -v $tool >/dev/null || die "$tool is missing (./dev kernel installs what is needed)"
done
[ -r "$tarball" ] || die "$tarball: not there (Debian package linux-source-$series)"

# The tarball's content is told by its package's version; hashing 150 MB would cost a second each time.
source_version=$(dpkg-query -W -f '${Version}' "linux-source-$series" 2>/dev/null) || source_version=
[ "$tarball" = "/usr/src/linux-source-$series.tar.xz" ] && [ -n "$source_version" ] ||
	source_version=$(sha256sum <"$tarball")
patches=$(find "$here/patches" -name '*.patch' 2>/dev/null | sort)
# shellcheck disable=SC2086 # a list of names without blanks
key=$({ echo "$arch $source_version $reproducible $strip"
	gcc --version | head -n 1; ld --version | head -n 1
	cat "$here/container.config" "$here/$arch.config" $patches; } |
	sha256sum | cut -c 1-32)

hand_out() {
	mkdir -p "$output"
	# A link where one can be had, so that nobody reads half a copy; mv refuses one that is there already.
	if [ -z "$(find "$output" -name vmlinux -samefile "$cache/$key/vmlinux")" ]; then
		ln -f "$cache/$key/vmlinux" "$output/vmlinux.$$" 2>/dev/null ||
			cp "$cache/$key/vmlinux" "$output/vmlinux.$$"
		mv -f "$output/vmlinux.$$" "$output/vmlinux"
	fi
	touch "$cache/$key" # used now: kept longest
	done_with "$output/vmlinux ($(wc -c <"$output/vmlinux") bytes, Linux $(cat "$cache/$key/version"))"
}

mkdir -p "$cache"
if [ -e "$cache/$key/vmlinux" ]; then
	hand_out
	exit 0
fi

exec 9>"$cache/lock"
if ! flock -n 9; then
	phase "another build is running; waiting for it"
	flock 9
fi
if [ -e "$cache/$key/vmlinux" ]; then
	hand_out
	exit 0
fi

# Under the lock nobody else builds: what lies here was left by a build that was killed.
rm -rf "$cache"/build.*
work=$cache/build.$$
log=$cache/build.log
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
mkdir "$work"

failed() {
	[ -z "$terminal" ] || printf '\n'
	grep -E 'error:|Error |undefined reference' "$log" | head -n 5 >&2 || tail -n 5 "$log" >&2
	die "$1 failed; the whole log: $log"
}

phase "unpacking $tarball"
# Code of drivers that no utility VM has is two thirds of the source. What configures it stays:
# Kconfig reads all of that.
for directory in Documentation 'drivers/gpu' 'drivers/net/ethernet' 'drivers/net/wireless' \
	'drivers/media' 'drivers/staging' 'drivers/scsi' 'drivers/infiniband' 'drivers/iio' \
	'drivers/usb' 'sound' 'tools/testing' 'tools/perf' 'arch/[b-wyz]*'; do
	[ "$directory" = 'arch/[b-wyz]*' ] && [ "$arch" != x86_64 ] ||
		printf '*/%s/*.[chS]\n*/%s/*.dts*\n*/%s/*.rst\n' "$directory" "$directory" "$directory"
done >"$work/left-out"
# These are compiled to see that the compiler warns, not into the kernel.
printf '*/lib/test_fortify/*-*.c\n' >>"$work/left-out"
tar -C "$work" --use-compress-program="xz -T0" -xf "$tarball" --wildcards \
	--exclude-from="$work/left-out" 2>"$log" || failed "unpacking (disk full?)"
source=$(echo "$work"/linux-source-*)
for patch in $patches; do
	patch -d "$source" -p1 -s <"$patch" >>"$log" 2>&1 || failed "$(basename "$patch")"
done

# shellcheck disable=SC2086,SC2163 # a list of assignments
export ARCH=$arch $reproducible

phase "configuring"
mkdir "$work/out"
asked=$work/out/asked.config
cat "$here/container.config" "$here/$arch.config" >"$asked"
make -C "$source" O="$work/out" KCONFIG_ALLCONFIG="$asked" allnoconfig >"$log" 2>&1 ||
	failed "configuring"

# Kconfig drops in silence what it cannot fulfil.
unmet=$(while read -r line; do
	case $line in
	CONFIG_*)
		grep -qxF "$line" "$work/out/.config" || printf '%s ' "$line" ;;
	'# CONFIG_'*' is not set')
		name=${line#\# }
		! grep -q "^${name%% *}=" "$work/out/.config" || printf '%s=n ' "${name%% *}" ;;
	esac
done <"$asked")
[ -z "$unmet" ] || die "options asked for that this source does not give: $unmet"

phase "compiling"
{ make -C "$source" O="$work/out" -j"$(nproc)" "$image" 2>&1 9>&- || echo "kernel: make failed"; } |
	tee "$log" | count_objects
! grep -qx "kernel: make failed" "$log" || failed "compiling"

phase "stripping"
entry=$work/entry
mkdir "$entry"
$strip -o "$entry/vmlinux" "$work/out/vmlinux" || failed "stripping"
cat "$work/out/include/config/kernel.release" >"$entry/version"
cp "$work/out/.config" "$entry/config"
cp "$work/out/System.map" "$entry/System.map" # names for the addresses in a panic
sync "$entry/vmlinux"
rm -rf "${cache:?}/$key"
mv "$entry" "$cache/$key"

# Old kernels go, those used last stay.
find "$cache" -mindepth 2 -maxdepth 2 -name vmlinux -printf '%h\n' | xargs ls -dt |
	tail -n +$((kept + 1)) | while read -r old; do rm -rf "$old"; done

hand_out
