"""What a document says of one vulnerability in some products: one shape for every kind of VEX.

    document ── contains ──► claim {status, justification, …}
                               ├─ describes ──► CVE-2021-44228 ── alternate ──► GHSA-…
                               ├─ describes ──► product
                               └─ describes ──► subcomponent    {as, within: [product]}

A claim is a node, not an edge, because one document says different things of one product. Four
words of status serve every format (STATUSES); what the format itself said is kept as ``state``.
What holds for one product only (a justification, a remediation) stands on the edge to it. Who may
be believed is judged from the record's trust, not here.

Sizes:  64 aliases · 64 products an edge names · a text 256 characters · 1,000,000 ties of claims to
        products a document
Source: Minimum Requirements for VEX (CISA, 2023); docs/formats/vex-claims.md
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Final

from wherefrom.errors import LimitPassed
from wherefrom.formats import components as parts
from wherefrom.formats.facts import WITHIN_MAX, FactsBuilder

STATUSES: Final = ("not_affected", "affected", "fixed", "under_investigation")
ALIASES_MAX: Final = 64
TIES_MAX: Final = 1_000_000

_CVE = re.compile(r"cve-[0-9]{4}-[0-9]{4,19}", re.IGNORECASE)
_GHSA = re.compile(r"ghsa((?:-[23456789cfghjmpqrvwx]{4}){3})", re.IGNORECASE)


class Budget:
    """How much one document may still claim: groups and subjects multiply what it writes."""

    def __init__(self) -> None:
        self.spent = 0

    def spend(self, count: int) -> None:
        """Count ``count`` ties. Raises LimitPassed past TIES_MAX in all."""
        self.spent += count
        if self.spent > TIES_MAX:
            raise LimitPassed(
                "a document claims too much of too many products",
                expected=f"{TIES_MAX} ties of a claim to a product at most",
            )


def vulnerability_id(text: str) -> str:
    """One spelling: ``CVE-2021-44228``, ``GHSA-jfh8-c2jp-5v3q``; any other id as it is written."""
    text = text.strip()
    if _CVE.fullmatch(text):
        return text.upper()
    ghsa = _GHSA.fullmatch(text)
    return f"GHSA{ghsa[1].lower()}" if ghsa else text


def is_known_scheme(text: str) -> bool:
    """Whether ``text`` is a CVE or GHSA id, which names one vulnerability everywhere."""
    return bool(_CVE.fullmatch(text.strip()) or _GHSA.fullmatch(text.strip()))


def add_vulnerability(
    builder: FactsBuilder,
    text: str,
    *,
    aliases: Iterable[str] = (),
    properties: Mapping[str, Any] | None = None,
) -> str:
    """Add the vulnerability ``text``, not blank, and its other names; returns its id.

    Raises LimitPassed for a name of more than 2,048 bytes.
    """
    id_ = parts.bounded(vulnerability_id(text))
    builder.node(id_, "vulnerability", parts.shown(id_), properties)
    for at, alias in enumerate(aliases):
        other = parts.bounded(vulnerability_id(alias))
        if other and at < ALIASES_MAX:
            builder.node(other, "vulnerability", parts.shown(other))
            builder.edge(id_, "alternate", other)
    return id_


def add_claim(
    builder: FactsBuilder,
    *,
    document_id: str,
    place: str,
    vulnerability: str,
    status: str | None,
    properties: Mapping[str, Any],
) -> str:
    """Add one claim, with no product yet; returns its id.

    place   where it stands in the document, such as ``statements[0]``
    status  one of STATUSES, ``unknown``, or None when the document gives none
    """
    claim = builder.node(
        parts.bounded(f"{document_id}#/{place}"),
        "claim",
        parts.shown(f"{vulnerability} {status}" if status else vulnerability),
        {"status": status, "vulnerability": parts.shown(vulnerability), **properties},
    )
    builder.edge(document_id, "contains", claim)
    builder.edge(claim, "describes", vulnerability)
    return claim


def add_subcomponent(
    builder: FactsBuilder, claim: str, component: str, *, within: Iterable[str], **said: Any
) -> None:
    """Say that the claim is about ``component`` where it is part of the products ``within``.

    said  what else stands on that edge
    """
    products = list(islice(within, WITHIN_MAX))
    edge = {"as": "subcomponent", "within": products, **said}
    builder.edge(claim, "describes", component, edge)
