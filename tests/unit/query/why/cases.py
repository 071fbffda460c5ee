"""Small cases whose numbers can be worked out by hand: a sample a minute, the end is minute 0."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wherefrom.formats.why_case import Case, Change, Step
from wherefrom.formats.why_series import Samples
from wherefrom.query.why.features import Findings, Measured, measure

ZERO = 1_767_225_600.0  # the last sample
FOREVER = range(-20, 1)


def at(minutes: float) -> float:
    """So many minutes from the last sample, as seconds since 1970."""
    return ZERO + 60 * minutes


def samples(
    service: str, metric: str = "success_rate", *, usual: float, since: float | None = None,
    then: float = 0.0, caller: str = "", instance: str = "", identity: str = "",
    minutes: Iterable[int] = FOREVER,
) -> Samples:  # fmt: skip
    """One series: ``usual``, and ``then`` from minute ``since`` on."""
    when = list(minutes)
    values = [then if since is not None and m >= since else usual for m in when]
    key = (service, caller, instance, identity, metric)
    return Samples(*key, [at(m) for m in when], values)


def deploy(
    id: str, service: str | None, minute: float = -5, *, added: Sequence[str] = (),
    kind: str = "deploy", before: str | None = "v1",
    after: str | None = "v2",
) -> Change:  # fmt: skip
    """A change in one step."""
    steps = (Step(at(minute), 0.5, tuple(added)),) if added else ()
    return Change(id, kind, service, at(minute), None, before, after, steps)


def case(
    changes: Iterable[Change], series: Iterable[Samples], *, calls: Iterable[tuple[str, str]] = (),
    symptom: str | None = None, detected: float = -2,
) -> Case:  # fmt: skip
    return Case(at(detected), symptom, tuple(changes), tuple(series), tuple(calls))


def beside(
    *, new: float, old: float = 0.999, service: str = "cart", metric: str = "success_rate",
    born: int = -15, since: float = -5,
) -> list[Samples]:  # fmt: skip
    """Two old instances and one new; the new is as the old until minute ``since``, then ``new``."""
    olds = [
        samples(service, metric, usual=old, instance=f"{service}-{n}", identity="v1") for n in "ab"
    ]
    return [
        *olds,
        samples(
            service, metric, usual=old, since=since, then=new, instance=f"{service}-new",
            identity="v2", minutes=range(born, 1),
        ),
    ]  # fmt: skip


def look(given: Case) -> tuple[dict[str, Findings], Measured]:
    """What was found of each change, by its id."""
    measured = measure(given, list(given.changes))
    return {f.change.id: f for f in measured.findings}, measured
