"""Commands run on the host by tests: mount, ip, and the like."""

import subprocess


def host(*argv, **kw) -> str:
    """Run a command that must succeed; its output."""
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=False,
                          timeout=20, **kw)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout
