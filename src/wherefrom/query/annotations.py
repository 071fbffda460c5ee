"""What changed, as annotations: a moment each, and a stretch of time where it took a while.

changes of the estate ──candidates_of──► a rollout is one change ──► Annotation
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from wherefrom.errors import Malformed
from wherefrom.formats.grafana_annotations import TAG, Annotation
from wherefrom.formats.shown import printable, short_id
from wherefrom.query.candidates import Candidate, candidates_of
from wherefrom.query.reality import Reality, RealityOptions

LIMIT_MAX: Final = 1_000
_TAG_CHARS_MAX: Final = 100


class Annotations(msgspec.Struct, frozen=True, kw_only=True):
    """Those of a stretch of time, the earliest first; ``truncated`` if there were more changes.

    changes  each with the change that it is of
    """

    changes: list[tuple[Candidate, Annotation]]
    truncated: bool
    size: int


def annotated(
    reality: Reality,
    *,
    since: str,
    until: str,
    scope: str = "",
    limit: int = LIMIT_MAX,
    url: str = "",
) -> Annotations:
    """What changed in a scope, as annotations. ``url`` is where people reach the log, if any.

    Raises as ``Reality.changes``.
    """
    options = RealityOptions(since=since, until=until, limit=limit)
    found = reality.changes(scope, options)
    made = [(one, annotation_of(one, url=url)) for one in candidates_of(found.changes)]
    return Annotations(changes=made, truncated=found.truncated, size=found.as_of)


def annotation_of(one: Candidate, *, url: str = "") -> Annotation:
    """One change. It took a while if it came in steps, at more than one moment."""
    change, first = one.change, one.first
    last = max((step.at for step in change.steps), default=change.started)
    last = max(last, change.finished or change.started)
    at, until = int(change.started * 1000), int(last * 1000)
    where = "/".join(filter(None, (first.environment, first.service)))
    what = " ".join(filter(None, (change.kind, first.name)))
    return Annotation(
        at=at,
        until=until if until > at else None,
        title=printable(f"{what} of {where}" if where else what),
        text=printable(_says(one)),
        tags=tuple(_tags(one)),
        link=f"{url.rstrip('/')}/records/{first.entry}" if url else "",
    )


def _says(one: Candidate) -> str:
    first = one.first
    before, after = (
        said or (short_id(value) if value else "nothing")
        for said, value in ((first.before_says, first.before), (first.after_says, first.after))
    )
    by = f", by {first.by}" if first.by else ""
    return f"{before} → {after}{by} (#{first.entry})"


def _tags(one: Candidate) -> Iterator[str]:
    first = one.first
    yield TAG
    yield one.change.kind
    for name, value in (("env", first.environment), ("svc", first.service)):
        if value:
            yield f"{name}:{value}"[:_TAG_CHARS_MAX]


def tagged(some: Iterable[Annotation], tags: Iterable[str]) -> list[Annotation]:
    """Those that have every one of these tags."""
    wanted = set(tags)
    return [one for one in some if wanted <= set(one.tags)]


def moment(text: str, *, where: str) -> int:
    """A time in microseconds of one that Grafana writes: milliseconds since 1970.

    Raises Malformed.
    """
    if not text.isascii() or not text.isdecimal() or len(text) > 14:
        raise Malformed(
            "not a time", where=where, expected="milliseconds since 1970, as ${__from}", got=text
        )
    return int(text) * 1000
