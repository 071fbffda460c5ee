"""What a command asks of the place it works on: a directory (``local``) or a server (``remote``).

Both keep this contract and give the same values, so a command does not know where it works.
``opening`` chooses one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from wherefrom.formats.anchor import Anchor
    from wherefrom.formats.intake import IntakeRule
    from wherefrom.formats.inventory import Inventory
    from wherefrom.keys.changes import KeyWish, RootWish
    from wherefrom.keys.keyring import KeyHistory, Keys
    from wherefrom.log.decisions import IntakeTold
    from wherefrom.log.look_back import Marked, Simulated
    from wherefrom.log.own_keys import LogKeysTold, LogKeysWish
    from wherefrom.log.recorder import IntakeChanged, KeyChanged, Outcome
    from wherefrom.log.renewal import Renewing
    from wherefrom.log.roots import RootChanged, RootsTold
    from wherefrom.log.vouched import Vouched
    from wherefrom.query.answers import Found, Path, Shown, Trace
    from wherefrom.query.canary.live import CanaryOptions
    from wherefrom.query.canary_answers import Canary
    from wherefrom.query.catalog.answers import CatalogShown, Gaps
    from wherefrom.query.catalog.questions import CatalogOptions
    from wherefrom.query.catalog.reconcile import Reconciled
    from wherefrom.query.containment import Containment
    from wherefrom.query.desk import LogStatus, Proof, TokenMade, TraceOptions
    from wherefrom.query.hours import HourOptions, Hours
    from wherefrom.query.incident_answers import Impact, Why
    from wherefrom.query.incidents import EffectOptions, IncidentOptions
    from wherefrom.query.lost import Lost
    from wherefrom.query.mode_effect import ModeEffect
    from wherefrom.query.reality import RealityOptions
    from wherefrom.query.reality_answers import (
        Affected,
        Changes,
        Clocks,
        Difference,
        Running,
        Touched,
    )
    from wherefrom.query.release_answers import ReleaseDifference, Releases, ReleaseShown
    from wherefrom.query.requests import RequestPath
    from wherefrom.query.response_answers import ResponseList, ResponseShown
    from wherefrom.query.rollback.question import RollbackOptions
    from wherefrom.query.rollback_answers import Rollback
    from wherefrom.verify.steps import Report


class LogAt(NamedTuple):
    """A log's size and root (hex) after writing."""

    size: int
    root: str


class Reading(Protocol):
    """Where questions are asked. Each may raise NotFound, Ambiguous, Unavailable."""

    def trace(self, text: str, options: TraceOptions) -> Trace: ...

    def path(self, a: str, b: str, options: TraceOptions) -> Path: ...

    def show(self, text: str, options: TraceOptions) -> Shown: ...

    def find(self, text: str, *, as_of: int | None, own: bool) -> Found: ...

    def running(self, text: str, options: RealityOptions, *, drifting: bool) -> Running: ...

    def changes(self, text: str, options: RealityOptions) -> Changes: ...

    def diff(self, a: str, b: str, options: RealityOptions) -> Difference: ...

    def containment(self, text: str, options: RealityOptions) -> Containment: ...

    def affected(self, text: str, options: RealityOptions) -> Affected: ...

    def touched(self, text: str, options: RealityOptions) -> Touched: ...

    def clocks(self, *, since: str | None, until: str | None) -> Clocks: ...

    def releases(self, name: str, *, limit: int, as_of: int | None) -> Releases: ...

    def release(self, name: str, version: str, *, as_of: int | None) -> ReleaseShown: ...

    def release_diff(self, a: str, b: str, *, as_of: int | None) -> ReleaseDifference: ...

    def catalog(self, name: str, options: CatalogOptions) -> CatalogShown: ...

    def gaps(self, name: str, options: CatalogOptions) -> Gaps: ...

    def reconcile(self, inventory: Inventory, options: CatalogOptions) -> Reconciled: ...

    def request(self, text: str) -> RequestPath: ...

    def hours(self, options: HourOptions) -> Hours: ...

    def impact(self, options: IncidentOptions) -> Impact: ...

    def canary(self, options: CanaryOptions) -> Canary: ...

    def rollback(self, options: RollbackOptions) -> Rollback: ...

    def response(self, text: str, *, as_of: int | None) -> ResponseShown: ...

    def responses(
        self, *, service: str, environment: str, limit: int, as_of: int | None
    ) -> ResponseList: ...

    def mode_effect(self, options: EffectOptions) -> ModeEffect: ...

    def why(self, options: IncidentOptions) -> Why: ...

    def why_case(self, options: IncidentOptions) -> dict[str, bytes]: ...

    def verify(self, text: str) -> Report: ...

    def prove(self, text: str, *, whole_trace: bool, content: bool, format: str) -> Proof: ...

    def proof_token(self, text: str, *, expires: str | None) -> TokenMade: ...

    def log_keys(self) -> LogKeysTold: ...

    def anchor(self, entry: int | None) -> Anchor: ...

    def consistency(self, size1: int, size2: int) -> list[str]: ...

    def status(self) -> LogStatus: ...

    def keys(self) -> Keys: ...

    def key(self, hint: str) -> KeyHistory: ...

    def lost(self, id: str) -> Lost: ...

    def vouched(self, id: str, *, first: int) -> Vouched: ...

    def content(self, index: int) -> bytes: ...

    def intake(self) -> IntakeTold: ...

    def simulate_intake(
        self, rules: Sequence[IntakeRule], *, since: str | None, last: int | None
    ) -> Simulated: ...

    def intake_marks(self, *, since: str | None, last: int | None) -> Marked: ...

    def roots(self, *, version: int | None) -> RootsTold: ...


class Writing(Protocol):
    """Where changes are made.

    ``record`` gives one outcome for each content, in order. ``position`` is where the log is
    after the last of these.
    """

    def record(self, contents: Sequence[bytes]) -> Sequence[Outcome]: ...

    def change_key(self, wish: KeyWish) -> KeyChanged: ...

    def apply_key_change(self, envelope: bytes) -> KeyChanged: ...

    def set_intake(self, rules: Sequence[IntakeRule], *, reason: str) -> IntakeChanged: ...

    def propose_intake(self, rules: Sequence[IntakeRule], *, reason: str) -> bytes: ...

    def apply_intake(self, envelope: bytes) -> IntakeChanged: ...

    def set_root(self, wish: RootWish) -> RootChanged: ...

    def propose_root(self, wish: RootWish) -> bytes: ...

    def apply_root(self, envelope: bytes) -> RootChanged: ...

    def renew(self) -> Renewing: ...

    def change_log_keys(self, wish: LogKeysWish) -> LogKeysTold: ...

    def erase(self, index: int, *, reason: str) -> int: ...

    def position(self) -> LogAt: ...
