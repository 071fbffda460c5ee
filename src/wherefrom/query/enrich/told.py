"""What was found of an alert, and the words in which the alert carries it.

    Told ──note_of──► Note: a text and a link for each thing found, and what was not found

Sizes:  ARTIFACTS_MAX artifacts and CHANGES_MAX changes are named, the first
Source: docs/enrich.md
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import msgspec

from wherefrom.formats.alert_shapes import SAYS, TEXT_CHARS_MAX, Note
from wherefrom.formats.shown import cut, percent, short_id
from wherefrom.query.answers import LogPosition

ARTIFACTS_MAX: Final = 5
CHANGES_MAX: Final = 3
_VALUE_CHARS: Final = 60


class Runs(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An artifact that runs there. ``instances`` None where it is only declared; ``entry`` the
    record that says so."""

    artifact: str
    entry: int
    says: str | None = None
    instances: int | None = None


class ChangeTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A change near the alert. ``probability`` that it did it, 0 to 1; None if nobody can say."""

    slot: str
    name: str
    service: str
    before: str | None
    after: str | None
    at: str
    by: str
    entry: int
    probability: float | None = None


class OwnerTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who owns the service. ``contacts`` where to reach them, by kind."""

    team: str
    contacts: Mapping[str, str] = {}


class Told(NamedTuple):
    """All that is known so far of one alert.

    deployment  the newest change of an artifact by then
    none        how likely it is that none of ``changes`` did it
    command     what shows more
    log, as_of  of which log it speaks
    says        what could not be found, and why
    """

    environment: str = ""
    service: str = ""
    artifacts: tuple[Runs, ...] = ()
    deployment: ChangeTold | None = None
    owner: OwnerTold | None = None
    changes: tuple[ChangeTold, ...] = ()
    none: float | None = None
    command: str = ""
    log: LogPosition | None = None
    as_of: int | None = None
    says: tuple[str, ...] = ()

    def but(self, *says: str, **found: Any) -> Told:
        """The same with more known."""
        return self._replace(**found, says=(*self.says, *says))


def note_of(told: Told, *, url: str) -> Note:
    """The note. ``url`` is where people reach the log; no links without it."""
    return Note(
        texts={name: cut(text, TEXT_CHARS_MAX) for name, text in _texts(told)},
        links=dict(_links(told, url.rstrip("/"))) if url else {},
        details=_details(told),
    )


def _texts(told: Told) -> Iterator[tuple[str, str]]:
    if told.artifacts:
        named = [_artifact(one) for one in told.artifacts[:ARTIFACTS_MAX]]
        more = len(told.artifacts) - len(named)
        yield "artifact", ", ".join(named) + (f" and {more} more" if more else "")
    if told.deployment is not None:
        one = told.deployment
        was = f", {short_id(one.before)} before" if one.before else ""
        yield (
            "deployment",
            (f"{one.after or 'nothing'}{was}, at {one.at} by {one.by}, record #{one.entry}"),
        )
    if told.owner is not None:
        reach = "; ".join(f"{kind}: {where}" for kind, where in told.owner.contacts.items())
        yield "owner", told.owner.team + (f" ({reach})" if reach else "")
    if told.changes:
        shown = [_change(one) for one in told.changes[:CHANGES_MAX]]
        if told.none is not None:
            shown.append(f"{percent(told.none)} none of these")
        yield "changes", "; ".join(shown)
    if told.command:
        yield "command", told.command
    if told.log is not None:
        size = told.log.size if told.as_of is None else told.as_of
        root = f", root {told.log.root[:16]}" if told.log.root and size == told.log.size else ""
        yield "as_of", f"{told.log.origin} size {size}{root}"
    if told.says:
        yield SAYS, "; ".join(dict.fromkeys(told.says))


def _artifact(one: Runs) -> str:
    called = f" ({cut(one.says, _VALUE_CHARS)})" if one.says and one.says != one.artifact else ""
    if one.instances is None:
        return f"{one.artifact}{called}, declared"
    return f"{one.artifact}{called}, {one.instances} instance{'s' * (one.instances != 1)}"


def _change(one: ChangeTold) -> str:
    likely = "" if one.probability is None else f"{percent(one.probability)} "
    name = f" {cut(one.name, _VALUE_CHARS)}" if one.name not in ("", one.service) else ""
    sides = [cut(short_id(value or "nothing"), _VALUE_CHARS) for value in (one.before, one.after)]
    where = f"at {_time(one.at)}, record #{one.entry}"
    return f"{likely}{one.slot}{name} {sides[0]} → {sides[1]} {where}"


def _time(at: str) -> str:
    """To the second: what people read."""
    return f"{at[:19]}Z"


def _links(told: Told, url: str) -> Iterator[tuple[str, str]]:
    def to(*parts: str) -> str:
        return "/".join([url, *(quote(part, safe="") for part in parts)])

    if told.service and told.environment:
        yield "service", to("services", told.environment, told.service)
    if told.artifacts:
        yield "artifact", to("things", told.artifacts[0].artifact)
    if told.deployment is not None:
        yield "deployment", to("records", str(told.deployment.entry))
    if told.changes:
        yield "change", to("records", str(told.changes[0].entry))


def _details(told: Told) -> dict[str, Any]:
    """For programs, where there is room: what the texts say, whole."""
    return {
        "found": msgspec.to_builtins(
            {
                "environment": told.environment,
                "service": told.service,
                "artifacts": told.artifacts,
                "deployment": told.deployment,
                "owner": told.owner,
                "changes": told.changes,
                "none_of_these": told.none,
                "log": told.log,
                "as_of": told.as_of,
            }
        )
    }
