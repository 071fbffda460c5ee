"""Views folded together: each as far as it is asked, and what a record says is found out once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.folders import made, record
from tests.served import event_bytes
from tests.unit.cli.running import event
from wherefrom import upkeep
from wherefrom.app import fold_views, open_log
from wherefrom.formats.facts import Facts
from wherefrom.formats.recognise import FACTS_VERSION, facts_of
from wherefrom.log.read_once import ReadOnce
from wherefrom.views import together
from wherefrom.views.estate import EstateView
from wherefrom.views.folded import FoldedView
from wherefrom.views.graph import GraphView


def events(number: int) -> list[bytes]:
    import json

    return [json.dumps(event(n)).encode() for n in range(number)]


class Counted:
    """``facts_of``, counting how often it was asked about each content."""

    def __init__(self) -> None:
        self.asked: Counter[bytes] = Counter()

    def __call__(self, content: bytes) -> Facts:
        self.asked[content] += 1
        return facts_of(content)


def test_an_audit_of_the_views_finds_out_once_what_a_record_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, contents = made(tmp_path / "data"), events(7)
    record(folder, *contents)
    fold_views(folder, open_log(folder))
    counted = Counted()
    monkeypatch.setattr(upkeep, "facts_of", counted)
    assert upkeep.audit_folder(folder, views=True).problems == []
    assert counted.asked == dict.fromkeys(contents, 1)


def test_a_view_that_follows_the_log_while_it_is_audited_is_not_of_another_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = made(tmp_path / "data")
    record(folder, *events(3))
    before = open_log(folder)
    assert before.size == 4
    record(folder, event_bytes(9))
    fold_views(folder, open_log(folder))
    monkeypatch.setattr(upkeep, "open_log", lambda _: before)
    assert list(upkeep._check_views(folder)) == []
    assert before.size == 5


@pytest.mark.parametrize(("graph", "estate"), [(3, 8), (8, 3), (8, 8), (0, 5)])
def test_each_view_is_folded_up_to_its_own_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, graph: int, estate: int
) -> None:
    monkeypatch.setattr(together, "RECORDS_MAX", 2)
    folder = made(tmp_path / "data")
    record(folder, *events(7))
    ends: dict[FoldedView, int] = {}
    for kind, size in ((GraphView, graph), (EstateView, estate)):
        view = kind.open(tmp_path / kind.called, facts_of=facts_of, facts_version=FACTS_VERSION)
        ends[view] = size
    together.fold_to(ReadOnce(open_log(folder), facts_of=facts_of), ends)
    assert {view.called: view.size for view in ends} == {"graph": graph, "estate": estate}
    for view in ends:
        view.close()
