"""How the predicates that are our own become statements, and are read again.

    Struct ──written──► in-toto statement {subject, predicateType, predicate}
    predicate ──convert──► Struct, or Malformed that says where ──need_sized, need_time──► checked

Source: in-toto attestation spec v1
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import canonical_json, digests, timestamps
from wherefrom.formats.dsse import STATEMENT_TYPES

T = TypeVar("T", bound=msgspec.Struct)


def convert(
    predicate: Mapping[str, Any], shape: type[T], what: str, where: str, *, do: str | None = None
) -> T:
    """A predicate as its Struct. Raises Malformed for a field that is wrong or unknown.

    what  it is not then, such as ``an approval``; ``do`` what helps
    """
    try:
        return msgspec.convert(dict(predicate), shape)
    except msgspec.ValidationError as error:
        said, _, path = str(error).partition(" - at `$")
        place = f"{where}{path.rstrip('`')}"
        raise Malformed(f"not {what}", where=place, got=said, do=do) from error


def need_time(text: str, where: str) -> None:
    """Raises Malformed for a time that is not as ``timestamps`` writes it."""
    if timestamps.canonical(text, where=where) != text:
        raise Malformed("not a time in its one spelling", where=where, got=text)


def need_subject(subjects: Sequence[str], own: str, what: str, *, do: str | None = None) -> None:
    """Raises Malformed, saying ``what``, unless ``own`` is the only subject."""
    if list(subjects) != [own]:
        got = ", ".join(subjects[:3])
        raise Malformed(what, where="subject", expected=own, got=got, do=do)


def need_sized(text: str, where: str, bytes_max: int) -> None:
    """Raises LimitPassed for a text of more bytes in UTF-8."""
    if len(text.encode("utf-8", "surrogatepass")) > bytes_max:
        raise LimitPassed(
            "a text is too long", where=where, got=text[:80], expected=f"{bytes_max} bytes"
        )


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
    named = [
        {**({"name": name} if name else {}), "digest": digest_set(digest)}
        for digest, name in subjects.items()
    ]
    return of_subjects(named, predicate_type, predicate)


def of_subjects(
    subjects: Sequence[Mapping[str, Any]], predicate_type: str, predicate: Mapping[str, Any]
) -> bytes:
    """The statement, canonical, about ``subjects`` as in-toto describes them."""
    return canonical_json.to_bytes(
        {
            "_type": STATEMENT_TYPES[0],
            "subject": list(subjects),
            "predicateType": predicate_type,
            "predicate": predicate,
        }
    )


def digest_set(id: str) -> dict[str, str]:
    """A digest as in-toto writes it. Raises Malformed for an id that is none."""
    if digests.strong_id_in(id) is None:
        raise Malformed(
            "a statement is about what a digest names", got=id, expected="sha256:…",
            do="Say which artifact by its digest",
        )  # fmt: skip
    algorithm, _, digits = id.partition(":")
    return {algorithm: digits}
