"""A data directory, opened by this process.

Reading folds the views first, unless a server holds the directory and folds them itself; then it
waits until they have what the log held when the command began. Writing is ``local:<uid>``.

    DataFolder ──► open_log ──► fold_views ──► Desk          open_recorder ──► Recorder
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wherefrom.app import (
    DataFolder,
    decided,
    fold_views,
    now,
    open_desk,
    open_gate,
    open_log,
    open_recorder,
    open_status,
)
from wherefrom.cli.failures import warn
from wherefrom.cli.places import LogAt
from wherefrom.cli.settings import Where
from wherefrom.collect.principals import local
from wherefrom.collect.senders import hashed, names_of
from wherefrom.errors import StorageError, Unavailable
from wherefrom.followed import Others, folder_at
from wherefrom.formats import feed, strict_json, why_case
from wherefrom.formats.anchor import Anchor
from wherefrom.formats.feed import Looked
from wherefrom.formats.intake import IntakeRule
from wherefrom.formats.inventory import Inventory
from wherefrom.keys.changes import KeyWish, RootWish, draft
from wherefrom.keys.keyring import KeyHistory, Keys
from wherefrom.log import roots
from wherefrom.log.decisions import Decisions, IntakeTold
from wherefrom.log.look_back import Marked, Over, Simulated, chosen, marks, simulate
from wherefrom.log.own_keys import LogKeysTold, LogKeysWish, told
from wherefrom.log.reader import LogReader
from wherefrom.log.recorder import IntakeChanged, KeyChanged, Outcome, Recorder
from wherefrom.log.renewal import Renewing
from wherefrom.log.roots import RootChanged, RootsTold
from wherefrom.log.vouched import Vouched, vouched
from wherefrom.query import Found, Shown, Trace
from wherefrom.query import Path as Way
from wherefrom.query.alerts.answers import AlertList, MaintenanceList, ObjectiveStatus
from wherefrom.query.alerts.desk import AlertOptions
from wherefrom.query.canary.live import CanaryOptions
from wherefrom.query.canary_answers import Canary
from wherefrom.query.catalog.answers import CatalogShown, Gaps
from wherefrom.query.catalog.questions import CatalogOptions
from wherefrom.query.catalog.reconcile import Reconciled
from wherefrom.query.containment import Containment
from wherefrom.query.desk import Desk, LogStatus, Proof, TokenMade, TraceOptions
from wherefrom.query.enrich import Enriched
from wherefrom.query.health import Health, HealthExplained, HealthOptions, History
from wherefrom.query.hours import HourOptions, Hours
from wherefrom.query.incident_answers import Impact, Why
from wherefrom.query.incidents import EffectOptions, IncidentOptions
from wherefrom.query.lost import Lost
from wherefrom.query.mode_effect import ModeEffect
from wherefrom.query.packages import Packages
from wherefrom.query.postmortem.question import IncidentsWanted
from wherefrom.query.postmortem_answers import IncidentList, IncidentShown, Postmortem
from wherefrom.query.reality import RealityOptions
from wherefrom.query.reality_answers import Affected, Changes, Clocks, Difference, Running, Touched
from wherefrom.query.release_answers import ReleaseDifference, Releases, ReleaseShown
from wherefrom.query.requests import RequestPath
from wherefrom.query.response_answers import ResponseList, ResponseShown
from wherefrom.query.rollback.question import RollbackOptions
from wherefrom.query.rollback_answers import Rollback
from wherefrom.query.security import SecurityPage
from wherefrom.query.sizes import need_size
from wherefrom.verify.steps import Report

if TYPE_CHECKING:
    from wherefrom.policy.gate import Decided, Gated, GateRequest, Question
    from wherefrom.policy.in_force import Standing
    from wherefrom.policy.status import PolicyStatus

BUSY_SECONDS: Final = 10.0
_LOOK_EVERY_SECONDS: Final = 0.02
_MANY_ENTRIES: Final = 20_000


def server_of(where: Where) -> Where:
    """The server that holds a directory, with the administrator's token; else ``where``."""
    folder = DataFolder(where.data)
    served = folder.served()
    if served is None:
        return where
    token = where.token
    if token is None:
        try:
            token = (folder.path / "token").read_text().strip()
        except OSError as error:
            raise Unavailable(
                "a server holds this directory, and its token cannot be read",
                where=str(folder.path / "token"),
                do=f"Use it with a token of yours: WHEREFROM_TOKEN, --server {served.url}",
            ) from error
    return where._replace(server=served.url, token=token)


class LocalReading:
    """Questions to a directory."""

    def __init__(self, path: Path) -> None:
        self._folder = need_log(path)

    @cached_property
    def _log(self) -> LogReader:
        return open_log(self._folder)

    @cached_property
    def _unfolded(self) -> Desk:
        return open_desk(self._folder, self._log, others=Others(self._folder))

    @cached_property
    def _desk(self) -> Desk:
        desk, wanted = self._unfolded, self._log.refresh().size
        until = time.monotonic() + BUSY_SECONDS
        while (reached := min(desk.status().views.values())) < wanted:
            if self._folder.served() is None and self._fold(wanted - reached):
                break
            if time.monotonic() > until:
                warn(f"the graph has read {reached} of {wanted} entries; the answer is as of there")
                break
            time.sleep(_LOOK_EVERY_SECONDS)
        return desk

    def _fold(self, entries: int) -> bool:
        """Fold the views, unless somebody else is at it."""
        if entries > _MANY_ENTRIES:
            warn(f"reading {entries:,} new entries into the graph")
        try:
            fold_views(self._folder, self._log)
        except Unavailable:
            return False
        return True

    def trace(self, text: str, options: TraceOptions) -> Trace:
        return self._desk.trace(text, options)

    def path(self, a: str, b: str, options: TraceOptions) -> Way:
        return self._desk.path(a, b, options)

    def show(self, text: str, options: TraceOptions) -> Shown:
        return self._desk.show(text, options)

    def find(self, text: str, *, as_of: int | None, own: bool) -> Found:
        return self._desk.find(text, as_of=as_of, own=own)

    def running(self, text: str, options: RealityOptions, *, drifting: bool) -> Running:
        return self._desk.reality.running(text, options, drifting=drifting)

    def changes(self, text: str, options: RealityOptions) -> Changes:
        return self._desk.reality.changes(text, options)

    def diff(self, a: str, b: str, options: RealityOptions) -> Difference:
        return self._desk.reality.diff(a, b, options)

    def containment(self, text: str, options: RealityOptions) -> Containment:
        return self._desk.reality.containment(text, options)

    def affected(self, text: str, options: RealityOptions) -> Affected:
        return self._desk.reality.affected(text, options)

    def touched(self, text: str, options: RealityOptions) -> Touched:
        return self._desk.reality.touched(text, options)

    def clocks(self, *, since: str | None, until: str | None) -> Clocks:
        return self._desk.reality.clocks(since=since, until=until)

    def releases(self, name: str, *, limit: int, as_of: int | None) -> Releases:
        return self._desk.releases.list(name, limit=limit, as_of=as_of)

    def release(self, name: str, version: str, *, as_of: int | None) -> ReleaseShown:
        return self._desk.releases.show(name, version, as_of=as_of)

    def release_diff(self, a: str, b: str, *, as_of: int | None) -> ReleaseDifference:
        return self._desk.releases.diff(a, b, as_of=as_of)

    def catalog(self, name: str, options: CatalogOptions) -> CatalogShown:
        return self._desk.catalogs.catalog(name, options)

    def gaps(self, name: str, options: CatalogOptions) -> Gaps:
        return self._desk.catalogs.gaps(name, options)

    def reconcile(self, inventory: Inventory, options: CatalogOptions) -> Reconciled:
        return self._desk.catalogs.reconcile(inventory, options)

    def health(self, options: HealthOptions) -> Health:
        return self._desk.health.now(options)

    def health_explained(self, indicator: str, options: HealthOptions) -> HealthExplained:
        return self._desk.health.explain(indicator, options)

    def health_history(
        self, indicator: str, options: HealthOptions, *, since: str, until: str | None, step_s: int
    ) -> History:
        return self._desk.health.history(
            indicator, options, since=since, until=until, step_s=step_s
        )

    def request(self, text: str) -> RequestPath:
        return self._desk.request(text)

    def hours(self, options: HourOptions) -> Hours:
        return self._desk.hours(options)

    def impact(self, options: IncidentOptions) -> Impact:
        return self._desk.incidents.impact(options)

    def canary(self, options: CanaryOptions) -> Canary:
        return self._desk.incidents.canary(options)

    def rollback(self, options: RollbackOptions) -> Rollback:
        return self._desk.rollbacks.rollback(options)

    def response(self, text: str, *, as_of: int | None) -> ResponseShown:
        return self._desk.responses.show(text, as_of=as_of)

    def responses(
        self, *, service: str, environment: str, limit: int, as_of: int | None
    ) -> ResponseList:
        return self._desk.responses.plans(
            service=service, environment=environment, limit=limit, as_of=as_of
        )

    def mode_effect(self, options: EffectOptions) -> ModeEffect:
        return self._desk.incidents.effect(options)

    def why(self, options: IncidentOptions) -> Why:
        return self._desk.incidents.why(options)

    def why_case(self, options: IncidentOptions) -> dict[str, bytes]:
        return why_case.to_files(self._desk.incidents.case(options).case)

    def enrich(self, body: bytes) -> Enriched:
        return self._desk.enriching.enrich(body)

    def siem(self, format: str, since: int) -> SecurityPage:
        return self._unfolded.security.page(format, since)

    def incidents(self, wanted: IncidentsWanted) -> IncidentList:
        return self._desk.postmortems.list(wanted)

    def incident(self, text: str, *, as_of: int | None) -> IncidentShown:
        return self._desk.postmortems.show(text, as_of=as_of)

    def postmortem(self, text: str, *, as_of: int | None) -> Postmortem:
        return self._desk.postmortems.report(text, as_of=as_of)

    def postmortem_evidence(self, text: str, *, as_of: int | None) -> Proof:
        return self._desk.postmortem_evidence(text, as_of=as_of)

    def verify(self, text: str) -> Report:
        return self._desk.verify(text)

    def prove(self, text: str, *, whole_trace: bool, content: bool, format: str) -> Proof:
        return self._desk.prove(text, whole_trace=whole_trace, content=content, format=format)

    def proof_token(self, text: str, *, expires: str | None) -> TokenMade:
        return self._desk.proof_token(text, expires=expires)

    def consistency(self, size1: int, size2: int) -> list[str]:
        return self._desk.consistency(size1, size2)

    def status(self) -> LogStatus:
        return self._desk.status()

    def decide(self, asked: Question) -> Decided:
        _ = self._desk  # the views are folded by it
        return open_gate(self._folder, self._log).decide(asked)

    def in_force(self, environment: str) -> list[Standing]:
        _ = self._desk
        return open_gate(self._folder, self._log).in_force(environment)

    def alerts(self, options: AlertOptions) -> AlertList:
        return self._desk.alerts.alerts(options)

    def objectives(self, name: str) -> ObjectiveStatus:
        return self._desk.alerts.objectives(name)

    def maintenances(self, options: AlertOptions) -> MaintenanceList:
        return self._desk.alerts.maintenances(options)

    def policy_status(
        self, environment: str, *, limit: int, at: str | None = None, as_of: int | None = None
    ) -> PolicyStatus:
        _ = self._desk
        gate = open_gate(self._folder, self._log)
        statuses = open_status(self._folder, self._log, gate)
        return statuses.status(environment, limit=limit, at=at, as_of=as_of)

    def anchor(self, entry: int | None) -> Anchor:
        return self._unfolded.anchor(entry)

    def log_keys(self) -> LogKeysTold:
        return told(self._folder.own_keys.read(), at=now(), uses=self._decisions.key_uses)

    def keys(self, as_of: int | None = None) -> Keys:
        need_size(as_of, reached=0, log=self._log)
        return self._decisions.keyring.as_of(as_of).told()

    def key(self, hint: str) -> KeyHistory:
        return self._decisions.keyring.history(hint)

    def packages(self, after: str) -> Packages:
        return self._desk.packages(after)

    def lost(self, id: str) -> Lost:
        return self._desk.lost(id)

    def vouched(self, id: str, *, first: int) -> Vouched:
        return vouched(self._log, id, verdicts=self._decisions.verdicts, first=first)

    def content(self, index: int) -> bytes:
        return self._unfolded.content(index)

    @cached_property
    def _decisions(self) -> Decisions:
        return decided(self._folder, self._log)

    def intake(self) -> IntakeTold:
        names = names_of(self._folder.tokens.list(), key=self._folder.producer_key())
        return self._decisions.told_intake(senders=names)

    def simulate_intake(
        self, rules: Sequence[IntakeRule], *, since: str | None, last: int | None
    ) -> Simulated:
        asked = hashed(rules, key=self._folder.producer_key())
        over = chosen(self._log, Over(since, last))
        return simulate(asked, self._log, over, verdicts=self._decisions.verdicts)

    def intake_marks(self, *, since: str | None, last: int | None) -> Marked:
        over = chosen(self._log, Over(since, last))
        said = self._decisions
        return marks(said.rule_sets, self._log, over, verdicts=said.verdicts)

    def roots(self, *, version: int | None) -> RootsTold:
        return roots.told(self._decisions, now=now(), version=version)


class LocalWriting:
    """Changes to a directory that this process alone holds."""

    def __init__(self, recorder: Recorder, folder: DataFolder) -> None:
        self._recorder = recorder
        self._folder = folder
        self._principal = local(os.getuid())

    def record(self, contents: Sequence[bytes]) -> Sequence[Outcome]:
        return self._recorder.record(contents, principal=self._principal)

    def gate(self, asked: GateRequest) -> Gated:
        from wherefrom.policy.signing import vouched_for

        log = open_log(self._folder)
        fold_views(self._folder, log)
        prepared = open_gate(self._folder, log).prepare(asked)
        return vouched_for(prepared, self._recorder, principal=self._principal)

    def look(self, said: Looked, digest: str) -> int:
        statement = feed.to_statement(said, digest)
        return self._recorder.vouch(statement, principal=self._principal).entry

    def change_key(self, wish: KeyWish) -> KeyChanged:
        return self._recorder.wish(wish)

    def apply_key_change(self, envelope: bytes) -> KeyChanged:
        return self._recorder.apply(strict_json.as_object(strict_json.decode(envelope), where=""))

    def set_intake(self, rules: Sequence[IntakeRule], *, reason: str) -> IntakeChanged:
        return self._recorder.set_intake(rules, reason=reason)

    def propose_intake(self, rules: Sequence[IntakeRule], *, reason: str) -> bytes:
        return draft(self._recorder.propose_intake(rules, reason=reason))

    def apply_intake(self, envelope: bytes) -> IntakeChanged:
        document = strict_json.as_object(strict_json.decode(envelope), where="")
        return self._recorder.apply_intake(document)

    def set_root(self, wish: RootWish) -> RootChanged:
        return self._recorder.set_root(wish)

    def propose_root(self, wish: RootWish) -> bytes:
        return draft(self._recorder.propose_root(wish))

    def apply_root(self, envelope: bytes) -> RootChanged:
        document = strict_json.as_object(strict_json.decode(envelope), where="")
        return self._recorder.apply_root(document)

    def renew(self) -> Renewing:
        return self._recorder.renew()

    def change_log_keys(self, wish: LogKeysWish) -> LogKeysTold:
        return self._recorder.change_log_keys(wish)

    def erase(self, index: int, *, reason: str) -> int:
        return self._recorder.erase(index, reason=reason, principal=self._principal)

    def position(self) -> LogAt:
        position = self._recorder.writer.position()
        return LogAt(position.size, position.root.hex())


@contextmanager
def open_local_writing(path: Path, *, create: bool) -> Iterator[LocalWriting]:
    """Hold a directory; another command that holds it for a moment is waited for."""
    folder = DataFolder(path)
    if not folder.exists():
        if not create:
            need_log(path)
        make(folder)
    until = time.monotonic() + BUSY_SECONDS
    while True:
        opening = open_recorder(folder)
        try:
            recorder = opening.__enter__()
            break
        except Unavailable:
            if folder.served() is not None or time.monotonic() > until:
                raise
            time.sleep(_LOOK_EVERY_SECONDS)
    try:
        yield LocalWriting(recorder, folder)
    except BaseException as error:
        if not opening.__exit__(type(error), error, error.__traceback__):
            raise
    else:
        opening.__exit__(None, None, None)


def make(folder: DataFolder, *, origin: str | None = None) -> None:
    """Start a log in a directory. Raises StorageError, SettingError."""
    try:
        folder.create(origin=origin)
    except OSError as error:
        raise StorageError(
            "cannot start a log here", where=str(folder.path), got=error.strerror
        ) from error
    warn(f"started a new log in {folder.path} (origin {folder.origin})")


def need_log(path: Path) -> DataFolder:
    """The folder of a log that is there. Raises Unavailable: without one, nobody can tell."""
    folder = folder_at(path)
    if not folder.exists():
        folder.need_no_orphan()
        raise Unavailable(
            "no log in this directory",
            where=str(path),
            do="Name another with --data, or start one: wherefrom up, wherefrom record",
        )
    return folder
