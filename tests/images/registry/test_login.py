"""Credentials and certificates, with the real registry."""

import base64
import http.server
import json
import os
import pty
import ssl
import stat
import subprocess
import threading
import time

import pytest

USERS = {"alice": "wonder:land", "bob": "bürger"}


@pytest.fixture
def guarded(make_registry, layout):
    registry = make_registry(users=USERS)
    registry.push_layout(layout, "x:1", creds="alice:wonder:land")
    return registry


def stored(hcs) -> dict:
    path = hcs.home / ".docker/config.json"
    return json.loads(path.read_text()).get("auths", {}) if path.exists() else {}


class TestLogin:
    def test_then_pull_and_push_then_logout(self, hcs, guarded, image):
        name = f"{guarded.host}/x:1"
        assert "hcs login" in hcs.fails("pull", name)
        out = hcs.ok("login", "-u", "alice", "--password-stdin", guarded.host, input="wonder:land\n")
        assert out == "Login Succeeded\n"
        hcs.ok("pull", name)
        hcs.assert_whole(image, name)
        hcs.ok("push", name)
        assert hcs.ok("logout", guarded.host) == f"Removing login credentials for {guarded.host}\n"
        assert hcs.ok("logout", guarded.host) == f"Not logged in to {guarded.host}\n"
        assert stored(hcs) == {}
        hcs.fails("push", name)

    @pytest.mark.parametrize("user", USERS)
    def test_what_is_stored_is_dockers(self, hcs, guarded, user):
        result = hcs.run("login", "-u", user, "-p", USERS[user], guarded.host)
        assert result.returncode == 0
        assert "Using --password via the CLI is insecure" in result.stderr
        path = hcs.home / ".docker/config.json"
        assert f"unencrypted in {path}" in result.stderr
        entry = stored(hcs)[guarded.host]
        assert base64.b64decode(entry["auth"]).decode() == f"{user}:{USERS[user]}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_what_skopeo_stores_is_used(self, hcs, guarded, image):
        path = hcs.home / "auth.json"
        subprocess.run(["skopeo", "login", "--tls-verify=false", "--authfile", path, "-u", "bob",
                        "--password-stdin", guarded.host], input=USERS["bob"], text=True, check=True,
                       capture_output=True)
        hcs.environment["REGISTRY_AUTH_FILE"] = str(path)
        hcs.ok("pull", f"{guarded.host}/x:1")
        hcs.assert_whole(image, f"{guarded.host}/x:1")

    def test_docker_config_names_the_directory(self, hcs, guarded):
        hcs.environment["DOCKER_CONFIG"] = str(hcs.home / "elsewhere")
        hcs.ok("login", "-u", "bob", "--password-stdin", guarded.host, input=USERS["bob"])
        assert guarded.host in (hcs.home / "elsewhere/config.json").read_text()
        hcs.ok("pull", f"{guarded.host}/x:1")

    @pytest.mark.parametrize("user, password", [("alice", "wrong"), ("nobody", "x"), ("alice", " ")])
    def test_wrong_ones_are_not_stored(self, hcs, guarded, user, password):
        error = hcs.fails("login", "-u", user, "--password-stdin", guarded.host, input=password)
        assert "unauthorized: incorrect username or password" in error
        assert stored(hcs) == {}

    @pytest.mark.parametrize("arguments, said, status", [
        (["-u", "a"], "non TTY", 1), ([], "non TTY", 1),
        (["--password-stdin"], "--username", 125),
        (["-u", "a", "-p", "b", "--password-stdin"], "mutually exclusive", 125),
        (["-u", "a:b", "-p", "c"], "colon", 1), (["-u", "", "-p", "c"], "empty", 1),
    ])
    def test_usage(self, hcs, arguments, said, status):
        assert said in hcs.fails("login", *arguments, "localhost:1", status=status)

    @pytest.mark.parametrize("server", ["http://", "https://{0}/", "https://{0}/v1/", "{0}/"])
    def test_a_server_may_be_a_url(self, hcs, guarded, server):
        server = server.format(guarded.host) if "{0}" in server else server + guarded.host
        hcs.ok("login", "-u", "bob", "--password-stdin", server, input=USERS["bob"])
        assert list(stored(hcs)) == [guarded.host]

    def test_other_settings_of_the_file_stay(self, hcs, guarded):
        path = hcs.home / ".docker/config.json"
        path.parent.mkdir()
        path.write_text('{"detachKeys": "ctrl-e,e", "auths": {"other": {"auth": "dTpw"}}}')
        hcs.ok("login", "-u", "bob", "--password-stdin", guarded.host, input=USERS["bob"])
        text = json.loads(path.read_text())
        assert text["detachKeys"] == "ctrl-e,e"
        assert set(text["auths"]) == {"other", guarded.host}

    def test_asked_on_a_terminal_without_showing_the_password(self, hcs, guarded):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(hcs.command()[0], hcs.command("login", guarded.host), hcs.environment)
        shown = b""

        def read_until(text):
            nonlocal shown
            deadline = time.monotonic() + 30
            while text not in shown:
                assert time.monotonic() < deadline, shown
                shown += os.read(terminal, 4096)

        read_until(b"Username: ")
        os.write(terminal, b"alice\n")
        read_until(b"Password: ")
        # Typed before the echo is off, it would be shown: the prompt comes first.
        time.sleep(0.2)
        os.write(terminal, b"wonder:land\n")
        read_until(b"Login Succeeded")
        os.waitpid(pid, 0)
        os.close(terminal)
        assert b"wonder" not in shown
        assert guarded.host in stored(hcs)

    def test_a_helper_keeps_them(self, hcs, guarded, image, tmp_path):
        helper = tmp_path / "bin/docker-credential-test"
        helper.parent.mkdir()
        helper.write_text(f"""#!/usr/bin/python3
import json, pathlib, sys
kept = pathlib.Path("{tmp_path}/kept")
asked = sys.stdin.read().strip()
if sys.argv[1] == "store":
    kept.write_text(asked)
elif sys.argv[1] == "erase":
    kept.unlink()
elif not kept.exists() or json.loads(kept.read_text())["ServerURL"] != asked:
    print("credentials not found in native keychain")
    sys.exit(1)
else:
    print(kept.read_text())
""")
        helper.chmod(0o755)
        hcs.environment["PATH"] = f"{helper.parent}:{hcs.environment['PATH']}"
        path = hcs.home / ".docker/config.json"
        path.parent.mkdir()
        path.write_text(json.dumps({"credHelpers": {guarded.host: "test"}}))
        result = hcs.run("login", "-u", "bob", "--password-stdin", guarded.host, input=USERS["bob"])
        assert (result.returncode, result.stderr) == (0, "")
        assert stored(hcs) == {}
        hcs.ok("pull", f"{guarded.host}/x:1")
        hcs.ok("logout", guarded.host)
        assert not (tmp_path / "kept").exists()


class TestTLS:
    """https, with an authority that nobody knows but who is told."""

    @pytest.fixture
    def secure(self, make_registry, layout):
        registry = make_registry(tls=True)
        registry.push_layout(layout, "x:1")
        return registry

    def test_an_authority_in_certs_d(self, hcs, secure, image, certificates):
        name = f"{secure.host}/x:1"
        secure.trust(certificates(secure.host))
        hcs.ok("pull", name)
        hcs.assert_whole(image, name)
        hcs.ok("push", name)

    def test_one_that_is_unknown_is_refused_with_the_way_out(self, hcs, secure):
        error = hcs.fails("pull", f"{secure.host}/x:1")
        assert "certificate" in error and f"/etc/docker/certs.d/{secure.host}/ca.crt" in error
        hcs.assert_nothing()

    def test_nobody_falls_back_to_plain_http(self, hcs, secure):
        hcs.fails("pull", f"{secure.host}/x:1")
        assert "HTTP request to an HTTPS server" not in secure.log()

    def test_a_host_that_is_named_insecure(self, hcs, secure, image):
        hcs.configure({"insecure": [secure.host]})
        hcs.ok("pull", f"{secure.host}/x:1")
        hcs.assert_whole(image, f"{secure.host}/x:1")

    def test_another_name_than_the_certificates(self, hcs, secure, certificates):
        with RedirectingTLS(secure.root, "127.0.0.2") as server:
            secure.trust(certificates(server.host))
            error = hcs.fails("pull", f"{server.host}/x", timeout=30)
        assert "certificate is not trusted" in error

    def test_a_client_certificate(self, hcs, make_registry, certificates, image, layout, tmp_path):
        registry = make_registry(tls=True, client_certificates=True)
        directory = certificates(registry.host)
        registry.trust(directory, client=True)
        error = hcs.fails("pull", f"{registry.host}/none")
        assert "manifest unknown" in error or "name unknown" in error or "not found" in error
        (directory / "client.key").unlink()
        assert "client.key" in hcs.fails("pull", f"{registry.host}/none")
        (directory / "client.cert").unlink()
        error = hcs.fails("pull", f"{registry.host}/none")
        assert "not found" not in error

    def test_from_https_never_to_http(self, hcs, secure, certificates, lying):
        """A registry with TLS that sends its blobs from a host without."""
        with RedirectingTLS(secure.root, "127.0.0.1", f"http://{lying.host}") as server:
            secure.trust(certificates(server.host))
            assert "from https to http" in hcs.fails("pull", f"{server.host}/x")
        assert lying.seen == []

    def test_nor_for_uploads(self, hcs, secure, certificates, lying):
        with RedirectingTLS(secure.root, "127.0.0.1", f"http://{lying.host}") as server:
            secure.trust(certificates(server.host))
            hcs.ok("pull", f"{lying.host}/x")
            names = hcs.images / "names.json"
            names.write_text(names.read_text().replace(f"{lying.host}/x", f"{server.host}/x"))
            lying.seen.clear()
            assert "from https to http" in hcs.fails("push", f"{server.host}/x")
        assert lying.seen == []

    def test_nor_for_tokens(self, hcs, secure, certificates, lying):
        challenge = f'Bearer realm="http://{lying.host}/token",service="x"'
        with RedirectingTLS(secure.root, "127.0.0.1", challenge=challenge) as server:
            secure.trust(certificates(server.host))
            assert "from https to http" in hcs.fails("pull", f"{server.host}/x")
        assert lying.seen == []


class RedirectingTLS:
    """With the certificate of a registry: sends everything elsewhere, or asks for a token."""

    def __init__(self, certificates, address, target="", challenge=None):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                root = self.path == "/v2/"
                self.send_response(401 if challenge else 200 if root else 307)
                if challenge:
                    self.send_header("WWW-Authenticate", challenge)
                elif not root:
                    self.send_header("Location", target + self.path)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_HEAD(self):
                self.send_error(404)

            def do_POST(self):
                self.send_response(202)
                self.send_header("Location", target + self.path)
                self.send_header("Content-Length", "0")
                self.end_headers()

        self._server = http.server.ThreadingHTTPServer((address, 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / "server.crt", certificates / "server.key")
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.handle_error = lambda *_: None  # clients that do not trust us
        self.host = f"{address}:{self._server.server_port}"

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
