"""Which change did it? The whole road: what was known, what may be to blame, how likely, and why.

    Case, until ──► known by then ──► candidates ──► features ──► posterior ──► Ranking
                    asof.py                          features.py  model.py      explain.py

1. Only what is dated up to ``until`` is read.
2. What began after the detection is a response, and never a candidate.
3. Candidates and "none of these" share one probability; series, and changes that are equals, stand
   in the order of their names, so that the order in which they are listed changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
import numpy as np

from wherefrom.formats.why_case import Case, Change, time_text
from wherefrom.formats.why_series import Samples
from wherefrom.query.incident_answers import Evidence
from wherefrom.query.why.asof import candidates, known_by
from wherefrom.query.why.explain import says, says_none
from wherefrom.query.why.features import ELSEWHERE, NAMES, Measured, measure
from wherefrom.query.why.grid import Floats
from wherefrom.query.why.model import Model, posterior, shipped

CONTRIBUTION_MIN: Final = 0.05


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    """A change and how likely it did it; ``change`` None is "none of these"."""

    change: str | None
    probability: float
    evidence: list[Evidence]


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """The answer, likeliest first, the strongest reason first. Times as entries write them.

    detected   as known at the moment of the question
    onset      when it seems to have begun, or None
    responses  ids of changes that began after the detection
    """

    ranked: list[Ranked]
    detected: str
    onset: str | None
    responses: list[str]


def rank(case: Case, *, until: float | None = None, model: Model | None = None) -> Ranking:
    """Rank the changes of ``case`` by how likely each did it, with the evidence.

    until  seconds since 1970: nothing dated later is used; None uses all
    model  other weights than the shipped ones
    """
    known = known_by(case, until)
    known = known._replace(series=tuple(sorted(known.series, key=lambda s: s[:5])))
    could, responses = candidates(known)
    could = sorted(could, key=lambda change: change.id)
    measured = measure(known, could)
    model = model or shipped()
    features, none = measured.matrix(), measured.none_row()
    shares, nobody = posterior(model, features, none)
    rows = [
        Ranked(
            change=change.id,
            probability=float(shares[i]),
            evidence=_evidence(measured, i, features[i] * model.weights),
        )
        for i, change in enumerate(could)
    ]
    rows.append(
        Ranked(
            change=None, probability=nobody, evidence=_evidence_none(measured, none * model.none)
        )
    )
    rows.sort(key=lambda row: (-row.probability, row.change is None, row.change or ""))
    onset = measured.estate.onset
    return Ranking(
        ranked=rows,
        detected=time_text(known.detected),
        onset=None if onset is None else time_text(onset.best),
        responses=[change.id for change in responses],
    )


def rank_changes(
    changes: Iterable[Change], series: Iterable[Samples], calls: Iterable[tuple[str, str]], *,
    detected: float, service: str | None = None, since: float | None = None,
    until: float | None = None,
) -> Ranking:  # fmt: skip
    """Rank changes from anywhere, such as the estate: the same road as for a case.

    changes   ``before`` and ``after`` as the series spell identities; of any scope: choose first
    series    as they are pushed or read, a window of half an hour or more before ``detected``
    calls     pairs of caller and callee; may be empty, then only the service itself is near
    detected  when the alert rose, seconds since 1970: what began later is a response
    service   where, if the alert says so
    since     what began earlier is no candidate; None takes all
    until     nothing dated later is used; None uses all
    """
    chosen = tuple(c for c in changes if since is None or c.started >= since)
    return rank(Case(detected, service, chosen, tuple(series), tuple(calls)), until=until)


def _evidence(measured: Measured, place: int, added: Floats) -> list[Evidence]:
    found = measured.findings[place]
    return [
        Evidence(
            feature=NAMES[k], contribution=float(added[k]), says=says(NAMES[k], found, measured)
        )
        for k in np.argsort(-np.abs(added), kind="stable")
        if abs(added[k]) >= CONTRIBUTION_MIN
    ]


def _evidence_none(measured: Measured, added: Floats) -> list[Evidence]:
    return [
        Evidence(
            feature=ELSEWHERE[k],
            contribution=float(added[k]),
            says=says_none(ELSEWHERE[k], measured),
        )
        for k in np.argsort(-np.abs(added), kind="stable")
        if abs(added[k]) >= CONTRIBUTION_MIN
    ]
