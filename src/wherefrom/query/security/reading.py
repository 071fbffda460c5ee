"""Which records concern security, and what each of them says as an event.

    Logged ──kind, type──► read, or passed over ──► SecurityEvent, none, or several

What only the log itself may say (keys, tombstones, refusals, what turned) counts only if the log
said it. Everything else is told with how far its record was believed at the door.

Source: docs/siem.md
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from wherefrom.errors import Error
from wherefrom.formats import (
    admission_record,
    dsse,
    exception,
    in_force,
    incident,
    maintenance,
    own,
    policy,
    recognise,
    response,
    strict_json,
    turned,
    vsa,
    vulns,
)
from wherefrom.formats.entry import LEVELS, Entry
from wherefrom.formats.own import (
    Administrators,
    Gap,
    Genesis,
    IntakeRules,
    KeyChange,
    LogKeysChange,
    Refusals,
    Tombstone,
    TrustRoot,
    Verdict,
)
from wherefrom.formats.security_event import (
    CRITICAL,
    HIGH,
    INFORMATIONAL,
    KINDS,
    LOW,
    MEDIUM,
    TEXT_CHARS_MAX,
    SecurityEvent,
)
from wherefrom.formats.shown import cut, short_id
from wherefrom.log.logged import Logged
from wherefrom.query.statements import whole_statement_in

# Rules of our own alerts that tell of failed integrity.
INTEGRITY_RULES: Final = frozenset({"integrity", "integrity-production", "verification-failed"})
FOUND_MAX: Final = 200
EVENTS_MAX: Final = 10_000
_OWN_KINDS: Final = frozenset({"genesis", "key", "verdict", "tombstone", "refusals", "gap"})
_KEY_EVENTS: Final = {"trust": "key.trusted", "retire": "key.retired", "revoke": "key.revoked"}
_STAGES: Final = {response.DRY_RUN: "tried"}
_SEVERITY_WORDS: Final = {"page": HIGH, "ticket": MEDIUM, "info": LOW, "critical": HIGH}
_WORST: Final = {"critical": CRITICAL, "high": HIGH, "medium": MEDIUM, "low": LOW}
_BAD_SIGNATURE: Final = "bad_signature"
# An entry by its index, None past the end.
EntryOf = Callable[[int], Entry | None]


def events_of(logged: Logged, entry_of: EntryOf, *, own_key: str) -> list[SecurityEvent]:
    """The events of one record, in an order that never changes; none of most.

    own_key  the id of the key that signs what the log itself says
    """
    try:
        said = list(_Reading(logged, entry_of, own_key).events())
    except Error:  # a record of a newer program: it says nothing that is known here
        return []
    return said[:EVENTS_MAX]


class _Reading:
    """One record, while it is read."""

    def __init__(self, logged: Logged, entry_of: EntryOf, own_key: str) -> None:
        self._logged, self._entry, self._entry_of = logged, logged.entry, entry_of
        self._own_key = own_key
        self._number = 0

    def events(self) -> Iterator[SecurityEvent]:
        kind, type = self._entry.kind, self._entry.type
        is_own = self._entry.trust.level == "self"
        if kind in _OWN_KINDS or (kind == "policy" and type.startswith(own.PREFIX)):
            if is_own and self._logged.content is not None:
                yield from self._own(self._logged.content)
        elif kind == "access":
            yield self._event("access.recorded", f"{type} by {self._entry.producer}")
        elif kind == "incident":
            yield from self._incidents()
        elif type in _OF_STATEMENTS or vulns.is_scan(type):
            yield from self._statement()

    # -- what the log itself decided

    def _own(self, content: bytes) -> Iterator[SecurityEvent]:
        envelope = dsse.parse(strict_json.as_object(strict_json.decode(content), where="content"))
        said = own.parse_payload(envelope.payload_type, envelope.payload)
        match said:
            case Genesis():
                yield self._event("log.began", f"the log {said.origin} was begun")
            case KeyChange():
                yield self._key(said)
            case Administrators():
                yield self._event(
                    "administrators.changed",
                    f"{said.threshold} of {len(said.keys)} keys must sign a change of keys",
                    told={"reason": said.reason, "keys": " ".join(said.keys)},
                )
            case LogKeysChange():
                yield self._event(
                    "log_keys.changed", "the log signs with other keys from now on",
                    told={"reason": said.reason},
                )  # fmt: skip
            case IntakeRules():
                yield self._event(
                    "intake.changed",
                    f"version {said.version} of the rules of intake: {len(said.rules)} rules",
                    thing=f"sha256:{said.digest.removeprefix('sha256:')}",
                    told={"reason": said.reason},
                )
            case TrustRoot():
                yield self._event(
                    "root.changed", f"version {said.version} of the trusted root",
                    thing=f"sha256:{said.digest}" if said.digest else "",
                    told={"reason": said.reason},
                )  # fmt: skip
            case Tombstone():
                yield self._event(
                    "record.erased", f"record #{said.entry} was erased: {said.reason}",
                    actor=said.by, failed=False,
                    told={"reason": said.reason, "erased": str(said.entry)},
                )  # fmt: skip
            case Gap():
                yield self._event(
                    "gap.found", f"{said.what}: {said.why}",
                    told={"gap": said.what, "count": str(said.count)},
                )  # fmt: skip
            case Refusals():
                yield from self._refusals(said)
            case Verdict():
                yield from self._verdict(said)

    def _key(self, said: KeyChange) -> SecurityEvent:
        since = said.compromised_since
        lost = f", in other hands since {since}" if since else ""
        of = f" of {said.owner}" if said.owner else ""
        why = f": {said.reason}" if said.reason else ""
        told = {"reason": said.reason, "owner": said.owner, "compromised_since": since or ""}
        name = _KEY_EVENTS[said.action]
        verb = name.partition(".")[2]
        return self._event(
            name, f"{verb} {said.key}{of}{lost}{why}", thing=said.key, thing_name=said.owner,
            told={**told, "thing_kind": "key"},
        )  # fmt: skip

    def _refusals(self, said: Refusals) -> Iterator[SecurityEvent]:
        codes = tuple(sorted(said.counts))
        total = sum(said.counts.values())
        counts = ", ".join(f"{said.counts[code]} {code}" for code in codes)
        told = {"since": said.since, "count": str(total)}
        yield self._event(
            "records.refused", f"{total} refused of {said.producer}: {counts}", failed=True,
            actor=said.producer, rules=codes, told=told,
        )  # fmt: skip
        failed = said.counts.get(_BAD_SIGNATURE)
        if failed:
            yield self._event(
                "signature.failed",
                f"{failed} records of {said.producer} with a signature that fails",
                actor=said.producer, rules=(_BAD_SIGNATURE,),
                told={"since": said.since, "count": str(failed)},
            )  # fmt: skip

    def _verdict(self, said: Verdict) -> Iterator[SecurityEvent]:
        before = self._entry_of(said.entry)
        if before is None:
            return
        fewer = set(before.trust.signers) - set(said.trust.signers)
        if LEVELS.index(said.trust.level) >= LEVELS.index(before.trust.level) and not fewer:
            return
        yield self._event(
            "record.distrusted",
            f"record #{said.entry} is {said.trust.level}, no longer {before.trust.level}: "
            f"{said.reason}",
            thing=f"entry:{said.entry}",
            told={"reason": said.reason, "keys": " ".join(sorted(fewer)), "thing_kind": "record"},
        )

    # -- what records say

    def _incidents(self) -> Iterator[SecurityEvent]:
        if self._entry.type == incident.PREDICATE_TYPE:
            yield from self._statement()
            return
        if self._logged.content is None:
            return
        facts = recognise.read(self._logged.content).facts
        nodes = {node.id: node for node in facts.nodes if node.kind == "incident"}
        # What ends is told as ended, though its record says when it began too.
        last = {(one.scope, one.name): one for one in facts.states if one.slot == "incident"}
        began = {(one.scope, one.name): one.value for one in facts.states if one.value is not None}
        for place, state in last.items():
            id = began.get(place) or state.name
            if id not in nodes:
                id = next(iter(nodes)) if len(nodes) == 1 else state.name
            node = nodes.get(id)
            title = state.says or (node.name if node else None) or state.name
            closes = state.value is None
            word = ((node.properties if node else None) or {}).get("severity")
            yield self._event(
                "incident.closed" if closes else "incident.opened",
                f"{title}: {'it is over' if closes else 'it began'}",
                severity=_severity(word, closes=closes), at=state.at, thing=id, thing_name=title,
                environment=state.scope.environment, service=state.scope.service,
                told={"thing_kind": "incident"},
            )  # fmt: skip

    def _statement(self) -> Iterator[SecurityEvent]:
        if self._logged.content is None:
            return
        whole = whole_statement_in(self._logged.content)
        if whole is None:
            return
        predicate = strict_json.get_object(whole, "predicate")
        things = [_subject(one) for one in strict_json.get_array(whole, "subject")]
        type = self._entry.type
        read = _OF_STATEMENTS.get(type) or _Reading._scan
        yield from read(self, predicate, things)

    def _incident(
        self, predicate: Mapping[str, Any], things: Sequence[tuple[str, str]]
    ) -> Iterator[SecurityEvent]:
        said = incident.parse(predicate)
        if said.stage == incident.BASELINE:
            return
        kinds = {incident.OPENED: "incident.opened", incident.CLOSED: "incident.closed"}
        title, root = said.title or said.incident, said.root.id if said.root else ""
        told = {
            "rule": said.rule, "stage": said.stage, "root": root, "thing_kind": "incident",
            "false": "true" if said.is_false else "", "text": said.text,
        }  # fmt: skip
        where = said.environment, said.service
        yield self._event(
            kinds.get(said.stage, "incident.updated"), f"{title}: {said.stage}",
            severity=_severity(said.severity, closes=said.stage == incident.CLOSED),
            thing=said.incident, thing_name=title, environment=where[0], service=where[1],
            told=told,
        )  # fmt: skip
        if said.stage == incident.OPENED and said.rule in INTEGRITY_RULES:
            yield self._event(
                "integrity.failed", f"{title}, by {said.rule}", thing=root or said.incident,
                rules=(said.rule,), environment=where[0], service=where[1],
                told={"incident": said.incident},
            )  # fmt: skip

    def _turned(
        self, predicate: Mapping[str, Any], things: Sequence[tuple[str, str]]
    ) -> Iterator[SecurityEvent]:
        if self._own_key not in self._entry.trust.signers:
            return  # of anybody else it is no more than a word
        said = turned.parse(predicate)
        thing, _ = things[0]
        where = ", ".join(said.services[:5]) or "what runs there"
        broken = f" by {', '.join(said.rules)}" if said.rules else ""
        yield self._event(
            f"artifact.{said.to}",
            f"{short_id(thing)} in {said.environment} ({where}): {said.to}{broken}",
            thing=thing, environment=said.environment, rules=said.rules,
            service=said.services[0] if len(said.services) == 1 else "",
            told={"policy": said.policy, "services": " ".join(said.services)},
        )  # fmt: skip

    def _summary(
        self, predicate: Mapping[str, Any], things: Sequence[tuple[str, str]]
    ) -> Iterator[SecurityEvent]:
        if predicate.get("verificationResult") != "FAILED":
            return
        verifier = _text(strict_json.get_object(predicate, "verifier"), "id")
        ours = strict_json.get_object(predicate, "wherefrom")
        reasons = [one for one in strict_json.get_array(ours, "reasons") if isinstance(one, dict)]
        failing = [one for one in reasons if one.get("ok") is not True]
        rules = tuple(dict.fromkeys(_text(one, "rule") for one in failing))
        cluster = verifier.removeprefix(admission_record.VERIFIER)
        is_admission = cluster != verifier
        thing, _ = things[0]
        called = _text(predicate, "resourceUri") or short_id(thing)
        environment = _text(ours, "environment")
        told = {"policy": _text(strict_json.get_object(predicate, "policy"), "uri")}
        if is_admission:
            told["cluster"] = cluster
        yield self._event(
            "admission.denied" if is_admission else "summary.denied",
            f"{called} in {environment or 'any environment'}: no, by "
            f"{', '.join(rules) or 'a policy'}",
            thing=thing, thing_name=called, environment=environment, rules=rules, actor=verifier,
            told=told,
        )  # fmt: skip

    def _exception(
        self, predicate: Mapping[str, Any], things: Sequence[tuple[str, str]]
    ) -> Iterator[SecurityEvent]:
        said = exception.parse(predicate)
        broken = said.stage == "break_glass"
        until = f" until {said.until[:19]}Z" if said.until else ""
        of = f" of {', '.join(said.rules)}" if said.rules else ""
        told = {
            "reason": said.reason, "until": said.until, "policy": said.policy,
            "request": said.request, "thing_kind": "artifact",
        }  # fmt: skip
        yield self._event(
            "glass.broken" if broken else f"exception.{said.stage}",
            f"exception{of} {said.stage.replace('_', ' ')}{until}: {said.reason}".rstrip(": "),
            thing=things[0][0], thing_name=things[0][1], environment=said.environment,
            rules=said.rules, told=told,
        )  # fmt: skip

    def _in_force(
        self, predicate: Mapping[str, Any], things: Sequence[tuple[str, str]]
    ) -> Iterator[SecurityEvent]:
        said = in_force.parse(predicate)
        thing, name = things[0]
        begins = said.stage == "in_force"
        yield self._event(
            "policy.in_force" if begins else "policy.ended",
            f"{name or short_id(thing)} decides in {said.environment} "
            f"{'from now on' if begins else 'no more'}",
            thing=thing, thing_name=name, environment=said.environment,
            told={"reason": said.reason, "until": said.until, "thing_kind": "policy"},
        )  # fmt: skip

    def _maintenance(
        self, predicate: Mapping[str, Any], things: Sequence[tuple[str, str]]
    ) -> Iterator[SecurityEvent]:
        said = maintenance.parse(predicate)
        place = f"{said.environment}/{said.service}" if said.service else said.environment
        told = {
            "reason": said.reason, "since": said.since, "until": said.until,
            "thing_kind": "maintenance",
        }  # fmt: skip
        begins = said.stage == maintenance.DECLARED_STAGE
        yield self._event(
            "maintenance.declared" if begins else "maintenance.ended",
            f"alerts of {place} are to be told to nobody from {said.since[:19]}Z to "
            f"{said.until[:19]}Z: {said.reason}"
            if begins
            else f"the maintenance of {place} was ended: alerts are told again",
            at=said.at, thing=said.maintenance, thing_name=place, environment=said.environment,
            service=said.service, told=told,
        )  # fmt: skip

    def _policy(
        self, predicate: Mapping[str, Any], things: Sequence[tuple[str, str]]
    ) -> Iterator[SecurityEvent]:
        thing, name = things[0]
        yield self._event(
            "policy.recorded", f"the policy {name or short_id(thing)} was recorded",
            thing=thing, thing_name=name, told={"thing_kind": "policy"},
        )  # fmt: skip

    def _response(
        self, predicate: Mapping[str, Any], things: Sequence[tuple[str, str]]
    ) -> Iterator[SecurityEvent]:
        said = response.parse(predicate)
        outcome = f": {said.outcome}" if said.outcome else ""
        failed = None if said.outcome is None else said.outcome != "done"
        name = f"response.{_STAGES.get(said.stage, said.stage)}"
        yield self._event(
            name,
            f"{said.action} of {said.service} in {said.environment or 'any environment'}, "
            f"{said.stage.replace('_', ' ')}{outcome}",
            severity=HIGH if failed and said.stage == response.ENDED else None, failed=failed,
            thing=said.digest, environment=said.environment, service=said.service,
            told={"action": said.action, "outcome": said.outcome or "", "reason": said.reason,
                  "runner": said.runner or "", "thing_kind": "plan"},
        )  # fmt: skip

    def _scan(
        self, predicate: Mapping[str, Any], things: Sequence[tuple[str, str]]
    ) -> Iterator[SecurityEvent]:
        assert self._logged.content is not None
        facts = recognise.read(self._logged.content).facts
        found = tuple(n.id for n in facts.nodes if n.kind == "vulnerability")
        if not found:
            return
        said = [str((n.properties or {}).get("severity", "")) for n in facts.nodes
                if n.kind == "claim"]  # fmt: skip
        worst = max((_WORST.get(one.lower(), LOW) for one in said), default=LOW)
        thing, name = things[0]
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        yield self._event(
            "vulnerability.found",
            f"{', '.join(found[:5])}{more} in {name or short_id(thing)}", severity=worst,
            thing=thing, thing_name=name, found=found[:FOUND_MAX],
            told={"count": str(len(found))},
        )  # fmt: skip

    # -- one event

    def _event(
        self,
        name: str,
        message: str,
        *,
        at: str | None = None,
        severity: int | None = None,
        actor: str = "",
        told: Mapping[str, str] | None = None,
        **more: Any,
    ) -> SecurityEvent:
        entry, number = self._entry, self._number
        self._number += 1
        by = entry.trust.signers[0] if entry.trust.signers else entry.producer
        kept = {k: cut(v, TEXT_CHARS_MAX) for k, v in (told or {}).items() if v}
        return SecurityEvent(
            name=name,
            entry=self._logged.index,
            number=number,
            at=at or entry.occurred or entry.received,
            received=entry.received,
            message=cut(message, TEXT_CHARS_MAX),
            severity=KINDS[name].severity if severity is None else severity,
            actor=actor or by,
            told=kept,
            record_kind=entry.kind,
            record_type=entry.type,
            trust=entry.trust.level,
            signers=tuple(entry.trust.signers),
            producer=entry.producer,
            **more,
        )


def _subject(subject: Any) -> tuple[str, str]:
    """Digest and name of a subject of a statement."""
    one = strict_json.as_object(subject, where="subject")
    digest = strict_json.get_object(one, "digest", where="subject")
    algorithm, digits = next(iter(digest.items()), ("", ""))
    name = one.get("name")
    return f"{algorithm}:{digits}", name if isinstance(name, str) else ""


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""


def _severity(word: Any, *, closes: bool) -> int:
    if closes:
        return INFORMATIONAL
    return _SEVERITY_WORDS.get(word, MEDIUM) if isinstance(word, str) else MEDIUM


_Read = Callable[[_Reading, Mapping[str, Any], Sequence[tuple[str, str]]], Iterator[SecurityEvent]]
_OF_STATEMENTS: Final[Mapping[str, _Read]] = {
    incident.PREDICATE_TYPE: _Reading._incident,
    maintenance.PREDICATE_TYPE: _Reading._maintenance,
    turned.PREDICATE_TYPE: _Reading._turned,
    vsa.PREDICATE_TYPE: _Reading._summary,
    exception.PREDICATE_TYPE: _Reading._exception,
    in_force.PREDICATE_TYPE: _Reading._in_force,
    policy.PREDICATE_TYPE: _Reading._policy,
    response.PREDICATE_TYPE: _Reading._response,
}
