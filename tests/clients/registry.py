"""docker-registry on the sandbox's loopback, with the test image in it."""

from .image import write_layout

# The network namespace is ours alone, so every port is free.
ADDRESS = "127.0.0.1:5000"
IMAGE = f"{ADDRESS}/hcs/busybox:latest"

CONFIG = """\
version: 0.1
log: {{level: warn}}
storage: {{filesystem: {{rootdirectory: {root}}}}}
http: {{addr: "{address}"}}
"""


class Registry:
    def __init__(self, sandbox):
        self._sandbox = sandbox
        root = sandbox.dir / "registry"
        root.mkdir()
        config = root / "config.yml"
        config.write_text(CONFIG.format(root=root / "data", address=ADDRESS))
        self._process = sandbox.daemon("registry", ["docker-registry", "serve", config])
        sandbox.daemon_ready(self._process, "registry",
                             lambda: sandbox.fetch(f"http://{ADDRESS}/v2/") is not None)

    def push_test_image(self):
        layout = self._sandbox.dir / "image"
        write_layout(layout, "latest")
        self._sandbox.run(["skopeo", "copy", "--dest-tls-verify=false",
                           f"oci:{layout}:latest", f"docker://{IMAGE}"])

    def close(self):
        self._sandbox.stop_daemon(self._process)
