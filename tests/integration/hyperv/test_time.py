"""The guest's clocks: right from the start, and right again after a pause."""

import time

import pytest

pytestmark = pytest.mark.hyperv
# Emulated, on a machine that is busy; a container's log is not wrong by more.
TOLERANCE = 0.5


NOW = r"""
#include <stdio.h>
#include <time.h>
int main(int argc, char **argv)
{
	struct timespec wall, mono;
	char line[64];

	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin)) {
		clock_gettime(CLOCK_REALTIME, &wall);
		clock_gettime(CLOCK_MONOTONIC, &mono);
		printf("%lld.%09ld %lld.%09ld\n", (long long)wall.tv_sec, wall.tv_nsec,
		       (long long)mono.tv_sec, mono.tv_nsec);
	}
}
"""


class Clock:
    """A program in the container that tells its clocks when asked."""

    def __init__(self, runtime, c):
        self.process = runtime.spawn("exec", c.id, "now", stdin=-1)
        self.lines = 0

    def ask(self) -> tuple:
        """(guest's wall clock less ours, guest's monotonic clock): the best of some questions."""
        best = None
        for _ in range(5):
            before = time.time()
            self.process.popen.stdin.write(b"?\n")
            self.process.popen.stdin.flush()
            self.lines += 1
            self.process.until_output(r"(?:[^\n]*\n){%d}" % self.lines)
            after = time.time()
            wall, mono = map(float, self.process.out.splitlines()[-1].split())
            if best is None or after - before < best[0]:
                best = (after - before, wall - (before + after) / 2, mono)
        return best[1:]


@pytest.fixture
def clock(runtime, bundle, compile_c):
    b = bundle()
    b.install(compile_c("now", NOW))
    c = runtime.start(b)
    return c, Clock(runtime, c)


def test_right_at_the_start(clock):
    _c, clock = clock
    assert abs(clock.ask()[0]) < TOLERANCE


def test_right_after_a_pause(clock):
    c, clock = clock
    before = clock.ask()
    c.pause()
    time.sleep(3)
    c.resume()
    after = clock.ask()
    assert abs(after[0]) < TOLERANCE
    assert after[1] >= before[1], "the monotonic clock never goes back"


def test_runs_as_fast_as_ours(clock):
    _c, clock = clock
    first, began = clock.ask(), time.monotonic()
    time.sleep(3)
    second, passed = clock.ask(), time.monotonic() - began
    assert abs((second[1] - first[1]) - passed) < TOLERANCE


def test_sleep_takes_its_time(runtime, bundle):
    c = runtime.start(bundle())
    began = time.monotonic()
    c.exec("sleep", "2")
    assert time.monotonic() - began >= 2


def test_first_random_bytes_differ(runtime, bundle):
    """Two VMs that booted alike."""
    script = "head -c 32 /dev/urandom | od -An -tx1; cat /proc/sys/kernel/random/uuid"
    assert runtime.run(bundle().sh(script)).out != runtime.run(bundle().sh(script)).out
