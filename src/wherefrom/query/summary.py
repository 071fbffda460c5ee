"""One kind, one name and one set of properties from all that records say of a node.

Records disagree. The most trusted speaks first; among equals the later one, because a run that
is COMPLETE was RUNNING before. A kind that says little (``artifact``) gives way to any other.
Everything that was said stays visible in ``show``, with its entry.

Who signed a record of Sigstore's, its certificate says, and only a trusted root proves: beside such
an ``identity`` stands IDENTITY_IS, ``verified`` if the record is ``keyless`` at the lens's size,
else ``claimed``. Nobody's record can say that itself.

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
from wherefrom.views.graph.schema import KIND_NAMES, KIND_NUMBERS

EACH_MAX: Final = 4
VAGUE: Final = frozenset({"artifact", "component", "resource"})
IDENTITY_IS: Final = "identityIs"
_SIGNER: Final = ("identity", "issuer")
_ATTESTATION: Final = KIND_NUMBERS["attestation"]
STRENGTH: Final = {level: strength for strength, level in enumerate(LEVELS)}


class Summary(NamedTuple):
    """What a node is taken to be."""

    kind: str
    name: str | None
    properties: dict[str, Any]


def mentions_of(
    snapshot: Snapshot, numbers: Collection[int], lens: Lens
) -> dict[int, list[Mention]]:
    """What is said of each node; one mention stands for all where all say the same."""
    by_node: dict[int, list[Mention]] = {}
    differ: set[int] = set()
    for mention in snapshot.mentions(numbers, lens, each_max=EACH_MAX):
        said = by_node.setdefault(mention.node, [])
        said.append(mention)
        if mention[2:] != said[0][2:]:
            differ.add(mention.node)
    return {node: said if node in differ else said[:1] for node, said in by_node.items()}


def disputed(by_node: Mapping[int, list[Mention]]) -> set[int]:
    """The entries whose trust decides what a node is taken to be, or who signed it."""
    return {m.entry for said in by_node.values() for m in said if len(said) > 1 or _names_signer(m)}


def _names_signer(mention: Mention) -> bool:
    """Perhaps: a cheap look at a record's own node, for most nodes are none."""
    return mention.kind == _ATTESTATION and '"identity":' in (mention.properties or "")


def summarise(mentions: list[Mention], judged: Mapping[int, Judgement]) -> Summary:
    """Merge what was said of one node; ``judged`` has every entry that is ``disputed``."""
    if len(mentions) > 1:
        mentions = sorted(
            mentions, key=lambda m: (STRENGTH[judged[m.entry].level], m.entry), reverse=True
        )
    kind = KIND_NAMES[mentions[0].kind]
    name: str | None = None
    properties: dict[str, Any] = {}
    signer: dict[str, Any] = {}
    for mention in mentions:
        if kind in VAGUE:
            said = KIND_NAMES[mention.kind]
            kind = said if said not in VAGUE else kind
        name = name or mention.name
        if mention.properties:
            said_here = msgspec.json.decode(mention.properties)
            said_here.pop(IDENTITY_IS, None)
            if not signer and _names_signer(mention) and "identity" in said_here:
                # Together, or one record's issuer could stand beside another's identity.
                signer = {key: said_here[key] for key in _SIGNER if key in said_here}
                proven = judged[mention.entry].level == "keyless"
                signer[IDENTITY_IS] = "verified" if proven else "claimed"
            for key, value in said_here.items():
                properties.setdefault(key, value)
    if signer:
        properties = {k: v for k, v in properties.items() if k not in _SIGNER} | signer
    return Summary(kind, name, properties)


def summaries(snapshot: Snapshot, numbers: Collection[int], lens: Lens) -> dict[int, Summary]:
    """The summary of each node that the lens shows."""
    by_node = mentions_of(snapshot, numbers, lens)
    judged = snapshot.judgements(disputed(by_node), lens)
    return {node: summarise(mentions, judged) for node, mentions in by_node.items()}
