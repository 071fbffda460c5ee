"""A policy's own tests: what it is to say of things that are written down.

    cases: [{name, input | records, artifact, environment, at, allowed, rules}]
        input    what ``policy explain --input`` prints, or less: what is left out is empty
        records  files to be recorded in a log of their own, with ``trust``, ``trusted_root``

Sizes:  CASES_MAX cases · a file BYTES_MAX
Source: docs/policy.md, "Tests"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import strict_json, timestamps, yaml_text
from wherefrom.formats.statement_shape import convert
from wherefrom.policy.verdict import Verdict
from wherefrom.query.answers import LogPosition
from wherefrom.query.dossier import Dossier, Evidence, Found
from wherefrom.query.upstream import Upstream

CASES_MAX: Final = 1_000
BYTES_MAX: Final = 4 * 1024 * 1024
_WHAT: Final = "as described"
AT: Final = "2026-01-01T00:00:00.000000Z"


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One case.

    allowed  what the policy is to say; ``rules`` what single rules are to say
    """

    name: str
    allowed: bool
    input: dict[str, Any] | None = None
    records: tuple[str, ...] = ()
    trust: tuple[str, ...] = ()
    trusted_root: str | None = None
    artifact: str = ""
    environment: str = ""
    at: str = AT
    rules: dict[str, bool] = {}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a case: ``wrong`` says where the policy says something else."""

    name: str
    file: str
    ok: bool
    wrong: list[str]


class _Cases(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    cases: tuple[Case, ...]


class _Names(msgspec.Struct, frozen=True):
    names: tuple[str, ...]


def read(written: bytes, *, where: str) -> list[Case]:
    """The cases of a file in YAML or JSON. Raises Malformed, LimitPassed."""
    if len(written) > BYTES_MAX:
        raise LimitPassed("a file of cases is too long", where=where, expected=f"{BYTES_MAX} bytes")
    document = strict_json.as_object(yaml_text.decode(written, where=where), where=where)
    found = convert(document, _Cases, _WHAT, where)
    if not 0 < len(found.cases) <= CASES_MAX:
        raise LimitPassed("no cases, or too many", where=where, expected=f"1 to {CASES_MAX}")
    for number, case in enumerate(found.cases):
        place = f"{where}.cases[{number}]"
        if (case.input is None) == (not case.records):
            raise Malformed("a case is about an input, or about records", where=place)
        if case.records and not case.artifact:
            raise Malformed("about which artifact", where=f"{place}.artifact")
    return list(found.cases)


def dossier_of(case: Case, *, where: str) -> Dossier:
    """The dossier that an input stands for. Raises Malformed."""
    said = case.input or {}
    at = timestamps.canonical(case.at, where=f"{where}.at")
    artifact = said.get("artifact") or case.artifact
    if not isinstance(artifact, str) or not artifact:
        raise Malformed("about which artifact", where=f"{where}.input.artifact")
    evidence: list[Evidence] = [
        convert({**_EVIDENCE, "entry": number, "said": at, "of": artifact, **_known(one)},
                Evidence, _WHAT, f"{where}.input.evidence[{number}]")
        for number, one in enumerate(_list(said, "evidence", where))
    ]  # fmt: skip
    found: list[Found] = [
        convert({**_FOUND, "entry": number, "said": at, **_named(_known(one))},
                Found, _WHAT, f"{where}.input.vulnerabilities[{number}]")
        for number, one in enumerate(_list(said, "vulnerabilities", where))
    ]  # fmt: skip
    for said_at in [one.said for one in evidence] + [one.said for one in found]:
        timestamps.canonical(said_at, where=f"{where}.input: said")
    upstream = [
        convert({**_UPSTREAM, **one}, Upstream, _WHAT, f"{where}.input.upstream[{number}]")
        for number, one in enumerate(_list(said, "upstream", where))
    ]
    said_names = {"names": said.get("names") or [artifact]}
    names = convert(said_names, _Names, _WHAT, f"{where}.input").names
    return Dossier(
        artifact=artifact,
        name=None,
        names=names,
        digests=(artifact,),
        log=LogPosition(origin="cases", size=0, root=None),
        as_of=0,
        evidence=evidence,
        found=found,
        upstream=upstream,
        truncated=False,
    )


_EVIDENCE: Final[Mapping[str, Any]] = {
    "document": "", "kind": "other", "type": "", "trust": "signed", "signers": [],
    "identity": None, "issuer": None, "links": [], "predicate": None, "properties": {},
}  # fmt: skip
_FOUND: Final[Mapping[str, Any]] = {
    "names": [], "status": None, "severity": None, "justification": None, "part": None,
    "kind": "scan", "trust": "signed", "signers": [], "identity": None, "issuer": None,
}  # fmt: skip
_UPSTREAM: Final[Mapping[str, Any]] = {
    "kind": "artifact", "name": None, "properties": {}, "entries": [], "trusted": True,
}  # fmt: skip


def _list(said: Mapping[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    found = said.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Malformed("not a list of objects", where=f"{where}.input.{key}")
    return found


def _known(one: Mapping[str, Any]) -> dict[str, Any]:
    """Without what conditions are told beside what is recorded."""
    return {key: value for key, value in one.items() if key != "trusted"}


def _named(one: dict[str, Any]) -> dict[str, Any]:
    return {"names": [one["vulnerability"]], **one} if "vulnerability" in one else one


def outcome(case: Case, verdict: Verdict, *, file: str) -> Outcome:
    """Whether a verdict is what a case says."""
    wrong = []
    if verdict.allowed is not case.allowed:
        failed = [f"{one.rule}: {one.says}" for one in verdict.reasons if not one.ok]
        why = "; ".join(failed) or "every rule holds"
        wrong.append(f"{'allowed' if verdict.allowed else 'denied'}: {why}")
    held = {one.rule: one for one in verdict.reasons}
    for name, ok in case.rules.items():
        if name not in held:
            wrong.append(f"no rule {name} was asked there")
        elif held[name].ok is not ok:
            wrong.append(f"{name} {'holds' if held[name].ok else 'does not'}: {held[name].says}")
    return Outcome(name=case.name, file=file, ok=not wrong, wrong=wrong)
