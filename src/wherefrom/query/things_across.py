"""``show`` and ``find`` over several logs: what each says stands beside the others, never joined.

    own answer ──ids──► every followed log ──► a Detail of its own, with the log whose word it is

What two logs say of one id are two statements, each under its own keys and judged by its own log.

Source: docs/decisions/0023-federation.md
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from wherefrom.errors import NotFound
from wherefrom.query.answers import Detail, Found, Match, Shown
from wherefrom.query.others import Other, ask_all, first_heard
from wherefrom.query.resolve import is_entry

if TYPE_CHECKING:
    from wherefrom.query.desk import Desk, TraceOptions


def show_across(text: str, options: TraceOptions, desk: Desk, others: Sequence[Other]) -> Shown:
    """What our own log says of a thing, and after it what the others say of the same ids.

    Raises what ``show`` raises, if no other log knows the thing either.
    """
    told, asked = ask_all(others)
    # A size is one of our own log; the others answer as they are now.
    theirs = msgspec.structs.replace(options, as_of=None)
    try:
        own = desk.show_here(text, options)
        ids = [detail.id for detail in own.matches]
        heard = [(one, one.hear(lambda there: _known_of(there, ids, theirs))) for one in asked]
    except NotFound as error:
        first = first_heard(text, asked, lambda there: there.show_here(text, theirs), error)
        heard = [(one, said) for one, said in first]
        position, erased = desk.standing()
        size = position.size if options.as_of is None else options.as_of
        own = Shown(
            of=first[0][1].of, log=position, as_of=size, at=first[0][1].at, matches=[],
            erased=erased,
        )  # fmt: skip
    matches: list[Detail] = list(own.matches)
    for one, said in heard:
        details = said.matches if said is not None else []
        matches += [msgspec.structs.replace(detail, log=one.name) for detail in details]
    return msgspec.structs.replace(own, matches=matches, logs=told)


def _known_of(desk: Desk, ids: list[str], options: TraceOptions) -> Shown | None:
    known = desk.known(ids)
    return desk.show_ids(known, options) if known else None


def find_across(text: str, here: Found, others: Sequence[Other]) -> Found:
    """What a text may mean in our own log, and after it what it may mean in the others."""
    told, asked = ask_all(others)
    matches: list[Match] = list(here.matches)
    truncated = here.truncated
    for one in [] if is_entry(text) else asked:
        found = one.hear(lambda there: there.find_here(text))
        if found is not None:
            matches += [msgspec.structs.replace(match, log=one.name) for match in found.matches]
            truncated = truncated or found.truncated
    return msgspec.structs.replace(here, matches=matches, truncated=truncated, logs=told)
