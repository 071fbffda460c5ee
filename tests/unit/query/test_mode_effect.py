"""Where a safe mode was: each place over the narrowest stay that covers it."""

from __future__ import annotations

import pytest

from wherefrom.errors import NotFound
from wherefrom.query.mode_effect import Series, Span, mode_effect, spans
from wherefrom.query.reality_answers import Change

SECOND = 1_000_000
NOW = "1970-01-01T00:10:00.000000Z"


def at(seconds: int) -> str:
    return f"1970-01-01T00:{seconds // 60:02}:{seconds % 60:02}.000000Z"


def change(seconds: int, name: str, after: str | None, region: str = "") -> Change:
    return Change(
        at=at(seconds), environment="prod", service="cart", region=region, pool="", instance="",
        mode="declared", slot="safe_mode", name=name, before=None, after=after, before_says=None,
        after_says=None, by="", entry=seconds, type="", trust="channel", signers=(),
    )  # fmt: skip


CHANGES = [
    change(90, "slow", "x"), change(80, "read", None, "eu"), change(60, "read", "x", "us"),
    change(50, "read", "x", "eu"), change(10, "read", "x", "eu"),
]  # fmt: skip


def test_the_newest_stay_of_each_place_counts() -> None:
    name, found = spans(CHANGES, name="read", at=None, margin=0)
    assert (name, found) == (
        "read", [Span("us", "", at(60), None, 60), Span("eu", "", at(50), at(80), 50)],
    )  # fmt: skip
    assert spans(CHANGES, name=None, at=None, margin=0)[0] == "slow"
    # At that time it was entered once, and the next time ends it.
    early = spans(CHANGES, name=None, at=at(20), margin=0)
    assert early == ("read", [Span("eu", "", at(10), at(50), 10)])
    with pytest.raises(NotFound, match="no such safe mode"):
        spans(CHANGES, name="other", at=None, margin=0)


def test_a_place_is_measured_over_the_narrowest_stay_that_covers_it() -> None:
    stays = [Span("", "", at(60), at(120), 1), Span("eu", "", at(90), at(100), 2)]
    points = [(second * SECOND, 1.0) for second in range(200)]
    series = {Series("m", region, pool): points for region, pool in (("eu", "a"), ("us", ""))}
    told = mode_effect("read", stays, series, now=NOW, window=30 * SECOND)
    assert [(p.region, p.entry, p.metrics["m"].parts[1].points) for p in told.places] == [
        ("eu", 2, 10), ("us", 1, 60),
    ]  # fmt: skip
    assert told.metrics["m"][1].points == 120


def test_what_was_nothing_before_has_no_effect_that_could_be_told() -> None:
    points = [(second * SECOND, float(second >= 60)) for second in range(200)]
    told = mode_effect(
        "read", [Span("", "", at(60), None, 1)], {Series("", "", ""): points}, now=NOW,
        window=30 * SECOND,
    )  # fmt: skip
    assert told.places[0].metrics[""].too_little == "nothing before to compare with: its mean is 0"
