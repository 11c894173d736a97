# bash completion for hcs(1)                                   -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Commands and options come from the program's own help, so that they cannot fall behind it.

# Options of a command (or of the program, without one) that begin with a dash.
_hcs_options() {
	"${COMP_WORDS[0]}" "$@" --help 2>/dev/null |
		sed -nE '/^Options:/,/^$/s/^ +(-[^ ,]+)(, (--[^ ]+))?.*/\1 \3/p'
}

# The same, only those that take a value: a word that is not followed by text in its column.
_hcs_value_options() {
	"${COMP_WORDS[0]}" "$@" --help 2>/dev/null |
		sed -nE '/^Options:/,/^$/s/^ +(-., )?(--[^ ]+) ([^ ]+)(  .*)?$/\1 \2/p' | tr -d ,
}

_hcs_commands() {
	"${COMP_WORDS[0]}" --help 2>/dev/null | sed -nE '/^Commands:/,/^$/s/^  ([a-z-]+) .*/\1/p' | uniq
}

# The second words of commands that have two, of which the first is given.
_hcs_second_words() {
	"${COMP_WORDS[0]}" --help 2>/dev/null | sed -nE "/^Commands:/,/^\$/s/^  $1 ([a-z-]+) .*/\1/p"
}

# Where the command line says that things are.
_hcs_here() {
	"${COMP_WORDS[0]}" ${_hcs_root:+--root "$_hcs_root"} ${_hcs_runroot:+--runroot "$_hcs_runroot"} \
		"$@" 2>/dev/null
}

_hcs_containers() {
	_hcs_here ps -a --format '{{.Names}}'
}

_hcs_images() {
	_hcs_here images --format '{{.Repository}}:{{.Tag}}' | grep -v '<none>'
}

_hcs_volumes() {
	_hcs_here volume ls -q
}

_hcs_networks() {
	_hcs_here network ls -q
}

# What --filter of a command takes, by its help.
_hcs_filters() {
	# shellcheck disable=SC2086 # two words
	"${COMP_WORDS[0]}" $1 --help 2>/dev/null | tr '\n' ' ' | tr -s ' ' |
		sed -nE 's/.*only those that fit: ([a-z, ]+[a-z]).*/\1/p' | tr -d ,
}

_hcs_reply() {
	local IFS=$' \t\n'
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

_hcs_files() {
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen "$@" -- "$cur")
}

# Signal names, with SIG when that is how the word begins.
_hcs_signals() {
	local names i prefix=""
	[[ ${cur^^} =~ ^S(I(G.*)?)?$ ]] && prefix=SIG
	for i in {1..64}; do
		names+=" $(kill -l "$i" 2>/dev/null | sed "s/^[A-Z]/$prefix&/")"
	done
	cur=${cur^^}
	_hcs_reply "$names"
}

# The value of option $1 of command $2.
_hcs_value() {
	case $2:$1 in
	:--root | :--runroot | *:--workdir | *:-w)
		_hcs_files -d ;;
	*:--isolation)
		_hcs_reply "process hyperv default" ;;
	*:--pull)
		_hcs_reply "missing always never" ;;
	*:--network | *:--net)
		_hcs_reply "$(_hcs_networks) $(_hcs_containers | sed 's/^/container:/')" ;;
	*:--pid)
		_hcs_reply "host $(_hcs_containers | sed 's/^/container:/')" ;;
	*:--ipc)
		_hcs_reply "private none shareable host $(_hcs_containers | sed 's/^/container:/')" ;;
	*:--uts | *:--userns)
		_hcs_reply "host" ;;
	*:--cgroupns)
		_hcs_reply "private host" ;;
	*:--filter | *:-f)
		_hcs_reply "$(_hcs_filters "$2" | sed -E 's/--.*//; s/([a-z]+)/\1=/g')" ;;
	*:--type)
		_hcs_reply "container image network volume" ;;
	*:--format)
		_hcs_reply "json table" ;;
	*:--restart)
		_hcs_reply "no on-failure always unless-stopped" ;;
	*:--log-driver)
		_hcs_reply "json-file none" ;;
	*:--log-opt)
		_hcs_reply "max-size= max-file=" ;;
	*:--attach | run:-a | create:-a)
		_hcs_reply "stdin stdout stderr" ;;
	*:--condition)
		_hcs_reply "not-running next-exit removed" ;;
	*:--security-opt)
		_hcs_reply "seccomp= no-new-privileges systempaths=unconfined apparmor= label=disable" ;;
	*:--signal | *:-s | *:--stop-signal)
		_hcs_signals ;;
	*:--env-file | *:--label-file | *:--cidfile | *:--kernel | *:--input | load:-i | *:--output | save:-o | \
		*:--device | *:--volume | *:-v)
		_hcs_files -f ;;
	*:--env | *:-e)
		mapfile -t COMPREPLY < <(compgen -v -- "$cur") ;;
	esac
}

# The n-th positional argument of a command, from 1.
_hcs_positional() {
	local command=$1 n=$2
	case $command in
	help)
		((n == 1)) && _hcs_reply "$(_hcs_commands)" ;;
	run | create)
		((n == 1)) && _hcs_reply "$(_hcs_images)" ;;
	push | save | rmi | history | tag)
		_hcs_reply "$(_hcs_images)" ;;
	import)
		_hcs_files -f ;;
	inspect)
		_hcs_reply "$(_hcs_containers) $(_hcs_images) $(_hcs_networks) $(_hcs_volumes)" ;;
	"network inspect")
		_hcs_reply "$(_hcs_networks)" ;;
	"volume inspect" | "volume rm")
		_hcs_reply "$(_hcs_volumes)" ;;
	"network ls" | volume\ * | *\ prune | "system df")
		;;
	compute*)
		((n >= 1)) && _hcs_reply "$(_hcs_here compute list -q --no-trunc)" ;;
	pull | login | logout | load | images | ps | info | version)
		;; # a name that is not here, or none
	*)
		_hcs_reply "$(_hcs_containers)" ;;
	esac
}

_hcs() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local command="" _hcs_root="" _hcs_runroot="" valued word i n=0 takes=""

	# "--opt=value" arrives as three words.
	if [[ $cur == = ]]; then
		cur=""
	elif [[ $prev == = ]]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	COMPREPLY=()
	valued=" $(_hcs_value_options | tr '\n' ' ') "

	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $word == = ]]; then
			continue
		elif [[ -n $takes ]]; then
			[[ $takes == --root ]] && _hcs_root=$word
			[[ $takes == --runroot ]] && _hcs_runroot=$word
			takes=""
		elif [[ $word == -* ]]; then
			[[ $valued == *" $word "* ]] && takes=$word
		elif [[ -z $command ]]; then
			command=$word
			second=$(_hcs_second_words "$command")
			valued=" $(_hcs_value_options "$command" | tr '\n' ' ') "
		elif [[ $n == 0 && -n $second && $second == *"$word"* ]]; then
			command+=" $word"
			second=""
			# shellcheck disable=SC2086 # two words
			valued=" $(_hcs_value_options $command | tr '\n' ' ') "
		else
			((n++))
		fi
	done

	if [[ -n $takes ]]; then
		_hcs_value "$prev" "$command"
	elif [[ $command =~ ^(run|create|exec)$ && n -ge 1 ]]; then
		_hcs_files -f # another program's arguments
	elif [[ $cur == -* ]]; then
		# shellcheck disable=SC2086 # perhaps two words
		_hcs_reply "$(_hcs_options $command)"
	elif [[ -z $command ]]; then
		_hcs_reply "$(_hcs_commands)"
	elif [[ $n == 0 && -n $second ]]; then
		_hcs_reply "$second"
	else
		_hcs_positional "$command" $((n + 1))
	fi
}

complete -F _hcs hcs
