"""What a policy says of an artifact: yes or no, and each reason with the records it rests on."""

from __future__ import annotations

import msgspec

from wherefrom.query.answers import LogPosition


class Excused(msgspec.Struct, frozen=True, kw_only=True):
    """Why a rule that does not hold lets the artifact in all the same.

    entry        the record that asked
    by           who answered for it: key ids, or identities
    break_glass  nobody else approved it
    """

    entry: int
    until: str
    reason: str
    by: tuple[str, ...]
    break_glass: bool


class Reason(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rule, and whether it holds.

    rule     its name; ``needs`` what it asks for
    entries  the records that prove it, or that speak against it
    remedy   what to do, if it does not hold
    until    when what it rests on no longer counts; of a no, when it may be otherwise
    excused  the exception by which it counts as held
    """

    rule: str
    needs: str
    ok: bool
    says: str
    entries: list[int]
    remedy: str
    until: str | None = None
    excused: Excused | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The decision of one policy about one artifact, as of one log size.

    artifact  its id, by which it was asked for or found; ``subject`` the digest that names it
    names     all ids that were looked at; ``digest`` of the policy
    at        when; it counts until ``until``
    level     the SLSA build level that a rule asked for and found; 0 for none
    inputs    every record that was used, for the summary
    """

    allowed: bool
    artifact: str
    name: str | None
    subject: str | None
    names: tuple[str, ...]
    environment: str
    policy: str
    version: str
    digest: str
    at: str
    until: str
    log: LogPosition
    as_of: int
    reasons: list[Reason]
    level: int
    inputs: list[int]

    @property
    def exceptions(self) -> list[Excused]:
        """Those without which it would be a no."""
        return [one.excused for one in self.reasons if one.excused is not None]
