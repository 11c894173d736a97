#!/bin/sh
# Both base images, in a registry on loopback: make.sh DIRECTORY [PORT]. Serves until it is ended; with
# HCS_IMAGES_ONLY set the images are made (layouts DIRECTORY/nano, DIRECTORY/core) and nothing is served.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=${1:?usage: make.sh DIRECTORY [PORT]} port=${2:-5000}
say() { printf '    %s\n' "$*"; }
die() { printf 'images: %s\n' "$*" >&2; exit 1; }
python=/usr/bin/python3
child=

leave() {
	status=$?
	trap - EXIT INT TERM HUP
	[ -z "$child" ] || kill "$child" 2>/dev/null || :
	exit "$status"
}

mkdir -p "$root"
exec 9>"$root/.lock"
flock -w 600 9 || die "another ./dev images is at work in $root"
for image in nano core; do
	if [ ! -d "$root/$image" ]; then
		say "$image: its root file system"
		sh "$here/rootfs.sh" "$image" "$root/rootfs/$image"
		"$python" "$here/image.py" build "$root/rootfs/$image" "$root/$image" \
			--label "org.opencontainers.image.title=$image"
	fi
	say "$image: $(du -sh "$root/$image" | cut -f 1) packed"
done
[ -z "${HCS_IMAGES_ONLY:-}" ] || exit 0

trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
setpriv --pdeathsig TERM sh "$here/registry.sh" "$root/registry" "$port" \
	>"$root/registry.log" 2>&1 9>&- &
child=$!
tries=100
until "$python" -c "import urllib.request as u; u.urlopen('http://127.0.0.1:$port/v2/', timeout=2)" 2>/dev/null; do
	tries=$((tries - 1))
	if [ "$tries" -eq 0 ] || ! kill -0 "$child" 2>/dev/null; then
		tail -n 3 "$root/registry.log" >&2
		die "the registry does not answer at 127.0.0.1:$port (is the port taken? ./dev images PORT)"
	fi
	sleep 0.1
done
for image in nano core; do
	say "$("$python" "$here/image.py" push "$root/$image" "http://127.0.0.1:$port/$image:latest")"
done
flock -u 9
echo "ready: hcs pull 127.0.0.1:$port/nano, hcs pull 127.0.0.1:$port/core"
wait "$child"
