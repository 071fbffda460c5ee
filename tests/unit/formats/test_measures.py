"""Measures of a server: what is read, what is refused, and how histograms add up."""

import msgspec
import pytest

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import measures
from wherefrom.formats.counted import MEASURED, Told, counted_of
from wherefrom.formats.heard import heard_of
from wherefrom.formats.measures import EDGES_MS, Measures, Queries, Verified
from wherefrom.formats.recognise import facts_of

SAID = {"since": "2026-01-01T00:00:00.000000Z", "until": "2026-01-01T00:10:00.000000Z"}
SIZE = len(EDGES_MS) + 1


def test_a_statement_is_read_as_it_was_written():
    told = Measures(**SAID, queries=Queries(count=2, errors=1, le_ms=[2] + [0] * (SIZE - 1)),
                    storage={"journal": 7}, free=9)  # fmt: skip
    written = measures.to_statement(told, "log.example/x")
    assert measures.parse(msgspec.json.decode(written)["predicate"]) == told
    facts = facts_of(written)
    assert (facts.kind, facts.type, facts.occurred) == (
        "system", measures.PREDICATE_TYPE, SAID["until"],
    )  # fmt: skip
    (one,) = counted_of(facts, heard_of(facts)).told
    assert one == Told(MEASURED, "", one.says)
    assert (one.says["queries.errors"], one.says["storage.journal"], one.says["free"]) == (1, 7, 9)
    assert one.says["queries.le_ms"][0] == 2


def test_what_was_not_measured_is_not_said():
    written = measures.to_statement(Measures(**SAID), "log.example/x")
    assert "free" not in msgspec.json.decode(written)["predicate"]


@pytest.mark.parametrize(
    ("more", "error", "says"),
    [
        ({"until": "2025-01-01T00:00:00.000000Z"}, Malformed, "end before they begin"),
        ({"until": "2026-01-01T00:10:00Z"}, Malformed, "not a time in its one spelling"),
        ({"queries": {"count": -1}}, Malformed, "not a count, at predicate.queries.count"),
        ({"queries": {"le_ms": [1, 2]}}, Malformed, "not a histogram.*expected 18, or none"),
        ({"queries": {"le_ms": [-1] * SIZE}}, Malformed, "not a count"),
        ({"queries": {"cuont": 1}}, Malformed, "not measures of a server"),
        ({"storage": {"a": 2**53}}, Malformed, "not a count, at predicate.storage.a"),
        ({"storage": {"a" * 129: 1}}, LimitPassed, "a text is too long"),
        ({"storage": {str(n): 1 for n in range(33)}}, LimitPassed, "too many folders"),
        ({"free": -1}, Malformed, "not a count, at predicate.free"),
    ],
)
def test_what_is_no_measure_is_refused(more, error, says):
    with pytest.raises(error, match=says):
        measures.parse({**SAID, **more})


@pytest.mark.parametrize(
    ("milliseconds", "edge"),
    [(0, 1), (1, 1), (1.1, 2), (500, 500), (500.1, 750), (600_000, 600_000)],
)
def test_a_time_is_counted_up_to_its_edge(milliseconds, edge):
    assert EDGES_MS[measures.slot(milliseconds)] == edge


def test_what_took_longer_than_the_last_edge_is_counted_last():
    assert measures.slot(600_001) == SIZE - 1


def test_a_percentile_is_the_upper_edge_of_its_step():
    le_ms = [0] * SIZE
    le_ms[measures.slot(10)], le_ms[measures.slot(400)], le_ms[-1] = 94, 5, 1
    shares = (0.5, 0.94, 0.95, 0.99, 1.0)
    assert [measures.percentile(le_ms, share) for share in shares] == [10, 10, 500, 500, None]
    assert measures.percentile([], 0.5) is None
    assert measures.percentile([0] * SIZE, 0.5) is None


def test_histograms_add_up_and_one_of_nothing_adds_nothing():
    one, other = [1] * SIZE, [2] * SIZE
    assert measures.added([one, [], other]) == [3] * SIZE
    assert measures.added([]) == [0] * SIZE
    assert Verified().le_ms == []
