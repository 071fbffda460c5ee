"""SARIF as facts: what a scan found, how often, with which tool, of which commit and files.

    report ── generated_by ──► run {results, error, warning, note, rules} ──► tool (associated_with)
       └─ describes ──► commit, analysis target ◄── used ── run

A report is evidence about a subject, and names it only partly: a commit by its revision, a file by
its hash. What carries it (an in-toto statement) says the rest. Results are counted, by level and by
rule, and not kept: their messages quote source text. A result that is suppressed, or absent
since the baseline, is counted apart.

Sizes:  version 2.1.0 · 1,000 runs · 100,000 artifacts · 64 rules a run are named
Source: SARIF 2.1.0 (OASIS Standard, with errata 01), §3.13 to §3.27
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from wherefrom.errors import LimitPassed, Malformed, Unsupported
from wherefrom.formats import components as parts
from wherefrom.formats import descriptors
from wherefrom.formats.digests import commit_id
from wherefrom.formats.facts import Facts, FactsBuilder
from wherefrom.formats.strict_json import (
    as_object,
    as_string,
    get_array,
    get_object,
    get_string,
    need_array,
    need_object,
    need_string,
)

VERSION: Final = "2.1.0"
MEDIA_TYPE: Final = "application/sarif+json"
LEVELS: Final = ("error", "warning", "note", "none")
RUNS_MAX: Final = 1_000
RULES_MAX: Final = 64
_KINDS: Final = ("pass", "open", "informational", "notApplicable", "review", "fail")


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this means to be SARIF: by its schema, or by runs beside a version."""
    if "runs" not in document:
        return False
    schema = document.get("$schema")
    return "version" in document or (isinstance(schema, str) and "sarif" in schema.lower())


def media_type(document: Mapping[str, Any]) -> str:
    """The type with the version of the document. Raises Malformed, Unsupported."""
    return f"{MEDIA_TYPE}; version={_check_version(document)}"


def _check_version(document: Mapping[str, Any], where: str = "") -> str:
    version = need_string(document, "version", where=where)
    if version != VERSION:
        raise Unsupported(
            "a SARIF version that is not read",
            where=f"{where}.version" if where else "version",
            expected=VERSION,
            got=version,
        )
    return version


def facts(document: Mapping[str, Any], *, document_id: str) -> Facts:
    """What the document says.

    document     the value that ``strict_json.decode`` gave
    document_id  ``sha256:`` + hex of the content's bytes: the node of the report itself

    Raises Malformed for a missing or wrong field, naming its path; Unsupported for another
    version; LimitPassed.
    """
    builder = FactsBuilder(document=document_id)
    occurred = embed(builder, document, document_id=document_id)
    return builder.build(kind="observation", type=media_type(document), occurred=occurred)


def embed(
    builder: FactsBuilder,
    document: Mapping[str, Any],
    *,
    document_id: str,
    kind: str = "report",
    where: str = "",
) -> str | None:
    """Add the report's nodes and edges to ``builder``; returns when its last run ended.

    kind   of the document's node: ``attestation`` inside a statement
    where  path of the report in the record, for messages
    """
    _check_version(document, where)
    runs = need_array(document, "runs", where=where)
    if len(runs) > RUNS_MAX:
        raise LimitPassed(
            "a report has too many runs", expected=f"{RUNS_MAX} at most", got=len(runs)
        )
    levels: Counter[str] = Counter()
    times: list[str] = []
    for at, value in enumerate(runs):
        place = f"{where}.runs[{at}]" if where else f"runs[{at}]"
        run = _Run(builder, as_object(value, where=place), document_id, place)
        levels += run.read()
        times += run.times
    builder.node(
        document_id,
        kind,
        properties={"format": "SARIF", "specVersion": VERSION, **_counts(levels)},
    )
    return max(times) if times else None


def _counts(levels: Counter[str]) -> dict[str, int]:
    """Every level, also those of which there is none: nothing found is a finding."""
    found = {level: levels[level] for level in LEVELS}
    apart = {key: levels[key] for key in ("suppressed", "absent") if levels[key]}
    return {"results": sum(found.values()), **found, **apart}


class _Run:
    """One run of a report on its way into a builder; ``times`` is when it ended."""

    def __init__(
        self, builder: FactsBuilder, run: Mapping[str, Any], document_id: str, where: str
    ) -> None:
        self.builder = builder
        self.run = run
        self.document_id = document_id
        self.where = where
        self.times: list[str] = []

    def read(self) -> Counter[str]:
        tool = need_object(self.run, "tool", where=self.where)
        driver = need_object(tool, "driver", where=f"{self.where}.tool")
        name = need_string(driver, "name", where=f"{self.where}.tool.driver")
        version = driver.get("semanticVersion") or driver.get("version")
        levels, rules = self._results(driver)
        details = get_object(self.run, "automationDetails", where=self.where)
        activity = self.builder.node(
            parts.bounded(f"{self.document_id}#/{self.where}"),
            "run",
            parts.shown(name),
            {
                "automation": parts.shown(
                    get_string(details, "id", where=f"{self.where}.automationDetails")
                ),
                **self._invocations(),
                **_counts(levels),
                "rules": [
                    f"{parts.shown(rule)} {level} {count}"
                    for (rule, level), count in rules.most_common(RULES_MAX)
                ]
                or None,
                "rules_count": len(rules) or None,
            },
        )
        self.builder.node(self.document_id, "report")
        self.builder.edge(self.document_id, "generated_by", activity)
        spelled = f"{name}@{version.removeprefix('v')}" if isinstance(version, str) else name
        software = self.builder.node(
            parts.bounded(f"software:{spelled.strip()}"), "software", parts.shown(name)
        )
        self.builder.edge(activity, "associated_with", software)
        self._commits(activity)
        self._artifacts(activity)
        return levels

    def _results(self, driver: Mapping[str, Any]) -> tuple[Counter[str], Counter[tuple[str, str]]]:
        rules_of = _Rules(driver, self.run["tool"], f"{self.where}.tool")
        levels: Counter[str] = Counter()
        rules: Counter[tuple[str, str]] = Counter()
        for at, value in enumerate(get_array(self.run, "results", where=self.where)):
            where = f"{self.where}.results[{at}]"
            result = as_object(value, where=where)
            rule, usual = rules_of.rule_of(result, where)
            level = _level(result, usual, where)
            if _is_suppressed(result, where):
                levels["suppressed"] += 1
            elif result.get("baselineState") == "absent":
                levels["absent"] += 1
            else:
                levels[level] += 1
                rules[rule, level] += 1
        return levels, rules

    def _invocations(self) -> dict[str, Any]:
        worked: bool | None = None
        said: dict[str, Any] = {}
        for at, value in enumerate(get_array(self.run, "invocations", where=self.where)):
            invocation = as_object(value, where=f"{self.where}.invocations[{at}]")
            successful = invocation.get("executionSuccessful")
            if isinstance(successful, bool):
                worked = successful if worked is None else worked and successful
            for key, name in (("startTimeUtc", "startedOn"), ("endTimeUtc", "finishedOn")):
                time = parts.occurred(invocation.get(key))[0]
                if time is not None:
                    said.setdefault(name, time)
                    self.times.append(time)
        return {**said, "executionSuccessful": worked}

    def _commits(self, activity: str) -> None:
        for at, value in enumerate(
            get_array(self.run, "versionControlProvenance", where=self.where)
        ):
            where = f"{self.where}.versionControlProvenance[{at}]"
            place = as_object(value, where=where)
            uri = need_string(place, "repositoryUri", where=where)
            revision = get_string(place, "revisionId", where=where)
            branch = get_string(place, "branch", where=where)
            uri = uri if not branch or "@" in uri else f"{uri}@{branch}"
            commit = commit_id(revision) if revision else None
            digest = {"gitCommit": revision} if commit and revision else {}
            node = descriptors.resource(self.builder, {"uri": uri, "digest": digest}, where=where)
            if node is not None:
                self.builder.edge(activity, "used", node)
                self.builder.edge(self.document_id, "describes", node)

    def _artifacts(self, activity: str) -> None:
        listed = get_array(self.run, "artifacts", where=self.where)
        parts.check_count(len(listed))
        for at, value in enumerate(listed):
            where = f"{self.where}.artifacts[{at}]"
            artifact = as_object(value, where=where)
            hashes = [
                (key, as_string(digest, where=f"{where}.hashes.{key}"))
                for key, digest in get_object(artifact, "hashes", where=where).items()
            ]
            location = get_object(artifact, "location", where=where)
            name = get_string(location, "uri", where=f"{where}.location") or "a file"
            part = parts.Part(scoped=f"{self.document_id}#/{where}", name=name, hashes=hashes)
            if not parts.has_identity(part):
                continue  # a path alone names nothing elsewhere
            node = parts.add(self.builder, part)
            self.builder.edge(activity, "used", node)
            if "analysisTarget" in get_array(artifact, "roles", where=where):
                self.builder.edge(self.document_id, "describes", node)


class _Rules:
    """The rules of a tool: of its driver, and of the extensions that it ran (CodeQL's packs)."""

    def __init__(self, driver: Mapping[str, Any], tool: Mapping[str, Any], where: str) -> None:
        listed = [(driver, f"{where}.driver")]
        for at, value in enumerate(get_array(tool, "extensions", where=where)):
            place = f"{where}.extensions[{at}]"
            listed.append((as_object(value, where=place), place))
        # The ids in order, the driver's first; and the level of each id that gives one.
        self.ids: list[list[str]] = []
        self.levels: list[dict[str, str]] = []
        for component, place in listed:
            self._read(component, place)

    def _read(self, component: Mapping[str, Any], where: str) -> None:
        ids: list[str] = []
        levels: dict[str, str] = {}
        for at, value in enumerate(get_array(component, "rules", where=where)):
            place = f"{where}.rules[{at}]"
            rule = as_object(value, where=place)
            ids.append(need_string(rule, "id", where=place))
            level = get_object(rule, "defaultConfiguration", where=place).get("level")
            if level in LEVELS:
                levels[ids[-1]] = level
        self.ids.append(ids)
        self.levels.append(levels)

    def rule_of(self, result: Mapping[str, Any], where: str) -> tuple[str, str]:
        """The rule of a result, and the level it has when the result gives none."""
        said = get_object(result, "rule", where=where)
        extension = _index(
            get_object(said, "toolComponent", where=f"{where}.rule").get("index"),
            len(self.ids) - 1,
        )
        of = 0 if extension is None else extension + 1
        index = _index(result.get("ruleIndex", said.get("index")), len(self.ids[of]))
        listed = None if index is None else self.ids[of][index]
        rule = get_string(result, "ruleId", where=where) or get_string(said, "id", where=where)
        # CA1000/1 is the first of the things that the rule CA1000 looks for.
        for name in (listed, rule, (rule or "").rpartition("/")[0]):
            if name and name in self.levels[of]:
                return rule or name, self.levels[of][name]
        return rule or listed or "no rule", "warning"


def _index(value: object, size: int) -> int | None:
    """``value`` if it is a place in a list of ``size``; -1 and anything else is none."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < size:
        return value
    return None


def _is_suppressed(result: Mapping[str, Any], where: str) -> bool:
    """Whether somebody set it aside; a suppression under review, or rejected, does not."""
    listed = get_array(result, "suppressions", where=where)
    states = [
        get_string(as_object(item, where=f"{where}.suppressions[{at}]"), "status", where=where)
        for at, item in enumerate(listed)
    ]
    return bool(states) and not {"underReview", "rejected"} & set(states)


def _level(result: Mapping[str, Any], usual: str, where: str) -> str:
    level = get_string(result, "level", where=where)
    kind = get_string(result, "kind", where=where) or "fail"
    if kind not in _KINDS:
        raise Malformed(
            "not a kind of result", where=f"{where}.kind", expected=" ".join(_KINDS), got=kind
        )
    if level is None:
        return usual if kind == "fail" else "none"
    if level not in LEVELS:
        raise Malformed(
            "not a level of a result", where=f"{where}.level", expected=" ".join(LEVELS), got=level
        )
    return level
