"""Grafana's annotations, as its HTTP API documents them: what it takes, refuses, and gives back.

Grafana itself is in no package of Debian; this is its page "Annotations HTTP API", no more.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

TOKEN = "glsa_test_token"


class Grafana:
    """Leaving the block ends it. ``added`` is what it holds; ``status`` set: what it answers."""

    def __init__(self):
        self.added, self.status, self.asked = [], None, 0
        grafana = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                grafana.asked += 1
                self._answer(*grafana._post(self.path, self.headers, body))

            def do_GET(self):
                self._answer(*grafana._get(self.path))

            def _answer(self, status, said):
                written = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(written)))
                self.end_headers()
                self.wfile.write(written)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/grafana"

    def _post(self, path, headers, body):
        if self.status is not None:
            return self.status, {"message": "no"}
        if path != "/grafana/api/annotations":
            return 404, {"message": "Not found"}
        if headers["authorization"] != f"Bearer {TOKEN}":
            return 401, {"message": "Unauthorized"}
        if headers["content-type"] != "application/json":
            return 415, {"message": "bad request data"}
        said = json.loads(body)
        known = {"dashboardUID", "panelId", "time", "timeEnd", "tags", "text"}
        well = (
            said.keys() <= known
            and isinstance(said.get("time"), int)
            and said["time"] > 10**12  # milliseconds, not seconds
            and said.get("timeEnd", said["time"]) >= said["time"]
            and all(isinstance(tag, str) for tag in said["tags"])
        )
        if not well:
            return 400, {"message": "bad request data"}
        if not said.get("text"):
            return 400, {"message": "text field should not be empty"}
        self.added.append(said)
        return 200, {"message": "Annotation added", "id": len(self.added)}

    def _get(self, path):
        parts = urlsplit(path)
        tags = set(parse_qs(parts.query).get("tags", ()))
        return 200, [one for one in self.added if tags <= set(one["tags"])]

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
