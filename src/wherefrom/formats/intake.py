"""Intake rules as values: what a rule is about, and what it demands of the records it is about.

    TOML, [[rule]] … ──► parse_file ──► IntakeRule, IntakeRule, … ──► digest_of

Every rule that is about a record must hold for it to get in, so their order says nothing, and one
more rule can only keep more out. Asking them is ``verify.intake``; what changes them is
``own.IntakeRules``.

Sizes:  RULES_MAX rules · PATTERNS_MAX patterns a list, each up to PATTERN_BYTES_MAX of UTF-8
Source: docs/formats/intake-rules.md, docs/decisions/0019-intake-rules.md
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Sequence
from typing import Final

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats.entry import ENTRY_KINDS, LEVELS

RULES_MAX: Final = 200
PATTERNS_MAX: Final = 100
PATTERN_BYTES_MAX: Final = 512
NAME_BYTES_MAX: Final = 128
LEASTS: Final = tuple(level for level in LEVELS if level != "self")
EFFECTS: Final = ("refuse", "mark")
_PRODUCER: Final = re.compile(r"p:[0-9a-f]{32}|local:(?:[0-9]{1,10}|\*)")
_LISTS: Final = (
    "kinds", "namespaces", "environments", "subjects", "senders", "except_senders", "only",
)  # fmt: skip


class IntakeRule(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True
):
    """One rule. What it is about (all of it must fit; what is left out fits everything):

    kinds           entry kinds and types
    namespaces      job and dataset namespaces; one of the record's
    environments    what the record says under ``environment``; one of them
    subjects        id or name of a thing that it describes; one of them
    senders         who brings it; ``except_senders`` who does not count

    A record that names no namespace, environment or subject names ``""``, which ``*`` covers too.

    And what must be so, ``least`` or ``only`` or both:

    least           the lowest level of trust that is enough
    only            who may bring it; empty: nobody

    effect  ``refuse`` what fails, or ``mark`` it and let it in
    """

    name: str
    kinds: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()
    except_senders: tuple[str, ...] = ()
    least: str | None = None
    only: tuple[str, ...] | None = None
    effect: str = "refuse"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rule: tuple[IntakeRule, ...] = ()


def parse_file(written: bytes, *, where: str = "rules") -> tuple[IntakeRule, ...]:
    """The rules of a TOML file; an empty file has none. Raises Malformed, LimitPassed."""
    try:
        read = msgspec.convert(tomllib.loads(written.decode()), _File)
    except (ValueError, RecursionError) as error:  # also what msgspec and UTF-8 raise
        raise Malformed(
            "not a file of intake rules",
            where=where,
            expected="TOML with a [[rule]] for each",
            got=str(error),
            do="See docs/formats/intake-rules.md",
        ) from error
    check(read.rule, where=where)
    return read.rule


def check(rules: Sequence[IntakeRule], *, where: str = "rules") -> None:
    """Return if each rule can be meant. Raises Malformed, LimitPassed."""
    if len(rules) > RULES_MAX:
        raise LimitPassed("too many intake rules", expected=f"{RULES_MAX} at most", got=len(rules))
    names: set[str] = set()
    for at, rule in enumerate(rules):
        place = f"{where}[{at}]"
        if not 0 < _size(rule.name, place) <= NAME_BYTES_MAX or rule.name in names:
            raise Malformed(
                "a rule needs a name of its own",
                where=f"{place}.name", expected=f"1 to {NAME_BYTES_MAX} bytes", got=rule.name,
            )  # fmt: skip
        names.add(rule.name)
        _check_words(rule, place)
        _check_lists(rule, place)


def _check_words(rule: IntakeRule, place: str) -> None:
    if rule.least is None and rule.only is None:
        raise Malformed(
            "a rule that demands nothing", where=place, expected="least or only, or both",
            do="To keep out all that it is about: only = []",
        )  # fmt: skip
    if rule.least not in (None, *LEASTS):
        raise Malformed(
            "not a level that can be demanded",
            where=f"{place}.least", expected=" ".join(LEASTS), got=rule.least,
        )  # fmt: skip
    if rule.effect not in EFFECTS:
        raise Malformed(
            "not an effect", where=f"{place}.effect", expected=" ".join(EFFECTS), got=rule.effect
        )


def _check_lists(rule: IntakeRule, place: str) -> None:
    for name in _LISTS:
        patterns = getattr(rule, name) or ()
        sizes = [_size(pattern, f"{place}.{name}") for pattern in patterns]
        if len(sizes) > PATTERNS_MAX or max(sizes, default=0) > PATTERN_BYTES_MAX:
            raise LimitPassed(
                "too many patterns, or too long a one", where=f"{place}.{name}",
                expected=f"{PATTERNS_MAX} of up to {PATTERN_BYTES_MAX} bytes",
            )  # fmt: skip
    for kind in rule.kinds:
        # A slip here would make a rule that is about nothing, and lets everything in.
        if kind not in ENTRY_KINDS and not re.search(r"[*/:.]", kind):
            raise Malformed(
                "neither a kind nor a type",
                where=f"{place}.kinds", expected=" ".join(sorted(ENTRY_KINDS)), got=kind,
            )  # fmt: skip


def _size(text: str, where: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        raise Malformed("text that UTF-8 cannot hold", where=where, got=str(error)) from error


def is_producer(sender: str) -> bool:
    """Is this a sender as an entry writes it, or ``local:*``?"""
    return _PRODUCER.fullmatch(sender) is not None


def digest_of(rules: Sequence[IntakeRule]) -> str:
    """SHA-256 (hex) of the rules as compact JSON, keys in alphabetical order, defaults left out."""
    return hashlib.sha256(msgspec.json.encode(list(rules), order="sorted")).hexdigest()
