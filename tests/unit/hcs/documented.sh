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
	for option in $("$hcs" "$@" --help |
		sed -nE '/^Options:/,/^$/s/^ +(-., )?(--[A-Za-z0-9-]+).*/\2/p'); do
		grep -qF -e "*$option*" "$manual" || complain "hcs $*: $option is not in the manual"
		[[ $(completed "$@" "$option") == *" $option "* ]] ||
			complain "hcs $*: $option is not completed"
	done
}

commands=$("$hcs" --help | sed -nE '/^Commands:/,/^$/s/^  ([a-z-]+) .*/\1/p' | sort -u)
two_words=$("$hcs" --help | sed -nE '/^Commands:/,/^$/s/^  ([a-z-]+ [a-z]+)  .*/\1/p')
[[ $(wc -w <<<"$commands") -ge 18 ]] || complain "help shows too few commands: $commands"
check_options
for command in $commands; do
	[[ $(completed "${command:0:2}") == *" $command "* ]] || complain "$command is not completed"
	grep -qE "^## .*hcs $command( |,|$)" "$manual" || complain "$command is not in the manual"
	# Those of the program hcs-image need it in place.
	"$hcs" "$command" --help >/dev/null 2>&1 || continue
	check_options "$command"
done
while read -r group word; do
	[[ -n $group ]] || continue
	[[ $(completed "$group" "${word:0:1}") == *" $word "* ]] ||
		complain "$group $word is not completed"
	grep -qE "^## .*hcs $group $word( |,|$)" "$manual" || complain "$group $word is not in the manual"
	check_options "$group" "$word"
done <<<"$two_words"
exit $failed
