"""Conditions that a policy writes itself, in CEL or Rego, over one input document.

    Case ──input_of──► {"artifact", "environment", "provenance": [...], …} ──► true, or not

CEL is Google's own implementation, compiled once an expression, with its libraries of strings,
numbers, bindings, optional values and encodings; it bounds how long it counts. Rego is kept apart
(``rego``). Whatever is not plainly true (an error, a missing field, another type) is a no, in the
engine's words.

Source: docs/formats/policy.md, "Conditions"; github.com/google/cel-spec; openpolicyagent.org
"""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any, Final

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats.policy import Cel
from wherefrom.formats.policy import Rego as RegoRule
from wherefrom.formats.timestamps import of_micros
from wherefrom.policy.checks import Case, Said
from wherefrom.policy.rego import Rego
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


def evaluate(expression: str, document: Mapping[str, Any]) -> Any:
    """What an expression of CEL gives over ``input``. Raises Malformed in the engine's words."""
    try:
        answer = _compiled(expression).eval(data={"input": document})
    except Exception as error:
        raise Malformed(_line(error)) from error
    if str(answer.type()) == "ERROR":
        raise Malformed(str(answer.value()))
    return answer.plain_value()


def cel(rule: Cel, case: Case) -> Said:
    """Whether an expression of CEL is true; it rests on all that it could look at."""
    try:
        value = evaluate(rule.expression, input_of(case))
    except Malformed as error:
        return _no(case, f"its condition cannot be told: {error}")
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
    return _environment().compile(expression)


@cache
def _environment() -> Any:
    # Late: it is large.
    from cel_expr_python import cel as engine  # type: ignore[import-untyped]
    from cel_expr_python.ext.ext_bindings import ExtBindings  # type: ignore[import-untyped]
    from cel_expr_python.ext.ext_encoders import ExtEncoders  # type: ignore[import-untyped]
    from cel_expr_python.ext.ext_math import ExtMath  # type: ignore[import-untyped]
    from cel_expr_python.ext.ext_optional import ExtOptional  # type: ignore[import-untyped]
    from cel_expr_python.ext.ext_strings import ExtStrings  # type: ignore[import-untyped]

    return engine.NewEnv(
        variables={"input": engine.Type.DYN},
        extensions=[ExtBindings(), ExtEncoders(), ExtMath(), ExtOptional(), ExtStrings()],
    )


def rego(rule: RegoRule, case: Case, modules: Mapping[str, str]) -> Said:
    """Whether a query of Rego holds. Raises SettingError if Rego is not installed."""
    texts = {name: modules[name] for name in rule.modules}
    try:
        value = _REGO.evaluate(rule.query, texts, input_of(case))
    except (Malformed, LimitPassed) as error:
        return _no(case, f"its condition cannot be told: {error}")
    if value is None:
        return _no(case, "its condition is undefined")
    if value is True or value == []:
        return Said(True, "its condition holds", _all(case))
    if isinstance(value, list):
        return _no(case, "; ".join(str(one) for one in value[:5]))
    return _no(case, f"its condition gives {value!r}")


_REGO: Final = Rego()
atexit.register(_REGO.close)


def _line(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
