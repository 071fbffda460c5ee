"""What is recorded to be denied while it runs: by the log's own word, and by nobody else's.

    estate, slot ``denied`` ──own statements, the newest of each──► Open

Strangers may state the same slot; what they say is shown as theirs, and changes nothing here.
"""

from __future__ import annotations

from typing import NamedTuple

from wherefrom.formats.states import OBSERVED
from wherefrom.formats.timestamps import micros
from wherefrom.formats.turned import PREDICATE_TYPE, SLOT
from wherefrom.policy.watched import Against
from wherefrom.views.estate import EstateSnapshot
from wherefrom.views.graph import Lens, Snapshot


class Open(NamedTuple):
    """What speaks against something that runs: since when, by the record ``entry``."""

    against: Against
    at: int
    entry: int


def open_turns(
    estate: EstateSnapshot, graph: Snapshot, lens: Lens, *, at: str, own: str
) -> dict[tuple[str, str], Open]:
    """By environment and artifact, what speaks against what is denied at a time."""
    said = estate.stated(SLOT, mode=OBSERVED, at=micros(at), as_of=lens.as_of)
    judged = graph.judgements({one.entry for one in said}, lens)
    found: dict[tuple[str, str], Open | None] = {}
    for one in said:
        by = judged.get(one.entry)
        if by is None or by.type != PREDICATE_TYPE or own not in by.signers:
            continue
        rules = one.properties.get("rules")
        open = None
        if one.value is not None:
            against = Against(one.value, tuple(rules) if isinstance(rules, list) else ())
            open = Open(against, one.at, one.entry)
        found.setdefault((one.environment, one.name), open)
    return {place: open for place, open in found.items() if open is not None}
