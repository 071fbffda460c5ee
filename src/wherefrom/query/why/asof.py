"""A case as it was known at a moment: nothing dated later is read.

    Case, until ──► Case without what began, ended, was stepped or measured after ``until``

A detection after ``until`` is not known then, nor what it named: the moment itself takes its place.
"""

from __future__ import annotations

from wherefrom.formats.why_case import Case, Change


def known_by(case: Case, until: float | None) -> Case:
    """What of ``case`` is dated no later than ``until``; None takes all of it."""
    if until is None:
        return case
    series = (samples.until(until) for samples in case.series)
    return Case(
        detected=min(case.detected, until),
        symptom=case.symptom if case.detected <= until else None,
        changes=tuple(_cut(c, until) for c in case.changes if c.started <= until),
        series=tuple(samples for samples in series if len(samples.times)),
        calls=case.calls,
    )


def _cut(change: Change, until: float) -> Change:
    finished = change.finished
    return change._replace(
        finished=finished if finished is not None and finished <= until else None,
        steps=tuple(step for step in change.steps if step.at <= until),
    )


def candidates(case: Case) -> tuple[list[Change], list[Change]]:
    """Changes that may be to blame, and those that answer the detection: they began after it."""
    could = [c for c in case.changes if c.started <= case.detected]
    return could, [c for c in case.changes if c.started > case.detected]
