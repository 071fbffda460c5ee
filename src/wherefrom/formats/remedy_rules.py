"""What may be done when a service is in trouble: the operator's rules, off until they say so.

    {"version": 1, "enabled": true, "per_hour": 4,
     "rules": [{"name", "action", "when", "services", "environments", "commands" | "webhook",
                "approval": {"need", "of"}, "per_hour", "cool_down_s", "time_s", …}]}

A rule says which trouble (``when``), what kind of answer (``action``), and how: commands, a list of
words each, or one webhook. Nothing else is ever run. Whatever the file does not allow is refused.

Sizes:  RULES_MAX rules · limits as ``_BOUNDS``
Source: docs/formats/remediation.md
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import canonical_json, strict_json
from wherefrom.formats.digests import sha256_id
from wherefrom.formats.patterns import matches
from wherefrom.formats.rollback_settings import check_words

VERSION: Final = 1
RULES_MAX: Final = 200
ACTIONS: Final = ("rollback", "block", "unblock", "rebuild", "re-sign")
# What may be in the way of a reality (``rollback_answers.Ground``), or a person's wish.
TROUBLES: Final = ("canary", "cause", "incident", "trust", "gone", "by_hand")
# What a placeholder stands for: of a part, and of the plan.
PLACEHOLDERS: Final = (
    "service", "environment", "region", "pool", "slot", "name", "value", "says", "image", "before",
    "rule", "trouble",
)  # fmt: skip
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_SIGNER: Final = re.compile(r"k:[0-9a-f]{32}|p:[0-9a-f]{32}|local:[0-9]{1,10}")
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_BOUNDS: Final = {
    "per_hour": (1, 1_000), "cool_down_s": (0, 30 * 86_400), "time_s": (1, 3_600),
    "plan_s": (60, 7 * 86_400),
}  # fmt: skip


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the file: a field that is not known is a slip, and may be a limit."""


class When(_Strict, frozen=True):
    """Which trouble. ``troubles`` of TROUBLES; ``names`` patterns of incidents; none: all."""

    troubles: tuple[str, ...]
    names: tuple[str, ...] = ()


class Step(_Strict, frozen=True):
    """A command for parts in some slots; none: all. ``dry_run`` is what tries it; none: it is only
    looked whether there is such a program."""

    argv: tuple[str, ...]
    slots: tuple[str, ...] = ()
    dry_run: tuple[str, ...] = ()


class Webhook(_Strict, frozen=True):
    """Where the plan is posted, signed with HMAC-SHA-256 under the secret in ``secret_file``.

    dry_run  whether it is posted in a dry run too, marked as one
    """

    url: str
    secret_file: str
    dry_run: bool = False


class Approval(_Strict, frozen=True):
    """How many others must agree; ``of``: who may, by key or producer; none: anybody else."""

    need: int = 0
    of: tuple[str, ...] = ()


class Rule(_Strict, frozen=True):
    """What may be done.

    per_hour          how often in an hour, for a service in an environment
    cool_down_s       how long nothing is done there after something was
    time_s            how long one command, or the webhook, may take
    plan_s            how long a plan may be carried out
    pass_environment  variables that commands are given, beside PATH, HOME and LANG
    """

    name: str
    action: str
    when: When
    services: tuple[str, ...]
    environments: tuple[str, ...]
    commands: tuple[Step, ...] = ()
    webhook: Webhook | None = None
    approval: Approval = Approval(need=1)
    per_hour: int = 1
    cool_down_s: int = 600
    time_s: int = 120
    plan_s: int = 3_600
    pass_environment: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Of all that it says: a plan is carried out under the very rule it was made by."""
        return sha256_id(canonical_json.to_bytes(msgspec.to_builtins(self)))

    def covers(self, *, service: str, environment: str) -> bool:
        """Whether it is for this service there."""
        return any(matches(p, service) for p in self.services) and any(
            matches(p, environment) for p in self.environments
        )

    def step(self, slot: str) -> Step | None:
        """The first command for parts of a slot."""
        return next((one for one in self.commands if not one.slots or slot in one.slots), None)


class RemedyRules(_Strict, frozen=True):
    """The file. ``per_hour`` bounds what all rules do together."""

    version: Literal[1]
    enabled: bool = False
    per_hour: int = 4
    rules: tuple[Rule, ...] = ()

    def rule(self, name: str) -> Rule | None:
        """The rule of this name."""
        return next((one for one in self.rules if one.name == name), None)


def parse(content: bytes, *, where: str) -> RemedyRules:
    """Read the file. Raises Malformed, LimitPassed."""
    document = strict_json.decode(content)
    try:
        found = msgspec.convert(document, RemedyRules)
    except msgspec.ValidationError as error:
        raise Malformed("not rules of remediation", where=where, got=str(error)) from error
    if len(found.rules) > RULES_MAX:
        raise LimitPassed("too many rules", where=where, expected=f"{RULES_MAX} at most")
    _within("per_hour", found.per_hour, where)
    names = [rule.name for rule in found.rules]
    for number, rule in enumerate(found.rules):
        place = f"{where}, rules[{number}]"
        if names.index(rule.name) != number:
            raise Malformed("two rules of one name", where=place, got=rule.name)
        _check(rule, place)
    return found


def _check(rule: Rule, where: str) -> None:
    _fits(_NAME, [rule.name], "a name of letters, digits, dots and hyphens", where)
    _among([rule.action], ACTIONS, where)
    _among(rule.when.troubles, TROUBLES, where)
    for what, some in (("troubles", rule.when.troubles), ("services", rule.services),
                       ("environments", rule.environments)):  # fmt: skip
        if not some:
            raise Malformed(
                "a rule for nothing", where=f"{where}.{what}", expected="one at least",
                do="All of them are: *",
            )  # fmt: skip
    for name in ("per_hour", "cool_down_s", "time_s", "plan_s"):
        _within(name, getattr(rule, name), where)
    if bool(rule.commands) == (rule.webhook is not None):
        raise Malformed("a rule does something in one way", where=where,
                        expected="commands, or a webhook")  # fmt: skip
    for step in rule.commands:
        check_words(step.argv, PLACEHOLDERS, where=where)
        if step.dry_run:
            check_words(step.dry_run, PLACEHOLDERS, where=where)
    if rule.webhook is not None:
        _check_webhook(rule.webhook, where)
    _fits(_VARIABLE, rule.pass_environment, "the name of a variable", where)
    _fits(_SIGNER, rule.approval.of, "k: or p: and 32 hex digits, or local:UID", where)
    most = len(set(rule.approval.of)) if rule.approval.of else 100
    if not 0 <= rule.approval.need <= most:
        raise Malformed(
            "not a number of approvals", where=f"{where}.approval.need", expected=f"0 to {most}",
            got=rule.approval.need,
        )  # fmt: skip


def _check_webhook(webhook: Webhook, where: str) -> None:
    try:
        parts = urlsplit(webhook.url)
        port_is_one = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_one = urlsplit(""), False
    plain = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not (parts.scheme == "https" or plain) or not parts.hostname or not port_is_one:
        raise Malformed(
            "not where a plan may be posted", where=f"{where}.webhook.url",
            expected="https://HOST/…, or http:// on this machine",
        )  # fmt: skip
    if parts.username or parts.password or parts.query:
        raise Malformed(
            "an address that may hold a secret", where=f"{where}.webhook.url",
            expected="no user, password or query",
            do="Whoever receives it checks the signature",
        )  # fmt: skip
    if not webhook.secret_file:
        raise Malformed("a webhook without a secret", where=f"{where}.webhook.secret_file")


def _within(name: str, value: int, where: str) -> None:
    low, high = _BOUNDS[name]
    if not low <= value <= high:
        raise Malformed(
            "not a limit", where=f"{where}.{name}", expected=f"{low} to {high}", got=value
        )


def _among(texts: Sequence[str], known: Collection[str], where: str) -> None:
    for text in texts:
        if text not in known:
            raise Malformed(
                "none of what it can be", where=where, expected=" ".join(known), got=text
            )


def _fits(pattern: re.Pattern[str], texts: Sequence[str], expected: str, where: str) -> None:
    for text in texts:
        if not pattern.fullmatch(text):
            raise Malformed("not as it has to be", where=where, expected=expected, got=text)
