"""What the corner shop ran where, and the Saturday evening on which the till would not open.

    18:00  the cluster lists what runs: all as declared
    19:40  new settings of the till are activated       ◄── which is why
    19:58  an incident is detected
    20:03  somebody builds a hotfix by hand (``supply``), and runs it in the south
    20:06  the cluster lists it: nobody declared that
    20:10  a safe mode is entered · 20:14 somebody notes what fails
    20:28  the new settings are taken for the cause
    20:31  the old settings · 20:40 resolved · 20:50 the safe mode is left

Deployments, activations, flags, a migration and a secret's version are declared; the cluster's
lists are observed. Everything is a CDEvent but the bundles, and what people say of the incident:
those are signed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from wherefrom.capture import changes
from wherefrom.formats import cause, cdevents, config_bundle, incident
from wherefrom.formats.cause import Cause
from wherefrom.formats.config_bundle import Bundle
from wherefrom.formats.incident import IncidentStage
from wherefrom.formats.states import OBSERVED, Scope
from wherefrom.formats.timestamps import canonical
from wherefrom.sample.signed import Signer, digest, sign
from wherefrom.sample.supply import RELEASES, Release

PROD: Final = Scope("prod")
TILL: Final = Scope("prod", "till")
REGIONS: Final = ("north", "south")
_CD: Final = "/cd/corner-shop"
_CLUSTER: Final = "/agent/kubernetes/corner-shop"

_OLD: Final = Bundle(
    name="till", version="7", settings={"rounding.to_cents": 5, "rounding.mode": "nearest"}
)
_NEW: Final = Bundle(
    name="till", version="8", revises=_OLD.digest,
    settings={"rounding.to_cents": 0, "rounding.mode": "nearest", "drawer.open": "after-receipt"},
)  # fmt: skip
_CASH_ONLY: Final = Bundle(
    name="cash-only", version="1", kind="safe_mode", settings={"cards.enabled": False},
    meaning="the till takes cash and asks nobody", max_seconds=3_600,
)  # fmt: skip
_INCIDENT: Final = "incident:cdevents:saturday-evening"
_NOTE: Final = "the drawer waits for a receipt; receipts with cents are never printed"
_CALLS: Final = {
    region: Bundle(
        name="till-calls", version="3", kind="policy",
        settings={
            "calls.payment.timeout_ms": timeout, "calls.payment.retries.max": 2,
            "calls.payment.breaker.enabled": True, "calls.payment.fallback.flag": "pay-later",
        },
    )
    for region, timeout in zip(REGIONS, (800, 2_500), strict=True)
}  # fmt: skip


def records(*, release: Signer) -> Iterator[bytes]:
    """Every record of what ran, in the order it happened."""
    for bundle in (_OLD, *_CALLS.values(), _CASH_ONLY, _NEW):
        yield sign(config_bundle.to_statement(bundle), release)
    yield _activated(_OLD, TILL, "03", "09:55")
    for region, policy in _CALLS.items():
        yield _activated(policy, TILL._replace(region=region), "03", "09:56")
    yield _changed("flag", "pay-later", "off", "03", "10:00")
    yield _changed("flag", "new-basket", "off", "04", "10:00")
    yield _changed("secret", "payment-token", "version 7", "09", "02:00")
    for made in RELEASES:
        scope = PROD._replace(service=made.service)
        at = f"2026-11-{made.day + 1:02}T10:00:00Z"
        yield changes.deploy(scope, _purl(made), at=at, source=_CD)
    yield _changed("migration", "receipts", "0042_add_rounding", "12", "22:00")
    yield _changed("flag", "new-basket", "on", "13", "11:30")
    yield _listed("18:00", [])
    yield _activated(_NEW, TILL, "14", "19:40")
    yield _incident("detected", "19:58")
    yield _listed("20:06", ["till-south-1"])
    yield _activated(_CASH_ONLY, TILL, "14", "20:10")
    yield sign(_said("noted", "20:14", text=_NOTE), release)
    yield sign(_taken_for_the_cause("20:28"), release)
    yield _activated(_OLD, TILL, "14", "20:31")
    yield _incident("resolved", "20:40")
    yield _changed("safe_mode", "cash-only", None, "14", "20:50", TILL)
    yield sign(_said("baseline", "21:30", baseline_s=2 * 3_600.0), release)


def _purl(made: Release) -> str:
    name = f"pkg:oci/{made.service}@sha256%3A{digest(made.key)}"
    return f"{name}?repository_url={made.name}&tag={made.version}"


def _at(day: str, time: str) -> str:
    return f"2026-11-{day}T{time}:00Z"


def _changed(
    slot: str, name: str, value: str | None, day: str, time: str, scope: Scope = PROD
) -> bytes:
    return changes.place(slot, name, value, scope, at=_at(day, time), source=_CD, told={})


def _activated(bundle: Bundle, scope: Scope, day: str, time: str) -> bytes:
    slot = config_bundle.KINDS[bundle.kind]
    return changes.place(
        slot, bundle.name, bundle.digest, scope, at=_at(day, time), source=_CD,
        told={"version": bundle.version},
    )  # fmt: skip


def _listed(time: str, by_hand: Sequence[str]) -> bytes:
    """What the cluster runs: two instances of each service in each region, the newest release."""
    newest = {made.service: made for made in RELEASES}
    states: list[dict[str, Any]] = []
    for service, made in newest.items():
        for region in REGIONS:
            for number in (1, 2):
                instance = f"{service}-{region}-{number}"
                hotfix = instance in by_hand
                image = digest(f"{service} hotfix" if hotfix else f"{made.key} amd64")
                states.append(
                    {
                        "slot": "artifact", "name": service,
                        "value": f"sha256:{image}",
                        "says": f"{made.name}:{made.version}{'-hotfix' if hotfix else ''}",
                        "scope": {"service": service, "region": region, "instance": instance},
                        "properties": {"serving": True},
                    }
                )  # fmt: skip
    return changes.estate(
        OBSERVED, PROD, states, all_of=("artifact",), at=_at("14", time), source=_CLUSTER
    )


def _said(stage: Any, time: str, **told: Any) -> bytes:
    """What somebody of the shop says of the incident."""
    said = IncidentStage(
        incident=_INCIDENT, stage=stage, at=_canonical(time), environment="prod", service="till",
        name="saturday-evening", **told,
    )  # fmt: skip
    return incident.to_statement(said)


def _taken_for_the_cause(time: str) -> bytes:
    said = Cause(
        service="till", environment="prod", slot="config", name=_NEW.name, value=_NEW.digest,
        incident=_INCIDENT, at=_canonical(time),
    )  # fmt: skip
    return cause.to_statement(said)


def _canonical(time: str) -> str:
    return canonical(_at("14", time), where="sample")


def _incident(predicate: str, time: str) -> bytes:
    content = {
        "description": "the till would not open",
        "environment": {"id": "prod"},
        "service": {"id": "till"},
    }
    document = cdevents.make(
        f"incident.{predicate}", "0.3.0", id=f"saturday-{predicate}", source="/pager",
        timestamp=_at("14", time), subject="saturday-evening", content=content,
    )  # fmt: skip
    return cdevents.to_bytes(document)
