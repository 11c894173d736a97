"""The real registry: Debian's docker-registry, on a port of the loopback interface."""

import crypt
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

CONFIG = """\
version: 0.1
log: {{level: warn, accesslog: {{disabled: false}}}}
storage:
  filesystem: {{rootdirectory: {root}/data}}
  delete: {{enabled: true}}
http:
  addr: "{address}"
{tls}{auth}
"""
TLS = """\
  tls:
    certificate: {root}/server.crt
    key: {root}/server.key
{clients}"""
AUTH = """\
auth:
  htpasswd: {{realm: hcs-test, path: {root}/htpasswd}}
"""


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def openssl(*arguments, cwd):
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, capture_output=True)


def make_certificates(root) -> None:
    """ca.crt, which vouches for server.crt of localhost, and for client.cert."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", "2", "-subj", "/CN=hcs-test-ca", "-keyout", "ca.key", "-out", "ca.crt", cwd=root)
    for name, cert, extension in (
            ("server", "server.crt", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            ("client", "client.cert", "extendedKeyUsage=clientAuth")):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr", cwd=root)
        (root / f"{name}.ext").write_text(extension + "\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext", "-out", cert, cwd=root)


class Registry:
    def __init__(self, root, *, tls=False, client_certificates=False, users=None):
        self.root = root
        self.host = f"localhost:{free_port()}"
        self.tls = tls
        if tls:
            make_certificates(root)
        if users:
            lines = [f"{user}:{crypt.crypt(password, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))}"
                     for user, password in users.items()]
            (root / "htpasswd").write_text("\n".join(lines) + "\n")
        clients = f"    clientcas: [{root}/ca.crt]\n" if client_certificates else ""
        (root / "config.yml").write_text(CONFIG.format(
            root=root, address=self.host,
            tls=TLS.format(root=root, clients=clients) if tls else "",
            auth=AUTH.format(root=root) if users else ""))
        self._log = open(root / "log", "wb")
        self._process = subprocess.Popen(["docker-registry", "serve", root / "config.yml"],
                                         stdout=self._log, stderr=self._log, env={"HOME": str(root)})
        self._wait()

    def _wait(self):
        deadline = time.monotonic() + 60
        name, port = self.host.split(":")
        while True:
            try:
                socket.create_connection((name, int(port)), timeout=5).close()
                return
            except OSError:
                assert self._process.poll() is None, (self.root / "log").read_text()
                assert time.monotonic() < deadline, "the registry does not come up"
                time.sleep(0.05)

    def trust(self, directory, *, client=False) -> None:
        """Puts into a directory of certs.d what this registry's clients need."""
        directory.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.root / "ca.crt", directory)
        if client:
            shutil.copy(self.root / "client.cert", directory)
            shutil.copy(self.root / "client.key", directory)

    def skopeo(self, *arguments, creds=None):
        command = ["skopeo", "--insecure-policy", *map(str, arguments)]
        kind = {"copy": ["--src", "--dest"], "inspect": [""]}[arguments[0]]
        docker = [str(a).startswith("docker://") for a in arguments[-len(kind):]]
        for prefix, is_docker in zip(kind, docker):
            if is_docker:
                dash = f"{prefix}-" if prefix else "--"
                command.append(f"{dash}tls-verify=false")
                if creds:
                    command += [f"{dash}creds", creds]
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def push_layout(self, layout, name, creds=None, tag="latest"):
        self.skopeo("copy", f"oci:{layout}:{tag}", f"docker://{self.host}/{name}", creds=creds)

    def fetch(self, path, accept=None):
        request = urllib.request.Request(f"http://{self.host}{path}",
                                         headers={"Accept": accept} if accept else {})
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.read(), dict(response.headers)

    def log(self) -> str:
        return (self.root / "log").read_text(errors="replace")

    def close(self):
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
