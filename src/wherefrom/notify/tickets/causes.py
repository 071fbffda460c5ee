"""What is wrong now, as the log says it: what the log found denied, and incidents that want a ticket.

    log from ``next`` on ──turned, incident──► causes that are open ──file──► and again after a restart

Only the log's own word turns something; an incident is whoever's may record one, and ends by somebody
whose word counts (``query.word``), or by who opened it. What opened and ended between two looks never was. The file is rebuildable: lost, the log is read from its start.

Sizes:  a look reads RECORDS_MAX records · CAUSES_MAX open causes: the first, and of
        somebody whose word counts before those of others
"""  # noqa: E501 - the picture

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import msgspec

from wherefrom.errors import Refused, StorageError
from wherefrom.formats import incident, strict_json, turned
from wherefrom.formats.digests import ids_of
from wherefrom.formats.incident import IncidentStage
from wherefrom.formats.shown import short_id
from wherefrom.formats.turned import Turned
from wherefrom.log.logged import Logged
from wherefrom.log.reader import LogReader
from wherefrom.log.replay import service_key_id
from wherefrom.notify.tickets.cause import Cause
from wherefrom.query.statements import statement_in, whole_statement_in
from wherefrom.query.word import Words
from wherefrom.storage.whole_file import replace_whole
from wherefrom.views.health.links import runbook_of

RECORDS_MAX: Final = 5_000
CAUSES_MAX: Final = 2_000
REASONS_MAX: Final = 5
DENIED_RUNBOOK: Final = "denied"
_TYPES: Final = frozenset({turned.PREDICATE_TYPE, incident.PREDICATE_TYPE})


class Places(NamedTuple):
    """Where people reach the log, and its runbooks; empty where nobody says."""

    url: str
    runbooks: str

    def links(self, pages: Mapping[str, str], runbook: str) -> tuple[tuple[str, str], ...]:
        """Pages of the log by what they are, and the runbook of this name."""
        found = [(text, f"{self.url}/{path}") for text, path in pages.items() if self.url]
        if page := runbook_of(runbook, self.runbooks):
            found.append(("the runbook", page))
        return tuple(found)


class CausesHeld(msgspec.Struct, kw_only=True):
    """What is open below ``next``, by root; ``ended`` says of those that are over why."""

    next: int = 0
    open: dict[str, Cause] = {}
    ended: dict[str, str] = {}


class CauseFile:
    """The open causes of one log, kept in a file."""

    def __init__(self, path: Path, log: LogReader, *, words: Words) -> None:
        self._path, self._log, self._words = path, log, words
        self._held = self._read()
        self._own_key = ""
        self._to = Places("", "")

    @property
    def open(self) -> Mapping[str, Cause]:
        """What is wrong now, by root."""
        return self._held.open

    def why_ended(self, root: str) -> str:
        """What ended a cause, in words."""
        return self._held.ended.get(root, "Its cause is gone.")

    def look(self, *, url: str, runbooks: str = "") -> bool:
        """Read on in the log; whether there may be more. Raises StorageError.

        url       where people reach the log, and ``runbooks`` the runbooks; no links without
        """
        self._to = Places(url.rstrip("/"), runbooks.rstrip("/"))
        size = self._log.refresh().size
        if self._held.next > size:  # another log, or an older copy
            self._held = CausesHeld()
        if not self._own_key:
            self._own_key = service_key_id(self._log)
        first = self._held.next
        until = min(size, first + RECORDS_MAX)
        changed = False
        for logged in self._log.read(first, until):
            if logged.entry.type in _TYPES and logged.content is not None:
                changed |= self._take(logged, logged.content)
        self._held.next = until
        if changed or until - first >= RECORDS_MAX:
            self._write()
        return until < size

    def _take(self, logged: Logged, content: bytes) -> bool:
        try:
            whole = whole_statement_in(content)
            if whole is None:
                return False
            predicate = strict_json.get_object(whole, "predicate")
            if logged.entry.type == incident.PREDICATE_TYPE:
                trust = logged.entry.trust
                by = (
                    ""
                    if self._words.count(trust.level, logged.entry.producer)
                    else logged.entry.producer
                )
                return self._incident(incident.parse(predicate), logged.index, by=by)
            if self._own_key not in logged.entry.trust.signers:
                return False
            subject = strict_json.as_object(strict_json.need_array(whole, "subject")[0], where="0")
            (artifact, *_) = ids_of(strict_json.need_object(subject, "digest"))
            return self._turned(turned.parse(predicate), artifact, logged.index)
        except (Refused, ValueError, IndexError):  # a newer program took what this one does not
            return False

    # -- something that runs

    def _turned(self, said: Turned, artifact: str, entry: int) -> bool:
        root = f"artifact:{artifact}"
        before = self._held.open.get(root)
        if said.to == "denied":
            if before is None:
                self._begin(self._denied(said, artifact, entry))
            else:
                where = tuple(dict.fromkeys((*before.environments, said.environment)))
                self._held.open[root] = msgspec.structs.replace(before, environments=where)
            return True
        if before is None:
            return False
        left = tuple(one for one in before.environments if one != said.environment)
        if left:
            self._held.open[root] = msgspec.structs.replace(before, environments=left)
        else:
            is_good = "is allowed again" if said.to == "allowed" else "runs no more"
            self._end(root, f"{short_id(artifact)} {is_good} in {said.environment}: #{entry}.")
        return True

    def _denied(self, said: Turned, artifact: str, entry: int) -> Cause:
        name, reasons = self._summary(said.summary)
        called = name.partition("@")[0] or short_id(artifact)
        more = said.count - len(said.services)
        services = ", ".join(said.services) + (f" and {more} more" if more > 0 else "")
        rules = ", ".join(said.rules) or "a policy"
        facts = [
            ("artifact", artifact), ("called", name), ("environment", said.environment),
            ("services", services), ("since", said.at), ("policy", said.policy),
            ("rules that do not hold", rules), *reasons, ("record", f"#{entry}"),
        ]  # fmt: skip
        pages = {"the artifact": f"things/{quote(artifact, safe='')}", **_page_of(entry)}
        return Cause(
            root=f"artifact:{artifact}",
            entry=entry,
            at=said.at,
            title=f"{called} is denied in {said.environment}: {rules}",
            environments=(said.environment,),
            facts=tuple((what, value) for what, value in facts if value),
            commands=(
                shlex.join(["wherefrom", "policy", "status", "-e", said.environment]),
                f"wherefrom show {artifact}",
                f"wherefrom affected {artifact}",
            ),
            links=self._to.links(pages, DENIED_RUNBOOK),
        )

    def _summary(self, entry: int | None) -> tuple[str, list[tuple[str, str]]]:
        """What an artifact is called, and why it is denied, by the summary that says so."""
        content = None if entry is None else self._log.content_of(entry)
        found = statement_in(content or b"")
        if found is None:
            return "", []
        predicate = found[1]
        name = predicate.get("resourceUri")
        ours = strict_json.get_object(predicate, "wherefrom")
        reasons = [
            (f"rule {one.get('rule')}", _both(one.get("says"), one.get("remedy")))
            for one in strict_json.get_array(ours, "reasons")
            if isinstance(one, dict) and one.get("ok") is not True
        ]
        return name if isinstance(name, str) else "", reasons[:REASONS_MAX]

    # -- incidents

    def _incident(self, said: IncidentStage, entry: int, *, by: str) -> bool:
        root = said.incident
        if root in self._held.open and by not in ("", self._held.open[root].by):
            return False  # it is not theirs to end
        if said.stage == incident.OPENED and root not in self._held.open:
            if said.root and f"artifact:{said.root.id}" in self._held.open:
                return False  # an alert about what turned bad, which has its ticket
            self._begin(_of_incident(said, entry, self._to, by=by))
            return True
        if root in self._held.open:
            if said.stage == incident.CLOSED:
                self._end(root, f"{_sentence(said.text, 'The incident is over')} #{entry}.")
                return True
            if said.stage == incident.MARKED and said.is_false:
                self._end(root, f"{_sentence(said.text, 'It was no trouble')} #{entry}.")
                return True
        return False

    def _begin(self, cause: Cause) -> None:
        self._held.ended.pop(cause.root, None)
        if len(self._held.open) >= CAUSES_MAX and not cause.by:
            spare = next((one.root for one in reversed(self._held.open.values()) if one.by), None)
            if spare is not None:
                self._end(spare, "There are too many open ones.")
        if len(self._held.open) < CAUSES_MAX:
            self._held.open[cause.root] = cause

    def _end(self, root: str, why: str) -> None:
        del self._held.open[root]
        self._held.ended[root] = why
        for oldest in list(self._held.ended)[: max(0, len(self._held.ended) - CAUSES_MAX)]:
            del self._held.ended[oldest]

    # -- the file

    def _read(self) -> CausesHeld:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=CausesHeld)
        except (OSError, ValueError):
            return CausesHeld()

    def _write(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_whole(self._path, msgspec.json.encode(self._held))
        except OSError as error:
            raise StorageError(
                "what is wrong cannot be kept", where=str(self._path), got=error.strerror
            ) from error


def _of_incident(said: IncidentStage, entry: int, to: Places, *, by: str) -> Cause:
    root = f"{said.root.kind} {said.root.id}" if said.root else ""
    where = "/".join(filter(None, (said.environment, said.service)))
    facts = [
        ("incident", said.incident), ("where", where), ("since", said.at),
        ("severity", said.severity), ("rule", said.rule), ("about", root), ("says", said.text),
        ("records", " ".join(f"#{one}" for one in said.entries[:20])), ("record", f"#{entry}"),
    ]  # fmt: skip
    return Cause(
        root=said.incident,
        entry=entry,
        at=said.at,
        title=f"{said.title} ({where})" if where else said.title,
        severity=said.severity,
        by=by,
        environments=(said.environment,),
        facts=tuple((name, value) for name, value in facts if value),
        commands=tuple(_commands(said)),
        links=(
            *to.links(
                {"the incident": f"incidents/{quote(said.incident, safe='')}", **_page_of(entry)},
                said.rule,
            ),
            *((f"link {number}", link) for number, link in enumerate(said.links, start=1)),
        ),
    )


def _commands(said: IncidentStage) -> Iterator[str]:
    yield shlex.join(["wherefrom", "incident", "show", said.incident])
    yield shlex.join(["wherefrom", "why", "--alert", said.incident])
    if said.root and said.root.kind == "digest":
        yield f"wherefrom verify {said.root.id}"


def _page_of(entry: int) -> dict[str, str]:
    return {"the record": f"records/{entry}"}


def _both(says: Any, remedy: Any) -> str:
    return ". ".join(one.rstrip(".") for one in (says, remedy) if isinstance(one, str) and one)


def _sentence(text: str, otherwise: str) -> str:
    return (text.strip() or otherwise).rstrip(".") + ":"
