"""How services are brought back, where no record says: ``DIR/rollback.json``.

    {"version": 1, "commands": [{"services": ["cart*"], "environments": ["prod"],
                                 "slots": ["artifact"], "argv": ["deploy", "{image}"]}]}

The first that fits is taken, before what follows from records. A command is a list of words and is
never read by a shell; each placeholder in a word is replaced by what it stands for.

Sizes:  COMMANDS_MAX commands of WORDS_MAX words · a word 4,096 bytes
Source: docs/formats/rollback-settings.md
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import strict_json
from wherefrom.formats.patterns import matches
from wherefrom.formats.states import SLOTS

VERSION: Final = 1
COMMANDS_MAX: Final = 1_000
WORDS_MAX: Final = 200
WORD_BYTES_MAX: Final = 4096
# What a placeholder stands for; ``image`` is ``says`` with its digest, where it has one.
PLACEHOLDERS: Final = (
    "service", "environment", "region", "pool", "slot", "name", "value", "says", "image", "before",
)  # fmt: skip
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way to bring parts back. Patterns with ``*``; none: all."""

    argv: tuple[str, ...]
    services: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    slots: tuple[str, ...] = ()

    def serves(self, *, service: str, environment: str, slot: str) -> bool:
        """Whether this is for such a part."""
        return (
            _among(service, self.services)
            and _among(environment, self.environments)
            and (not self.slots or slot in self.slots)
        )


class RollbackSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them, in the order in which they are tried."""

    version: int = VERSION
    commands: tuple[Template, ...] = ()

    def template(self, *, service: str, environment: str, slot: str) -> Template | None:
        """The first that is for such a part."""
        asked = {"service": service, "environment": environment, "slot": slot}
        return next((one for one in self.commands if one.serves(**asked)), None)


def parse(content: bytes, *, where: str) -> RollbackSettings:
    """Read settings. Raises Malformed, LimitPassed."""
    document = strict_json.decode(content)
    try:
        settings = msgspec.convert(document, RollbackSettings)
    except msgspec.ValidationError as error:
        raise Malformed("not settings of rollbacks", where=where, got=str(error)) from error
    if settings.version != VERSION:
        raise Malformed(
            "a version that is not read", where=where, expected=str(VERSION), got=settings.version
        )
    if len(settings.commands) > COMMANDS_MAX:
        raise LimitPassed("too many commands", where=where, expected=f"{COMMANDS_MAX} at most")
    for number, one in enumerate(settings.commands):
        place = f"{where}, commands[{number}]"
        for slot in one.slots:
            if slot not in SLOTS:
                raise Malformed("not a slot of state", where=place, expected=" ".join(SLOTS),
                                got=slot)  # fmt: skip
        check_words(one.argv, PLACEHOLDERS, where=place)
    return settings


def check_words(argv: Sequence[str], known: Collection[str], *, where: str) -> None:
    """Raises Malformed for no command or a placeholder that is none, LimitPassed."""
    if not argv or not argv[0] or _PLACEHOLDER.search(argv[0]):
        raise Malformed(
            "not a command", where=where, expected="a program first, without placeholders",
            got=argv[0] if argv else "nothing",
        )  # fmt: skip
    if len(argv) > WORDS_MAX:
        raise LimitPassed("too many words", where=where, expected=f"{WORDS_MAX} at most")
    for word in argv:
        if len(word.encode("utf-8", "surrogatepass")) > WORD_BYTES_MAX:
            raise LimitPassed("a word is too long", where=where, expected=f"{WORD_BYTES_MAX} bytes")
        if "\0" in word:
            raise Malformed("a word that no program can be given", where=where, got=word[:80])
        for name in _PLACEHOLDER.findall(word):
            if name not in known:
                raise Malformed(
                    "not a placeholder", where=where, expected=" ".join(known), got=name
                )


def filled(argv: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """The words with their placeholders replaced; a value is one word or a part of one, whatever
    is in it.

    Raises Malformed where a whole word would become an option, or cannot be given to a program:
    values come from records, and records from strangers.
    """
    made = []
    for word in argv:
        text = _PLACEHOLDER.sub(lambda found: values[found[1]], word)
        if word[:1] == "{" and text.startswith("-"):
            raise Malformed("a value that would be taken for an option", got=text[:80])
        if "\0" in text:
            raise Malformed("a value that no program can be given", got=text[:80])
        made.append(text)
    return made


def _among(text: str, patterns: Collection[str]) -> bool:
    return not patterns or any(matches(pattern, text) for pattern in patterns)
