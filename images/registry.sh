#!/bin/sh
# Debian's docker-registry on loopback, in the foreground: registry.sh DIRECTORY [PORT]. No authentication:
# nobody else can reach it. What is pushed is kept in DIRECTORY.
set -eu
root=${1:?usage: registry.sh DIRECTORY [PORT]} port=${2:-5000}
command -v docker-registry >/dev/null || { echo "registry.sh: docker-registry is not installed" >&2; exit 1; }
mkdir -p "$root"
root=$(cd "$root" && pwd)
cat >"$root/config.yml" <<TEXT
version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $root/data}, delete: {enabled: true}}
http: {addr: "127.0.0.1:$port"}
TEXT
exec docker-registry serve "$root/config.yml"
