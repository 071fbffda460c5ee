"""The shapes of answers about alerts, objectives and maintenances; their JSON is what doors send.

alerts               ──► AlertList        open, or that opened or ended in a window
objectives status    ──► ObjectiveStatus  how each stands, and what burns
maintenance list     ──► MaintenanceList  those that last, and in a window
"""

from __future__ import annotations

import msgspec

from wherefrom.query.alerts.maintenances import Window
from wherefrom.query.alerts.measuring import ObjectiveStanding
from wherefrom.query.answers import LogPosition


class ShownRoot(msgspec.Struct, frozen=True):
    """What an alert is about: a digest, a change, a service or the log."""

    kind: str
    id: str


class ShownAlert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert; ``closed`` None while it is open.

    severity     ``page``, ``ticket``, or ``info``: recorded in a maintenance, and told to nobody
    entry        of the record that opened it; ``entries`` are those that it rests on
    maintenance  the one that lies over it now, or None
    """

    incident: str
    rule: str
    severity: str
    title: str
    text: str
    environment: str
    service: str
    root: ShownRoot
    opened: str
    closed: str | None
    entry: int
    entries: list[int]
    maintenance: str | None


class AlertList(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts, open ones first, then the newest. ``watched``: whether there is an objectives.yaml,
    without which nothing is decided."""

    log: LogPosition
    as_of: int
    at: str
    watched: bool
    alerts: list[ShownAlert]
    open: int
    truncated: bool


class ShownObjective(msgspec.Struct, frozen=True, kw_only=True):
    """One objective as the file says it. ``measured`` is by what, ``watched`` by whom."""

    name: str
    target: float
    period: str
    environment: str
    service: str
    description: str
    measured: str
    watched: str
    by: list[str]


class ObjectiveStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Objectives, and how each stands: all together, and by each reality."""

    log: LogPosition
    at: str
    objectives: list[ShownObjective]
    standings: list[ObjectiveStanding]
    integrity: bool
    coverage_drop: str | None
    clock_skew: str | None
    quiet: str


class MaintenanceList(msgspec.Struct, frozen=True, kw_only=True):
    """Maintenances, the newest first; ``now`` are the ids of those that last."""

    log: LogPosition
    as_of: int
    at: str
    maintenances: list[Window]
    now: list[str]
