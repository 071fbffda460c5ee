"""An inventory: what a registry, a CI, a cluster or a cloud says that it has, at one time.

    answer of a foreign API ──inventory_*──► Inventory(kind, source, listed) ──reconcile──► differences
                                                 └──► statement ──► log: what was listed, kept as proof

A record of one says only that it was taken: were its images nodes, the log would know of each image
because the registry lists it, and nothing would ever be missing.

Sizes:  LISTED_MAX things · a name 2,048 bytes · those of ``statement``
Source: docs/formats/inventories.md
"""  # noqa: E501 - the picture

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import canonical_json, digests, statement_shape, strict_json, timestamps
from wherefrom.formats.facts import FactsBuilder

PREDICATE_TYPE: Final = "urn:wherefrom:inventory:v1"
KINDS: Final = ("registry", "ci", "cluster", "cloud", "list")
LISTED_MAX: Final = 100_000
NAME_BYTES_MAX: Final = 2048


class Listed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing of an inventory.

    what      ``image``, ``run``, ``container``, ``resource`` or ``thing``
    id        its id as the log names things; ``names``: how else it may be called there
    where     where it is listed: a repository, a namespace and pod, an account
    says      how people call it
    parts     of an image index: its platforms
    service   which service it is of, if the inventory says
    """

    what: str
    id: str
    where: str = ""
    says: str = ""
    names: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    service: str = ""
    at: str = ""


class Inventory(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that one source listed.

    kind         of ``KINDS``
    source       which registry, CI, cluster or cloud: a URL or the name of a file
    taken        when, RFC 3339
    covers       where it lists all there is: repositories, accounts; else nothing is missing in it
    environment  which one a cluster is
    left_out     what it has that is compared with nothing, by why, and how often
    """

    kind: str
    source: str
    taken: str
    listed: tuple[Listed, ...]
    covers: tuple[str, ...] = ()
    environment: str = ""
    left_out: Mapping[str, int] = {}

    @property
    def digest(self) -> str:
        """``sha256:`` of what it lists, whenever it was taken."""
        said = msgspec.structs.replace(self, taken="")
        return digests.sha256_id(canonical_json.to_bytes(msgspec.to_builtins(said)))


def parse(said: object, *, where: str) -> Inventory:
    """Read an inventory. Raises Malformed, LimitPassed."""
    try:
        found = msgspec.convert(said, Inventory)
    except msgspec.ValidationError as error:
        raise Malformed("not an inventory", where=where, got=str(error)[:200]) from error
    return check(found, where=where)


def check(found: Inventory, *, where: str) -> Inventory:
    """The inventory. Raises Malformed, LimitPassed."""
    if found.kind not in KINDS:
        raise Malformed(
            "not a kind of inventory", where=f"{where}.kind", expected=" ".join(KINDS),
            got=found.kind[:80],
        )  # fmt: skip
    timestamps.parse(found.taken, where=f"{where}.taken")
    if len(found.listed) > LISTED_MAX:
        raise LimitPassed(
            "an inventory lists too much", where=where, expected=f"listed_max {LISTED_MAX}",
            got=len(found.listed),
        )  # fmt: skip
    for number, one in enumerate(found.listed):
        for text in (one.id, one.where, *one.names, *one.parts):
            place = f"{where}.listed[{number}]"
            if "\0" in text:
                raise Malformed("a name with a NUL in it", where=place, got=text[:80])
            if len(text.encode("utf-8", "surrogatepass")) > NAME_BYTES_MAX:
                raise LimitPassed(
                        "a name is too long", where=place, got=text[:80],
                        expected=f"name_bytes_max {NAME_BYTES_MAX}",
                    )  # fmt: skip
    return found


def to_statement(found: Inventory) -> bytes:
    """The in-toto statement, canonical. Raises as ``check``."""
    check(found, where="inventory")
    subject = {"name": found.source, "digest": statement_shape.digest_set(found.digest)}
    return statement_shape.of_subjects([subject], PREDICATE_TYPE, msgspec.to_builtins(found))


def add(
    builder: FactsBuilder,
    predicate: Mapping[str, Any],
    *,
    subjects: Sequence[str],
    where: str,
) -> str:
    """Add that an inventory was taken; returns when. Raises as ``parse``, and Malformed for other
    contents than its subject's."""
    found = parse(dict(predicate), where=where)
    if list(subjects) != [found.digest]:
        raise Malformed(
            "an inventory under another digest than its own", where="subject",
            expected=found.digest, got=", ".join(subjects),
        )  # fmt: skip
    builder.node(
        found.digest, "report", found.source,
        {"inventory": found.kind, "listed": len(found.listed),
         "environment": found.environment or None},
    )  # fmt: skip
    return timestamps.canonical(found.taken, where=f"{where}.taken")


def documents(written: bytes, *, where: str) -> Iterator[Any]:
    """The JSON values of an answer that was saved: one, or one a line. Raises Malformed."""
    text = written.strip()
    if not text:
        raise Malformed("an empty inventory", where=where, expected="JSON")
    first = text.split(b"\n", 1)[0].strip()
    try:
        whole = strict_json.decode(text)
    except Malformed:
        # Several values are one a line; what is broken in one is said of that line.
        if first == text:
            raise
        whole = None
    if whole is not None:
        yield whole
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield strict_json.decode(line.strip())
            except Malformed as error:
                raise Malformed(
                    error.what, where=f"{where}, line {number}", got=error.got
                ) from error


def objects(value: Any, *keys: str) -> Iterator[dict[str, Any]]:
    """The objects of an answer: under the first of ``keys`` it has, of an array, or itself."""
    if isinstance(value, dict):
        for key in keys:
            if isinstance(value.get(key), list):
                value = value[key]
                break
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            yield item


def text_of(parent: Mapping[str, Any], *keys: str) -> str:
    """The first of these that is text or a number, as text; empty if none is."""
    for key in keys:
        found = parent.get(key)
        if isinstance(found, str) and found:
            return found
        if isinstance(found, int) and not isinstance(found, bool):
            return str(found)
    return ""
