"""Series of a real Prometheus: scraped, backfilled, in pieces, and when it cannot be had."""

import contextlib
import http.server
import threading
import time

import pytest

from tests import shop_world as shop
from tests.prometheus_server import History, prometheus
from wherefrom.collect import prometheus as module
from wherefrom.collect.prometheus import series_of, step_of
from wherefrom.errors import Unavailable
from wherefrom.formats import promql
from wherefrom.formats.series import Labels
from wherefrom.formats.series_settings import GROUPS, Group, Prometheus

NOW = 1_767_268_800.0


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with prometheus(tmp_path_factory.mktemp("p"), shop.history(NOW)) as found:
        yield found


def read(settings, folder, *, since=NOW - 1_200, until=NOW - 600):
    return series_of(settings, since=since, until=until, slow_ms=500, folder=folder)


def by_place(found):
    return {
        (s.labels.service, s.labels.caller, s.labels.instance, s.metric): dict(
            zip(s.times, s.values, strict=True)
        )
        for s in found
    }


def test_opentelemetrys_metrics_are_read_without_any_template(url, tmp_path):
    found = by_place(read(Prometheus(url=url), tmp_path))
    at = NOW - 900
    new = found["cart", "", "cart-new", "success_rate"]
    assert new[at] == pytest.approx(1 - shop.FAILS)
    assert found["cart", "", "cart-a", "success_rate"][at] == pytest.approx(1 - shop.USUAL)
    assert found["cart", "", "cart-a", "requests"][at] == pytest.approx(60 / 15 * shop.REQUESTS)
    assert found["cart", "", "cart-a", "slow_rate"][at] == pytest.approx(0.01)
    assert found["cart", "", "cart-a", "latency_ms_mean"][at] == pytest.approx(60)
    assert 50 < found["cart", "", "cart-a", "latency_ms_p95"][at] < 100
    assert set(new) == {at + 60 * n for n in range(-5, 6)}
    # What the client says of the server it calls.
    assert found["cart", "shop", "", "success_rate"][at] == pytest.approx(1 - 0.13)


def test_a_window_in_pieces_is_the_same_as_in_one(url, tmp_path, monkeypatch):
    whole = read(Prometheus(url=url), tmp_path)
    monkeypatch.setattr(promql, "POINTS_MAX", 4)
    assert by_place(read(Prometheus(url=url), tmp_path)) == by_place(whole)


def test_two_windows_agree_where_they_overlap(url, tmp_path):
    one = by_place(read(Prometheus(url=url), tmp_path))
    other = by_place(read(Prometheus(url=url), tmp_path, since=NOW - 1_013, until=NOW - 587))
    for place, samples in other.items():
        assert {t: v for t, v in samples.items() if t <= NOW - 600}.items() <= one[place].items()


def test_a_long_window_has_longer_steps():
    settings = Prometheus(url="http://p", step_s=60)
    assert step_of(settings, 0, 86_400) == 60
    assert step_of(settings, 0, 86_401) == 120
    assert step_of(settings, 0, 7 * 86_400) == 420


def test_matchers_narrow_every_query(url, tmp_path):
    found = read(Prometheus(url=url, match='pod="cart-new"'), tmp_path)
    assert {s.labels.instance for s in found} == {"cart-new"}


def test_a_window_without_a_step_in_it_has_nothing(url, tmp_path):
    assert read(Prometheus(url=url), tmp_path, since=NOW + 1, until=NOW + 2) == []


def test_labels_of_an_info_metric_are_joined(tmp_path):
    told = History()
    base = {"job": "shop/cart", "instance": "cart-1:80"}
    for at in range(0, 601, 15):
        told.add("target", "gauge", "target_info",
                 {**base, "service_name": "cart", "prov_pool": "canary"}, NOW + at, 1)  # fmt: skip
        told.add("process_resident_memory_bytes", "gauge", "process_resident_memory_bytes",
                 base, NOW + at, 1e8)  # fmt: skip
    with prometheus(tmp_path / "p", told) as url:
        (found,) = read(Prometheus(url=url), tmp_path, since=NOW + 60, until=NOW + 120)
    assert found.labels == Labels(service="cart", pool="canary", instance="cart-1:80")
    assert found.metric == "memory"
    assert list(found.values) == [1e8, 1e8]


def test_what_is_scraped_now_can_be_asked_for_a_moment_later(tmp_path):
    class Exporter(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'process_resident_memory_bytes{reality="fcc865cab806"} 5\n')

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    target = f"127.0.0.1:{server.server_address[1]}"
    config = (
        "global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: cart\n"
        f"  static_configs: [{{targets: ['{target}']}}]\n"
    )
    try:
        with prometheus(tmp_path / "p", config=config) as url:
            until = time.monotonic() + 60
            found = []
            while not found and time.monotonic() < until:
                now = time.time()
                found = read(Prometheus(url=url, step_s=1), tmp_path, since=now - 30, until=now)
                time.sleep(0.2)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert found[0].labels == Labels(service="cart", instance=target, identity="fcc865cab806")


def test_a_query_that_is_refused_is_told_with_what_prometheus_says(url, tmp_path):
    bad = Group({"cpu": "sum by ($by) (rate(cpu{$match})"}, {"service": ("job",)})
    with pytest.raises(Unavailable, match="refuses a query") as raised:
        read(Prometheus(url=url, groups=(bad,)), tmp_path)
    assert "HTTP 400" in raised.value.got
    assert "parse error" in raised.value.got
    assert "rate(cpu{})" in raised.value.expected


def test_an_answer_that_is_too_large_is_refused(url, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "RESPONSE_BYTES_MAX", 100)
    with pytest.raises(Unavailable, match="too much"):
        read(Prometheus(url=url), tmp_path)


def test_nobody_there_is_told_with_the_address(tmp_path):
    with pytest.raises(Unavailable, match="does not answer") as raised:
        read(Prometheus(url="http://127.0.0.1:9/under"), tmp_path)
    assert raised.value.where == "http://127.0.0.1:9/under/api/v1/query_range"


def test_a_token_is_read_from_its_file_and_sent(tmp_path):
    seen = []

    class Guarded(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            seen.append((self.path, self.headers["Authorization"]))
            good = self.headers["Authorization"] == "Bearer secret"
            self.send_response(200 if good else 401)
            self.end_headers()
            self.rfile.read(int(self.headers["Content-Length"]))
            self.wfile.write(b'{"data": {"resultType": "matrix", "result": []}}')

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Guarded)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}/prom/"
    asked = Prometheus(url=url, bearer_file="token", groups=GROUPS[1:])
    try:
        with pytest.raises(Unavailable, match="token for Prometheus cannot be read"):
            read(asked, tmp_path)
        (tmp_path / "token").write_text("secret\n")
        assert read(asked, tmp_path) == []
        (tmp_path / "token").write_text("wrong")
        with pytest.raises(Unavailable, match="wants a token"):
            read(asked, tmp_path)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert seen[0] == ("/prom/api/v1/query_range", "Bearer secret")


@pytest.mark.parametrize(
    "token", [b"", b"secret\nsecond", "sécret".encode(), b"sec\x01ret", b"two secrets"]
)
def test_a_token_that_no_header_can_carry_is_refused_and_never_shown(tmp_path, token):
    (tmp_path / "token").write_bytes(token)
    with pytest.raises(Unavailable, match="not a token") as raised:
        read(Prometheus(url="http://127.0.0.1:9", bearer_file="token"), tmp_path)
    assert raised.value.where == str(tmp_path / "token")
    assert raised.value.got is None
    said = str(raised.value).replace(str(tmp_path), "")
    assert not any(part in said for part in ("sec", "cret", "two"))


@pytest.mark.parametrize(
    "url", ["http://[::1", "https://p:hunter2", "http://ann:hun/ter2@p", "http://\0hunter2"]
)
def test_an_address_that_is_none_is_told_without_what_may_be_a_password(tmp_path, url):
    with pytest.raises(Unavailable, match="not the address of a Prometheus") as raised:
        read(Prometheus(url=url), tmp_path)
    assert "hun" not in str(raised.value)


def test_a_password_of_the_address_is_never_shown(tmp_path):
    with pytest.raises(Unavailable) as raised:
        read(Prometheus(url="http://ann:hunter2@127.0.0.1:9"), tmp_path)
    assert raised.value.where == "http://127.0.0.1:9/api/v1/query_range"
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>", b'{"status": "error", "error": "no store"}', b"[" * 100_000,
        b'{"data": {"resultType": "vector", "result": []}}',
        b'{"data": {"resultType": "matrix", "result": [{"metric": {}, "values": [[1, "x"]]}]}}',
    ],
)  # fmt: skip
def test_who_asks_is_not_told_to_mend_what_prometheus_answers(tmp_path, monkeypatch, body):
    monkeypatch.setattr(module, "_body", lambda *_: body)
    with pytest.raises(Unavailable, match="not an answer") as raised:
        read(Prometheus(url="http://127.0.0.1:9"), tmp_path)
    assert "http_server_request_duration_seconds_count" in raised.value.where


def test_too_many_series_of_a_query_are_no_mistake_of_who_asks(tmp_path, monkeypatch):
    one = b'{"metric": {}, "values": []}'
    body = b'{"data": {"resultType": "matrix", "result": [' + one + b"," + one + b"]}}"
    monkeypatch.setattr(module, "_body", lambda *_: body)
    monkeypatch.setattr(promql, "SERIES_MAX", 1)
    with pytest.raises(Unavailable, match="too many series") as raised:
        read(Prometheus(url="http://127.0.0.1:9"), tmp_path)
    assert "Narrow it down" in raised.value.do


def test_an_answer_that_comes_byte_by_byte_is_not_waited_for_without_end(tmp_path, monkeypatch):
    class Dripping(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                for _ in range(2_000):  # no test waits longer than this
                    self.wfile.write(b" ")
                    time.sleep(0.01)

        def log_message(self, *_):
            pass

    monkeypatch.setattr(module, "ANSWER_TIMEOUTS_MAX", 2)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Dripping)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        with pytest.raises(Unavailable, match="does not come to an end"):
            read(Prometheus(url=url, timeout_s=0.2), tmp_path)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
