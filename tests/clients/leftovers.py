"""Whether a client's containers are gone without a trace once they are removed."""

from .sandbox import PREFIX, wait_for


class Leftovers:
    """Remember what runs before a test; afterwards have the client remove its containers
    and demand that processes, mounts, cgroups and the runtime's state are as before."""

    def __init__(self, client):
        self._client = client

    def _look(self):
        client, sandbox = self._client, self._client.sandbox
        return {
            "processes": set(sandbox.processes().values()) - {PS},
            "mounts": set(sandbox.mounts()) - client.own_mounts,
            "cgroups": {path for path in sandbox.cgroups()
                        if not path.name.startswith(PREFIX) and not client.keeps_cgroup(path)},
            "state": set(sandbox.run([client.runtime, *client.runtime_options, "list", "-q"],
                                     ).stdout.split()),
        }

    def __enter__(self):
        self._before = self._look()

    def __exit__(self, kind, *_):
        self._client.remove_all()
        if kind is None:
            found = {}

            def nothing():
                found.clear()
                for what, after in self._look().items():
                    if after - self._before[what]:
                        found[what] = sorted(map(str, after - self._before[what]))
                return not found

            # A shim or conmon ends a moment after its client was told that all is done.
            try:
                wait_for(nothing, "everything to be removed", 10)
            except AssertionError:
                raise AssertionError(f"left behind: {found}") from None


PS = "ps -e -o pid=,stat=,args="
