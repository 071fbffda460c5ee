"""One order through three processes: an HTTP hop, a queue hop, and a worker that works in tasks.

At every hop, on every span and every line of the log: one correlation id and one reality, that of
the program which took the order in; and beside it the reality of the program that did the work.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time

import httpx

from tests.paths import REPOSITORY
from tests.served import PLAIN, ServerProcess
from wherefrom.formats.reality_id import Reality

PROGRAMS = ("worker", "cart", "front")
ARTIFACTS = {name: "sha256:" + digit * 64 for name, digit in zip(PROGRAMS, "abc", strict=True)}
REALITIES = {name: Reality(artifact).id for name, artifact in ARTIFACTS.items()}


@contextlib.contextmanager
def shop(folder, **environ):
    """The three programs; gives the address of the first."""
    running, url = [], ""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("WHEREFROM_", "OTEL_"))}
    try:
        for name in PROGRAMS:
            with (folder / f"{name}.stderr").open("wb") as errors:
                program = [sys.executable, "-m", "tests.journeys.hops", name, folder]
                process = subprocess.Popen(
                    [*program, url] if url else program,
                    cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=errors, text=True,
                    env={**plain, "WHEREFROM_ARTIFACT": ARTIFACTS[name],
                         "WHEREFROM_SERVICE": name, "WHEREFROM_ENVIRONMENT": "prod", **environ},
                )  # fmt: skip
            running.append(process)
            watch = threading.Timer(60, process.kill)
            watch.start()
            told = (line.strip() for line in process.stdout)  # Celery's banner is no such line
            line = next((t for t in told if t.startswith(("http://", "ready"))), "")
            watch.cancel()
            assert line, (folder / f"{name}.stderr").read_text()
            url = line if name != "worker" else ""
        yield url
    finally:
        for process in running:
            process.terminate()
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()
            process.stdout.close()


def order(url, folder, **headers):
    """Place an order and wait until it is shipped; the answer."""
    before = len(lines(folder, "done", "worker"))
    answer = httpx.get(url, headers=headers, verify=PLAIN, timeout=60)
    until = time.monotonic() + 60
    while len(lines(folder, "done", "worker")) == before:
        assert time.monotonic() < until, (folder / "worker.stderr").read_text()
        time.sleep(0.02)
    return answer


def lines(folder, what, program):
    path = folder / f"{what}.{program}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_one_correlation_id_and_one_reality_survive_every_hop(tmp_path):
    with shop(tmp_path) as url:
        answer = order(url, tmp_path, **{"x-request-id": "order-7"})
    assert answer.text == "order-7"
    assert answer.headers["wherefrom-reality"] == REALITIES["front"]

    spans = {name: lines(tmp_path, "spans", name) for name in PROGRAMS}
    logs = {name: lines(tmp_path, "log", name) for name in PROGRAMS}
    assert [len(spans[name]) for name in PROGRAMS] == [3, 1, 1]
    assert [len(logs[name]) for name in PROGRAMS] == [3, 1, 1]
    for name in PROGRAMS:
        for span in spans[name]:
            assert span["prov.correlation.id"] == "order-7"
            assert span["prov.origin.reality.id"] == REALITIES["front"]
            assert span["prov.reality.id"] == REALITIES[name]
            assert span["resource"]["prov.artifact.digest"] == ARTIFACTS[name]
        for line in logs[name]:
            assert (line["correlation_id"], line["origin_reality_id"], line["reality_id"]) == (
                "order-7", REALITIES["front"], REALITIES[name],
            )  # fmt: skip

    # And the trace is one tree: front, which cart answers, which the worker goes on from.
    assert len({span["trace"] for found in spans.values() for span in found}) == 1
    (front,), (cart,) = spans["front"], spans["cart"]
    (ship,) = [span for span in spans["worker"] if span["name"] == "ship"]
    packs = [span for span in spans["worker"] if span["name"] == "pack"]
    assert front["parent"] is None
    assert (cart["parent"], ship["parent"]) == (front["span"], cart["span"])
    assert {pack["parent"] for pack in packs} == {ship["span"]}
    assert {line["span_id"] for line in logs["worker"]} == {
        span["span"] for span in spans["worker"]
    }


def test_two_orders_at_once_stay_apart(tmp_path):
    with shop(tmp_path) as url:
        threads = [
            threading.Thread(target=httpx.get, args=(url,),
                             kwargs={"headers": {"x-request-id": f"o{n}"}, "verify": PLAIN})
            for n in range(4)
        ]  # fmt: skip
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        until = time.monotonic() + 60
        while len(lines(tmp_path, "done", "worker")) < 4 and time.monotonic() < until:
            time.sleep(0.02)
    of_order = {}
    for name in PROGRAMS:
        for span in lines(tmp_path, "spans", name):
            of_order.setdefault(span["prov.correlation.id"], []).append(span["trace"])
    assert {id: len(traces) for id, traces in of_order.items()} == {f"o{n}": 5 for n in range(4)}
    assert all(len(set(traces)) == 1 for traces in of_order.values())


def test_a_server_that_is_sent_the_spans_shows_the_way_of_the_request(tmp_path):
    with ServerProcess(tmp_path / "data") as server:
        with shop(tmp_path, HOPS_OTLP=server.url, WHEREFROM_TOKEN=server.token) as url:
            order(url, tmp_path, **{"x-request-id": "order-7"})
        with server.client() as client:
            (trace,) = client.get("/v1/request/order-7").json()["traces"]
        assert trace["origin"] == REALITIES["front"]
        found = [(hop["depth"], hop["service"], hop["reality"]) for hop in trace["hops"]]
        assert found == [
            (depth, name, REALITIES[name]) for depth, name in enumerate(reversed(PROGRAMS))
        ]
        assert [hop["spans"] for hop in trace["hops"]] == [1, 1, 3]
        assert trace["missing"] == 0
