#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every command and option that hcs's help shows is in the manual, and is completed.
# documented.sh HCS MANUAL COMPLETION
set -u
hcs=$1 manual=$2
# shellcheck source=completions/hcs.bash
source "$3"
failed=0

complain() {
	echo "$*" >&2
	failed=1
}

# What bash would offer for the words given, of which the last is unfinished.
completed() {
	COMP_WORDS=("$hcs" "$@")
	COMP_CWORD=$#
	COMPREPLY=()
	_hcs 2>/dev/null
	printf ' %s' "${COMPREPLY[@]}" ' '
}

check_options() {
	local option
	for option in $("$hcs" "$@" --help </dev/null |
		sed -nE '/^Options:/,/^$/s/^ +(-., )?(--[A-Za-z0-9-]+).*/\2/p'); do
		grep -qF -e "*$option*" "$manual" || complain "hcs $*: $option is not in the manual"
		[[ $(completed "$@" "$option") == *" $option "* ]] ||
			complain "hcs $*: $option is not completed"
	done
}

# Some have names of two words.
commands=$("$hcs" --help | sed -nE '/^Commands:/,/^$/s/^  ([a-z-]+( [a-z-]+)?)  .*/\1/p')
[[ $(wc -l <<<"$commands") -ge 18 ]] || complain "help shows too few commands: $commands"
check_options
while read -r command; do
	read -ra words <<<"$command"
	last=${words[-1]}
	[[ $(completed "${words[@]:0:${#words[@]}-1}" "${last:0:2}") == *" $last "* ]] ||
		complain "$command is not completed"
	grep -qE "^## .*hcs $command( |,|$)" "$manual" || complain "$command is not in the manual"
	# Those of the program hcs-image need it in place.
	"$hcs" "${words[@]}" --help </dev/null >/dev/null 2>&1 || continue
	check_options "${words[@]}"
done <<<"$commands"
exit $failed
