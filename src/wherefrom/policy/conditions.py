"""Conditions that a policy writes itself, in CEL or Rego, over one input document.

    Case ──input_of──► {"artifact", "environment", "provenance": [...], …} ──► true, or not

Both engines are kept apart (``apart``). Whatever is not plainly true (an error, a missing field,
another type, one that takes too long) is a no, in the engine's words.

Sizes:  SECONDS_MAX for all conditions of one verdict

Source: docs/formats/policy.md, "Conditions"; github.com/google/cel-spec; openpolicyagent.org
"""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats.policy import Cel as CelRule
from wherefrom.formats.policy import Rego as RegoRule
from wherefrom.formats.timestamps import of_micros
from wherefrom.policy.apart import Patience
from wherefrom.policy.cel import Cel
from wherefrom.policy.checks import Case, Said, later
from wherefrom.policy.rego import Rego
from wherefrom.query.dossier import Evidence, Found
from wherefrom.query.same import TRUSTED

_LISTS = {
    "provenance": "provenance", "sboms": "sbom", "scans": "scan", "tests": "test", "vsas": "vsa",
    "approvals": "approval", "releases": "release", "vex": "vex",
}  # fmt: skip


SECONDS_MAX: Final = 10.0
_SHOWN_MAX: Final = 5
_AGAIN_SECONDS: Final = 60
_SHOWN_CHARS_MAX: Final = 160


class Asking:
    """What the conditions of one verdict share: what they are about, and how long they may take."""

    def __init__(self, case: Case) -> None:
        self._case, self.patience = case, Patience(SECONDS_MAX)

    @cached_property
    def document(self) -> bytes:
        """``input_of``, as JSON."""
        return msgspec.json.encode(input_of(self._case))


def input_of(case: Case) -> dict[str, Any]:
    """The document that conditions are about."""
    dossier = case.dossier
    evidence = [_plain(one) for one in dossier.evidence]
    return {
        "artifact": dossier.artifact,
        "names": list(dossier.names),
        "environment": case.environment,
        "at": of_micros(case.at),
        "evidence": evidence,
        **{name: [one for one in evidence if one["kind"] == kind] for name, kind in _LISTS.items()},
        "vulnerabilities": [_plain(one) for one in dossier.found],
        "upstream": [_as_json(one) for one in dossier.upstream],
    }


def _plain(one: Evidence | Found) -> dict[str, Any]:
    return {**_as_json(one), "trusted": one.trust in TRUSTED}


def _as_json(one: msgspec.Struct) -> dict[str, Any]:
    """Objects, lists, texts and numbers only, as every engine takes them."""
    said: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(one))
    return said


def cel(rule: CelRule, case: Case, asking: Asking) -> Said:
    """Whether an expression of CEL is true; it rests on all that it could look at."""
    try:
        value = _CEL.evaluate(rule.expression, asking.document, asking.patience)
    except (Malformed, LimitPassed) as error:
        return _untold(case, error)
    if value is True:
        return Said(True, "its condition is true", _all(case))
    if value is False:
        return _no(case, "its condition is false")
    return _no(case, f"its condition gives {_shown(value)}, neither true nor false")


_REMEDY = "Look at what it is about: wherefrom policy explain --input"


def _all(case: Case) -> list[int]:
    """Every record that stands in the input."""
    dossier = case.dossier
    return [
        *(entry for one in dossier.evidence for entry in (one.entry, *one.links)),
        *(one.entry for one in dossier.found),
        *(entry for one in dossier.upstream for entry in one.entries),
    ]


def _no(case: Case, says: str) -> Said:
    return Said(False, says, _all(case), _REMEDY)


def _untold(case: Case, error: Malformed | LimitPassed) -> Said:
    """A no because nobody could tell. What took too long now may not the next time: that no does
    not stand for a day."""
    until = later(case.at, _AGAIN_SECONDS) if isinstance(error, LimitPassed) else None
    says = f"its condition cannot be told: {error}"
    return Said(False, says, _all(case), _REMEDY, until)


def rego(rule: RegoRule, case: Case, asking: Asking, modules: Mapping[str, str]) -> Said:
    """Whether a query of Rego holds. Raises SettingError if Rego is not installed."""
    texts = {name: modules[name] for name in rule.modules}
    try:
        value = _REGO.evaluate(rule.query, texts, asking.document, asking.patience)
    except (Malformed, LimitPassed) as error:
        return _untold(case, error)
    if value is None:
        return _no(case, "its condition is undefined")
    if value is True or value == []:
        return Said(True, "its condition holds", _all(case))
    if isinstance(value, list):
        return _no(case, "; ".join(_shown(one) for one in value[:_SHOWN_MAX]))
    return _no(case, f"its condition gives {_shown(value)}")


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN_CHARS_MAX else text[: _SHOWN_CHARS_MAX - 1] + "…"


_CEL: Final = Cel()
_REGO: Final = Rego()
atexit.register(_CEL.close)
atexit.register(_REGO.close)
