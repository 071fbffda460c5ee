"""An honest registry of OCI 1.1 in memory, which can be told to lie, with or without a network.

    fake = FakeRegistry(); fake.image("acme/cart", "1") ──► its descriptor
    fake.transport ──► for a client in this process       with fake.serving() as host: ──► by HTTP

It has what Debian's has not: the referrers API, in pages. ``fake.twist(wanted, change)`` changes
what it answers to requests whose method and path contain ``wanted``.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import re
import threading
from typing import NamedTuple

import httpx

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
PAGE = 2


class Answer(NamedTuple):
    status: int
    headers: dict
    body: bytes = b""


def digest_of(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


class FakeRegistry:
    """``api`` is false for one without the referrers API; ``asked`` has (method, path, headers)."""

    def __init__(self, *, api=True):
        self.api = api
        self.blobs, self.manifests, self.tags, self.asked, self.twists = {}, {}, {}, [], []
        self.transport = httpx.MockTransport(self._over_mock)

    # -- what is put there beside the protocol

    def blob(self, content, media_type="application/octet-stream", **more):
        self.blobs[digest_of(content)] = content
        return {"mediaType": media_type, "digest": digest_of(content), "size": len(content), **more}

    def put(self, repository, document, tag=None):
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        media_type = json.loads(body).get("mediaType", MANIFEST)
        self.manifests[repository, digest_of(body)] = (body, media_type)
        if tag:
            self.tags[repository, tag] = digest_of(body)
        return {"mediaType": media_type, "digest": digest_of(body), "size": len(body)}

    def image(self, repository, tag=None, platform="linux/amd64", *, layers=(), **more):
        parts = dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False))
        config = self.blob(json.dumps(parts).encode(), CONFIG)
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config,
                    "layers": list(layers), **more}  # fmt: skip
        return self.put(repository, document, tag)

    def index(self, repository, tag, *manifests):
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": list(manifests)}
        return self.put(repository, document, tag)

    def twist(self, wanted, change, *, times=None):
        """``change(answer)`` gives what is answered instead; so many times, or always."""
        self.twists.append([wanted, change, times])

    # -- the protocol

    def answer(self, method, path, headers, body):
        headers = {key.lower(): value for key, value in headers.items()}
        self.asked.append((method, path, headers))
        answer = self._honest(method, path, headers, body)
        for twist in self.twists:
            wanted, change, times = twist
            if wanted in f"{method} {path}" and times != 0:
                twist[2] = None if times is None else times - 1
                answer = change(answer)
        return answer

    def _honest(self, method, path, headers, body):
        path, _, query = path.partition("?")
        asked = httpx.QueryParams(query)
        name, kind, rest = re.fullmatch(
            r"/v2/(.+?)/(manifests|blobs|referrers)/(.*)", path
        ).groups()
        if kind == "manifests":
            put = method == "PUT"
            return self._put(name, rest, headers, body) if put else self._get(name, rest)
        if kind == "referrers":
            return self._referrers(name, rest, int(asked.get("page", 0)))
        if method == "POST":
            return Answer(202, {"location": f"/v2/{name}/blobs/uploads/1?state=x"})
        if method == "PUT":
            if asked["digest"] != digest_of(body):
                return Answer(400, {}, b'{"errors": [{"code": "DIGEST_INVALID"}]}')
            self.blobs[asked["digest"]] = body
            return Answer(201, {})
        held = self.blobs.get(rest)
        return Answer(404, {}) if held is None else Answer(200, {}, held)

    def _get(self, name, pointer):
        digest = self.tags.get((name, pointer), pointer)
        if (name, digest) not in self.manifests:
            return Answer(404, {}, b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}')
        body, media_type = self.manifests[name, digest]
        said = {"content-type": media_type, "docker-content-digest": digest, "etag": f'"{digest}"'}
        return Answer(200, said, body)

    def _put(self, name, pointer, headers, body):
        held = self.tags.get((name, pointer))
        if "if-match" in headers and headers["if-match"] != f'"{held}"':
            return Answer(412, {})
        document = json.loads(body)
        for part in (document.get("config"), *document.get("layers", [])):
            if part and part["digest"] not in self.blobs:
                return Answer(400, {}, b'{"errors": [{"code": "MANIFEST_BLOB_UNKNOWN"}]}')
        self.put(name, body, None if ":" in pointer else pointer)
        subject = document.get("subject")
        return Answer(201, {"oci-subject": subject["digest"]} if self.api and subject else {})

    def _referrers(self, name, digest, page):
        if not self.api:
            return Answer(404, {}, b"404 page not found\n")
        found = []
        for (where, own), (body, media_type) in self.manifests.items():
            document = json.loads(body)
            if where == name and (document.get("subject") or {}).get("digest") == digest:
                said = document.get("artifactType") or document["config"]["mediaType"]
                found.append({"mediaType": media_type, "digest": own, "size": len(body),
                              "artifactType": said})  # fmt: skip
        some = found[page * PAGE : (page + 1) * PAGE]
        more = len(found) > (page + 1) * PAGE
        link = {"link": f'</v2/{name}/referrers/{digest}?page={page + 1}>; rel="next"'}
        body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": some}).encode()
        return Answer(200, {"content-type": INDEX, **(link if more else {})}, body)

    def _over_mock(self, request):
        path = request.url.raw_path.decode()
        answer = self.answer(request.method, path, dict(request.headers), request.read())
        return httpx.Response(answer.status, headers=answer.headers, content=answer.body)

    @contextlib.contextmanager
    def serving(self):
        """The same by HTTP on this machine; gives host and port."""
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                answer = fake.answer(self.command, self.path, dict(self.headers), body)
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer.body)

            do_HEAD = do_PUT = do_POST = do_GET

            def log_message(self, *_):
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"127.0.0.1:{server.server_address[1]}"
            finally:
                server.shutdown()
                thread.join()
