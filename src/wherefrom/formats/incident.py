"""What people, and rules of ours, say of an incident, stage by stage: statements about its id.

    {"incident": id, "stage": "opened" | "noted" | "closed" | "marked" | "baseline", "at",
     "service", "environment", "title", "severity", "text", "false", "baseline_s", "rule",
     "root": {"kind", "id"}, "entries", "links"}             subject: the SHA-256 of the id

    statement ──describes──► the incident ──changes──► service      ──used──► the root, if a digest
        opened ──► State(observed, incident, id) from ``at`` on
        closed ──► no more

Alertmanager's alerts and CDEvents' incidents may be noted, closed and marked as ours are: by their
ids, and in the place that they hold (``name``, ``region``, …). An alert of ours has a ``rule``.

Sizes:  an id 256 bytes, a title 1,024, a text TEXT_BYTES_MAX · ENTRIES_MAX entries, LINKS_MAX links
Source: docs/formats/incident.md
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Final, Literal, get_args

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import changes, statement_shape
from wherefrom.formats.digests import sha256_id, strong_id_in
from wherefrom.formats.facts import NAME_BYTES_MAX, FactsBuilder
from wherefrom.formats.statement_shape import need_sized, need_subject, need_time
from wherefrom.formats.states import OBSERVED, PART_BYTES_MAX, VALUE_BYTES_MAX, Scope, State

PREDICATE_TYPE: Final = "urn:wherefrom:incident:v1"
OPENED, NOTED, CLOSED, MARKED, BASELINE = "opened", "noted", "closed", "marked", "baseline"
STAGES: Final = (OPENED, NOTED, CLOSED, MARKED, BASELINE)
Severity = Literal["", "page", "ticket", "info"]
SEVERITIES: Final = tuple(one for one in get_args(Severity) if one)
TEXT_BYTES_MAX: Final = 16 * 1024
ENTRIES_MAX: Final = 100
LINKS_MAX: Final = 20
BASELINE_S_MAX: Final = 366 * 86_400
_ID: Final = re.compile(r"incident:.+|[A-Za-z][A-Za-z0-9+.-]*://.+")
_LINK: Final = re.compile(r"https?://[!-~]+")
_OURS: Final = "incident:wherefrom:"
_WORDS_CHARS_MAX: Final = 48


class _Part(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A part of a predicate: what is not said is not written."""


class Root(_Part, frozen=True):
    """What an alert is about, so that one root has one alert."""

    kind: Literal["digest", "change", "service", "producer", "log"]
    id: str


class IncidentStage(_Part, frozen=True):
    """One word about an incident.

    incident    its id, which the graph knows
    at          when: it was detected, it was over, or this was said
    title       of what is opened; ``text`` more about it, or about this stage
    is_false    of what is marked: that there was no trouble; False takes it back
    baseline_s  how long finding the cause of such a thing took before, seconds
    rule        of an alert of ours: which; ``root`` what it is about
    entries     what it rests on
    name        what the estate's slot calls it, the end of its id if empty; ``region``, ``pool``
                and ``instance`` where, beside service and environment
    """

    incident: str
    stage: Literal["opened", "noted", "closed", "marked", "baseline"]
    at: str
    service: str = ""
    environment: str = ""
    title: str = ""
    severity: Severity = ""
    text: str = ""
    is_false: bool = msgspec.field(name="false", default=False)
    baseline_s: float | None = None
    rule: str = ""
    root: Root | None = None
    entries: list[int] = []
    links: list[str] = []
    name: str = ""
    region: str = ""
    pool: str = ""
    instance: str = ""

    @property
    def scope(self) -> Scope:
        """Where it is."""
        return Scope(self.environment, self.service, self.region, self.pool, self.instance)

    @property
    def subject(self) -> str:
        """The digest that a statement about it names."""
        return subject(self.incident)


def subject(id: str) -> str:
    """The digest of an incident: of its id in UTF-8."""
    return sha256_id(id.encode("utf-8", "surrogatepass"))


def is_id(text: str) -> bool:
    """Whether ``text`` can be the id of an incident, whoever opened it."""
    return _ID.fullmatch(text) is not None and text.isprintable()


def incident_id(called: str, at: str) -> str:
    """The id of an incident of ours: what it is called, and the second it was detected in.

    at  as ``timestamps`` writes it
    """
    words = re.sub(r"[^a-z0-9]+", "-", called.lower()).strip("-")
    return f"{_OURS}{words[:_WORDS_CHARS_MAX].rstrip('-') or 'incident'}@{at[:19]}Z"


def parse(predicate: Mapping[str, Any], *, where: str = "predicate") -> IncidentStage:
    """Read a predicate. Raises Malformed for a field that is wrong or unknown, LimitPassed."""
    found = statement_shape.convert(predicate, IncidentStage, "a word about an incident", where)
    _check(found, where)
    return found


def to_statement(said: IncidentStage) -> bytes:
    """The in-toto statement, canonical. Raises as ``parse``."""
    predicate: dict[str, Any] = msgspec.to_builtins(said)
    parse(predicate)
    name = said.title or said.incident
    return statement_shape.of_predicate(predicate, PREDICATE_TYPE, {said.subject: name})


def add(
    builder: FactsBuilder,
    predicate: Mapping[str, Any],
    *,
    subjects: Sequence[str],
    where: str,
) -> str:
    """Add what a stage says; returns when it was.

    Raises as ``parse``, and Malformed for another subject than the incident.
    """
    said = parse(predicate, where=where)
    need_subject(
        subjects,
        said.subject,
        "an incident under another subject than its own",
        do="The subject is the SHA-256 of the incident's id",
    )
    title = changes.public_name(changes.shown(said.title)) or None
    told: dict[str, Any] = {"stage": said.stage, "severity": said.severity or None}
    told |= {"rule": said.rule or None, "baseline_s": said.baseline_s}
    told |= {"false": said.is_false if said.stage == MARKED else None}
    changes.add_change(
        builder, said.incident, title or "", where=said.scope, kind="incident", properties=told
    )
    if said.root and said.root.kind == "digest":
        builder.edge(said.incident, "used", builder.node(said.root.id, "artifact"))
    if said.stage in (OPENED, CLOSED):
        kept = {"severity": said.severity, "rule": said.rule}
        builder.state(
            State(
                OBSERVED, said.scope, "incident", said.name or said.incident.removeprefix(_OURS),
                said.incident if said.stage == OPENED else None, title,
                {key: text for key, text in kept.items() if text} or None, said.at,
            )
        )  # fmt: skip
    return said.at


def _check(said: IncidentStage, where: str) -> None:
    need_time(said.at, f"{where}.at")
    need_sized(said.incident, f"{where}.incident", PART_BYTES_MAX)
    if not is_id(said.incident):
        raise Malformed(
            "not the id of an incident", where=f"{where}.incident", got=said.incident,
            expected="incident:… or a URI",
            do="See the ids: wherefrom incident list",
        )  # fmt: skip
    for what in ("service", "environment", "rule", "name", "region", "pool", "instance"):
        need_sized(getattr(said, what), f"{where}.{what}", PART_BYTES_MAX)
    need_sized(said.title, f"{where}.title", NAME_BYTES_MAX)
    need_sized(said.text, f"{where}.text", TEXT_BYTES_MAX)
    for what, most in (("entries", ENTRIES_MAX), ("links", LINKS_MAX)):
        if len(getattr(said, what)) > most:
            raise LimitPassed("too many", where=f"{where}.{what}", expected=f"{most} at most")
    for number, link in enumerate(said.links):
        need_sized(link, f"{where}.links[{number}]", VALUE_BYTES_MAX)
        if not _LINK.fullmatch(link):
            raise Malformed("not a link", where=f"{where}.links[{number}]", got=link,
                            expected="http:// or https://")  # fmt: skip
    if any(entry < 0 for entry in said.entries):
        raise Malformed("not an entry of a log", where=f"{where}.entries", got=min(said.entries))
    if said.root is not None:
        _check_root(said.root, f"{where}.root")
    _check_stage(said, where)


def _check_root(root: Root, where: str) -> None:
    need_sized(root.id, f"{where}.id", VALUE_BYTES_MAX)
    if not root.id:
        raise Malformed("the root of nothing", where=f"{where}.id")
    if root.kind == "digest" and strong_id_in(root.id) != root.id:
        raise Malformed("not a digest", where=f"{where}.id", got=root.id, expected="sha256:…")


def _check_stage(said: IncidentStage, where: str) -> None:
    """That a stage says what makes it one, and nothing of another."""
    if said.stage == OPENED and not said.title.strip():
        raise Malformed("what is opened has no title", where=f"{where}.title")
    if said.stage == NOTED and not (said.text.strip() or said.links or said.entries):
        raise Malformed("a note of nothing", where=f"{where}.text", expected="a text, a link")
    if said.is_false and said.stage != MARKED:
        raise Malformed("only what is marked says that it was false", where=f"{where}.false")
    if (said.baseline_s is not None) != (said.stage == BASELINE):
        raise Malformed("a baseline says how long it took, and only a baseline does",
                        where=f"{where}.baseline_s", got=said.baseline_s)  # fmt: skip
    seconds = said.baseline_s
    if seconds is not None and not (isfinite(seconds) and 0 < seconds <= BASELINE_S_MAX):
        raise Malformed("not how long it took", where=f"{where}.baseline_s", got=seconds,
                        expected=f"seconds, {BASELINE_S_MAX} at most")  # fmt: skip
