"""How the predicates that are our own become statements, and are read again.

    Struct ──written──► in-toto statement {subject, predicateType, predicate}
    predicate ──convert──► Struct, or Malformed that says where

Source: in-toto attestation spec v1
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from wherefrom.errors import Malformed
from wherefrom.formats import canonical_json, digests

T = TypeVar("T", bound=msgspec.Struct)


def convert(predicate: Mapping[str, Any], shape: type[T], what: str, where: str) -> T:
    """A predicate as its Struct. Raises Malformed for a field that is wrong or unknown."""
    try:
        return msgspec.convert(dict(predicate), shape)
    except msgspec.ValidationError as error:
        said, _, path = str(error).partition(" - at `$")
        raise Malformed(f"not {what}", where=f"{where}{path.rstrip('`')}", got=said) from error


def written(
    said: T, predicate_type: str, subjects: Mapping[str, str], parse: Callable[[dict[str, Any]], T]
) -> bytes:
    """The statement, canonical, without what is left open.

    subjects  digest → name

    Raises Malformed for a subject that no digest names, and what ``parse`` raises.
    """
    predicate = {k: v for k, v in msgspec.to_builtins(said).items() if v not in (None, "", [])}
    parse(predicate)
    return of_predicate(predicate, predicate_type, subjects)


def of_predicate(
    predicate: Mapping[str, Any], predicate_type: str, subjects: Mapping[str, str]
) -> bytes:
    """The statement, canonical; ``subjects`` digest → name, or none. Raises Malformed."""
    return canonical_json.to_bytes(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [
                {**({"name": name} if name else {}), "digest": digest_set(digest)}
                for digest, name in subjects.items()
            ],
            "predicateType": predicate_type,
            "predicate": predicate,
        }
    )


def digest_set(id: str) -> dict[str, str]:
    """A digest as in-toto writes it. Raises Malformed for an id that is none."""
    algorithm, _, digits = id.partition(":")
    if digests.strong_id(algorithm, digits) is None:
        raise Malformed(
            "a statement is about what a digest names", got=id, expected="sha256:…",
            do="Say which artifact by its digest",
        )  # fmt: skip
    return {algorithm: digits}
