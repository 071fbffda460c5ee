"""One exposition of several processes: whose samples, and in which form."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from wherefrom.api.exposition import OPENMETRICS, TEXT, families, pack, unpack, wanted, write

PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,"
    "application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        ("text/plain", TEXT),
        (PROMETHEUS_2_42, OPENMETRICS),
        ("application/openmetrics-text", OPENMETRICS),
        ('application/openmetrics-text; version="1.0.0"', OPENMETRICS),
        ("APPLICATION/OpenMetrics-Text; Version=1.0.0; Q=0.3", OPENMETRICS),
        ("application/openmetrics-text;version=2.0.0,text/plain", TEXT),
        ("application/openmetrics-text;q=0.4,text/plain;q=0.5", TEXT),
        ("text/plain;q=0.5,application/openmetrics-text;q=0.5", OPENMETRICS),
        ("application/openmetrics-text;q=0", TEXT),
        ("application/openmetrics-text;q=nan", TEXT),
        ("application/openmetrics-text;q=2", TEXT),
        ("text/html, ;;,=", TEXT),
    ],
)
def test_a_scraper_gets_what_it_likes_best_of_what_there_is(accept, media_type):
    assert wanted(accept) == media_type


def process(name):
    registry = CollectorRegistry()
    seconds = Histogram(
        "wherefrom_x_seconds", "Time", ["of"], unit="seconds", buckets=(1, 2), registry=registry
    )
    seconds.labels(name).observe(1.5, {"trace_id": "ab" * 16})
    Counter("wherefrom_y", "Things", registry=registry).inc(3)
    return registry


def test_processes_that_count_the_same_are_one_family_with_the_samples_of_each():
    here, there = families(process("here")), unpack(pack(families(process("there"))))
    written = write([*here, *there], media_type=OPENMETRICS).decode()
    assert written.count("# TYPE wherefrom_x_seconds histogram\n") == 1
    assert written.count("# UNIT wherefrom_x_seconds seconds\n") == 1
    assert written.endswith("# EOF\n")
    read = {one.name: one for one in read_openmetrics(written)}
    sums = {
        s.labels["of"]: s.value for s in read["wherefrom_x_seconds"].samples if "_sum" in s.name
    }
    assert sums == {"here": 1.5, "there": 1.5}


def test_openmetrics_has_the_exemplar_and_text_has_none():
    some = unpack(pack(families(process("here"))))
    openmetrics, text = (write(some, media_type=kind).decode() for kind in (OPENMETRICS, TEXT))
    seen = [s.exemplar for f in read_openmetrics(openmetrics) for s in f.samples if s.exemplar]
    assert [(one.labels, one.value) for one in seen] == [({"trace_id": "ab" * 16}, 1.5)]
    assert seen[0].timestamp is not None
    assert "trace_id" not in text
    assert {one.name for one in read_text(text)} == {"wherefrom_x_seconds", "wherefrom_y"}


def test_when_a_series_began_is_no_series_of_its_own():
    some = families(process("here"))
    for kind in (OPENMETRICS, TEXT):
        assert b"_created" not in write(some, media_type=kind)


def test_values_that_json_has_no_word_for_come_through():
    registry = CollectorRegistry()
    Gauge("wherefrom_z", "What", registry=registry).set(float("nan"))
    assert b"wherefrom_z NaN" in write(unpack(pack(families(registry))), media_type=TEXT)


@pytest.mark.parametrize("packed", [b"", b"\x00", b"\x93\x01\x02\x03", b"# HELP a text\n"])
def test_what_is_not_packed_is_nothing(packed):
    assert unpack(packed) == []
