# bash completion for runhcs(8)                                -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# Commands and options come from the program's own help, so that they cannot fall behind it.

# Options of a command (or of the program, without one) that begin with a dash.
_runhcs_options() {
	"${COMP_WORDS[0]}" "$@" --help 2>/dev/null |
		sed -nE '/^(Global o|O)ptions:/,/^$/s/^ +(-[^ ,]+)(, (--[^ ]+))?.*/\1 \3/p'
}

# The same, only those that take a value: a word in capitals or choices follow them.
_runhcs_value_options() {
	"${COMP_WORDS[0]}" "$@" --help 2>/dev/null |
		sed -nE '/^(Global o|O)ptions:/,/^$/s/^ +(-., )?(--[^ ]+) ([^ ]+)( .*)?$/\1 \2/p' |
		tr -d ,
}

_runhcs_commands() {
	"${COMP_WORDS[0]}" --help 2>/dev/null | sed -nE '/^Commands:/,/^$/s/^  ([a-z-]+) .*/\1/p'
}

# Ids of the containers below the root that the command line names.
_runhcs_ids() {
	if [[ -n $_runhcs_root ]]; then
		"${COMP_WORDS[0]}" --root "$_runhcs_root" list -q 2>/dev/null
	else
		"${COMP_WORDS[0]}" list -q 2>/dev/null
	fi
}

_runhcs_reply() {
	local IFS=$' \t\n'
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

_runhcs_files() {
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen "$@" -- "$cur")
}

# Directories, those with a config.json first of all.
_runhcs_bundles() {
	local dir
	_runhcs_files -d
	local bundles=()
	for dir in "${COMPREPLY[@]}"; do
		[[ -e $dir/config.json ]] && bundles+=("$dir")
	done
	((${#bundles[@]})) && COMPREPLY=("${bundles[@]}")
}

# The value of option $1 of command $2.
_runhcs_value() {
	case $2:$1 in
	:--root | *:--image-path | *:--from | *:--work-path | *:--parent-path)
		_runhcs_files -d ;;
	*:--host)
		_runhcs_reply "$(_runhcs_ids)" ;;
	*:--bundle | *:-b)
		_runhcs_bundles ;;
	:--log-format)
		_runhcs_reply "text json" ;;
	:--log-level)
		_runhcs_reply "error warning debug" ;;
	:--cgroup-manager)
		_runhcs_reply "cgroupfs systemd disabled" ;;
	:--rootless)
		_runhcs_reply "true false auto $(_runhcs_commands)" ;;
	*:--isolation)
		_runhcs_reply "process hyperv vm default" ;;
	list:--format | list:-f | ps:--format | ps:-f)
		_runhcs_reply "table json" ;;
	*:--manage-cgroups-mode)
		_runhcs_reply "soft full strict ignore" ;;
	*:--empty-ns)
		_runhcs_reply "network" ;;
	*:--cpu-idle)
		_runhcs_reply "0 1" ;;
	*:--owner)
		mapfile -t COMPREPLY < <(compgen -u -- "$cur") ;;
	:--log | *:--destpath | *:--pid-file | *:--console-socket | *:--process | *:-p | *:--resources | *:-r | \
		*:--kernel)
		_runhcs_files -f ;;
	esac
}

# Signal names, with SIG when that is how the word begins.
_runhcs_signals() {
	local names i prefix=""
	[[ ${cur^^} =~ ^S(I(G.*)?)?$ ]] && prefix=SIG
	for i in {1..64}; do
		names+=" $(kill -l "$i" 2>/dev/null | sed "s/^[A-Z]/$prefix&/")"
	done
	cur=${cur^^}
	_runhcs_reply "$names"
}

# The n-th positional argument of a command, from 1.
_runhcs_positional() {
	local command=$1 n=$2
	case $command in
	help)
		((n == 1)) && _runhcs_reply "$(_runhcs_commands)" ;;
	run | create | restore | list | spec | features | create-scratch)
		;; # a new id, or none
	kill)
		if ((n == 1)); then
			_runhcs_reply "$(_runhcs_ids)"
		elif ((n == 2)); then
			_runhcs_signals
		fi ;;
	*)
		((n == 1)) && _runhcs_reply "$(_runhcs_ids)" ;;
	esac
}

_runhcs() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local command="" _runhcs_root="" valued word i n=0 takes=""

	# "--opt=value" arrives as three words.
	if [[ $cur == = ]]; then
		cur=""
	elif [[ $prev == = ]]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	COMPREPLY=()
	valued=" $(_runhcs_value_options | tr '\n' ' ') "

	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $word == = ]]; then
			continue
		elif [[ -n $takes ]]; then
			[[ $takes == --root ]] && _runhcs_root=$word
			takes=""
		elif [[ $word == -* ]]; then
			[[ $valued == *" $word "* && $word != --rootless ]] && takes=$word
		elif [[ -z $command ]]; then
			[[ $word =~ ^(true|false|auto)$ ]] && continue
			command=$word
			valued=" $(_runhcs_value_options "$command" | tr '\n' ' ') "
		else
			((n++))
		fi
	done

	if [[ -n $takes || (-z $command && $prev == --rootless) ]]; then
		_runhcs_value "$prev" "$command"
	elif [[ $command == exec && n -ge 2 ]]; then
		_runhcs_files -f # another program's arguments
	elif [[ $command == ps && n -ge 1 ]]; then
		:
	elif [[ $cur == -* ]]; then
		_runhcs_reply "$(_runhcs_options ${command:+"$command"})"
	elif [[ -z $command ]]; then
		_runhcs_reply "$(_runhcs_commands)"
	else
		_runhcs_positional "$command" $((n + 1))
	fi
}

complete -F _runhcs runhcs
