"""What the webhooks of flag services have in common: a flag was changed, and what it is now.

    change ──changes──► flag:<environment>:<key>     State(declared, environment, flag <key>)

A flag that serves by rules has no one value: its default is what is known of it, as in a file of
flagd. Where a body does not say what the flag is now, the change is told and no state. Deliveries
may come out of order, so each state is of its own time, and its version stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from wherefrom.errors import Malformed
from wherefrom.formats import changes, names, timestamps
from wherefrom.formats.facts import Facts, FactsBuilder
from wherefrom.formats.states import DECLARED, Scope, State


class Now(NamedTuple):
    """A flag in one environment after the change.

    value     what it gives by default; None: it is no more
    is_known  False if the body does not say
    """

    environment: str
    value: str | None
    is_known: bool = True
    version: int | None = None


def id_of(document: Mapping[str, Any], key: str, what: str, time: str | None) -> str:
    """The number of an event; what else tells it from others if it has none."""
    number = document.get(key)
    if isinstance(number, int | str) and not isinstance(number, bool) and str(number):
        return f"{what}@{number}"
    return f"{what}@{time}"


def millis(document: Mapping[str, Any], key: str) -> str | None:
    """A time in milliseconds since 1970."""
    value = document.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**48:
        raise Malformed(
            "not a time", where=key, expected="milliseconds since 1970, an integer", got=value
        )
    try:
        return timestamps.of_micros(value * 1000)
    except OverflowError as error:
        raise Malformed("not a time that exists", where=key, got=value) from error


def facts(
    document_id: str,
    given: Scope,
    *,
    system: str,
    id: str,
    name: str,
    key: str | None,
    shown: str | None,
    now: list[Now],
    time: str | None,
    by: str | None,
) -> Facts:
    builder = FactsBuilder(document=document_id)
    builder.node(document_id, "event", name, {"format": system})
    flags = []
    for each in now if key is not None else ():
        assert key is not None
        flags.append(builder.node(names.flag_id(each.environment, key), "flag", shown or key))
        if each.is_known:
            version = {"version": each.version} if each.version is not None else None
            scope = given._replace(environment=each.environment)
            builder.state(
                State(DECLARED, scope, "flag", key, each.value, properties=version, at=time)
            )
    changes.add_change(
        builder, changes.change_id(system, id), f"{name} {key or ''}".strip(),
        by=changes.add_who(builder, by, system=system), things=flags,
        properties={"time": time, "environment": now[0].environment or None if now else None},
    )  # fmt: skip
    return builder.build(kind="change", type=f"{system}.webhook", occurred=time)
