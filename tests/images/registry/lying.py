"""A registry that does what a test tells it to, on a port of the loopback interface."""

import http.server
import re
import threading

from layout import digest


class Lying:
    """Serves one repository, "x". lie(request) is asked first; it answers by itself and returns True,
    or returns something else, and the honest answer is given."""

    def __init__(self, image=None, *, address="127.0.0.1", tags=None, blobs=None):
        self.tags = tags or {}
        self.blobs = dict(blobs or {})
        self.types = {}
        self.seen = []  # (method, path, headers)
        self.lie = lambda request: None
        if image is not None:
            self.add("latest", image)
        registry = self

        class Handler(Request):
            owner = registry

        self._server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self._server.daemon_threads = True
        self.host = f"{address}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def add(self, tag, image) -> None:
        self.blobs.update(image.blobs)
        if hasattr(image, "text"):
            self.tags[tag] = image.digest
            self.types[image.digest] = image.media_type
        else:
            self.tags[tag] = image.manifest_digest

    def requests(self, pattern) -> list:
        return [r for r in self.seen if re.search(pattern, f"{r[0]} {r[1]}")]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Request(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner = None
    timeout = 60

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            pass  # the client has seen enough

    def answer(self, status, body=b"", headers=None, length=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        return True

    def break_off(self):
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(2)
        return True

    def error(self, status, code, message, headers=None):
        body = '{"errors":[{"code":"%s","message":"%s"}]}' % (code, message)
        return self.answer(status, body.encode(), {"Content-Type": "application/json",
                                                   **(headers or {})})

    @property
    def is_blob(self) -> bool:
        return "/blobs/" in self.path

    @property
    def is_manifest(self) -> bool:
        return "/manifests/" in self.path

    def do_GET(self):
        self.owner.seen.append((self.command, self.path, dict(self.headers)))
        if self.owner.lie(self) is not True:
            self.honest()

    do_HEAD = do_GET

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        self.do_GET()

    do_PUT = do_PATCH = do_POST

    def honest(self):
        owner = self.owner
        if self.path == "/v2/":
            return self.answer(200, b"{}")
        if self.path.startswith("/v2/x/manifests/"):
            name = self.path.rsplit("/", 1)[1]
            name = owner.tags.get(name, name)
            if name not in owner.blobs:
                return self.error(404, "MANIFEST_UNKNOWN", "manifest unknown")
            text = owner.blobs[name]
            found = re.search(rb'"mediaType": ?"([^"]*manifest[^"]*)"', text)
            kind = owner.types.get(name) or (found.group(1).decode() if found else "")
            return self.answer(200, text, {"Content-Type": kind,
                                           "Docker-Content-Digest": digest(text)})
        if self.path.startswith("/v2/x/blobs/sha256:"):
            return self.honest_blob(owner.blobs.get(self.path.rsplit("/", 1)[1]))
        return self.error(404, "NAME_UNKNOWN", "repository name not known to registry")

    def honest_blob(self, data):
        if data is None:
            return self.error(404, "BLOB_UNKNOWN", "blob unknown to registry")
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if not wanted:
            return self.answer(200, data)
        at = int(wanted.group(1))
        if at >= len(data):
            return self.answer(416)
        return self.answer(206, data[at:], {"Content-Range": f"bytes {at}-{len(data) - 1}/{len(data)}"})
