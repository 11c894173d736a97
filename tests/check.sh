#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every test there is, part after part: check.sh BUILD_DIR [PART...]; ./dev check calls it, with what the
# tests need installed and the project built. Ends with "N passed, N failed" over all parts.
#
#   HCS_KILLS      rounds of each command killed at a random instant (100)
#   HCS_FUZZ       seconds of fuzzing, of each target (20)
#   HCS_FULL       not empty: the whole suite with utility VMs too, half an hour more
#   HCS_WORKERS    tests with utility VMs that run at the same time (a processor each, and one more)
set -u
cd "$(dirname "$0")/.." || exit 1
here=$PWD
build=$(cd "$1" && pwd) || exit 1
shift
parts=${*:-demo lint unit integration kill images network hcs clients vm kvm hyperv hcs-hyperv \
	hyperv-clients sanitizers fuzz}

# Debian's own: another one in PATH has not Debian's pytest.
python=/usr/bin/python3
logs=$build/check
sanitized=$build-sanitized
fuzzing=$build-fuzz
# A VM waits for its turn now and then: one more than there are processors uses them up.
workers=${HCS_WORKERS:-$(($(nproc) + 1))}
passed=0 failed=0 skipped=0
summary=

say() { printf '\n==> %s\n' "$*"; }

# What was counted, told at once and kept for the end.
count() { # part, passed, failed, skipped
	passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
	line=$(printf '%-14s %5d passed %4d failed %4d skipped %5d s' "$1" "$2" "$3" "$4" \
		"$(($(date +%s) - began))")
	printf '    %s\n' "$line"
	summary="$summary
    $line"
	began=$(date +%s)
}

# No part may hang for ever: a test runner stuck is a failure like any other. It ends with this shell,
# however that ends, and has no terminal: what it starts must not wait for somebody to type.
run() { # seconds, log, command...
	limit=$1 log=$2
	shift 2
	setpriv --pdeathsig TERM timeout --kill-after=30 "$limit" "$@" </dev/null >"$logs/$log" 2>&1
}

tails() { # log
	printf '    --- the end of %s\n' "$logs/$1"
	# Which tests are well is not what anybody wants to know here.
	grep -v ' OK  ' "$logs/$1" | tail -n "${2:-120}" | cut -c -300 | sed 's/^/    /'
}

# Counts the report of a test runner. The runner's own end must agree with it: one that broke down
# half-way has counted only half.
count_report() { # part, report, log, status
	if [ -s "$2" ] && "$python" tests/tally.py "$2" >"$logs/tally" 2>/dev/null; then
		read -r p f s <"$logs/tally"
		[ "$4" -eq 0 ] || [ "$f" -gt 0 ] || f=1
	else
		p=0 f=1 s=0
		: >"$logs/tally"
	fi
	[ "$f" -eq 0 ] || tails "$3"
	sed -n '2,$s/^/    /p' "$logs/tally"
	count "$1" "$p" "$f" "$s"
}

check_pytest() { # part, seconds, runtime, arguments...
	part=$1 limit=$2 runtime=$3
	shift 3
	rm -f "$logs/$part.xml"
	HCS_RUNTIME=$runtime run "$limit" "$part.log" \
		"$python" -m pytest -q -p no:cacheprovider --tb=short --junit-xml="$logs/$part.xml" "$@"
	count_report "$part" "$logs/$part.xml" "$part.log" $?
}

check_unit() { # part, build directory
	rm -f "$2/meson-logs/testlog.json"
	# What the tests allow themselves is for a machine that has nothing else to do.
	run 1800 "$1.log" meson test -C "$2" --no-rebuild --print-errorlogs --timeout-multiplier 10
	count_report "$1" "$2/meson-logs/testlog.json" "$1.log" $?
}

part_demo() {
	say "The demonstration: ./dev demo"
	[ -f demo/demo.sh ] || { echo "    not there"; return; }
	if run 900 demo.log sh demo/demo.sh "$build"; then
		count demo 1 0 0
	else
		tails demo.log
		count demo 0 1 0
	fi
}

part_lint() {
	say "The rules of the source: tests/lint.sh"
	run 600 lint.log sh tests/lint.sh
	grep -v '^ok' "$logs/lint.log" | sed -n '$!p'
	last=$(tail -n 1 "$logs/lint.log")
	case $last in
	*' passed, '*' failed')
		rest=${last#* passed, }
		count lint "${last%% passed*}" "${rest% failed}" 0 ;;
	*)
		tails lint.log
		count lint 0 1 0 ;;
	esac
}

part_unit() {
	say "Unit tests: each library by itself"
	check_unit unit "$build"
}

part_integration() {
	say "Integration tests: runhcs from outside, each test with the proof that nothing is left"
	check_pytest integration 1800 "$build/runhcs" tests/integration --ignore=tests/integration/test_sigkill.py
}

part_kill() {
	say "Killed with SIGKILL at random instants, ${HCS_KILLS:-100} times each of create, start, exec, delete"
	check_pytest kill 1800 "$build/runhcs" tests/integration/test_sigkill.py
}

part_images() {
	say "Images: registries, honest and lying, archives; pulls killed at random instants"
	export HCS_BUILD="$build"
	check_pytest images 1800 "$build/runhcs" tests/images
	unset HCS_BUILD
}

part_network() {
	[ -d tests/network ] || return 0
	say "Networks: CNI's plugins in a network namespace of the test's own"
	export HCS_BUILD="$build" HCS_LIBEXECDIR="$build/libexec/hcs"
	check_pytest network 900 "$build/runhcs" tests/network
	unset HCS_BUILD HCS_LIBEXECDIR
}

part_hcs() {
	say "hcs from outside: containers made from images"
	HCS="$build/hcs" check_pytest hcs 1800 "$build/runhcs" tests/hcs
}

part_clients() {
	say "Clients: containerd, Docker and Podman with runhcs as their runtime"
	check_pytest clients 1800 "$build/runhcs" tests/clients
}

# Each by itself: vmwp with a guest of the test's own, the agent without a VM, taps.
part_vm() {
	say "The parts of a utility VM, each by itself, and networks"
	suites=
	for suite in tests/vm tests/guest tests/nic; do
		[ ! -d "$suite" ] || suites="$suites $suite"
	done
	export HCS_BUILD="$build" HCS_LIBEXECDIR="$build/libexec/hcs"
	for suite in $suites; do
		check_pytest "vm-$(basename "$suite")" 900 "$build/runhcs" "$suite"
	done
	unset HCS_BUILD HCS_LIBEXECDIR
}

# Several VMs at a time on few processors: a test that failed beside others is run once more by itself, and
# its failure counts when it fails again. Which ones needed that is said.
check_pytest_beside_others() { # part, seconds, runtime, arguments...
	part=$1 limit=$2 runtime=$3
	shift 3
	rm -rf "$logs/$part.xml" "$logs/$part-again.xml" "$logs/$part.cache"
	HCS_RUNTIME=$runtime run "$limit" "$part.log" "$python" -m pytest -q --tb=short \
		-o cache_dir="$logs/$part.cache" --junit-xml="$logs/$part.xml" -n "$workers" "$@"
	status=$?
	if [ $status -ne 1 ]; then
		count_report "$part" "$logs/$part.xml" "$part.log" $status
		return
	fi
	grep -E '^(FAILED|ERROR) ' "$logs/$part.log" | cut -c -200 | sed 's/^/    again: /'
	HCS_RUNTIME=$runtime run "$limit" "$part-again.log" "$python" -m pytest -q --tb=short \
		-o cache_dir="$logs/$part.cache" --last-failed --last-failed-no-failures none \
		--junit-xml="$logs/$part-again.xml" "$@"
	status=$?
	if "$python" tests/tally.py "$logs/$part.xml" >"$logs/tally" 2>/dev/null; then
		read -r p f s <"$logs/tally"
		count "$part" "$p" 0 "$s"
	fi
	count_report "$part-again" "$logs/$part-again.xml" "$part-again.log" $status
}

part_hyperv() {
	say "Hyperv isolation: the same suite, each container in a VM of its own; $workers at a time"
	# Half an hour for all of it under emulation: without HCS_FULL what commands, streams, terminals
	# hooks and layers do in a VM, and all that only VMs have.
	suite=tests/integration/hyperv
	for name in lifecycle exec terminal stdio hooks kill output sigkill layer_files layer_content; do
		suite="$suite tests/integration/test_$name.py"
	done
	[ -z "${HCS_FULL:-}" ] || suite=tests/integration
	export HCS_ISOLATIONS=hyperv
	# shellcheck disable=SC2086 # paths are words
	check_pytest_beside_others hyperv 3600 "$build/runhcs" $suite
	unset HCS_ISOLATIONS
}

part_hcs_hyperv() {
	say "hcs with hyperv isolation: the same suite; $workers at a time"
	export HCS_ISOLATIONS=hyperv HCS="$build/hcs"
	check_pytest_beside_others hcs-hyperv 1800 "$build/runhcs" tests/hcs
	unset HCS_ISOLATIONS HCS
}

part_hyperv_clients() {
	say "Clients with runhcs in hyperv mode"
	export HCS_ISOLATIONS=hyperv
	check_pytest_beside_others hyperv-clients 1800 "$build/runhcs" tests/clients
	unset HCS_ISOLATIONS
}

# With a kernel package from the archive.
part_kvm() {
	say "hyperv isolation on KVM, in a machine that QEMU emulates with AMD's virtualization"
	export HCS_BUILD="$build"
	check_pytest kvm 1200 "$build/runhcs" tests/kvm
	unset HCS_BUILD
}

# A report ends the program that it is about with status 99, and is written to a directory made for it.
# Not so that of a container's first process once it has changed its root: the directory is not there. It
# dies all the same, saying on stderr that it cannot open the file, and fails the test that it is in.
part_sanitizers() {
	say "The same under AddressSanitizer and UndefinedBehaviorSanitizer"
	configure "$sanitized" -Db_sanitize=address,undefined -Db_lundef=false -Dstatic_link=false \
		-Dbuildtype=debugoptimized || { count sanitizers 0 1 0; return; }
	reports=$logs/reports
	rm -rf "$reports"
	mkdir -p "$reports"
	chmod 1777 "$reports" # a container's user, rootless tests
	common=log_path=$reports/report:exitcode=99
	ASAN_OPTIONS=$common:detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1
	UBSAN_OPTIONS=$common:halt_on_error=1:print_stacktrace=1
	export ASAN_OPTIONS UBSAN_OPTIONS
	check_unit asan-unit "$sanitized"
	# Left out: what is about time (kills at random instants, started programs counted in
	# milliseconds) and about memory to the page: shadow memory is charged to the container's
	# cgroup too, and the kernel's out-of-memory killer comes for runhcs's own child.
	check_pytest asan-suite 1800 "$sanitized/runhcs" tests/integration \
		--ignore=tests/integration/test_sigkill.py \
		-k "not test_events_oom and not 512_kib"
	export HCS_BUILD="$sanitized" HCS_LIBEXECDIR="$sanitized/src/hcsimage"
	HCS_KILLS=12 check_pytest asan-images 1800 "$sanitized/runhcs" tests/images
	unset ASAN_OPTIONS UBSAN_OPTIONS HCS_BUILD HCS_LIBEXECDIR
	found=0
	for report in "$reports"/*; do
		[ -f "$report" ] || continue
		found=$((found + 1))
		[ $found -gt 3 ] || head -n 40 "$report" | sed 's/^/    /'
	done
	if [ $found -gt 0 ]; then
		echo "    $found reports in $reports"
		count asan-reports 0 "$found" 0
	else
		count asan-reports 1 0 0
	fi
}

# Every parser of what others say: tests/fuzz/fuzz_NAME.c, with NAME.dict and corpus/NAME if there are.
part_fuzz() {
	seconds=${HCS_FUZZ:-20}
	targets=
	for source in tests/fuzz/fuzz_*.c; do
		targets="$targets $(basename "$source" .c)"
	done
	say "Under libFuzzer, $seconds s each:$targets"
	# shellcheck disable=SC2046,SC2086 # targets are words
	CC=clang-14 configure "$fuzzing" -Dfuzz=true -Dtests=true -- \
		$(printf 'tests/fuzz/%s ' $targets) || { count fuzz 0 1 0; return; }
	for target in $targets; do
		fuzz "$target"
	done
}

fuzz() { # target
	name=${1#fuzz_}
	set -- "$fuzzing/tests/fuzz/$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
		-artifact_prefix="$logs/$1-"
	[ ! -f "tests/fuzz/$name.dict" ] || set -- "$@" -dict="tests/fuzz/$name.dict"
	set -- "$@" "$fuzzing/corpus/$name"
	[ ! -d "tests/fuzz/corpus/$name" ] || set -- "$@" "tests/fuzz/corpus/$name"
	mkdir -p "$fuzzing/corpus/$name"
	if run $((seconds + 120)) "fuzz-$name.log" "$@"; then
		grep '^Done ' "$logs/fuzz-$name.log" | sed 's/^/    /'
		count "fuzz-$name" 1 0 0
	else
		tails "fuzz-$name.log" 40
		count "fuzz-$name" 0 1 0
	fi
}

# Another build of the same tree: options, then after -- what to build if not all.
configure() { # directory, options... [-- targets...]
	directory=$1
	shift
	options=
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		options="$options $1"
		shift
	done
	[ $# -eq 0 ] || shift
	log=$(basename "$directory").log
	# shellcheck disable=SC2086 # options are words
	if { [ -f "$directory/build.ninja" ] || run 300 "$log" meson setup "$directory" $options; } &&
		run 1200 "$log" ninja -C "$directory" "$@"; then
		ln -sfn src/runhcs/runhcs "$directory/runhcs"
		return 0
	fi
	tails "$log"
	# Half a configuration is not taken for a whole one next time.
	[ -f "$directory/build.ninja" ] || rm -rf "$directory"
	return 1
}

mkdir -p "$logs"
# What the tests make is judged by its mode.
umask 022
start=$(date +%s)
began=$start
for part in $parts; do
	"part_$(printf '%s' "$part" | tr - _)"
done
say "$(($(date +%s) - start)) s; logs in ${logs#"$here/"}"
printf '%s\n\n' "$summary"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
