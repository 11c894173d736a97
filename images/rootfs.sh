#!/bin/sh
# The root file systems of the base images: rootfs.sh nano|core DIRECTORY. Built aside and renamed, so that it
# is there whole or not at all; what is there already stays.
set -eu

die() { printf 'images: %s\n' "$*" >&2; exit 1; }

kind=${1:-} rootfs=${2:-}
[ -n "$rootfs" ] || die "usage: rootfs.sh nano|core DIRECTORY"
[ ! -d "$rootfs" ] || exit 0
part=$rootfs.part
rm -rf --one-file-system "$part"
trap 'rm -rf --one-file-system "$part"' EXIT
trap 'exit 130' INT TERM HUP
umask 022

write_etc() { # rootfs
	printf '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n' >"$1/etc/hosts"
}

make_nano() {
	busybox=$(command -v busybox) || die "busybox is not installed"
	for dir in bin dev etc home proc root run sys tmp usr var; do
		mkdir -p "$part/$dir"
	done
	chmod 1777 "$part/tmp"
	cp "$busybox" "$part/bin/busybox"
	chroot "$part" /bin/busybox true 2>/dev/null ||
		die "busybox is not linked statically: install busybox-static"
	for applet in $("$busybox" --list); do
		[ "$applet" = busybox ] || ln -s busybox "$part/bin/$applet"
	done
	cat >"$part/etc/passwd" <<-'TEXT'
		root:x:0:0:root:/root:/bin/sh
		app:x:1000:1000:app:/home/app:/bin/sh
		nobody:x:65534:65534:nobody:/:/bin/false
	TEXT
	cat >"$part/etc/group" <<-'TEXT'
		root:x:0:
		extra:x:100:app
		app:x:1000:
		nogroup:x:65534:
	TEXT
	mkdir "$part/home/app"
	chown 1000:1000 "$part/home/app"
	write_etc "$part"
}

# The archive that apt uses: where a mirror is configured, the world may be out of reach.
archive() {
	# shellcheck disable=SC2016 # apt's own variable
	found=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' \
		'Component: main' 2>/dev/null | head -n 1)
	printf '%s\n' "${found:-http://deb.debian.org/debian}"
}

# In namespaces of its own, and killed with this shell, debootstrap leaves no mount and no process. What was
# downloaded stays beside, for the next try.
make_core() {
	cache=$(dirname "$rootfs")/cache
	log=$(dirname "$rootfs")/debootstrap.log
	mkdir -p "$cache"
	cache=$(cd "$cache" && pwd)
	setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc \
		debootstrap --variant=minbase --include=iputils-ping,procps --cache-dir="$cache" \
		bookworm "$part" "$(archive)" </dev/null >"$log" 2>&1 || {
		tail -n 3 "$log" >&2
		die "debootstrap failed (offline? the archive must be reachable once; log: $log)"
	}
	rm -rf "$part"/var/cache/apt/archives/*.deb "$part"/var/lib/apt/lists/* \
		"$part"/var/log/*.log
	write_etc "$part"
}

mkdir -p "$(dirname "$rootfs")"
case $kind in
nano | core) "make_$kind" ;;
*) die "no such image: $kind (nano, core)" ;;
esac
mv "$part" "$rootfs"
