"""Witness collections: all that a recorder saw while one step of a pipeline ran.

    {"name": step, "attestations": [{"type", "attestation", "starttime", "endtime"}, …]}

    material, lockfiles ◄──used── activity ◄──generated_by── product, oci, docker
    git commit ◄──────────used──┘ │ └──associated_with──► builder (github, gitlab, jenkins, …)
                                  └──informed_by──► the run of the pipeline

Each attestor has a reader in ``witness_attestors``; one that nobody reads adds its name to
``attestors`` and stays in the content. So do environments, output, tokens and user names: they
are not for everyone, and a person is only the hash of an address. One collection is one activity,
named as its step.

Sizes:  64 attestor names; nodes are bounded in ``recognise``
Source: in-toto/go-witness attestation/collection.go
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from wherefrom.errors import Malformed
from wherefrom.formats import slsa, strict_json, timestamps
from wherefrom.formats.facts import FactsBuilder
from wherefrom.formats.witness_attestors import (
    ATTESTOR,
    LISTED_MAX,
    WITNESS,
    Step,
    link_commit,
    name_of,
    read,
)

_COLLECTION: Final = re.compile(WITNESS + r"/attestation-collection/v0\.[0-9]+")


def is_collection(predicate_type: str) -> bool:
    """Whether this is a collection, or one attestor alone, that ``collection_facts`` reads."""
    return bool(_COLLECTION.fullmatch(predicate_type) or ATTESTOR.fullmatch(predicate_type))


def collection_facts(
    builder: FactsBuilder,
    predicate: Mapping[str, Any],
    *,
    predicate_type: str,
    subjects: Sequence[str],
    document_id: str,
    activity: str,
    where: str,
) -> slsa.Dated:
    """Add what the attestors of a collection saw; returns its time and its builder.

    subjects  ids of what the statement is about
    activity  the id to give to the step

    Raises Malformed for a collection without a list, and for fields of the wrong type.
    """
    step = Step(builder, activity, document_id, subjects)
    if _COLLECTION.fullmatch(predicate_type):
        name = strict_json.need_string(predicate, "name", where=where)
        listed = [
            (strict_json.as_object(item, where=f"{where}.attestations[{n}]"), n)
            for n, item in enumerate(strict_json.need_array(predicate, "attestations", where=where))
        ]
        found = [(item, f"{where}.attestations[{n}]") for item, n in listed]
    else:
        attestor = ATTESTOR.fullmatch(predicate_type)
        assert attestor is not None
        name = attestor["name"]
        found = [({"type": predicate_type, "attestation": predicate}, where)]
    builder.node(activity, "activity", name)
    builder.edge(document_id, "describes", activity)
    kinds: dict[str, None] = {}
    times: list[str] = []
    # Files first, and what was there before them all: the same bytes are then no product, and an
    # SBOM or a summary is about the products.
    for item, place in sorted(found, key=lambda pair: _rank(pair[0])):
        kind = strict_json.need_string(item, "type", where=place)
        kinds[name_of(kind)] = None
        times += _times(item)
        attestation = item.get("attestation")
        if attestation is not None:
            at = place if attestation is predicate else f"{place}.attestation"
            read(step, kind, strict_json.as_object(attestation, where=at), at)
    link_commit(step)
    listed_kinds = sorted(kinds)[:LISTED_MAX]
    started, finished = (min(times), max(times)) if times else (None, None)
    step.says(attestors=listed_kinds, startedOn=started, finishedOn=finished)
    return slsa.Dated(finished, step.agent)


def _rank(item: Mapping[str, Any]) -> int:
    name = name_of(str(item.get("type")))
    return {"material": 0, "product": 1}.get(name, 2)


def _times(item: Mapping[str, Any]) -> list[str]:
    """Start and end, where they can be read; Go writes an unset time as the year one."""
    found = []
    for key in ("starttime", "endtime"):
        text = item.get(key)
        if isinstance(text, str) and not text.startswith("0001-"):
            try:
                found.append(timestamps.canonical(text, where=key))
            except Malformed:
                continue
    return found
