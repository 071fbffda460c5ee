"""What a build finds around it, and what is another where it is varied."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.unit.capture.rebuild.test_recipe import STATEMENT
from wherefrom.capture.rebuild import surroundings, trial
from wherefrom.capture.rebuild.recipe import recipe

EPOCH = 1_700_000_000
RECIPE = recipe(STATEMENT)._replace(ran=(EPOCH + 1000, EPOCH + 1060))


def test_what_is_recorded_is_set_and_what_is_not_is_pinned():
    around = surroundings.pinned(RECIPE._replace(environment={"TZ": "Asia/Tokyo"}), EPOCH)
    found = around.variables(
        RECIPE._replace(environment={"TZ": "Asia/Tokyo"}), {"PATH": "/bin", "X": "1"}
    )
    assert found == {
        "PATH": "/bin", "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0",
        "SOURCE_DATE_EPOCH": str(EPOCH), "HOME": surroundings.HOME,
    }  # fmt: skip
    as_recorded = surroundings.AS_RECORDED.variables(RECIPE, {"PATH": "/bin"})
    assert as_recorded == {"PATH": "/bin", "CC": "gcc", "HOME": surroundings.HOME}


def test_the_clock_stands_at_no_second_that_the_recorded_run_saw():
    assert surroundings.pinned(RECIPE, EPOCH).clock == EPOCH
    for epoch in (EPOCH + 998, EPOCH + 1000, EPOCH + 1030):
        around = surroundings.pinned(RECIPE, epoch)
        assert around.clock == around.dates == epoch - 86_400
        assert around.epoch == epoch


def test_what_is_pinned_and_what_is_not_are_all_that_is_known_and_never_both():
    full = surroundings.pinned(RECIPE, EPOCH)
    assert "clock" in full.pinned()
    for around in (full, full._replace(clock=None), surroundings.AS_RECORDED):
        assert not set(around.pinned()) & set(around.free())
        assert set(around.pinned()) | set(around.free()) == {*full.pinned(), *full.free()}


def test_one_thing_is_varied_at_a_time_and_not_what_the_record_sets():
    full = surroundings.pinned(RECIPE, EPOCH)
    for what, other in surroundings.variations(full, [RECIPE]):
        changed = [name for name in full._fields if getattr(other, name) != getattr(full, name)]
        assert len(changed) == (2 if "clock" in what else 1), what
    names = [what for what, _ in surroundings.variations(full, [RECIPE])]
    assert len(set(names)) == len(names) == 7
    own = RECIPE._replace(environment={"TZ": "UTC"})
    assert "time zone" not in [what for what, _ in surroundings.variations(full, [own])]
    assert "time zone" in [what for what, _ in surroundings.variations(full, [own, RECIPE])]


@pytest.mark.parametrize(
    ("now", "waited"), [(100.0, 3.5), (103.4, 0.1), (103.5, 0), (200.0, 0), (99.0, 0)]
)
def test_a_build_waits_until_the_second_of_the_run_is_over_and_for_no_wrong_clock(
    monkeypatch, now, waited
):
    slept = []
    clock = SimpleNamespace(time=lambda: now, sleep=slept.append)
    monkeypatch.setattr(trial, "time", clock)
    trial._wait_past(103.5)
    assert sum(slept) == pytest.approx(waited)
