"""A collector of OpenTelemetry on this machine: it decodes what is exported, as protobuf."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

KINDS = {1: "internal", 2: "server", 3: "client"}


class Taken(NamedTuple):
    """One span; ids in hex, times in ns, ``of`` the attributes of its resource."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    began: int
    ended: int
    attributes: dict
    status: int
    of: dict


def _values(attributes):
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


class Collector:
    """Leaving the block ends it. ``status`` is what it answers; ``spans`` what it took."""

    def __init__(self):
        self.spans, self.paths, self.headers, self.status, self.asked = [], [], [], 200, 0
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers["content-encoding"] == "gzip":
                    body = gzip.decompress(body)
                collector.asked += 1
                if collector.status == 200:
                    collector.paths.append(self.path)
                    collector.headers.append(dict(self.headers))
                    collector._take(ExportTraceServiceRequest.FromString(body))
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(collector.status)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def _take(self, request):
        for resource in request.resource_spans:
            of = _values(resource.resource.attributes)
            for scope in resource.scope_spans:
                self.spans += [
                    Taken(
                        one.name, KINDS[one.kind], one.trace_id.hex(), one.span_id.hex(),
                        one.parent_span_id.hex(), one.start_time_unix_nano,
                        one.end_time_unix_nano, _values(one.attributes), one.status.code, of,
                    )
                    for one in scope.spans
                ]  # fmt: skip

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
