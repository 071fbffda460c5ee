"""Conditions that a policy writes itself, in CEL or Rego, over one input document.

    Case ──input_of──► {"artifact", "environment", "provenance": [...], …} ──► true, or not

CEL is Google's own implementation, compiled once an expression. Rego runs in process too. Neither
can read a file, a clock or the network. Whatever is not plainly true (an error, a missing field,
another type) is a no, in the engine's words.

Source: docs/formats/policy.md, "Conditions"; github.com/google/cel-spec; openpolicyagent.org
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from wherefrom.errors import SettingError
from wherefrom.formats.policy import Cel, Rego
from wherefrom.formats.timestamps import of_micros
from wherefrom.policy.checks import Case, Said
from wherefrom.query.dossier import TRUSTED, Evidence, Found

_LISTS = {
    "provenance": "provenance", "sboms": "sbom", "scans": "scan", "tests": "test", "vsas": "vsa",
    "approvals": "approval", "releases": "release", "vex": "vex",
}  # fmt: skip


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


def cel(rule: Cel, case: Case) -> Said:
    """Whether an expression of CEL is true; it rests on all that it could look at."""
    try:
        answer = _compiled(rule.expression).eval(data={"input": input_of(case)})
    except RuntimeError as error:
        return _no(case, f"its condition cannot be told: {_line(error)}")
    value = answer.value()
    if str(answer.type()) == "ERROR":
        return _no(case, f"its condition cannot be told: {value}")
    if value is True:
        return Said(True, "its condition is true", _all(case))
    if value is False:
        return _no(case, "its condition is false")
    return _no(case, f"its condition gives {value!r}, neither true nor false")


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


@lru_cache(maxsize=256)
def _compiled(expression: str) -> Any:
    from cel_expr_python import cel as engine  # type: ignore[import-untyped] # late: it is large

    return engine.NewEnv(variables={"input": engine.Type.DYN}).compile(expression)


def rego(rule: Rego, case: Case, modules: Mapping[str, str]) -> Said:
    """Whether a query of Rego holds. Raises SettingError if Rego is not installed."""
    try:
        from regopy import Interpreter  # type: ignore[import-untyped]
    except ImportError as error:
        raise SettingError(
            "conditions in Rego need regopy", do="Run: pip install 'wherefrom[rego]'"
        ) from error
    engine = Interpreter()
    try:
        for name in rule.modules:
            engine.add_module(name, modules[name])
        engine.set_input(input_of(case))
        answer = engine.query(rule.query)
    except Exception as error:  # noqa: BLE001 - the engine's errors have no common kind
        return _no(case, f"its condition cannot be told: {_line(error)}")
    return _told(answer, case)


def _told(answer: Any, case: Case) -> Said:
    try:
        results = json.loads(str(answer))
        value = results["expressions"][0] if isinstance(results, dict) else results
    except (ValueError, KeyError, IndexError, TypeError):
        return _no(case, "its condition is undefined")
    if value is True or value == []:
        return Said(True, "its condition holds", _all(case))
    if isinstance(value, list):
        return _no(case, "; ".join(str(one) for one in value[:5]))
    return _no(case, f"its condition gives {value!r}")


def _line(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
