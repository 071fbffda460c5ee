"""Whether a thing was made again, bit for bit: the predicate of ``wherefrom rebuild``.

    {"result", "reason", "provenance": {digest}, "builds": […], "causes": […],
     "pinned": […], "free": […], "varied": […], "dependsOn": […], "finished", "seconds"}
        attestation ──describes──► what was to be made again
             └──used──► the provenance that it was made again from

``reproduced``: every build gave the recorded bytes. ``differs``: one gave others. ``cannot``: there
was no build to compare, and the reason says why; that is no word against the thing.

Sizes:  CAUSES_MAX causes, and as many words in each list · BUILDS_MAX builds
Source: docs/formats/rebuild.md
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from wherefrom.errors import Malformed
from wherefrom.formats import timestamps
from wherefrom.formats.descriptors import resource
from wherefrom.formats.facts import FactsBuilder
from wherefrom.formats.strict_json import (
    as_object,
    as_string,
    get_array,
    get_string,
    need_object,
    need_string,
)

PREDICATE_TYPE: Final = "urn:wherefrom:rebuild:v1"
RESULTS: Final = ("reproduced", "differs", "cannot")
CAUSES_MAX: Final = 64
BUILDS_MAX: Final = 16
SECONDS_MAX: Final = 366 * 86_400


def add(
    builder: FactsBuilder, predicate: Mapping[str, Any], *, document_id: str, where: str
) -> str | None:
    """Add what the predicate says to the attestation; returns when it was found.

    Raises Malformed for a result that is none, a missing field, or one of the wrong type.
    """
    result = need_string(predicate, "result", where=where)
    if result not in RESULTS:
        raise Malformed(
            "not a result of a rebuild", where=f"{where}.result", expected=" ".join(RESULTS),
            got=result,
        )  # fmt: skip
    builds = get_array(predicate, "builds", where=where)
    _need_few(builds, BUILDS_MAX, where=f"{where}.builds")
    for at, build in enumerate(builds):
        as_object(build, where=f"{where}.builds[{at}]")
    finished = get_string(predicate, "finished", where=where)
    builder.node(
        document_id,
        "attestation",
        f"rebuild: {result}",
        properties={
            "result": result,
            "reason": get_string(predicate, "reason", where=where),
            "builds": len(builds),
            "causes": _texts(predicate, "causes", where),
            "pinned": _texts(predicate, "pinned", where),
            "free": _texts(predicate, "free", where),
            "varied": _texts(predicate, "varied", where),
            "depends_on": _texts(predicate, "dependsOn", where),
            "seconds": _seconds(predicate, where),
        },
    )
    place = f"{where}.provenance"
    node = resource(
        builder, need_object(predicate, "provenance", where=where), where=place, kind="attestation"
    )
    if node is None:
        raise Malformed("names no provenance", where=place, expected="a digest")
    builder.edge(document_id, "used", node)
    return timestamps.canonical(finished, where=f"{where}.finished") if finished else None


def _seconds(predicate: Mapping[str, Any], where: str) -> float | None:
    """How long the whole of it took."""
    said = predicate.get("seconds")
    if said is None:
        return None
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said < SECONDS_MAX:
        raise Malformed(
            "not how long it took", where=f"{where}.seconds", got=said,
            expected=f"seconds, below {SECONDS_MAX:,}",
        )  # fmt: skip
    return float(said)


def _texts(predicate: Mapping[str, Any], name: str, where: str) -> list[str] | None:
    """A list of texts, None for none."""
    listed = get_array(predicate, name, where=where)
    _need_few(listed, CAUSES_MAX, where=f"{where}.{name}")
    return [as_string(one, where=f"{where}.{name}[{at}]") for at, one in enumerate(listed)] or None


def _need_few(listed: list[Any], most: int, *, where: str) -> None:
    if len(listed) > most:
        raise Malformed("too many", where=where, expected=f"{most} at most", got=len(listed))
