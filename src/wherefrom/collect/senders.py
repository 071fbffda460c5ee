"""Whom an intake rule means: people write the name of a token, a record holds what entries hold.

    "ci-till" ──► p:… (the keyed hash that entries name its records by)
    p:…  local:1000  local:* ──► as they are

Two tokens of one name are one sender. A hash says nothing to whoever lacks the key; ``names_of``
gives the names back to those who hold the token file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from wherefrom.collect.principals import Principal, Token, producer_of
from wherefrom.errors import Malformed
from wherefrom.formats.intake import IntakeRule, is_producer


def hashed(rules: Sequence[IntakeRule], *, key: bytes) -> tuple[IntakeRule, ...]:
    """``rules`` with every sender as an entry writes it. Raises Malformed."""
    return tuple(
        replace(
            rule,
            senders=_all(rule.senders, key),
            except_senders=_all(rule.except_senders, key),
            only=None if rule.only is None else _all(rule.only, key),
        )
        for rule in rules
    )


def _all(senders: Iterable[str], key: bytes) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_one(sender, key) for sender in senders))


def _one(sender: str, key: bytes) -> str:
    if is_producer(sender):
        return sender
    if not sender or "*" in sender or sender.startswith(("p:", "local:")):
        raise Malformed(
            "not a sender",
            expected="the name of a token, a producer (p:…), local:UID or local:*",
            got=sender,
        )
    return producer_of(Principal(name=sender, roles=("record",)), key=key)


def names_of(tokens: Iterable[Token], *, key: bytes) -> dict[str, str]:
    """The name behind each producer, for the tokens there are."""
    return {producer_of(token.principal, key=key): token.principal.name for token in tokens}
