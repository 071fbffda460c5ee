"""A report for people: the blocks that ``formats.page`` writes as Markdown, HTML and PDF.

    Postmortem ──► what it comes down to · what happened · what stood before · what was known when
                   · what was uncertain · what mends it · the evidence

Pure: the same report is the same blocks. What strangers wrote is cut, and shows all it holds.

Sizes:  TEXT_CHARS_MAX characters of a line
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from wherefrom.formats import page
from wherefrom.formats.page import Block, plain
from wherefrom.formats.shown import percent, short_key
from wherefrom.formats.timestamps import micros
from wherefrom.query.postmortem.timeline import CHANGE, RESPONSE, SEEN, lasting
from wherefrom.query.postmortem_answers import Happened, Postmortem, RankedThen, StoodBefore, Unsure

TEXT_CHARS_MAX: Final = 2_500
SEVERITY_CHARS_MAX: Final = 40  # of Alertmanager a label, which may hold anything
LATE_S: Final = 60
ENTRIES_SHOWN_MAX: Final = 60
EVIDENCE: Final = "evidence.zip"
_WHAT: Final = {CHANGE: "changed", RESPONSE: "response", SEEN: "seen"}
_SYSTEMS: Final = {
    "wherefrom": "somebody", "alertmanager": "Alertmanager", "grafana": "Grafana",
    "cdevents": "a CDEvent",
}  # fmt: skip
_MICROS: Final = 1_000_000


def title(report: Postmortem) -> str:
    """What the report is called."""
    return f"Postmortem: {plain(report.incident.title)}"


def markdown(report: Postmortem) -> bytes:
    """The report as Markdown."""
    return page.markdown(list(blocks(report)))


def html(report: Postmortem) -> bytes:
    """The report as one page."""
    return page.html(list(blocks(report)), title=title(report))


def pdf(report: Postmortem) -> bytes:
    """The report as a PDF. Raises SettingError where the library is not installed."""
    return page.pdf(list(blocks(report)), title=title(report))


def blocks(report: Postmortem) -> Iterator[Block]:
    """The report, block by block."""
    yield Block("title", title(report))
    yield Block("text", summary(report))
    yield Block("list", rows=[[line] for line in comes_down_to(report)])
    yield Block("heading", "What happened")
    yield Block("text", (
        f"From {_time(report.since)} to {_time(report.until)}, UTC, in the order in which it "
        "happened. + and − count from the detection. Each line names the record that says so."
    ))  # fmt: skip
    detected = micros(report.incident.began)
    yield Block("table", rows=[
        ["time", "", "what", "happened", "record"],
        *([_clock(row.at, report), from_detection(row.at, detected), _WHAT.get(row.what, row.what),
           happened(row, told_later=report.told_later), _record(row)] for row in report.timeline),
    ], widths=(17, 13, 13, 62, 20))  # fmt: skip
    yield from _before(report)
    yield from _known(report)
    yield from _uncertain(report)
    yield from _evidence(report)


def summary(report: Postmortem) -> str:
    """One paragraph: where, when, how long."""
    it = report.incident
    where = f"{plain(it.service)} in {plain(it.environment)}" if it.service else "everything"
    where = where if it.service or not it.environment else f"all of {plain(it.environment)}"
    whose = f", owned by {plain(report.owner)}" if report.owner else ""
    ended = "It is still open."
    if it.ended is not None:
        ended = f"It was over at {_time(it.ended)}, {lasting(it.seconds or 0)} later."
    severity = f" ({plain(it.severity, SEVERITY_CHARS_MAX)})" if it.severity else ""
    rule = f", by the rule {plain(it.rule)}" if it.rule else ""
    return (
        f"An incident{severity} of {where}{whose}. It was detected at {_time(it.began)}, as "
        f"{_SYSTEMS.get(it.opened_by, plain(it.opened_by))} told{rule}. {ended}"
    )


def comes_down_to(report: Postmortem) -> Iterator[str]:
    """The few lines that a reader in a hurry wants."""
    found, it = report.explained, report.incident
    if report.earlier:
        before = report.earlier[-1]
        until = "" if before.ended is None else f" to {_time(before.ended)}"
        more = len(report.earlier) - 1
        yield (
            "It was opened again, and this is of the last time: before, it was open from "
            f"{_time(before.began)}{until}" + (f", and {more} times earlier." if more else ".")
        )
    if it.is_false:
        yield "It was marked as false: there was no trouble."
    if found is None:
        yield "Nobody has recorded what caused it."
        if report.rankings and report.rankings[-1].entry is not None:
            last = report.rankings[-1]
            yield (
                f"The ranking holds {plain(last.leader)} for the likeliest cause, "
                f"{percent(last.probability)} (entry {last.entry})."
            )
    else:
        by = _by(found.cause.trust, found.cause.signers)
        yield (
            f"First credible explanation: {plain(found.what)}. Somebody accepted it at "
            f"{_time(found.cause.at)}, {_after(found.after_s)} the detection (entry "
            f"{found.cause.entry}, {by})."
        )
        yield _on_top(report)
    yield from _came_in(report)
    if it.baseline_s is not None:
        took = "" if found is None else f", this time {lasting(found.after_s)}"
        yield f"Before Wherefrom, finding such a cause took {lasting(it.baseline_s)}{took}."
    if report.onset is not None and report.onset != it.began:
        yield f"By what was measured, it began at about {_time(report.onset)}."
    if report.hurt is not None:
        told = [
            f"{percent(share)} {word}"
            for share, word in ((report.hurt.failing, "failed"), (report.hurt.slow, "were slow"))
            if share is not None
        ]
        shares = ", ".join(told) or "none of them hurt"
        yield f"{report.hurt.requests:,.0f} requests were measured; {shares}."
        yield from (plain(line) for line in report.hurt.concentrated[:3])
    if report.told_later:
        yield (
            "The log heard of it only after it was over: what was known when cannot be said, and "
            "the rankings below go by when things happened."
        )
    stretches = [one for one in report.unsure if one.seconds is not None]
    doubts = len(report.unsure) - len(stretches)
    plural = "s" * (doubts != 1)
    yield (
        f"{len(stretches)} stretches were uncertain, the longest for "
        f"{lasting(stretches[0].seconds or 0)}; {doubts} more doubt{plural}."
        if stretches
        else f"No stretch was uncertain; {doubts} doubt{plural}."
    )


def _after(seconds: float) -> str:
    return f"{lasting(seconds)} after" if seconds else "no later than"


def _on_top(report: Postmortem) -> str:
    found = report.explained
    assert found is not None
    if found.on_top is None or found.on_top_after_s is None:
        return "The ranking never had it on top."
    when = lasting(found.on_top_after_s) + " after it" if found.on_top_after_s else "at once"
    known = "" if report.told_later else f", when the log had {found.on_top_size:,} entries"
    return f"Asked from the detection on, the ranking had it on top {when}{known}."


def _came_in(report: Postmortem) -> Iterator[str]:
    """What was known of the cause before it hurt: which rules it broke, how its canary went."""
    for one in report.let_in:
        how = "on one word alone (glass broken)" if one.break_glass else "by an exception"
        by = f", approved by {', '.join(map(short_key, one.by))}" if one.by else ""
        rests = (
            f"the decision in entry {one.verdict} rests on it"
            if one.verdict is not None
            else "no decision that rests on it is recorded"
        )
        yield (
            f"{plain(one.what)} came in {how} from {plain(', '.join(one.rules))} until "
            f"{_time(one.until)} (entry {one.entry}{by}; {rests}): {plain(one.reason)}"
        )
    if report.tried is not None:
        went = {"pass": "passed", "fail": "failed"}.get(report.tried.verdict, "was undecided")
        because = f": {plain(report.tried.says)}" if report.tried.says else ""
        whose = "Its" if report.explained is not None else "The likeliest cause's"
        by = _by(report.tried.trust, report.tried.signers)
        yield (
            f"{whose} canary {went} at {_time(report.tried.at)}, before the detection (entry "
            f"{report.tried.entry}, {by}){because}."
        )


def happened(row: Happened, *, told_later: bool) -> str:
    """A line of the timeline, with how settings differ, and how late it was heard of."""
    parts = [plain(row.says, TEXT_CHARS_MAX)]
    parts += [plain(line) for line in row.detail]
    if row.late_s >= LATE_S and not told_later:
        parts.append(f"recorded {lasting(row.late_s)} later")
    if row.marks:
        parts.append(f"its time is doubtful: {', '.join(row.marks)}")
    parts += [plain(link) for link in row.links]
    return "; ".join(parts)


def _before(report: Postmortem) -> Iterator[Block]:
    yield Block("heading", "What stood before")
    if not report.before:
        yield Block("text", "The log does not know what the service was made of before.")
        return
    yield Block("table", rows=[
        ["what", "where", "held", "since", "record"],
        *([*standing(one), plain(one.says), _time(one.since), f"entry {one.entry}, {one.trust}"]
          for one in report.before),
    ], widths=(22, 22, 40, 24, 22))  # fmt: skip
    if report.apart:
        yield Block("text", "Until the detection, this had changed:")
        yield Block("list", rows=[[plain(line)] for line in report.apart])


def standing(one: StoodBefore) -> tuple[str, str]:
    """What stood, and where."""
    where = "/".join(filter(None, (one.service, one.region, one.pool))) or "everywhere"
    seen = ", seen" if one.mode == "observed" else ""
    return plain(f"{one.slot.replace('_', ' ')} {one.name}".strip()), plain(where) + seen


def _known(report: Postmortem) -> Iterator[Block]:
    yield Block("heading", "What was known when")
    accepted = report.explained is not None
    if not report.rankings:
        yield Block("text", "The log did not know of the incident while it lasted.")
    else:
        yield Block("text", (
            "What wherefrom why would have answered at each moment"
            + (", had all of it been told at once."
               if report.told_later else ", by the log of that moment and nothing later.")
        ))  # fmt: skip
        columns = [
            ("time", 18, [_clock(one.at, report) for one in report.rankings]),
            ("log size", 13, [f"{one.size:,}" for one in report.rankings]),
            ("likeliest cause", 36, [leader(one) for one in report.rankings]),
            ("because", 40, [_because(one) for one in report.rankings]),
            ("what was accepted", 18, [_stood(one) for one in report.rankings]),
        ]
        columns = columns if accepted else columns[:-1]
        columns = [one for one in columns if one[0] != "log size" or not report.told_later]
        cells = zip(*(rows for _, _, rows in columns), strict=True)
        yield Block("table", rows=[[head for head, _, _ in columns], *map(list, cells)],
                    widths=[width for _, width, _ in columns])  # fmt: skip
    if report.learnt:
        yield Block("text", "What the log said of a moment then, and has learnt since:")
        yield Block("table", rows=[
            ["of", "log size", "what", "learnt", "record"],
            *([_clock(one.at, report), f"{one.size:,}", plain(one.says), _time(one.learnt),
               f"entry {one.entry}"] for one in report.learnt),
        ], widths=(18, 13, 60, 24, 14))  # fmt: skip


def leader(one: RankedThen) -> str:
    """What stood on top, and how likely it was held to be."""
    entry = "" if one.entry is None else f" (entry {one.entry})"
    return f"{percent(one.probability)} {plain(one.leader)}{entry}"


def _because(one: RankedThen) -> str:
    return plain("; ".join(evidence.says for evidence in one.evidence))


def _stood(one: RankedThen) -> str:
    if one.place is None or one.accepted_probability is None:
        return "not ranked"
    return f"place {one.place}, {percent(one.accepted_probability)}"


def _uncertain(report: Postmortem) -> Iterator[Block]:
    yield Block("heading", f"What was uncertain ({len(report.unsure)})")
    yield Block("text", "The longest first; what has no length last.")
    yield Block("table", rows=[
        ["from", "until", "gap", "what that meant", "records"],
        *([_clock(one.since, report) if one.seconds is not None else "",
           _clock(one.until, report) if one.seconds is not None else "",
           plain(one.gap), plain(one.says), _some(one.entries)] for one in report.unsure),
    ], widths=(17, 17, 42, 42, 14))  # fmt: skip
    yield Block("heading", "What mends it")
    yield Block("text", "Proposed, by the gaps above: each fix once, the one that ends most first.")
    yield Block("table", rows=[
        ["fix", "with", "for", "whose"],
        *([plain(one[0].fix), plain(one[0].command),
           plain("; ".join(u.gap for u in one), TEXT_CHARS_MAX),
           plain(", ".join(sorted({u.owner for u in one if u.owner})) or "—")]
          for one in mending(report.unsure)),
    ], widths=(40, 32, 48, 16))  # fmt: skip


def mending(found: Sequence[Unsure]) -> list[list[Unsure]]:
    """The stretches that one fix ends, together: those that end the most first."""
    by_fix: dict[str, list[Unsure]] = {}
    for one in found:
        by_fix.setdefault(one.fix, []).append(one)
    return sorted(by_fix.values(), key=lambda some: -sum(one.seconds or 0 for one in some))


def _evidence(report: Postmortem) -> Iterator[Block]:
    yield Block("heading", "Evidence")
    log = report.log
    said = [
        f"The log {plain(log.origin)} at {log.size:,} entries, root {log.root}.",
        f"{len(report.entries)} records: {_some(report.entries, ENTRIES_SHOWN_MAX)}.",
        f"{EVIDENCE} beside this report holds them with their proofs. To check it without us: "
        f"wherefrom verify {EVIDENCE} --offline --log-key KEY, with the key of the log's owner.",
        "Proven is that these records were in the log at these places. That what they say is true "
        "rests on who signed them: channel means that nobody known did.",
    ]
    if report.truncated:
        said.append("There is more than is told here: the window held too much.")
    yield Block("list", rows=[[line] for line in [*said, *map(plain, report.says)]])


def _some(entries: Sequence[int], most: int = 6) -> str:
    shown = ", ".join(map(str, entries[:most]))
    return f"{shown} and {len(entries) - most} more" if len(entries) > most else shown


def _record(row: Happened) -> str:
    return f"entry {row.entry}, {_by(row.trust, row.signers)}"


def _by(trust: str, signers: Sequence[str]) -> str:
    return f"{trust} by {short_key(signers[0])}" if signers else trust


def _time(text: str) -> str:
    return f"{text[:10]} {text[11:19]}"


def _clock(text: str, report: Postmortem) -> str:
    """The time of day; with the day where it is another than that of the detection."""
    return text[11:19] if text[:10] == report.incident.began[:10] else _time(text)


def from_detection(text: str, detected: int) -> str:
    """How long before or after the detection."""
    seconds = (micros(text) - detected) / _MICROS
    return "0" if not seconds else ("+" if seconds > 0 else "−") + lasting(abs(seconds))
