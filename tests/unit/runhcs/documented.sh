#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every command and option that the program's help shows is in the manual, and is completed.
# documented.sh RUNHCS MANUAL COMPLETION
set -u
runhcs=$1 manual=$2
# shellcheck source=completions/runhcs.bash
source "$3"
failed=0

complain() {
	echo "$*" >&2
	failed=1
}

# What bash would offer for the words given, of which the last is unfinished.
completed() {
	COMP_WORDS=("$runhcs" "$@")
	COMP_CWORD=$#
	COMPREPLY=()
	_runhcs 2>/dev/null
	printf ' %s' "${COMPREPLY[@]}" ' '
}

shown_options() {
	sed -nE '/^(Global o|O)ptions:/,/^$/s/^ +(-., )?(--[A-Za-z0-9-]+).*/\2/p'
}

check_options() {
	local options option
	options=$("$runhcs" "$@" --help | shown_options)
	[[ -n $options ]] || complain "runhcs $*: help shows no options"
	for option in $options; do
		grep -qF -e "*$option*" "$manual" || complain "runhcs $*: $option is not in the manual"
		[[ $(completed "$@" "$option") == *" $option "* ]] ||
			complain "runhcs $*: $option is not completed"
	done
}

commands=$("$runhcs" --help | sed -nE '/^Commands:/,/^$/s/^  ([a-z-]+) .*/\1/p')
[[ $(wc -w <<<"$commands") -ge 19 ]] || complain "help shows too few commands: $commands"
check_options
for command in $commands; do
	[[ $(completed "${command:0:2}") == *" $command "* ]] || complain "$command is not completed"
	[[ $command == help ]] && continue
	grep -qE "^## .*runhcs $command( |,|$)" "$manual" || complain "$command is not in the manual"
	check_options "$command"
	[[ $("$runhcs" help "$command") == "$("$runhcs" "$command" --help)" ]] ||
		complain "help $command differs from $command --help"
done
exit $failed
