"""What in the log concerns security, before anybody writes it as OCSF or CEF.

    record ──query/security──► SecurityEvent ──► ocsf, cef

``KINDS`` is the whole list: each kind has its class and activity of OCSF and its severity. The
table in docs/siem.md says the same, and the tests compare the two.

Sizes:  a text TEXT_CHARS_MAX characters
Source: OCSF 1.3.0 (schema.ocsf.io): classes, activities, severities
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

TEXT_CHARS_MAX: Final = 1_000
INFORMATIONAL, LOW, MEDIUM, HIGH, CRITICAL = 1, 2, 3, 4, 5
SEVERITIES: Final = {1: "Informational", 2: "Low", 3: "Medium", 4: "High", 5: "Critical"}
# Classes of OCSF.
VULNERABILITY, COMPLIANCE, DETECTION, INCIDENT = 2002, 2003, 2004, 2005
ENTITY, APPLICATION, API, REMEDIATION = 3004, 6002, 6003, 7001


class Kind(NamedTuple):
    """One kind of event: class and activity of OCSF, how bad it is, and what it says."""

    class_uid: int
    activity_id: int
    severity: int
    title: str


KINDS: Final[Mapping[str, Kind]] = {
    "log.began": Kind(APPLICATION, 1, INFORMATIONAL, "A log was begun"),
    "key.trusted": Kind(ENTITY, 8, MEDIUM, "A key is trusted from now on"),
    "key.retired": Kind(ENTITY, 11, LOW, "A key is retired"),
    "key.revoked": Kind(ENTITY, 9, HIGH, "A key is revoked"),
    "administrators.changed": Kind(ENTITY, 3, HIGH, "Others decide which keys count"),
    "log_keys.changed": Kind(ENTITY, 3, HIGH, "The log signs with other keys"),
    "intake.changed": Kind(ENTITY, 3, MEDIUM, "The rules of intake changed"),
    "root.changed": Kind(ENTITY, 3, MEDIUM, "The trusted root of Sigstore changed"),
    "policy.recorded": Kind(ENTITY, 1, LOW, "A policy was recorded"),
    "policy.in_force": Kind(ENTITY, 10, MEDIUM, "A policy decides from now on"),
    "policy.ended": Kind(ENTITY, 11, HIGH, "A policy decides no more"),
    "maintenance.declared": Kind(ENTITY, 10, MEDIUM, "Alerts are told to nobody for a while"),
    "maintenance.ended": Kind(ENTITY, 11, INFORMATIONAL, "A maintenance was ended"),
    "records.refused": Kind(API, 1, LOW, "Records were refused"),
    "signature.failed": Kind(DETECTION, 1, HIGH, "Signatures that fail under a known key came"),
    "record.distrusted": Kind(DETECTION, 1, MEDIUM, "A record is believed less than before"),
    "record.erased": Kind(API, 4, MEDIUM, "A record was erased"),
    "gap.found": Kind(DETECTION, 1, LOW, "Something that should be in the log is not"),
    "integrity.failed": Kind(DETECTION, 1, CRITICAL, "Integrity failed"),
    "summary.denied": Kind(COMPLIANCE, 1, MEDIUM, "A policy said no"),
    "admission.denied": Kind(COMPLIANCE, 1, HIGH, "A cluster was kept from running an image"),
    "artifact.denied": Kind(COMPLIANCE, 1, HIGH, "Something that runs turned bad"),
    "artifact.allowed": Kind(COMPLIANCE, 3, INFORMATIONAL, "Something that runs is good again"),
    "artifact.gone": Kind(COMPLIANCE, 3, INFORMATIONAL, "Something that was denied runs no more"),
    "exception.requested": Kind(ENTITY, 1, LOW, "An exception was asked for"),
    "exception.approved": Kind(ENTITY, 8, MEDIUM, "An exception was granted"),
    "exception.refused": Kind(ENTITY, 9, INFORMATIONAL, "An exception was refused"),
    "exception.withdrawn": Kind(ENTITY, 4, INFORMATIONAL, "An exception was withdrawn"),
    "glass.broken": Kind(DETECTION, 1, CRITICAL, "Somebody broke the glass"),
    "access.recorded": Kind(API, 2, INFORMATIONAL, "Somebody looked"),
    "response.asked": Kind(REMEDIATION, 0, INFORMATIONAL, "A remedy was planned"),
    "response.tried": Kind(REMEDIATION, 0, INFORMATIONAL, "A remedy was tried"),
    "response.approved": Kind(REMEDIATION, 0, LOW, "A remedy was approved"),
    "response.started": Kind(REMEDIATION, 0, MEDIUM, "A remedy began"),
    "response.ended": Kind(REMEDIATION, 0, MEDIUM, "A remedy ended"),
    "incident.opened": Kind(INCIDENT, 1, MEDIUM, "An incident began"),
    "incident.updated": Kind(INCIDENT, 2, LOW, "Something was said of an incident"),
    "incident.closed": Kind(INCIDENT, 3, INFORMATIONAL, "An incident is over"),
    "vulnerability.found": Kind(VULNERABILITY, 1, MEDIUM, "A scan found vulnerabilities"),
}


class SecurityEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event. Times are RFC 3339, six decimals.

    name      of KINDS
    entry     the record; ``number`` counts the events of one record from 0
    at        when it happened; ``received`` when the log heard of it
    message   what happened, on one line
    severity  as its kind says, or as bad as this one is
    failed    whether what was tried failed; None where nothing was tried
    actor     who did it: a key, or who sent it, as entries name senders
    thing     what it is about: a key, an artifact, a policy, an entry; empty for nothing
    rules     those that do not hold, or codes of refusals
    found     ids of vulnerabilities
    told      what else it says, by name
    signers   and ``trust``: how far the record is believed, as it was at the door
    """

    name: str
    entry: int
    number: int = 0
    at: str
    received: str
    message: str
    severity: int
    failed: bool | None = None
    actor: str = ""
    thing: str = ""
    thing_name: str = ""
    environment: str = ""
    service: str = ""
    rules: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    told: Mapping[str, str] = {}
    record_kind: str
    record_type: str
    trust: str
    signers: tuple[str, ...] = ()
    producer: str

    @property
    def kind(self) -> Kind:
        """What all events of its name are."""
        return KINDS[self.name]

    def id(self, origin: str) -> str:
        """The same for the same event, whoever writes it and however often."""
        return f"{origin}#{self.entry}.{self.number}"
