"""What a policy says of an artifact: yes or no, and each reason with the records it rests on."""

from __future__ import annotations

import msgspec

from wherefrom.query.answers import LogPosition


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One rule, and whether it holds.

    rule     its name; ``needs`` what it asks for
    entries  the records that prove it, or that speak against it
    remedy   what to do, if it does not hold
    """

    rule: str
    needs: str
    ok: bool
    says: str
    entries: list[int]
    remedy: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The decision of one policy about one artifact, as of one log size.

    names   other names that were looked at; ``digest`` of the policy
    level   the SLSA build level that a rule asked for and found; 0 for none
    inputs  every record that was used, for the summary
    """

    allowed: bool
    artifact: str
    names: tuple[str, ...]
    environment: str
    policy: str
    version: str
    digest: str
    at: str
    log: LogPosition
    as_of: int
    reasons: list[Reason]
    level: int
    inputs: list[int]
