"""Verdicts for people: yes or no first, then each rule with its records and what to do.

DENIED  till 1.1.0 (sha256:ab12…) in prod, by production 3
  yes  built     built by https://ci.example/builder of git+https://…           #12 #15
  NO   scanned   it was never scanned
                 do: Scan it, and record the scan: wherefrom record FILE
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import click

from wherefrom.cli.render import columns, foot
from wherefrom.formats.shown import cut, printable, short_id

if TYPE_CHECKING:
    from wherefrom.policy.gate import Gated
    from wherefrom.policy.verdict import Reason, Verdict

_ENTRIES_SHOWN: Final = 4
_NAME_CHARS_MAX: Final = 24


def draw_gated(answer: Gated) -> Iterator[str]:
    """The gate's answer."""
    yield _head(answer)
    yield from _reasons(answer.reasons)
    how = "signed before, and counts still" if answer.reused else "signed by this log"
    yield f"summary #{answer.entry}, {how}; until {answer.until[:19]}Z"


def draw_verdict(verdict: Verdict) -> Iterator[str]:
    """A verdict that nobody signed."""
    yield _head(verdict)
    yield from _reasons(verdict.reasons)
    yield foot(verdict.log, as_of=verdict.as_of)


def _head(said: Gated | Verdict) -> str:
    word = click.style("ALLOWED", fg="green") if said.allowed else click.style("DENIED", fg="red")
    name = f"{printable(said.name)} " if said.name else ""
    place = f" in {printable(said.environment)}" if said.environment else ""
    by = f"by {said.policy} {printable(said.version)}"
    return f"{word}  {name}({short_id(said.artifact)}){place}, {by}"


def _reasons(reasons: Sequence[Reason]) -> Iterator[str]:
    width = min(_NAME_CHARS_MAX, max((len(one.rule) for one in reasons), default=0))
    for one in reasons:
        mark = "exc " if one.excused else "yes " if one.ok else "NO  "
        entries = " ".join(f"#{entry}" for entry in one.entries[:_ENTRIES_SHOWN])
        if len(one.entries) > _ENTRIES_SHOWN:
            entries += f" and {len(one.entries) - _ENTRIES_SHOWN} more"
        start = f"  {mark} {cut(one.rule, width):<{width}}  "
        yield from _wrapped(start, f"{printable(one.says)}  {entries}".rstrip())
        if one.remedy:
            yield from _wrapped(" " * len(start), f"do: {printable(one.remedy)}")


def _wrapped(start: str, text: str) -> Iterator[str]:
    """Text in the columns right of ``start``."""
    import textwrap

    room = max(20, columns() - len(start))
    for number, line in enumerate(textwrap.wrap(text, room, break_on_hyphens=False) or [""]):
        yield (start if number == 0 else " " * len(start)) + line
