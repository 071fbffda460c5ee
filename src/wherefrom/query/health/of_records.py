"""Indicators that are sums of the records that came: how late, how trusted, how much.

Source: docs/health.md
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Final

from wherefrom.formats import counted
from wherefrom.formats.entry import LEVELS
from wherefrom.formats.heard import OF_ARTIFACTS
from wherefrom.formats.shown import short_key
from wherefrom.query.health.asked import DAY_MICROS, WINDOW_DAYS, Asked
from wherefrom.query.health.found import Figure, Found, in_parts, unknown
from wherefrom.query.health.of_servers import measured
from wherefrom.views.health import Count
from wherefrom.views.health.tally import FUTURE, LATE_EDGES_S

INTEGRITY_DAYS: Final = 90
_LAST: Final = len(LATE_EDGES_S) - 1
_NOTHING: Final = f"nothing came in the last {WINDOW_DAYS} days"
_BROKEN: Final = ("bad_signature", "proof", "signature", "corrupt")
_FORBIDDEN: Final = ("forbidden_field",)
_TRUSTED: Final = frozenset(LEVELS) - {"channel"}
_STEERING: Final = frozenset({"config", "policy", "flag", "secret", "migration"})


def freshness(asked: Asked) -> Found:
    """How long after it happened the middle one of all records was received, at most."""
    found = _lateness(asked.counts, 0.5)
    if not found.of:
        return unknown(f"no record of the last {WINDOW_DAYS} days says when it happened")
    half, most = (_within(asked.counts, share) for share in (0.5, 0.95))
    says = f"half {half} of happening, 95 % {most}"
    seen = measured(asked).percentile("visible.le_ms", 0.99)
    says += "" if seen is None else f"; visible in answers within {seen:g} ms (p99)"
    by = in_parts(asked.counts, lambda some: _lateness(some, 0.5), low=True)
    return Found(found.value, found.of, says, by)


def _lateness(some: Collection[Count], share: float) -> Figure:
    """The upper edge of how late ``share`` of records came at most; of later ones the last edge."""
    place, total = _place(some, share)
    return Figure(None if not total else float(LATE_EDGES_S[min(place, _LAST)]), total)


def _place(some: Collection[Count], share: float) -> tuple[int, int]:
    """Of which edge that is, past ``_LAST`` if it is later than all; and of how many records."""
    late: Counter[int] = Counter()
    for one in some:
        if one.late >= 0 and one.part.trust != "self":
            late[one.late] += one.records
    total, passed = sum(late.values()), 0
    for place in range(len(LATE_EDGES_S)):
        passed += late[place]
        if passed >= share * total:
            return place, total
    return len(LATE_EDGES_S), total


def _within(some: Collection[Count], share: float) -> str:
    place, _ = _place(some, share)
    edge = _seconds(float(LATE_EDGES_S[min(place, _LAST)]))
    return f"within {edge}" if place <= _LAST else f"later than {edge}"


def _seconds(value: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if value >= size:
            return f"{value / size:g} {unit}"
    return f"{value:g} s"


def integrity(asked: Asked) -> Found:
    """Signatures and proofs that did not hold, and damage, in INTEGRITY_DAYS."""
    since = asked.at - INTEGRITY_DAYS * DAY_MICROS
    codes: Counter[str] = Counter()
    for event in asked.events(counted.REFUSED, since=since):
        if event.id in _BROKEN:
            codes[event.id] += int(event.says.get("count", 1))
    for event in asked.events(counted.MISSED, since=since):
        if event.id != "clock":
            codes[f"gap: {event.id}"] += int(event.says.get("count", 1))
    came = sum(one.records for one in asked.counted(since=since))
    total = sum(codes.values())
    if not total:
        return Found(0.0, came, f"none in {INTEGRITY_DAYS} days: every signature held")
    told = ", ".join(f"{code} {number:,}" for code, number in codes.most_common(4))
    return Found(float(total), came, f"in {INTEGRITY_DAYS} days: {told}")


def verified(asked: Asked) -> Found:
    """Of records that vouch for artifacts, those that somebody known signed."""
    some = [one for one in asked.counts if one.part.kind in OF_ARTIFACTS]
    found = _trusted(some)
    if not found.of:
        return unknown(f"no record vouched for an artifact in {WINDOW_DAYS} days")
    says = f"{_signed(some):,} of {found.of:,} provenances, SBOMs, scans and tests are signed"
    return Found(found.value, found.of, f"{says} by somebody known", in_parts(
        some, _trusted, low=False))  # fmt: skip


def signed_changes(asked: Asked) -> Found:
    """Of changes of settings, flags, secrets, policies and schemas, those that are signed."""
    some = [one for one in asked.counts if one.part.kind in _STEERING]
    found = _trusted(some)
    if not found.of:
        return unknown(f"no configuration changed in {WINDOW_DAYS} days")
    says = f"{_signed(some):,} of {found.of:,} changes of settings, flags, secrets and schemas"
    return Found(found.value, found.of, f"{says} are signed", in_parts(some, _trusted, low=False))


def _trusted(some: Collection[Count]) -> Figure:
    total = sum(one.records for one in some)
    return Figure(_signed(some) / total if total else None, total)


def _signed(some: Collection[Count]) -> int:
    return sum(one.records for one in some if one.part.trust in _TRUSTED)


def redaction(asked: Asked) -> Found:
    """What should not have been recorded and was, so that it had to be erased."""
    since = asked.at - INTEGRITY_DAYS * DAY_MICROS
    erased = asked.events(counted.ERASED, since=since)
    stopped = sum(
        int(event.says.get("count", 1))
        for event in asked.events(counted.REFUSED, since=since)
        if event.id in _FORBIDDEN
    )
    says = f"{len(erased)} records erased in {INTEGRITY_DAYS} days" if erased else "nothing erased"
    reasons = Counter(str(event.says.get("reason") or "no reason") for event in erased)
    if reasons:
        says += ": " + ", ".join(f"{why} {n}" for why, n in reasons.most_common(3))
    says += f"; {stopped:,} refused at the door for a forbidden field"
    return Found(float(len(erased)), len(erased) + stopped, says)


def aliases(asked: Asked) -> Found:
    """Names of the same thing among all that records name; what was sent again."""
    found = _aliases(asked.counts)
    if not found.of:
        return unknown(_NOTHING)
    names = sum(one.aliases for one in asked.counts)
    says = f"{names:,} other names among {found.of:,} things that records name"
    door = measured(asked)
    if sent := door.total("records.recorded") + door.total("records.known"):
        again = door.total("records.known")
        says += f"; {again:,} of {sent:,} records sent were known"
    return Found(found.value, found.of, says, in_parts(asked.counts, _aliases, low=True))


def _aliases(some: Collection[Count]) -> Figure:
    things = sum(one.things for one in some)
    return Figure(sum(one.aliases for one in some) / things if things else None, things)


def clock_skew(asked: Asked) -> Found:
    """Records that are dated after they were received: by clocks that are ahead."""
    timed = [one for one in asked.counts if one.late >= 0 or one.late == FUTURE]
    total = sum(one.records for one in timed)
    steps = asked.events(counted.MISSED)
    if not total:
        return unknown(f"no record of the last {WINDOW_DAYS} days says when it happened")
    ahead: Counter[str] = Counter()
    for one in timed:
        if one.late == FUTURE:
            ahead[one.part.producer] += one.records
    says = f"none of {total:,} records is dated in the future"
    if ahead:
        some = ", ".join(f"{short_key(who)} {n:,}" for who, n in ahead.most_common(3))
        says = f"dated in the future, by producer: {some} (wherefrom clocks)"
    if own := sum(event.id == "clock" for event in steps):
        says += f"; this server's own clock was set back {own} times"
    by = in_parts(timed, _in_future, low=True) if ahead else []
    return Found(float(sum(ahead.values())), total, says, by)


def _in_future(some: Collection[Count]) -> Figure:
    return Figure(
        float(sum(one.records for one in some if one.late == FUTURE)),
        sum(one.records for one in some),
    )


def growth(asked: Asked) -> Found:
    """Bytes of content a day of the window, or of the log's life if that is shorter."""
    total, records = _came(asked.counts)
    first = asked.health.first_hour(since=0, size=asked.size)
    if first is None or not records:
        return unknown(_NOTHING)
    days = max(1.0, (asked.at - max(first, asked.since)) / DAY_MICROS)
    rate = total / days
    week, _ = _came(asked.counted(since=asked.at - 7 * DAY_MICROS))
    says = f"{_bytes(week / min(7.0, days))} a day this week, {_bytes(total / records)} a record"
    # What is made, and what a disk holds, is told of the whole.
    if asked.made and not any(asked.wanted) and not asked.left_out:
        says += f", {_bytes(total / len(asked.made))} an artifact made"
    says += f"; {_bytes(rate * 30)} more in 30 days at this rate"
    held, free = (None, None) if any(asked.wanted) else measured(asked).storage()
    if held is not None:
        says += f"; {_bytes(held)} on disk"
        if free is not None and rate:
            # What is stored beside contents grows with them.
            ever, _ = _came(asked.counted(since=0))
            says += f", full in {free / (rate * max(1.0, held / max(1, ever))):,.0f} days"
    by = in_parts(asked.counts, lambda some: _rate(some, days), low=True)
    return Found(rate, records, says, by)


def _came(some: Collection[Count]) -> tuple[int, int]:
    return sum(one.bytes for one in some), sum(one.records for one in some)


def _rate(some: Collection[Count], days: float) -> Figure:
    return Figure(sum(one.bytes for one in some) / days, sum(one.records for one in some))


def _bytes(value: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1_000:
            return f"{value:.3g} {unit}"
        value /= 1_000
    return f"{value:,.1f} TB"
