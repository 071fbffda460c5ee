"""What the fold and the watch count, and how the reader comes to know it."""

import os
import threading

import pytest

from tests.logs import MemoryPlace, numbered, writer
from wherefrom.api.exposition import unpack
from wherefrom.formats import timestamps
from wherefrom.notify import Message, Spool
from wherefrom.notify.message import id_of
from wherefrom.serving import storage
from wherefrom.serving.metrics import SAMPLED_MAX, Dated, FoldMetrics, Shown, WatchMetrics
from wherefrom.serving.page import BYTES_MAX, SharedPage

BEGAN = 1_800_000_000.0


def points(some):
    return {(p.name, *sorted(p.labels.items())): p.value for family in some for p in family.points}


# -- the page


def test_what_one_process_writes_another_reads():
    page = SharedPage()
    assert page.read() == b""
    page.write(b"before")
    process = os.fork()
    if process == 0:
        page.write(b"of the child")
        os._exit(0)
    os.waitpid(process, 0)
    assert page.read() == b"of the child"


def test_a_page_is_read_whole_or_as_it_was_whatever_is_written_meanwhile():
    page, ended = SharedPage(), threading.Event()

    def write():
        number = 0
        while not ended.is_set():
            number += 1
            page.write(b"%d" % (number % 10) * (1 + number % 5000))

    writing = threading.Thread(target=write)
    writing.start()
    try:
        for _ in range(20_000):
            held = page.read()
            assert held == held[:1] * len(held)
            assert not held or int(held[:1]) == (len(held) - 1) % 10
    finally:
        ended.set()
        writing.join()


def test_a_writer_that_dies_as_it_writes_leaves_what_was_read_last():
    page = SharedPage()
    page.write(b"whole")
    assert page.read() == b"whole"
    page._memory[0] = 3  # odd: being written, for ever
    assert page.read() == b"whole"


def test_what_does_not_fit_a_page_changes_nothing():
    page = SharedPage()
    page.write(b"fits")
    page.write(bytes(BYTES_MAX + 1))
    assert page.read() == b"fits"


def test_counters_are_shown_once_a_second_with_what_the_process_uses(monkeypatch):
    page, metrics, now = SharedPage(), FoldMetrics(), 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    shown = Shown(page, "fold", metrics.families)
    metrics.folded("graph", [], 3)
    shown.keep()
    assert points(unpack(page.read()))["wherefrom_folded_entries_total", ("view", "graph")] == 3
    memory = "wherefrom_process_resident_memory_bytes", ("process", "fold")
    assert points(unpack(page.read()))[memory] > 1e6
    metrics.folded("graph", [], 4)
    now = 100.9
    shown.keep()
    assert points(unpack(page.read()))["wherefrom_folded_entries_total", ("view", "graph")] == 3
    now = 101.0
    shown.keep()
    assert points(unpack(page.read()))["wherefrom_folded_entries_total", ("view", "graph")] == 7


# -- freshness


def fresh(metrics, view="graph"):
    found = points(metrics.families())
    name = "wherefrom_freshness_seconds"
    buckets = {
        dict(key[1:])["le"]: v for key, v in found.items() if key[0] == f"{name}_bucket"
        and dict(key[1:])["view"] == view
    }  # fmt: skip
    return (
        buckets,
        found.get((f"{name}_count", ("view", view))),
        found.get((f"{name}_sum", ("view", view))),
    )


def test_how_long_a_record_took_to_be_visible_is_counted_in_buckets_that_add_up():
    now = BEGAN
    metrics = FoldMetrics(clock=lambda: now)
    now = BEGAN + 10
    metrics.folded("graph", [BEGAN + 9.96, BEGAN + 9.2, BEGAN], 3)
    buckets, count, total = fresh(metrics)
    assert count == 3
    assert total == pytest.approx(0.04 + 0.8 + 10, abs=1e-5)
    assert [buckets[le] for le in ("0.05", "0.5", "1.0", "5.0", "10.0", "+Inf")] == [
        1,
        1,
        2,
        2,
        3,
        3,
    ]
    assert fresh(metrics, "estate")[1] is None


def test_what_is_read_again_was_visible_before_and_is_not_counted_as_late():
    now = BEGAN
    metrics = FoldMetrics(clock=lambda: now)
    now = BEGAN + 5
    metrics.folded("graph", [BEGAN - 86_400, BEGAN - 1, BEGAN + 4.5], 3)
    assert fresh(metrics)[1] == 1
    found = points(metrics.families())
    assert found["wherefrom_folded_entries_total", ("view", "graph")] == 3


def test_a_clock_that_was_set_back_makes_nothing_visible_before_it_came():
    now = BEGAN
    metrics = FoldMetrics(clock=lambda: now)
    metrics.folded("graph", [BEGAN + 3], 1)
    assert fresh(metrics)[1:] == (1, 0)


def test_of_many_records_some_are_looked_at_and_all_are_counted():
    told = []
    place = MemoryPlace()
    log = writer(place)
    count = 3 * SAMPLED_MAX + 5
    log.commit(numbered(range(count)))

    class Source:
        def read(self, first, limit):
            from wherefrom.formats import entry
            from wherefrom.log.logged import Logged

            for index in range(first, limit):
                yield Logged(index, entry.parse(log.entry(index), where="here"), None)

    dated = Dated(Source(), lambda view, received, count: told.append((view, received, count)))
    end = log.size
    assert len(list(dated.read(0, end))) == end
    dated.folded("graph", 0, end)
    dated.folded("estate", end - 2, end)
    (view, received, number), (other, last, two) = told
    assert (view, number, other, two) == ("graph", end, "estate", 2)
    assert SAMPLED_MAX / 2 < len(received) <= SAMPLED_MAX
    expected = timestamps.micros(numbered([0])[0].received) / 1e6
    assert len(last) == 2
    assert received[-1] == expected

    metrics = FoldMetrics(clock=lambda: expected)
    metrics.folded(view, received, number)
    assert fresh(metrics)[1] == end


# -- what waits for receivers, and what the disk holds


def message(*parts):
    return Message(id=id_of(*parts), type="x", timestamp="2026-01-01T00:00:00.000000Z", data={})


def test_what_waits_is_counted_by_receiver_and_a_receiver_that_has_all_waits_for_nothing(tmp_path):
    spool, metrics = Spool(tmp_path / "notify", files_max=2), WatchMetrics()
    spool.put(message(1), ["on-call", "siem"])
    os.utime(spool.waiting()[0].path, (1, 1))
    found = points(metrics.families(spool))
    first = spool.waiting()[0].receiver
    assert found["wherefrom_notify_waiting", ("receiver", "on-call")] == 1
    assert found["wherefrom_notify_oldest_seconds", ("receiver", first)] > 1e9
    spool.put(message(2), ["on-call"])
    for one in spool.waiting():
        spool.remove(one)
    found = points(metrics.families(spool))
    assert found["wherefrom_notify_waiting", ("receiver", "siem")] == 0
    assert found["wherefrom_notify_oldest_seconds", ("receiver", "siem")] == 0
    assert found["wherefrom_notify_dropped_total",] == 1
    assert points(metrics.families(spool))["wherefrom_notify_dropped_total",] == 1


def test_bytes_are_counted_by_folder_and_what_nobody_knows_together(tmp_path):
    for name, size in [("journal/0/1.wfj", 10), ("tile/0/x001", 7), ("strange/a", 3), ("head", 2)]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
    (tmp_path / "journal" / "loop").symlink_to(tmp_path)
    found = storage.folder_bytes(tmp_path)
    link = (tmp_path / "journal" / "loop").lstat().st_size
    assert found == {"journal": 10 + link, "tile": 7, "other": 5}
    assert storage.folder_bytes(tmp_path / "gone") == {"other": 0}
