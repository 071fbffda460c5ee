"""A policy: what must be recorded of an artifact before it may go in, as a file says it.

    name: production               rules ──each──► one need: provenance, an SBOM, a clean scan,
    version: "3"                                   tests, approvals, a summary of somebody's, …
    rules:                                         or a condition in CEL or Rego over the same facts
      - {name: built, needs: provenance, builders: [{id: "https://ci.example/*"}]}

Every rule must hold; a policy without rules is refused, for it would let in everything. What a
rule does not say is the careful choice: only records that are signed count, by anybody known.
Unknown fields are refused: a slip of the pen must not be a rule less.

Its digest is over the parsed document and the Rego modules it names, so that neither comments nor
the order of keys make another policy.

Sizes:  RULES_MAX rules · a document 256 KiB · a module 256 KiB, MODULES_MAX of them
Source: docs/formats/policy.md
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import (
    canonical_json,
    digests,
    feed,
    statement_shape,
    strict_json,
    timestamps,
    yaml_text,
)
from wherefrom.formats.entry import KEY_ID
from wherefrom.formats.facts import FactsBuilder

PREDICATE_TYPE: Final = "urn:wherefrom:policy:v1"
RULES_MAX: Final = 200
MODULES_MAX: Final = 50
BYTES_MAX: Final = 256 * 1024
EXPRESSION_CHARS_MAX: Final = 8 * 1024
SEVERITIES: Final = ("low", "medium", "high", "critical")
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class Signer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who may have signed: a key (``k:…``), or a keyless identity of an issuer.

    identity  a pattern over the certificate's subject, ``*`` for any run of characters
    issuer    exactly; an identity without its issuer says nothing
    """

    key: str | None = None
    identity: str | None = None
    issuer: str | None = None


class Builder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A builder or a verifier that counts: its id, who signs for it, which level it reaches.

    Whoever signs may write any id, so one counts only with a signer of its own (SLSA v1.2,
    "Verifying artifacts"); without ``by`` those of the rule.
    """

    id: str
    by: tuple[Signer, ...] = ()
    level: int = 0


class Forbidden(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may not be upstream: things of a kind whose property has a value."""

    property: str
    equals: str
    kind: str = ""


class BreakGlass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who may set rules aside alone, and for how long; everybody is told."""

    by: tuple[Signer, ...]
    longest: str = "4h"


class Exceptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which exceptions count: ``approvals`` of ``by``, none of them who asked; not longer than so.

    never  rules that nobody is excepted from
    """

    by: tuple[Signer, ...]
    approvals: int = 1
    longest: str = "14d"
    never: tuple[str, ...] = ()
    break_glass: BreakGlass | None = None


class Rule(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="needs"
):
    """What all rules have.

    environments  only there; everywhere if empty
    by            who may have signed what it needs; anybody known if empty
    trust         ``signed``: by a key or identity that is known; ``channel``: also unsigned, from
                  whoever had a token
    within        how old it may be, such as ``30d``
    says, remedy  for people: why, and what to do if it does not hold
    """

    name: str
    environments: tuple[str, ...] = ()
    by: tuple[Signer, ...] = ()
    trust: Literal["signed", "channel"] = "signed"
    within: str | None = None
    says: str = ""
    remedy: str = ""

    @property
    def within_s(self) -> int | None:
        """``within`` in seconds."""
        return None if self.within is None else timestamps.duration_s(self.within, where="within")


class Provenance(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="provenance"):
    """It was built, by one of some builders, of one of some sources.

    sources     patterns over what was built: ``git+https://github.com/acme/*``
    parameters  of ``externalParameters``, by path: a value that must be there
    """

    builders: tuple[Builder, ...] = ()
    level: int = 0
    sources: tuple[str, ...] = ()
    build_types: tuple[str, ...] = ()
    parameters: dict[str, Any] = {}


class Sbom(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="sbom"):
    """It is recorded what is inside."""


class Vulnerabilities(
    Rule, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="vulnerabilities"
):
    """Nothing as severe as ``none_from`` is known of it that no VEX excuses.

    from_        how it has to be known: by a ``scan``, by ``advisories`` about what its SBOM names,
                 or by ``any`` of them; then what the other says against it counts too
    feed_within  how old the last look at a feed of advisories may be; ``feeds`` which, all of
                 them; any if empty
    never        ids that no VEX excuses
    vex_by       who may have signed a VEX; anybody known if empty
    """

    from_: Literal["scan", "advisories", "any"] = msgspec.field(default="any", name="from")
    feed_within: str = "2d"
    feeds: tuple[str, ...] = ()
    none_from: Literal["low", "medium", "high", "critical"] = "high"
    excused: bool = True
    vex_by: tuple[Signer, ...] = ()
    never: tuple[str, ...] = ()

    @property
    def feed_within_s(self) -> int:
        """``feed_within`` in seconds."""
        return timestamps.duration_s(self.feed_within, where="feed_within")


class Tests(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="tests"):
    """It was tested, and nothing failed; ``count`` reports at least."""

    count: int = 1


class Approvals(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="approvals"):
    """``count`` different signers approved it, and none of them built it."""

    count: int = 1


class Summary(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="vsa"):
    """Somebody verified it: a summary of one of ``verifiers`` that passed, with all ``levels``.

    policies  by which policies, by their digests (``sha256:…``); any if empty. What a policy is
              called, and so a level ``WHEREFROM_NAME``, whoever asks the gate may choose
    """

    verifiers: tuple[Builder, ...]
    levels: tuple[str, ...] = ()
    resource: str = ""
    policies: tuple[str, ...] = ()


class Statement(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="statement"):
    """A statement of some type says something: the newest of each signer has all ``fields``.

    type    a pattern over the predicate type, such as ``urn:wherefrom:rebuild:v1``
    fields  of the predicate, by path: a value that must be there
    """

    type: str
    fields: dict[str, Any] = {}


class Released(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="release"):
    """It is part of a release that is recorded."""


class Lineage(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="lineage"):
    """Nothing it came from is forbidden."""

    forbid: tuple[Forbidden, ...]


class Cel(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="cel"):
    """An expression of CEL over ``input`` is true."""

    expression: str


class Rego(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="rego"):
    """A query over Rego modules holds: ``true``, or a set of reasons against it that is empty."""

    modules: tuple[str, ...]
    query: str


AnyRule = (
    Provenance
    | Sbom
    | Vulnerabilities
    | Tests
    | Approvals
    | Summary
    | Statement
    | Released
    | Lineage
    | Cel
    | Rego
)


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One policy.

    valid       for how long a decision by it counts, such as ``24h``
    exceptions  which count; none if it does not say
    modules     the text of each Rego module, by the name that rules give it
    """

    name: str
    version: str
    rules: tuple[AnyRule, ...]
    says: str = ""
    valid: str = "24h"
    exceptions: Exceptions | None = None
    modules: dict[str, str] = {}

    @property
    def digest(self) -> str:
        """``sha256:`` of what it says."""
        return digests.sha256_id(canonical_json.to_bytes(self.to_document()))

    @property
    def valid_s(self) -> int:
        """``valid`` in seconds."""
        return timestamps.duration_s(self.valid, where="valid")

    def to_document(self) -> dict[str, Any]:
        """As it is recorded: what it says, without what it leaves open."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        document["rules"] = [
            {key: value for key, value in rule.items() if value not in (None, "", [], {}, ())}
            for rule in document["rules"]
        ]
        return {key: value for key, value in document.items() if value not in ("", {}, None)}

    def in_environment(self, environment: str) -> tuple[AnyRule, ...]:
        """The rules that hold there."""
        return tuple(
            rule for rule in self.rules if not rule.environments or environment in rule.environments
        )


def read(written: bytes, *, where: str, modules: Mapping[str, str] = {}) -> Policy:
    """A policy of a file in YAML or JSON. Raises Malformed, LimitPassed."""
    if len(written) > BYTES_MAX:
        raise LimitPassed("a policy is too long", where=where, expected=f"{BYTES_MAX} bytes")
    document = strict_json.as_object(yaml_text.decode(written, where=where), where=where)
    return parse({**document, "modules": dict(modules)} if modules else document, where=where)


def parse(document: Mapping[str, Any], *, where: str) -> Policy:
    """A policy as it is recorded. Raises Malformed, LimitPassed."""
    do = "docs/formats/policy.md has every rule and its fields"
    policy = statement_shape.convert(document, Policy, "a policy", where, do=do)
    _check(policy, where)
    return policy


def to_statement(policy: Policy) -> bytes:
    """The in-toto statement about what it says, canonical."""
    document = policy.to_document()
    return statement_shape.of_predicate(document, PREDICATE_TYPE, {policy.digest: policy.name})


def add(
    builder: FactsBuilder, predicate: Mapping[str, Any], *, subjects: Sequence[str], where: str
) -> None:
    """Add the policy that a statement is about. Raises Malformed if that is another one."""
    policy = parse(predicate, where=where)
    if list(subjects) != [policy.digest]:
        raise Malformed(
            "a statement about another policy than it holds",
            where="subject", expected=policy.digest, got=" ".join(subjects),
        )  # fmt: skip
    builder.node(
        policy.digest,
        "policy",
        f"{policy.name} {policy.version}",
        {"version": policy.version, "rules": [rule.name for rule in policy.rules]},
    )


def _check(policy: Policy, where: str) -> None:
    for what, name in (("name", policy.name), *(("rule", rule.name) for rule in policy.rules)):
        if not _NAME.fullmatch(name):
            raise Malformed(
                f"not a {what} of a policy", where=where, got=name,
                expected="letters, digits, dots, dashes, underscores; 128 at most",
            )  # fmt: skip
    if not policy.version or len(policy.version) > 128:
        raise Malformed(
            "not a version", where=where, got=policy.version, expected="1 to 128 characters"
        )
    if not policy.rules:
        raise Malformed("a policy without rules lets in everything", where=f"{where}.rules")
    if len(policy.rules) > RULES_MAX or len(policy.modules) > MODULES_MAX:
        raise LimitPassed(
            "too much for one policy", where=where,
            expected=f"{RULES_MAX} rules, {MODULES_MAX} modules",
        )  # fmt: skip
    names = [rule.name for rule in policy.rules]
    if twice := {name for name in names if names.count(name) > 1}:
        raise Malformed("two rules with one name", where=where, got=", ".join(sorted(twice)))
    _ = policy.valid_s
    if policy.exceptions is not None:
        _check_exceptions(policy.exceptions, names, f"{where}.exceptions")
    for number, rule in enumerate(policy.rules):
        _check_rule(rule, policy, f"{where}.rules[{number}]")


def _check_exceptions(said: Exceptions, rules: Sequence[str], where: str) -> None:
    timestamps.duration_s(said.longest, where=f"{where}.longest")
    _check_signers(said.by, where)
    if not said.by or said.approvals < 1:
        raise Malformed(
            "exceptions that nobody approves", where=where, expected="by, and approvals from 1 on"
        )
    if unknown := set(said.never) - set(rules):
        raise Malformed("not a rule of this policy", where=f"{where}.never", got=min(unknown))
    if said.break_glass is not None:
        timestamps.duration_s(said.break_glass.longest, where=f"{where}.break_glass.longest")
        _check_signers(said.break_glass.by, f"{where}.break_glass")
        if not said.break_glass.by:
            raise Malformed("glass that anybody breaks", where=f"{where}.break_glass.by")


def _check_signers(signers: Sequence[Signer], where: str) -> None:
    for signer in signers:
        if (signer.key is None) == (signer.identity is None):
            raise Malformed(
                "a signer is a key, or an identity with its issuer", where=f"{where}.by"
            )
        if signer.key is not None and not KEY_ID.fullmatch(signer.key):
            raise Malformed(
                "not the id of a key", where=f"{where}.by", got=signer.key,
                expected="k: and 32 hex digits, as wherefrom keys list shows with --json",
            )  # fmt: skip
        if (signer.identity is None) != (signer.issuer is None):
            raise Malformed("an identity says nothing without its issuer", where=f"{where}.by")


def _check_rule(rule: AnyRule, policy: Policy, where: str) -> None:
    _ = rule.within_s
    signers = [*rule.by, *getattr(rule, "vex_by", ())]
    for builder in getattr(rule, "builders", ()) or getattr(rule, "verifiers", ()):
        signers += builder.by
    _check_signers(signers, where)
    if isinstance(rule, Vulnerabilities):
        timestamps.duration_s(rule.feed_within, where=f"{where}.feed_within")
        if wrong := [name for name in rule.feeds if not feed.is_name(name)]:
            raise Malformed("not the name of a feed", where=f"{where}.feeds", got=wrong[0])
    if isinstance(rule, Statement) and rule.type.strip("*") == "":
        raise Malformed("statements of any type", where=f"{where}.type", got=rule.type)
    if isinstance(rule, Tests | Approvals) and rule.count < 1:
        raise Malformed(
            "a count that is always reached", where=f"{where}.count", expected="1 or more"
        )
    if isinstance(rule, Summary) and not rule.verifiers:
        raise Malformed("no verifier is allowed", where=f"{where}.verifiers")
    if isinstance(rule, Summary) and not all(_DIGEST.fullmatch(one) for one in rule.policies):
        raise Malformed(
            "not the digest of a policy", where=f"{where}.policies", expected="sha256:…",
            do="wherefrom policy check DIR shows it",
        )  # fmt: skip
    if isinstance(rule, Cel | Rego | Lineage) and (rule.by or rule.within is not None):
        # Nothing would ask for it, and who wrote it would believe that it holds.
        what = "by" if rule.by else "within"
        raise Malformed(
            f"{rule.__struct_config__.tag} does not ask for {what}", where=f"{where}.{what}",
            do="Leave it out; a condition can ask for signers, identity and said of each record",
        )  # fmt: skip
    if isinstance(rule, Cel | Rego) and rule.trust != "signed":
        raise Malformed(
            "a condition sees all records", where=f"{where}.trust", do="Ask for trusted in it"
        )
    if isinstance(rule, Lineage) and not rule.forbid:
        raise Malformed("nothing is forbidden", where=f"{where}.forbid")
    if isinstance(rule, Provenance) and rule.level and not any(b.level for b in rule.builders):
        raise Malformed(
            "no builder reaches a level", where=f"{where}.builders",
            expected="a level of each builder that counts",
        )  # fmt: skip
    if isinstance(rule, Cel) and len(rule.expression) > EXPRESSION_CHARS_MAX:
        raise LimitPassed(
            "a condition is too long", where=f"{where}.expression",
            expected=f"{EXPRESSION_CHARS_MAX} characters",
        )  # fmt: skip
    if isinstance(rule, Rego):
        missing = [name for name in rule.modules if name not in policy.modules]
        if missing or not rule.modules:
            raise Malformed(
                "a module that is not there", where=f"{where}.modules", got=", ".join(missing)
            )
        if any(len(policy.modules[name].encode()) > BYTES_MAX for name in rule.modules):
            raise LimitPassed("a module is too long", where=where, expected=f"{BYTES_MAX} bytes")
