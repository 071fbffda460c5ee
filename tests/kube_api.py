"""A Kubernetes API server on loopback, and a server that takes records: what an agent stands between.

    api.put("pods", object) ──► version + 1 ──► every open watch of pods
    api.drop("pods")               the connection ends between two lines
    api.cut_next("pods")           … or in the middle of the next line
    api.compact(); api.gone = …    what is older is 410, in the status or as an event
    api.token = …                  others get 401
    api.busy = [(429, "0"), …]     the next answers: a status, and Retry-After
    api.slow = 0.001               bytes come a few at a time

It speaks HTTP/1.1 with chunks, and TLS where it has a certificate: lists in pages with resourceVersion and continue, watches of NDJSON
with bookmarks. It keeps every request, so a test can ask what was asked.
"""  # noqa: E501 - the first line says both

from __future__ import annotations

import copy
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

PREFIXES = {
    "pods": "/api/v1", "nodes": "/api/v1", "configmaps": "/api/v1", "secrets": "/api/v1",
    "deployments": "/apis/apps/v1", "replicasets": "/apis/apps/v1",
    "statefulsets": "/apis/apps/v1", "daemonsets": "/apis/apps/v1",
    "jobs": "/apis/batch/v1", "cronjobs": "/apis/batch/v1",
    "endpointslices": "/apis/discovery.k8s.io/v1",
}  # fmt: skip
WITHIN_SECONDS = 30


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    owner = None

    def handle_error(self, request, client_address):
        """A client that went away is no failure of a test."""


class _Served:
    """A server on a free port of loopback while the block lasts."""

    handler: type[BaseHTTPRequestHandler]
    tls = None

    def __enter__(self):
        self._server = _Server(("127.0.0.1", 0), self.handler)
        self._server.owner = self
        self.port = self._server.server_address[1]
        self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"
        if self.tls:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def stop(self):
        """Let handlers that wait end."""


class _KubeHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        api = self.server.owner
        path, query = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
        with api.changed:
            api.requests.append((path, query, self.headers.get("Authorization")))
            busy = api.busy.pop(0) if api.busy else None
        if api.instead is not None:
            return self._send(200, api.instead)
        if busy:
            return self._status(busy[0], "TooManyRequests", {"Retry-After": busy[1]})
        if api.token and self.headers.get("Authorization") != f"Bearer {api.token}":
            return self._status(401, "Unauthorized")
        kind = path.rsplit("/", 1)[1]
        namespace = path.split("/namespaces/")[1].split("/")[0] if "/namespaces/" in path else ""
        if PREFIXES.get(kind) is None or not path.startswith(PREFIXES[kind]):
            return self._status(404, "NotFound")
        if kind in api.forbidden:
            return self._status(403, "Forbidden")
        if query.get("watch") == "1":
            return self._watch(api, kind, namespace, int(query["resourceVersion"]))
        return self._list(api, kind, namespace, query)

    def _list(self, api, kind, namespace, query):
        with api.changed:
            if "continue" in query:
                first, version = json.loads(query["continue"])
                if version < api.compacted:
                    return self._status(410, "Expired")
            else:
                first, version = 0, api.version
            there = [
                copy.deepcopy(item)
                for (ns, _), item in sorted(api.objects[kind].items())
                if not namespace or ns == namespace
            ]
        page = there[first : first + min(int(query.get("limit", 500)), api.page_max)]
        about = {"resourceVersion": str(version)}
        if first + len(page) < len(there):
            about["continue"] = json.dumps([first + len(page), version])
            about["remainingItemCount"] = len(there) - first - len(page)
        if api.between_pages and "continue" in about:
            api.between_pages()
        self._json(200, {"kind": "List", "apiVersion": "v1", "metadata": about, "items": page})

    def _watch(self, api, kind, namespace, version):
        if version < api.compacted and api.gone == "status":
            return self._status(410, "Expired")
        generation = api.generations[kind]  # before the client hears of the watch
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        if version < api.compacted:
            self._line(api, {"type": "ERROR", "object": _status_object(410, "Expired")})
            return self._end()

        def news_after(version):
            return [e for e in api.events if e[1] == kind and e[0] > version]

        while True:
            with api.changed:
                while not (broken := api.stopping or api.generations[kind] != generation):
                    news = news_after(version)
                    if news:
                        break
                    api.changed.wait(timeout=60)
                if (kind, generation) in api.ended:
                    return self._end()
                if broken:
                    return None  # without the last chunk: the connection broke
            for number, _, event, item in news:
                version = number
                ns = item["metadata"].get("namespace", "")
                if namespace and ns != namespace and event != "BOOKMARK":
                    continue
                if event == "ERROR":
                    self._line(api, {"type": "ERROR", "object": item})
                    return self._end()
                if event != "BOOKMARK" and kind in api.cuts:
                    api.cuts.discard(kind)
                    written = json.dumps({"type": event, "object": item}).encode()
                    self._chunk(written[: len(written) // 2])
                    return None
                self._line(api, {"type": event, "object": item})

    def _line(self, api, event):
        written = json.dumps(event).encode() + b"\n"
        if api.slow:
            for byte in range(0, len(written), 97):
                self._chunk(written[byte : byte + 97])
                time.sleep(api.slow)
        else:
            self._chunk(written)

    def _chunk(self, written):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(written), written))
        self.wfile.flush()

    def _end(self):
        self.wfile.write(b"0\r\n\r\n")

    def _status(self, code, reason, headers=None):
        self._json(code, _status_object(code, reason), headers)

    def _json(self, code, document, headers=None):
        self._send(code, json.dumps(document).encode(), headers)

    def _send(self, code, written, headers=None):
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(written)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(written)


def _status_object(code, reason):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": f"it is {reason}", "reason": reason, "code": code}  # fmt: skip


class KubeApi(_Served):
    """The API server; it begins empty, at version 1."""

    handler = _KubeHandler

    def __init__(self, *, tls=None):
        self.tls = tls
        self.changed = threading.Condition(threading.RLock())
        self.objects = {kind: {} for kind in PREFIXES}
        self.events = []
        self.version = 1
        self.compacted = 0
        self.generations = dict.fromkeys(PREFIXES, 0)
        self.requests = []
        self.forbidden = set()
        self.cuts = set()
        self.ended = set()
        self.token = None
        self.gone = "status"
        self.slow = 0
        self.busy = []
        self.instead = None
        self.page_max = 500
        self.between_pages = None
        self.stopping = False

    def stop(self):
        with self.changed:
            self.stopping = True
            self.changed.notify_all()

    def put(self, kind, item):
        """Create or replace an object."""
        with self.changed:
            item = copy.deepcopy(item)
            about = item["metadata"]
            self.version += 1
            about["resourceVersion"] = str(self.version)
            key = (about.get("namespace", ""), about["name"])
            event = "MODIFIED" if key in self.objects[kind] else "ADDED"
            self.objects[kind][key] = item
            self._tell(kind, event, item)

    def delete(self, kind, name, namespace="shop"):
        """Delete an object."""
        with self.changed:
            self.version += 1
            item = self.objects[kind].pop((namespace if kind != "nodes" else "", name))
            item["metadata"]["resourceVersion"] = str(self.version)
            self._tell(kind, "DELETED", item)

    def bookmark(self, kind):
        """Tell the watches of a kind how far they are."""
        with self.changed:
            self.version += 1
            about = {"resourceVersion": str(self.version), "creationTimestamp": None}
            self._tell(kind, "BOOKMARK", {"kind": "x", "apiVersion": "v1", "metadata": about})

    def expire(self, kind):
        """Tell the watches of a kind that what they follow is gone."""
        with self.changed:
            self.version += 1
            self._tell(kind, "ERROR", _status_object(410, "Expired"))

    def end(self, kind):
        """End the watches of a kind as a server does when their time is over."""
        with self.changed:
            self.ended.add((kind, self.generations[kind]))
            self.drop(kind)

    def drop(self, kind):
        """End the connections of the watches of a kind."""
        with self.changed:
            self.generations[kind] += 1
            self.changed.notify_all()

    def cut_next(self, kind):
        """Break the connection in the middle of the next event."""
        with self.changed:
            self.cuts.add(kind)

    def compact(self):
        """Forget what happened up to now."""
        with self.changed:
            self.version += 1
            self.compacted = self.version
            self.events.clear()

    def _tell(self, kind, event, item):
        self.events.append((self.version, kind, event, copy.deepcopy(item)))
        self.changed.notify_all()

    def asked(self, kind, *, watch):
        """The queries of lists or watches of a kind, in order."""
        with self.changed:
            return [
                query for path, query, _ in self.requests
                if path.endswith(f"/{kind}") and ("watch" in query) == watch
            ]  # fmt: skip


class _RecordsHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        stub = self.server.owner
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with stub.changed:
            stub.requests += 1
            if stub.away == "unanswered":
                stub.take(body)
                self.close_connection = True
                return
            if stub.away:
                written, code = b'{"title": "too busy", "code": "unavailable"}', 503
            elif self.headers.get("Authorization") != f"Bearer {stub.token}":
                written, code = b'{"title": "who are you", "code": "not_allowed"}', 401
            else:
                written, code = json.dumps({"items": stub.take(body)}).encode(), 201
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(written)))
        self.end_headers()
        self.wfile.write(written)


class Records(_Served):
    """Takes records as ``POST /v1/records`` does; ``away`` makes it busy, or lose its answers."""

    handler = _RecordsHandler

    def __init__(self):
        self.changed = threading.Condition()
        self.documents = []
        self.ids = set()
        self.requests = 0
        self.away = None
        self.token = "t0ken"
        self.refuses = lambda document: False

    def take(self, body):
        items = []
        for document in json.loads(body):
            id = document["context"]["id"]
            if self.refuses(document):
                items.append({"status": "refused", "code": "unsupported", "reason": "no"})
                continue
            items.append({"status": "known" if id in self.ids else "recorded", "index": 1})
            if id not in self.ids:
                self.ids.add(id)
                self.documents.append(document)
        self.changed.notify_all()
        return items

    def wait_for(self, holds):
        """Wait until ``holds(documents)``; returns what it returned."""
        with self.changed:
            found = self.changed.wait_for(lambda: holds(self.documents), WITHIN_SECONDS)
            assert found, f"it did not come; {len(self.documents)} documents did"
            return found
