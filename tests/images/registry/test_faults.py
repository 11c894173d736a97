"""A registry that lies, breaks off, stalls and sends elsewhere: never half an image, never a word of
our credentials to others, always one line that says what it was, and always an end."""

import base64
import email.utils
import json
import re
import subprocess
import time

import pytest

from layout import OCI_INDEX, OCI_MANIFEST, Index, digest, noise, small_image

USER = "user:secret"
BASIC = "Basic " + base64.b64encode(USER.encode()).decode()


def log_in(hcs, *hosts):
    (hcs.home / ".docker").mkdir(exist_ok=True)
    (hcs.home / ".docker/config.json").write_text(json.dumps({"auths": {
        host: {"auth": base64.b64encode(USER.encode()).decode()} for host in hosts}}))


def name(registry) -> str:
    return f"{registry.host}/x"


def on_blob(n, image, answer):
    """A lie about one layer only: answer(request, data)."""
    wanted = image.layers[n]["digest"]

    def lie(request):
        if request.path.endswith(wanted):
            return answer(request, image.blobs[wanted])
        return None
    return lie


def once(*answers):
    """The first requests get these answers, the others the honest one."""
    left = list(answers)

    def answer(request, *more):
        return left.pop(0)(request, *more) if left else None
    return answer


class TestContent:
    def refused(self, hcs, registry, *said, **options):
        error = hcs.fails("pull", name(registry), **options)
        assert all(word in error for word in said), error
        hcs.assert_nothing()
        # What is right again is pulled: nothing wrong was kept.
        registry.lie = lambda request: None
        hcs.ok("pull", name(registry))
        return error

    def test_a_layer_with_another_content(self, hcs, lying, image):
        lying.lie = on_blob(1, image, lambda r, data: r.answer(200, data[:-1] + b"x"))
        self.refused(hcs, lying, image.layers[1]["digest"])
        hcs.assert_whole(image, name(lying))

    def test_a_layer_that_is_too_short(self, hcs, lying, image):
        lying.lie = on_blob(0, image, lambda r, data: r.answer(200, data[:1000]))
        self.refused(hcs, lying, image.layers[0]["digest"][7:19], "1000")

    def test_a_layer_that_is_too_long(self, hcs, lying, image):
        lying.lie = on_blob(0, image, lambda r, data: r.answer(200, data + b"more"))
        self.refused(hcs, lying, image.layers[0]["digest"][7:19])

    def test_a_layer_without_end(self, hcs, lying, image):
        def endless(request, data):
            request.send_response(200)
            request.send_header("Transfer-Encoding", "chunked")
            request.end_headers()
            request.close_connection = True
            piece = b"10000\r\n" + bytes(65536) + b"\r\n"
            for _ in range(10000):
                request.wfile.write(piece)
            return True

        lying.lie = on_blob(0, image, endless)
        began = time.monotonic()
        self.refused(hcs, lying, "longer")
        assert time.monotonic() - began < 30

    def test_a_configuration_of_something_else(self, hcs, lying, image):
        def lie(request):
            return request.answer(200, b"{}") if request.path.endswith(image.config["digest"]) else None
        lying.lie = lie
        self.refused(hcs, lying, "configuration")

    def test_a_layer_that_unpacks_to_something_else(self, hcs, make_lying):
        image, other = small_image("one", layers=1), small_image("two", layers=1)
        config = json.loads(image.blobs[image.config["digest"]])
        config["rootfs"]["diff_ids"] = other.diff_ids
        registry = make_lying(self.rewrite(image, config))
        error = hcs.fails("pull", name(registry))
        assert other.diff_ids[0] in error
        hcs.assert_nothing()
        assert other.diff_ids[0] not in hcs.unpacked()

    @staticmethod
    def rewrite(image, config):
        text = json.dumps(config).encode()
        image.config = image._blob(text, image.config["mediaType"])
        manifest = json.loads(image.manifest_text)
        manifest["config"] = image.config
        image.manifest = image._blob(json.dumps(manifest).encode(), OCI_MANIFEST)
        return image

    def test_fewer_layers_in_the_configuration(self, hcs, make_lying):
        image = small_image("fewer", layers=2)
        config = json.loads(image.blobs[image.config["digest"]])
        config["rootfs"]["diff_ids"].pop()
        registry = make_lying(self.rewrite(image, config))
        assert "layers" in hcs.fails("pull", name(registry))
        hcs.assert_nothing()


class TestManifests:
    def lie_with(self, registry, body, kind=OCI_MANIFEST, headers=None):
        registry.lie = lambda r: r.is_manifest and r.answer(
            200, body, {"Content-Type": kind, **(headers or {})})

    def refused(self, hcs, registry, *said):
        error = hcs.fails("pull", name(registry), timeout=60)
        assert all(word in error for word in said), error
        hcs.assert_nothing()

    def test_another_than_its_digest_says(self, hcs, lying, image):
        other = small_image("other", layers=1)
        self.lie_with(lying, other.manifest_text,
                      headers={"Docker-Content-Digest": image.manifest_digest})
        self.refused(hcs, lying, image.manifest_digest)

    def test_another_than_was_asked_for_by_digest(self, hcs, lying, image):
        other = small_image("other", layers=1)
        self.lie_with(lying, other.manifest_text)
        error = hcs.fails("pull", f"{name(lying)}@{image.manifest_digest}")
        assert image.manifest_digest in error
        hcs.assert_nothing()

    def test_another_than_the_index_says(self, hcs, make_lying, image):
        registry = make_lying()
        registry.add("latest", Index([image]))
        other = small_image("other", layers=1)
        registry.lie = lambda r: r.path.endswith(image.manifest_digest) and r.answer(
            200, other.manifest_text, {"Content-Type": OCI_MANIFEST})
        self.refused(hcs, registry, image.manifest_digest)

    @pytest.mark.parametrize("kind", ["text/html", "application/vnd.cncf.helm.config.v1+json", ""])
    def test_a_media_type_of_no_image(self, hcs, lying, image, kind):
        self.lie_with(lying, json.dumps({k: v for k, v in json.loads(image.manifest_text).items()
                                         if k != "mediaType"}).encode(), kind)
        self.refused(hcs, lying, "media type", kind)

    def test_two_media_types_at_once(self, hcs, lying, image):
        self.lie_with(lying, image.manifest_text, OCI_INDEX)
        self.refused(hcs, lying, OCI_INDEX, OCI_MANIFEST)

    @pytest.mark.parametrize("kind", [
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.docker.distribution.manifest.v1+json", "application/json"])
    def test_schema_1_with_advice(self, hcs, lying, kind):
        self.lie_with(lying, b'{"schemaVersion": 1, "name": "x", "fsLayers": []}', kind)
        self.refused(hcs, lying, "schema 1", "again")

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"{}", b"\x00" * 100,
                                      b'{"schemaVersion": 2}', b"[" * 100_000,
                                      b'{"schemaVersion": 2, "config": {}, "layers": 5}'])
    def test_what_is_no_manifest(self, hcs, lying, body):
        self.lie_with(lying, body)
        self.refused(hcs, lying)

    def test_a_layer_with_a_digest_that_is_a_path(self, hcs, lying, image):
        manifest = json.loads(image.manifest_text)
        manifest["layers"][0]["digest"] = "sha256:../../../../../../../tmp/hcs-was-here"
        self.lie_with(lying, json.dumps(manifest).encode())
        self.refused(hcs, lying, "digest")

    def test_one_without_end(self, hcs, lying):
        self.lie_with(lying, b"[" + b" " * (5 << 20) + b"]")
        self.refused(hcs, lying, "longer than")

    def test_an_index_in_an_index(self, hcs, make_lying, image):
        registry = make_lying()
        inner = Index([image])
        outer = Index([image])
        entry = {"mediaType": OCI_INDEX, "digest": inner.digest, "size": len(inner.text),
                 "platform": {"os": "linux", "architecture": "amd64"}}
        outer.text = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX,
                                 "manifests": [entry]}).encode()
        outer.digest = digest(outer.text)
        outer.blobs[outer.digest] = outer.text
        registry.add("latest", outer)
        registry.types[inner.digest] = OCI_INDEX
        registry.blobs[inner.digest] = inner.text
        self.refused(hcs, registry, "index")


class TestConnections:
    def test_broken_off_and_taken_up_again(self, hcs, lying, image):
        def half(request, data):
            request.answer(200, data[:len(data) // 2], length=len(data))
            return request.break_off()

        lying.lie = on_blob(0, image, once(half))
        hcs.ok("pull", name(lying))
        hcs.assert_whole(image, name(lying))
        asked = lying.requests(image.layers[0]["digest"])
        size = image.layers[0]["size"]
        assert [r[2].get("Range") for r in asked] == [None, f"bytes={size // 2}-"]

    def test_broken_off_at_every_piece(self, hcs, make_lying):
        image = small_image("pieces", layers=1, size=4_000_000)
        registry = make_lying(image)

        def piece(request, data):
            at = int((re.match(r"bytes=(\d+)", request.headers.get("Range") or "") or [0, 0])[1])
            end = min(at + 300_000, len(data))
            headers = {"Content-Range": f"bytes {at}-{len(data) - 1}/{len(data)}"} if at else {}
            request.answer(206 if at else 200, data[at:end], headers, length=len(data) - at)
            return request.break_off()

        registry.lie = on_blob(0, image, piece)
        hcs.ok("pull", name(registry))
        hcs.assert_whole(image, name(registry))

    def test_a_failed_pull_is_taken_up_by_the_next(self, hcs, lying, image):
        def half(request, data):
            request.answer(200, data[:len(data) // 2], length=len(data))
            return request.break_off()

        def nothing(request, data):
            return request.break_off()

        lying.lie = on_blob(0, image, once(half, *[nothing] * 20))
        hcs.fails("pull", name(lying))
        hcs.assert_nothing()
        lying.seen.clear()
        lying.lie = lambda request: None
        hcs.ok("pull", name(lying))
        hcs.assert_whole(image, name(lying))
        asked = lying.requests(image.layers[0]["digest"])
        assert asked[0][2]["Range"] == f"bytes={image.layers[0]['size'] // 2}-"

    @pytest.mark.parametrize("answer", [
        lambda r, data: r.answer(200, data),  # knows no ranges
        lambda r, data: r.answer(416),
        lambda r, data: r.answer(206, data, {"Content-Range": f"bytes 0-{len(data) - 1}/{len(data)}"}),
        lambda r, data: r.answer(206, data[5:], {}),
    ], ids=["whole", "unsatisfiable", "another range", "no range said"])
    def test_a_registry_that_cannot_go_on_in_the_middle(self, hcs, lying, image, answer):
        def half(request, data):
            request.answer(200, data[:len(data) // 2], length=len(data))
            return request.break_off()

        lying.lie = on_blob(0, image, once(half, answer))
        result = hcs.run("pull", name(lying))
        if result.returncode == 0:
            hcs.assert_whole(image, name(lying))
        else:
            hcs.assert_nothing()
            hcs.ok("pull", name(lying))
        hcs.assert_whole(image, name(lying))

    def test_the_wrong_bytes_at_the_right_place(self, hcs, lying, image):
        def half(request, data):
            request.answer(200, data[:len(data) // 2], length=len(data))
            return request.break_off()

        def wrong(request, data):
            at = len(data) // 2
            return request.answer(206, bytes(len(data) - at),
                                  {"Content-Range": f"bytes {at}-{len(data) - 1}/{len(data)}"})

        lying.lie = on_blob(0, image, once(half, wrong))
        hcs.ok("pull", name(lying))  # begun anew, whole
        hcs.assert_whole(image, name(lying))

    def test_a_stall(self, hcs, lying, image):
        hcs.configure({"stallTimeout": 1})

        def stall(request, data):
            request.answer(200, data[:1000], length=len(data))
            request.wfile.flush()
            time.sleep(6)
            return request.break_off()

        lying.lie = on_blob(2, image, once(stall))
        hcs.ok("pull", name(lying), timeout=60)
        hcs.assert_whole(image, name(lying))

    def test_a_stall_for_ever(self, hcs, lying, image):
        hcs.configure({"stallTimeout": 1})

        def stall(request, data):
            time.sleep(3)
            return request.break_off()

        lying.lie = on_blob(2, image, stall)
        assert "stalls" in hcs.fails("pull", name(lying), timeout=120)
        hcs.assert_nothing()

    def test_what_speaks_no_http(self, hcs, lying):
        def lie(request):
            request.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")
            return request.break_off()

        lying.lie = lie
        assert lying.host in hcs.fails("pull", name(lying), timeout=60)

    def test_headers_without_end(self, hcs, lying):
        def lie(request):
            request.send_response(200)
            for n in range(3000):
                request.send_header(f"X-{n}", "x" * 1000)
            request.end_headers()
            return request.break_off()

        lying.lie = lie
        hcs.fails("pull", name(lying), timeout=60)
        hcs.assert_nothing()


class TestStatus:
    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
    @pytest.mark.parametrize("where", ["/v2/$", "manifests", "blobs"])
    def test_what_passes_is_tried_again(self, hcs, lying, image, status, where):
        left = [2]

        def lie(request):
            if re.search(where, request.path) and left[0]:
                left[0] -= 1
                return request.answer(status)
            return None

        lying.lie = lie
        hcs.ok("pull", name(lying))
        hcs.assert_whole(image, name(lying))
        assert left == [0]

    @pytest.mark.parametrize("date", [False, True], ids=["seconds", "date"])
    def test_retry_after_is_honoured(self, hcs, lying, image, date):
        def later(request, _):
            when = email.utils.formatdate(time.time() + 3, usegmt=True) if date else "2"
            return request.answer(429, b"", {"Retry-After": when})

        lying.lie = on_blob(0, image, once(later))
        began = time.monotonic()
        out = hcs.ok("pull", name(lying))
        # A date is of whole seconds, and time has passed when it is read.
        assert time.monotonic() - began >= (1 if date else 2)
        said = "Retrying in [123] seconds?" if date else "Retrying in 2 seconds"
        assert re.search(f"^{image.layers[0]['digest'][7:19]}: {said}$", out, re.M)

    def test_what_does_not_pass_ends(self, hcs, lying):
        lying.lie = lambda r: r.is_blob and r.answer(503)
        assert "503" in hcs.fails("pull", name(lying), timeout=60)
        hcs.assert_nothing()

    @pytest.mark.parametrize("status, code, message, said", [
        (404, "MANIFEST_UNKNOWN", "manifest unknown",
         "manifest for {0}/x:latest not found: manifest unknown"),
        (404, "NAME_UNKNOWN", "repository name not known to registry", "repository name not known"),
        (403, "DENIED", "requested access to the resource is denied",
         "pull access denied for {0}/x:latest, repository does not exist or may require 'hcs login'"),
        (401, "UNAUTHORIZED", "authentication required", "unauthorized: authentication required"),
        (400, "X", "\\u001b[2Jevil\\nline", "evil"),
        (418, "", "", "418"),
    ])
    def test_what_the_registry_says_is_said(self, hcs, lying, status, code, message, said):
        lying.lie = lambda r: r.is_manifest and (
            r.error(status, code, message) if code else r.answer(status))
        error = hcs.fails("pull", name(lying))
        assert said.format(lying.host) in error
        assert "\033" not in error

    def test_a_layer_that_is_not_there(self, hcs, lying, image):
        lying.lie = on_blob(1, image, lambda r, d: r.error(404, "BLOB_UNKNOWN", "blob unknown"))
        assert "blob unknown" in hcs.fails("pull", name(lying))
        hcs.assert_nothing()


class TestRedirects:
    @pytest.fixture
    def elsewhere(self, make_lying, image):
        return make_lying(image, address="127.0.0.2")

    def to(self, host, status=307):
        return lambda r: r.is_blob and r.answer(status, b"", {"Location": f"http://{host}{r.path}"})

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_they_are_followed(self, hcs, lying, elsewhere, image, status):
        lying.lie = self.to(elsewhere.host, status)
        hcs.ok("pull", name(lying))
        hcs.assert_whole(image, name(lying))
        assert len(elsewhere.requests("blobs")) == 4

    def test_credentials_stay_with_the_host(self, hcs, lying, elsewhere, image):
        log_in(hcs, lying.host)

        def lie(request):
            if request.headers.get("Authorization") != BASIC:
                return request.answer(401, b"", {"WWW-Authenticate": 'Basic realm="x"'})
            return self.to(elsewhere.host)(request)

        lying.lie = lie
        hcs.ok("pull", name(lying))
        hcs.assert_whole(image, name(lying))
        assert all("Authorization" in r[2] for r in lying.requests("blobs"))
        assert elsewhere.requests("blobs")
        assert not any("Authorization" in r[2] for r in elsewhere.seen)

    def test_nor_do_they_come_back(self, hcs, lying, elsewhere, image):
        """Elsewhere, and from there to where we are known again: still no reason to tell."""
        log_in(hcs, lying.host)

        def lie(request):
            if "again" in request.path:
                request.path = request.path.replace("?again", "")
                return None
            if request.headers.get("Authorization") != BASIC:
                return request.answer(401, b"", {"WWW-Authenticate": 'Basic realm="x"'})
            return self.to(elsewhere.host)(request)

        lying.lie = lie
        elsewhere.lie = lambda r: r.is_blob and r.answer(
            307, b"", {"Location": f"http://{lying.host}{r.path}?again"})
        hcs.ok("pull", name(lying))
        hcs.assert_whole(image, name(lying))
        assert not any("Authorization" in r[2] for r in elsewhere.seen)

    @pytest.mark.parametrize("location", ["{path}", "http://{host}{path}"])
    def test_loops_end(self, hcs, lying, location):
        lying.lie = lambda r: r.is_blob and r.answer(
            307, b"", {"Location": location.format(path=r.path, host=lying.host)})
        assert "redirects" in hcs.fails("pull", name(lying), timeout=60)
        hcs.assert_nothing()

    @pytest.mark.parametrize("location, said", [
        ("file:///etc/passwd", "file:"), ("ftp://127.0.0.1/x", "ftp:"),
        ("http://user:password@127.0.0.1/x", ""), ("gopher://127.0.0.1:1/", "gopher:"),
        ("http://registry.invalid/x", "plain http"),
    ])
    def test_not_everything_is_followed(self, hcs, lying, location, said):
        lying.lie = lambda r: r.is_blob and r.answer(307, b"", {"Location": location})
        assert said in hcs.fails("pull", name(lying), timeout=60)
        hcs.assert_nothing()

    def test_without_saying_where(self, hcs, lying):
        lying.lie = lambda r: r.is_blob and r.answer(307)
        assert "307" in hcs.fails("pull", name(lying))


class TestTokens:
    """Bearer tokens, from a server of the test's own."""

    TOKEN = "t" * 40

    @pytest.fixture
    def guarded(self, lying):
        self.answers = {"token": self.TOKEN, "expires_in": 300}

        def lie(request):
            if request.path.startswith("/token"):
                return request.answer(200, json.dumps(self.answers).encode())
            if request.headers.get("Authorization") != f"Bearer {self.TOKEN}":
                return request.error(401, "UNAUTHORIZED", "authentication required", {
                    "WWW-Authenticate": f'Bearer realm="http://{lying.host}/token",'
                                        'service="the service",scope="repository:x:pull"'})
            return None

        lying.lie = lie
        return lying

    def test_one_is_fetched(self, hcs, guarded, image):
        hcs.ok("pull", name(guarded))
        hcs.assert_whole(image, name(guarded))
        asked = guarded.requests("/token")
        assert len(asked) == 1
        assert "service=the%20service" in asked[0][1]
        assert "scope=repository%3Ax%3Apull" in asked[0][1]
        assert "Authorization" not in asked[0][2]

    def test_only_for_the_repository_that_is_meant(self, hcs, guarded, image):
        """GitHub's registry names another one when it is asked in general."""
        honest = guarded.lie
        guarded.lie = lambda r: r.path != "/v2/" and honest(r) or r.path == "/v2/" and r.answer(
            401, b"", {"WWW-Authenticate": f'Bearer realm="http://{guarded.host}/token",service="s",'
                                           'scope="repository:user/image:pull"'})
        hcs.ok("pull", name(guarded))
        assert all("user%2Fimage" not in r[1] for r in guarded.requests("/token"))
        assert "scope=repository%3Ax%3Apull" in guarded.requests("/token")[0][1]

    def test_access_token_is_another_name(self, hcs, guarded, image):
        self.answers = {"access_token": self.TOKEN}
        hcs.ok("pull", name(guarded))

    def test_credentials_are_for_the_token_server(self, hcs, guarded, image):
        log_in(hcs, guarded.host)
        hcs.ok("pull", name(guarded))
        assert guarded.requests("/token")[0][2]["Authorization"] == BASIC
        assert "account=user" in guarded.requests("/token")[0][1]
        assert not any(r[2].get("Authorization") == BASIC for r in guarded.requests("/v2/"))

    def test_an_identity_token_is_exchanged(self, hcs, guarded, image):
        (hcs.home / ".docker").mkdir()
        (hcs.home / ".docker/config.json").write_text(json.dumps({"auths": {
            guarded.host: {"identitytoken": "my identity"}}}))
        bodies = []
        honest = guarded.lie

        def lie(request):
            if request.command == "POST":
                bodies.append(request.body.decode())
            return honest(request)

        guarded.lie = lie
        hcs.ok("pull", name(guarded))
        assert "grant_type=refresh_token" in bodies[0]
        assert "refresh_token=my%20identity" in bodies[0]
        assert "scope=repository%3Ax%3Apull" in bodies[0]

    def test_one_that_ends_is_fetched_again(self, hcs, guarded, image):
        honest, used = guarded.lie, []

        def lie(request):
            if request.is_blob:
                used.append(request.path)
                if len(used) == 2:  # from now on another one
                    self.TOKEN = self.answers["token"] = "n" * 40
            return honest(request)

        guarded.lie = lie
        hcs.ok("pull", name(guarded))
        hcs.assert_whole(image, name(guarded))
        assert len(guarded.requests("/token")) == 2

    @pytest.mark.parametrize("answer", [
        {}, {"token": ""}, {"token": 7}, [], {"token": "a\r\nX-Evil: b"}, {"token": "a b"},
        {"token": "x" * 100_000}, {"token": None, "access_token": None}])
    def test_what_is_no_token(self, hcs, guarded, answer):
        self.answers = answer
        assert "token" in hcs.fails("pull", name(guarded))
        hcs.assert_nothing()
        assert not any("X-Evil" in r[2] for r in guarded.seen)

    def test_one_that_is_never_right(self, hcs, guarded):
        self.answers = {"token": "wrong"}
        error = hcs.fails("pull", name(guarded), timeout=30)
        assert "unauthorized: authentication required" in error
        assert len(guarded.seen) < 10

    @pytest.mark.parametrize("status, said", [(401, "unauthorized"), (403, "denied"), (500, "500"),
                                              (404, "404")])
    def test_a_server_that_refuses(self, hcs, guarded, status, said):
        honest = guarded.lie
        guarded.lie = lambda r: r.answer(status) if r.path.startswith("/token") else honest(r)
        assert said in hcs.fails("pull", name(guarded), timeout=60)

    def test_wrong_credentials_are_called_so(self, hcs, guarded):
        log_in(hcs, guarded.host)
        honest = guarded.lie
        guarded.lie = lambda r: r.answer(401) if r.path.startswith("/token") else honest(r)
        assert "incorrect username or password" in hcs.fails("pull", name(guarded))

    @pytest.mark.parametrize("realm", ["file:///etc/passwd", "http://registry.invalid/token", "nonsense",
                                       "http://u:p@127.0.0.1/token"])
    def test_a_realm_that_is_not_asked(self, hcs, lying, realm):
        log_in(hcs, lying.host)
        lying.lie = lambda r: r.answer(401, b"", {"WWW-Authenticate": f'Bearer realm="{realm}"'})
        hcs.fails("pull", name(lying), timeout=30)
        hcs.assert_nothing()

    def test_a_basic_challenge_without_credentials(self, hcs, lying):
        lying.lie = lambda r: r.answer(401, b"", {"WWW-Authenticate": 'Basic realm="x"'})
        error = hcs.fails("pull", name(lying))
        assert f"hcs login {lying.host}" in error

    def test_a_loop_of_basic_challenges(self, hcs, lying):
        log_in(hcs, lying.host)
        lying.lie = lambda r: r.answer(401, b"", {"WWW-Authenticate": 'Basic realm="x"'})
        assert "unauthorized" in hcs.fails("pull", name(lying), timeout=30)
        assert len(lying.seen) < 10


class TestMirrors:
    """Of docker.io, which is never reached here: the proxy that is named for it does not exist."""

    @pytest.fixture(autouse=True)
    def offline(self, hcs):
        hcs.environment["https_proxy"] = "http://127.0.0.1:1"

    @pytest.fixture
    def mirror(self, make_lying):
        def make(image):
            registry = make_lying(image)

            def lie(request):
                request.path = request.path.replace("/v2/library/busy/", "/v2/x/")
                return None
            registry.lie = lie
            return registry
        return make

    def test_they_are_asked_first(self, hcs, mirror, image):
        one = mirror(image)
        hcs.configure({"mirrors": [f"http://{one.host}"]})
        lines = hcs.ok("pull", "busy").splitlines()
        hcs.assert_whole(image, "docker.io/library/busy:latest")
        assert lines[-2:] == ["Status: Downloaded newer image for busy:latest",
                              "docker.io/library/busy:latest"]

    def test_in_their_order_until_one_has_it(self, hcs, mirror, image):
        broken, good = mirror(image), mirror(image)
        honest = broken.lie
        broken.lie = lambda r: r.answer(404) if r.is_blob else honest(r)
        hcs.configure({"mirrors": ["http://127.0.0.1:1", f"http://{broken.host}/", f"http://{good.host}"]})
        hcs.ok("pull", "busy")
        hcs.assert_whole(image, "docker.io/library/busy:latest")

    def test_for_no_other_registry(self, hcs, mirror, lying, image):
        one = mirror(small_image("mirror", layers=1))
        hcs.configure({"mirrors": [f"http://{one.host}"]})
        hcs.ok("pull", name(lying))
        assert one.seen == []

    def test_credentials_of_docker_hub_are_not_theirs(self, hcs, mirror, image):
        log_in(hcs, "https://index.docker.io/v1/")
        one = mirror(image)
        honest = one.lie
        one.lie = lambda r: (r.answer(401, b"", {"WWW-Authenticate": 'Basic realm="x"'})
                             if r.is_manifest else honest(r))
        hcs.configure({"mirrors": [f"http://{one.host}"]})
        hcs.fails("pull", "busy", timeout=60)
        assert not any("Authorization" in r[2] for r in one.seen)


def test_a_full_disk_is_said_and_leaves_no_half_image(hcs, make_lying, tmp_path):
    image = small_image("large", layers=2, size=3_000_000)
    registry = make_lying(image)
    hcs.root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "hcs-test", hcs.root], check=True)
    try:
        error = hcs.fails("pull", name(registry))
        assert "No space left on device" in error
        hcs.assert_nothing()
        subprocess.run(["mount", "-o", "remount,size=64m", hcs.root], check=True)
        hcs.ok("pull", name(registry))
        hcs.assert_whole(image, name(registry))
    finally:
        subprocess.run(["umount", "-l", hcs.root], check=True)


def test_noise_is_the_same_every_time():
    """What the tests rely on."""
    assert noise(10, ("a", 1)) == noise(10, ("a", 1)) != noise(10, ("a", 2))
