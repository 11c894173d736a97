#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The rules of the source that no compiler knows. Every rule is one item; what breaks it is listed.
# Ends with "N passed, N failed".
# shellcheck disable=SC2016 # awk's dollars
set -u
cd "$(dirname "$0")/.." || exit 1

file_lines=800     # longest file
function_lines=80  # longest function
passed=0 failed=0
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

# Without git, or where it does not trust the owner, what is there but for builds.
if git ls-files --cached --others --exclude-standard >"$scratch/files" 2>/dev/null; then
	:
else
	find . -path './build*' -prune -o -type f -print | sed 's|^\./||' >"$scratch/files"
fi
grep -q '^src/.*\.c$' "$scratch/files" || { echo "lint: found no sources"; exit 1; }

files() { # shell patterns; a star stands for slashes too
	while read -r file; do
		for pattern; do
			# shellcheck disable=SC2254 # a pattern it is
			case $file in
			$pattern)
				[ ! -f "$file" ] || printf '%s\n' "$file"
				break ;;
			esac
		done
	done <"$scratch/files"
}

# What the rule wrote breaks it: nothing is right.
rule() { # name, command...
	name=$1
	shift
	"$@" >"$scratch/found" 2>&1
	status=$?
	if [ $status -eq 0 ] && [ ! -s "$scratch/found" ]; then
		passed=$((passed + 1))
		echo "ok: $name"
	else
		failed=$((failed + 1))
		echo "FAILED: $name"
		head -n 40 "$scratch/found" | sed 's/^/    /'
	fi
}

formatted() {
	# Another version formats differently: Debian 12 has 14.
	clang-format --version | grep -q ' 14\.' || clang-format --version
	files '*.c' '*.h' | xargs clang-format --dry-run -Werror
}

short_files() {
	files '*.c' '*.h' '*.py' '*.sh' '*.bash' dev | while read -r file; do
		n=$(wc -l <"$file")
		[ "$n" -le $file_lines ] || echo "$file: $n lines, most is $file_lines"
	done
}

# The formatter puts a function's braces in the first column, and nothing else there.
short_functions() {
	files '*.c' '*.h' | while read -r file; do
		awk -v most=$function_lines -v file="$file" '
			/^\{/ { start = NR }
			/^\}/ && start { if (NR - start + 1 > most)
				print file ":" start ": " NR - start + 1 " lines, most is " most
				start = 0 }' "$file"
	done
}

# Unbounded copies, shells, and conversions that cannot report an error.
no_forbidden_calls() {
	files 'src/*.c' 'src/*.h' | xargs awk '
		{ line = $0; gsub(/"([^"\\]|\\.)*"/, "", line); sub(/\/[*\/].*/, "", line) }
		line ~ /^[ \t]*\*/ { next }
		match(line, /(^|[^_A-Za-z0-9>.])(strcpy|strcat|strncpy|strncat|stpcpy|sprintf|vsprintf|gets|system|popen|atoi|atol|atof|strtok|mktemp|tmpnam|tempnam|alloca|usleep)[ ]*\(/) {
			print FILENAME ":" FNR ": " $0 }'
}

# Library code neither ends the process nor prints: that is for the program. What runs in a child
# that was cloned ends with _exit, which is another word. A file called main.c is a program's.
library_is_quiet() {
	files 'src/base/*' 'src/oci/*' 'src/archive/*' 'src/image/*' 'src/network/*' 'src/container/*' \
		'src/wire/*' 'src/vm/*' 'src/compute/*' 'src/service/*' |
		grep '\.[ch]$' | grep -v '/main\.c$' | xargs awk '
		{ line = $0; gsub(/"([^"\\]|\\.)*"/, "", line); sub(/\/[*\/].*/, "", line) }
		line ~ /^[ \t]*\*/ { next }
		match(line, /(^|[^_A-Za-z0-9>.])(exit|abort|printf|puts|perror|syslog)[ ]*\(/) ||
		match(line, /(^|[^_A-Za-z0-9])(stdout|stderr)([^_A-Za-z0-9]|$)/) {
			print FILENAME ":" FNR ": " $0 }'
}

# A program includes no other program.
includes_point_down() {
	files 'src/*.c' 'src/*.h' | xargs awk '
		function rank(layer) { return (layer in ranks) ? ranks[layer] : 13 }
		BEGIN { n = split("base oci archive image network container wire vm vmproc compute service cli", layers)
			while (n) { ranks[layers[n]] = n; n-- } }
		/^#[ \t]*include[ \t]*"/ {
			split(FILENAME, from, "/"); split($0, quoted, "\""); split(quoted[2], to, "/")
			if (quoted[2] !~ "/") {
				if (quoted[2] != "commit.h") # made by the build
					print FILENAME ":" FNR ": " $0 ": say the layer"
			} else if (to[1] == "hcs") {
				next # the public headers
			} else if (rank(to[1]) > rank(from[2]) ||
				   rank(to[1]) == 13 && to[1] != from[2]) {
				print FILENAME ":" FNR ": " $0 ": points up" } }'
}

headers_stand_alone() {
	# shellcheck disable=SC2046
	flags="-std=gnu17 -D_GNU_SOURCE -Isrc -Iinclude $(pkg-config --cflags jansson libseccomp)"
	files 'src/*.h' 'include/*.h' | while read -r header; do
		grep -q '^#pragma once' "$header" || echo "$header: no #pragma once"
		# shellcheck disable=SC2086
		printf '#include "%s"\n' "../$header" |
			cc $flags -Wall -Werror -fsyntax-only -iquote src -x c - 2>"$scratch/cc" ||
			{ echo "$header does not compile alone:"; head -n 3 "$scratch/cc"; }
	done
}

licensed() {
	files '*.c' '*.h' | while read -r file; do
		head -n 2 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' ||
			echo "$file: no SPDX-License-Identifier"
	done
}

shell_is_clean() {
	files '*.sh' '*.bash' dev .ci/run | xargs shellcheck
}

python_compiles() {
	files '*.py' | xargs /usr/bin/python3 -c '
import ast, sys
for name in sys.argv[1:]:
    ast.parse(open(name, encoding="utf-8").read(), name)'
}

rule "formatted by clang-format" formatted
rule "no file longer than $file_lines lines" short_files
rule "no function longer than $function_lines lines" short_functions
rule "no unbounded copies, no shells" no_forbidden_calls
rule "libraries neither print nor exit" library_is_quiet
rule "includes point down" includes_point_down
rule "headers stand alone" headers_stand_alone
rule "every source names its licence" licensed
rule "shell scripts pass shellcheck" shell_is_clean
rule "Python parses" python_compiles

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
