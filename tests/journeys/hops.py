"""A shop of three programs, for the test that follows one order through them.

    front  ASGI under uvicorn ──httpx──► cart  WSGI ──Celery, files as broker──► worker  asyncio

Each writes its spans and its log to a folder, a JSON line each, and prints a line once it serves.
Run: python -m tests.journeys.hops PROGRAM FOLDER [URL of the next]
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from pathlib import Path

from opentelemetry import trace
from opentelemetry.sdk.resources import get_aggregated_resources
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from wherefrom.capture.propagation import asgi, celery_tasks, context, http_clients, otel, wsgi
from wherefrom.capture.propagation.logs import FIELDS, IdentityFilter

PROGRAM, FOLDER = sys.argv[1] if len(sys.argv) > 1 else "", Path((*sys.argv, "", "")[2])
log = logging.getLogger("shop")


class FileExporter(SpanExporter):
    def export(self, spans):
        for span in spans:
            said = {"name": span.name, "trace": f"{span.context.trace_id:032x}"}
            said |= {"parent": span.parent and f"{span.parent.span_id:016x}"}
            said |= {"span": f"{span.context.span_id:016x}", **span.attributes}
            write("spans", said | {"resource": dict(span.resource.attributes)})
        return SpanExportResult.SUCCESS


class FileHandler(logging.Handler):
    def emit(self, record):
        said = {name: getattr(record, name) for name in FIELDS}
        write("log", {"message": record.getMessage(), **said})


def write(what, said):
    with (FOLDER / f"{what}.{PROGRAM}.jsonl").open("a") as file:
        file.write(json.dumps(said) + "\n")


def observe():
    """What a program does at its start so that it is seen."""
    provider = TracerProvider(resource=get_aggregated_resources([otel.IdentityDetector()]))
    provider.add_span_processor(otel.IdentitySpanProcessor())
    provider.add_span_processor(SimpleSpanProcessor(FileExporter()))
    if "HOPS_OTLP" in os.environ:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        headers = {"Authorization": f"Bearer {os.environ['WHEREFROM_TOKEN']}"}
        url = os.environ["HOPS_OTLP"] + "/v1/traces"
        provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(url, headers=headers)))
    trace.set_tracer_provider(provider)
    handler = FileHandler()
    handler.addFilter(IdentityFilter())
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    return provider.get_tracer("shop")


def of_the_sender():
    """OpenTelemetry's context of the hop that called: its instrumentations do this."""
    here = context.current()
    if not here.parent:
        return None
    parent = trace.SpanContext(
        int(here.trace.trace_id, 16), int(here.parent, 16), True, trace.TraceFlags(1)
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(parent))


def front(next_url):
    import httpx
    import uvicorn

    tracer = observe()
    client = httpx.AsyncClient(event_hooks=http_clients.async_hooks(), verify=False)

    async def app(scope, receive, send):
        with tracer.start_as_current_span("GET /order", context=of_the_sender()):
            log.info("an order came in")
            answer = await client.get(next_url)
        await send({"type": "http.response.start", "status": answer.status_code, "headers": []})
        await send({"type": "http.response.body", "body": answer.content})

    config = uvicorn.Config(
        asgi.Wherefrom(app), port=0, lifespan="off", log_level="critical", access_log=False
    )
    config.load()
    listening = config.bind_socket()
    listening.listen()  # before anybody is told of it
    print("http://{}:{}".format(*listening.getsockname()), flush=True)
    asyncio.run(uvicorn.Server(config).serve([listening]))


def celery():
    from celery import Celery

    app = Celery("shop", broker="filesystem://")
    folder = str(FOLDER / "queue")
    for path in (folder, folder + "-control"):
        os.makedirs(path, exist_ok=True)
    app.conf.update(
        broker_transport_options={
            "data_folder_in": folder, "data_folder_out": folder,
            "control_folder": folder + "-control",
        },
        task_ignore_result=True,
        worker_hijack_root_logger=False,
    )  # fmt: skip
    celery_tasks.connect()
    return app


def cart():
    from wsgiref.simple_server import WSGIRequestHandler, make_server

    tracer, queue = observe(), celery()

    def app(environ, start_response):
        with tracer.start_as_current_span("GET /cart", context=of_the_sender()):
            log.info("the cart is asked")
            queue.send_task("ship", args=[7])
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [context.current().correlation.encode()]

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_):
            pass

    with make_server("127.0.0.1", 0, wsgi.Wherefrom(app), handler_class=Quiet) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


def worker():
    from celery import signals

    tracer, queue = observe(), celery()

    async def pack(order):
        await asyncio.sleep(0)
        with tracer.start_as_current_span("pack"):
            await asyncio.to_thread(log.info, "order %s is packed", order)

    @queue.task(name="ship")
    def ship(order):
        async def main():
            await asyncio.gather(pack(order), pack(order + 1))

        with tracer.start_as_current_span("ship", context=of_the_sender()):
            log.info("order %s is shipped", order)
            asyncio.run(main())
        write("done", {"order": order})

    @signals.worker_ready.connect
    def ready(**_):
        print("ready", file=sys.__stdout__, flush=True)

    queue.worker_main(
        ["worker", "--pool=solo", "--without-gossip", "--without-mingle",
         "--without-heartbeat", "--loglevel=ERROR"]
    )  # fmt: skip


if __name__ == "__main__":
    {"front": front, "cart": cart, "worker": worker}[PROGRAM](*sys.argv[3:])
