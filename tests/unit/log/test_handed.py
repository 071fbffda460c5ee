"""Facts on their way from the door to the fold: of the right record, or none at all."""

import os
from contextlib import ExitStack, closing

import pytest

from tests.logs import FilePlace, erase, genesis, reader, verified, writer
from tests.served import event_bytes
from wherefrom.app import DataFolder, open_graph, open_handed, open_log, open_recorder
from wherefrom.collect.principals import local
from wherefrom.formats.facts import FactsBuilder, packed, unpacked
from wherefrom.formats.recognise import FACTS_VERSION, facts_of
from wherefrom.log import handed as handing
from wherefrom.log.handed import Handed, HandingOver
from wherefrom.views.graph import GraphReader, GraphView, dump


def facts(number):
    builder = FactsBuilder(document=f"sha256:{number:064x}")
    builder.node(builder.document, "event", properties={"number": number, "parts": [1, 2.5, None]})
    builder.node("dataset:a:b", "dataset", "b")
    builder.edge(builder.document, "describes", "dataset:a:b", {"how": "é"})
    builder.tag("till:1", "dataset:a:b")
    return builder.build(kind="event", type="START")


def numbered(numbers):
    return [verified(b"content %d" % n, facts=packed(facts(n))) for n in numbers]


@pytest.fixture
def place(tmp_path):
    return FilePlace(tmp_path / "log")


@pytest.fixture
def over(folder):
    over = HandingOver(folder)
    yield over
    over._end()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "handed"


@pytest.fixture
def closed_later():
    with ExitStack() as stack:
        yield lambda made: stack.enter_context(closing(made))


def said(log, folder, first=0):
    """Facts by index, as a fold reads them from ``first`` on."""
    with closing(Handed(log, folder)) as source:
        return {logged.index: logged.facts for logged in source.read(first, log.size)}


def rows_of(path):
    reader = GraphReader(path)
    with reader.snapshot() as snapshot:
        return list(dump(snapshot))


def test_what_is_packed_is_unpacked_the_same():
    assert unpacked(packed(facts(7))) == facts(7)


def test_facts_of_another_version_are_none(monkeypatch):
    written = packed(facts(7))
    monkeypatch.setattr("wherefrom.formats.facts.FACTS_VERSION", FACTS_VERSION + 1)
    assert unpacked(written) is None
    assert unpacked(packed(facts(7))) == facts(7)
    assert unpacked(b"\x93\x01") is None


@pytest.mark.parametrize("value", [2**64, "\ud800", "x" * (64 * 1024)])
def test_facts_that_cannot_be_handed_over_are_none(value):
    builder = FactsBuilder(document="sha256:" + "0" * 64)
    builder.node(builder.document, "event", properties={"it": value})
    assert packed(builder.build(kind="event", type="START")) is None


def test_the_fold_gets_the_facts_of_each_record_of_several_batches(place, folder, over):
    made = writer(place, handing_over=over)
    made.commit([genesis()])
    made.commit(numbered(range(1, 50)))
    made.commit(numbered(range(40, 80)))  # some are known, and get no index
    made.commit([verified(b"nobody read this"), *numbered([90])])
    assert said(reader(place), folder) == {
        0: None,
        **{n: facts(n) for n in range(1, 80)},
        80: None,
        81: facts(90),
    }


def test_a_fold_that_follows_reads_on_where_it_was(place, folder, over, closed_later):
    made = writer(place, handing_over=over)
    made.commit([genesis()])
    log = reader(place)
    source = closed_later(Handed(log, folder))
    reached = 0
    for first in range(1, 100, 7):
        made.commit(numbered(range(first, first + 7)))
        size = log.refresh().size
        for logged in source.read(reached, size):
            assert logged.facts == (facts(logged.index) if logged.index else None)
        reached = size


def test_a_fold_that_begins_late_or_asks_again_reads_what_it_can(place, folder, over, closed_later):
    made = writer(place, handing_over=over)
    made.commit([genesis()])
    for first in range(1, 61, 20):
        made.commit(numbered(range(first, first + 20)))
    log = reader(place)
    source = closed_later(Handed(log, folder))
    assert [x.facts for x in source.read(30, 35)] == [facts(n) for n in range(30, 35)]
    assert [x.facts for x in source.read(1, 3)] == [None, None]  # behind: the content is read
    assert [x.facts for x in source.read(55, 57)] == [facts(n) for n in range(55, 57)]


def test_files_are_left_behind_once_read_and_never_grow_past_their_number(
    place, folder, over, monkeypatch
):
    monkeypatch.setattr(handing, "FILE_BYTES_MAX", 1)  # a file a batch
    monkeypatch.setattr(handing, "FILES_MAX", 3)
    made = writer(place, handing_over=over)
    made.commit([genesis()])
    for n in range(1, 9):
        made.commit(numbered([n]))
    assert len(list(folder.iterdir())) == 3
    assert said(reader(place), folder) == {
        **dict.fromkeys(range(6)),
        **{n: facts(n) for n in range(6, 9)},
    }
    assert len(list(folder.iterdir())) == 1  # the one that may still grow


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_half_a_frame_is_no_facts_and_the_next_file_is_read(place, folder, over, cut):
    made = writer(place, handing_over=over)
    made.commit([genesis()])
    made.commit(numbered([1]))
    made.commit(numbered([2]))
    (path,) = folder.iterdir()
    os.truncate(path, path.stat().st_size - cut)
    log = reader(place)
    assert said(log, folder) == {0: None, 1: facts(1), 2: None}
    over._end()  # as after a write that failed
    made.commit(numbered([3]))
    log.refresh()
    assert said(log, folder) == {0: None, 1: facts(1), 2: None, 3: facts(3)}


@pytest.mark.parametrize("at", [0, 5, 13, 17, 30, -1])
def test_a_changed_frame_is_no_facts(place, folder, over, at):
    made = writer(place, handing_over=over)
    made.commit(numbered(range(3)))
    (path,) = folder.iterdir()
    written = bytearray(path.read_bytes())
    written[at] ^= 1
    path.write_bytes(written)
    # Only the index of the first record stands outside the checksum, and commitments see to it.
    assert set(said(reader(place), folder).values()) == {None}


def test_a_disk_that_refuses_costs_the_log_nothing(place, folder, over):
    folder.write_text("not a folder")
    made = writer(place, handing_over=over)
    assert [r.index for r in made.commit(numbered(range(5)))] == [*range(5)]
    assert said(reader(place), folder) == dict.fromkeys(range(5))


def test_a_batch_too_large_to_hand_over_is_left_out_and_the_next_is_not(
    place, folder, over, monkeypatch
):
    monkeypatch.setattr(handing, "FRAME_BYTES_MAX", 1500)
    made = writer(place, handing_over=over)
    made.commit(numbered(range(20)))
    made.commit(numbered([20]))
    assert said(reader(place), folder) == {**dict.fromkeys(range(20)), 20: facts(20)}


@pytest.mark.parametrize("error", [OSError(28, "no space"), MemoryError(), ValueError("?")])
def test_whatever_goes_wrong_in_handing_over_the_records_are_acknowledged(
    place, folder, over, monkeypatch, error
):
    made = writer(place, handing_over=over)
    made.commit(numbered([0]))

    def fails(*_):
        raise error

    monkeypatch.setattr(over, "put", fails)
    assert [r.index for r in made.commit(numbered([1]))] == [1]
    monkeypatch.undo()
    assert [r.index for r in made.commit(numbered([2]))] == [2]
    assert said(reader(place), folder) == {0: facts(0), 1: None, 2: facts(2)}


def test_what_cannot_be_read_was_not_handed_over(place, folder, over):
    made = writer(place, handing_over=over)
    made.commit(numbered([0]))
    over._end()
    (path,) = folder.iterdir()
    path.unlink()
    path.mkdir()
    assert said(reader(place), folder) == {0: None}
    path.rmdir()


def test_an_erased_content_takes_what_was_handed_over_with_it(place, folder, over):
    made = writer(place, handing_over=over)
    made.commit([genesis()])
    made.commit(numbered(range(1, 5)))
    (path,) = folder.iterdir()
    kept = path.open("rb")
    erase(made, 2)
    assert not list(folder.iterdir())
    assert set(kept.read()) == {0}  # zeros, not free blocks
    kept.close()
    made.commit(numbered([9]))
    assert said(reader(place), folder) == {**dict.fromkeys(range(6)), 6: facts(9)}


def test_facts_left_by_a_server_are_gone_before_anybody_erases(tmp_path):
    folder = DataFolder(tmp_path / "data")
    folder.create(origin="log.example/handed")
    with open_recorder(folder, hands_over=True) as recorder:
        recorder.record([event_bytes(1)], principal=local(0))
        (path,) = folder.handed_path.iterdir()
        left = path.read_bytes()
    assert not path.exists()
    path.write_bytes(left)  # as a crash leaves it
    with open_recorder(folder) as recorder:
        assert not path.exists()


def test_a_graph_of_handed_facts_is_the_graph_of_the_contents(tmp_path, closed_later):
    folder = DataFolder(tmp_path / "data")
    folder.create(origin="log.example/handed")
    with open_recorder(folder, hands_over=True) as recorder:
        for first in range(0, 60, 20):
            recorder.record([event_bytes(n) for n in range(first, first + 20)], principal=local(0))
        recorder.erase(7, reason="a test", principal=local(0))
        recorder.record([event_bytes(n) for n in range(60, 80)], principal=local(0))
        log = open_log(folder)
        read_again = []

        def reading(content):
            read_again.append(content)
            return facts_of(content)

        source = closed_later(open_handed(folder, log))
        path = tmp_path / "handed.db"
        with GraphView.open(path, facts_of=reading, facts_version=FACTS_VERSION) as graph:
            graph.fold(source)
        with open_graph(folder) as graph:
            graph.fold(log)
    # Only what was handed over before the erasure had to be read again.
    assert read_again == [event_bytes(n) for n in range(60) if n != 6]
    assert rows_of(path) == rows_of(folder.graph_path)
