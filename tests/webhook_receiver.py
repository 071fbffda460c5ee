"""A webhook of somebody's, on this machine: it checks signatures, and answers as it is told to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET_BYTES = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(SECRET_BYTES).decode()


class Receiver:
    """Leaving the block ends it. ``status`` is what it answers; ``got`` what it took."""

    def __init__(self):
        self.got, self.ids, self.status, self.asked = [], [], 204, 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.asked += 1
                status = receiver.status
                if status == 204:
                    receiver._check(self.headers, body)
                    receiver.ids.append(self.headers["webhook-id"])
                    receiver.got.append(json.loads(body))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _check(self, headers, body):
        """As any library of Standard Webhooks does."""
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = hmac.new(SECRET_BYTES, signed, hashlib.sha256).digest()
        version, _, given = headers["webhook-signature"].partition(",")
        assert version == "v1"
        assert hmac.compare_digest(base64.b64decode(given), expected)
        assert abs(time.time() - int(headers["webhook-timestamp"])) < 300

    def wait_for(self, count, *, seconds=60):
        """The messages, once there are so many."""
        until = time.monotonic() + seconds
        while len(self.got) < count:
            assert time.monotonic() < until, f"{len(self.got)} of {count} messages came"
            time.sleep(0.02)
        return self.got
