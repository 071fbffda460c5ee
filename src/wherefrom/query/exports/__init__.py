"""An answer in the formats of others: what draws graphs, stores provenance, keeps catalogues.

    Trace, Path ──► write(answer, "prov-json") ──► text, of the media type in FORMATS

Each writer is pure: the same answer gives the same bytes. No name in a record can break the
syntax, and each text says of which log it speaks. docs/formats/exports.md has an example of each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from wherefrom.query.answers import Path, Trace
from wherefrom.query.exports.dot import to_dot
from wherefrom.query.exports.graphml import to_graphml
from wherefrom.query.exports.mermaid import to_mermaid
from wherefrom.query.exports.openlineage import to_openlineage
from wherefrom.query.exports.prov import to_prov_json, to_prov_n


class Export(NamedTuple):
    """A format: the media type it is served under, and what writes it."""

    media_type: str
    write: Callable[[Trace | Path], str]


FORMATS: Final[Mapping[str, Export]] = {
    "dot": Export("text/vnd.graphviz", to_dot),
    "mermaid": Export("text/vnd.mermaid", to_mermaid),
    "graphml": Export("application/graphml+xml", to_graphml),
    "prov-json": Export("application/json", to_prov_json),
    "prov-n": Export("text/provenance-notation", to_prov_n),
    "openlineage": Export("application/x-ndjson", to_openlineage),
}


def write(answer: Trace | Path, format: str) -> str:
    """``answer`` in one of ``FORMATS``. Raises KeyError for another."""
    return FORMATS[format].write(answer)
