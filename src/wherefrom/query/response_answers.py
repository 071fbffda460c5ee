"""The shapes of the answers about responses; their JSON is what doors send.

response  ──► ResponseShown   one plan, and every record of what became of it
responses ──► ResponseList    the plans there were, the newest first
"""

from __future__ import annotations

import msgspec

from wherefrom.formats.response import Output, Plan
from wherefrom.query.answers import LogPosition


class ResponseStage(msgspec.Struct, frozen=True, kw_only=True):
    """One record of a plan: which stage, and who says it. Fields as in ``formats.response``."""

    stage: str
    entry: int
    at: str
    received: str
    trust: str
    signers: tuple[str, ...]
    producer: str
    outcome: str | None
    exit: int | None
    status: int | None
    steps: int | None
    output: Output | None
    runner: str | None
    reason: str


class ResponseShown(msgspec.Struct, frozen=True, kw_only=True):
    """One plan and its stages, in the order of the log. ``plan`` None: nobody recorded what it is,
    or that is erased."""

    digest: str
    service: str
    environment: str
    action: str
    stage: str
    plan: Plan | None
    stages: list[ResponseStage]
    log: LogPosition
    as_of: int


class ResponseBrief(msgspec.Struct, frozen=True, kw_only=True):
    """A plan in one line: how far it is, and how it ended."""

    digest: str
    service: str
    environment: str
    action: str
    rule: str | None
    stage: str
    outcome: str | None
    at: str
    entries: list[int]


class ResponseList(msgspec.Struct, frozen=True, kw_only=True):
    """The newest first; ``truncated`` if there are more."""

    responses: list[ResponseBrief]
    truncated: bool
    log: LogPosition
    as_of: int
