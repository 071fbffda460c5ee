"""One kind, one name and one set of properties from all that records say of a node.

Records disagree. The most trusted speaks first; among equals the later one, because a run that
is COMPLETE was RUNNING before. A kind that says little (``artifact``) gives way to any other.
Everything that was said stays visible in ``show``, with its entry.

    mentions (first and last EACH_MAX of a node) ──rank by (trust, entry)──► Summary

Sizes:  EACH_MAX mentions from each end; what a node of a million mentions is called does not
        depend on the ones between
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.formats.entry import LEVELS
from wherefrom.views.graph import Judgement, Lens, Mention, Snapshot
from wherefrom.views.graph.schema import KIND_NAMES

EACH_MAX: Final = 4
VAGUE: Final = frozenset({"artifact", "component", "resource"})
STRENGTH: Final = {level: strength for strength, level in enumerate(LEVELS)}


class Summary(NamedTuple):
    """What a node is taken to be."""

    kind: str
    name: str | None
    properties: dict[str, Any]


def mentions_of(
    snapshot: Snapshot, numbers: Collection[int], lens: Lens
) -> dict[int, list[Mention]]:
    """The mentions that summaries are made of, by node."""
    by_node: dict[int, list[Mention]] = {}
    for mention in snapshot.mentions(numbers, lens, each_max=EACH_MAX):
        by_node.setdefault(mention.node, []).append(mention)
    return by_node


def disputed(by_node: Mapping[int, list[Mention]]) -> set[int]:
    """The entries whose trust matters: those of nodes of which not all mentions say the same."""
    entries: set[int] = set()
    for mentions in by_node.values():
        if len(mentions) > 1 and any(m[2:] != mentions[0][2:] for m in mentions):
            entries.update(m.entry for m in mentions)
    return entries


def summarise(mentions: list[Mention], judged: Mapping[int, Judgement]) -> Summary:
    """Merge what was said of one node; ``judged`` has every disputed entry."""
    if len(mentions) > 1 and all(m[2:] == mentions[0][2:] for m in mentions):
        mentions = mentions[:1]
    if len(mentions) > 1:
        mentions = sorted(
            mentions, key=lambda m: (STRENGTH[judged[m.entry].level], m.entry), reverse=True
        )
    kind = KIND_NAMES[mentions[0].kind]
    name: str | None = None
    properties: dict[str, Any] = {}
    for mention in mentions:
        if kind in VAGUE:
            said = KIND_NAMES[mention.kind]
            kind = said if said not in VAGUE else kind
        name = name or mention.name
        if mention.properties:
            for key, value in msgspec.json.decode(mention.properties).items():
                properties.setdefault(key, value)
    return Summary(kind, name, properties)


def summaries(snapshot: Snapshot, numbers: Collection[int], lens: Lens) -> dict[int, Summary]:
    """The summary of each node that the lens shows."""
    by_node = mentions_of(snapshot, numbers, lens)
    judged = snapshot.judgements(disputed(by_node), lens)
    return {node: summarise(mentions, judged) for node, mentions in by_node.items()}
