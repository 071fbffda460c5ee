"""What the bodies of requests and answers look like, as JSON Schema for ``openapi``.

Most are made from the structs that are sent, so they cannot say anything else; what a handler
puts together itself is written here, closed (``additionalProperties: false``), and compared with
a running server's answers by the tests.

Source: JSON Schema 2020-12, as OpenAPI 3.1 uses it
"""

from __future__ import annotations

import inspect
from typing import Any, Final

import msgspec

from wherefrom.api.admin import (
    EraseRequest,
    IntakeRequest,
    KeyRequest,
    LogKeysRequest,
    SimulateRequest,
)
from wherefrom.api.fates import Item
from wherefrom.api.feeds import LookMade, LookRequest
from wherefrom.api.roots import RootRequest
from wherefrom.formats import hashedrekord, why_case
from wherefrom.formats.anchor import Anchor
from wherefrom.formats.intake import EFFECTS, LEASTS
from wherefrom.formats.inventory import Inventory
from wherefrom.formats.own import KEY_ACTIONS
from wherefrom.keys.keyring import KeyHistory, Keys
from wherefrom.log.decisions import IntakeTold
from wherefrom.log.look_back import Marked, Simulated
from wherefrom.log.own_keys import LogKeysTold
from wherefrom.log.recorder import IntakeChanged, KeyChanged
from wherefrom.log.renewal import Renewing
from wherefrom.log.roots import RootChanged, RootsTold
from wherefrom.log.vouched import Vouched
from wherefrom.policy.gate import Decided, Gated, GateRequest, Question
from wherefrom.policy.in_force import Standing
from wherefrom.policy.status import PolicyStatus
from wherefrom.query.alerts.answers import AlertList, MaintenanceList, ObjectiveStatus
from wherefrom.query.answers import Found, Path, Shown, Trace
from wherefrom.query.canary_answers import Canary
from wherefrom.query.catalog.answers import CatalogShown, Gaps
from wherefrom.query.catalog.reconcile import Reconciled
from wherefrom.query.containment import Containment
from wherefrom.query.desk import LogRecord, LogStatus, TokenMade
from wherefrom.query.health import Explained, Health, History
from wherefrom.query.hours import Hours
from wherefrom.query.incident_answers import Impact, Why
from wherefrom.query.lost import Lost
from wherefrom.query.mode_effect import ModeEffect
from wherefrom.query.packages import Packages
from wherefrom.query.postmortem_answers import IncidentList, IncidentShown, Postmortem
from wherefrom.query.reality_answers import Affected, Changes, Clocks, Difference, Running, Touched
from wherefrom.query.release_answers import ReleaseDifference, Releases, ReleaseShown
from wherefrom.query.requests import RequestPath
from wherefrom.query.response_answers import ResponseList, ResponseShown
from wherefrom.query.rollback_answers import Rollback
from wherefrom.query.security import SecurityPage
from wherefrom.verify.steps import Report

Schema = dict[str, Any]

_STRUCTS: Final = (
    Trace, Path, Shown, Found, LogRecord, LogStatus, Report, Keys, KeyHistory, KeyChanged, Lost,
    TokenMade, Item, KeyRequest, EraseRequest, IntakeTold, IntakeRequest, IntakeChanged,
    SimulateRequest, Simulated, Marked, Renewing, LogKeysRequest, LogKeysTold,
    Vouched, Anchor, Running, Changes, Difference, Affected, Touched, Clocks, RequestPath,
    Question, Decided, GateRequest, Gated, Standing, PolicyStatus, LookRequest, LookMade, Packages,
    Releases, ReleaseShown, ReleaseDifference, Containment, CatalogShown, Gaps, Inventory,
    SecurityPage, Health, Explained, History,
    AlertList, MaintenanceList, ObjectiveStatus,
    Reconciled, Impact, Why, Canary, Rollback, ResponseList, ResponseShown, IncidentList,
    IncidentShown, Postmortem, Hours, ModeEffect,
    SimulateRequest, Simulated, Marked, Renewing, RootsTold, RootRequest, RootChanged,
)  # fmt: skip
_COUNT: Final = {"type": "integer", "minimum": 0}
_HEX: Final = {"type": "string", "pattern": "^[0-9a-f]{64}$"}


def ref(name: str) -> Schema:
    """A reference to one of ``schemas``."""
    return {"$ref": f"#/components/schemas/{name}"}


def schemas() -> dict[str, Schema]:
    """Every schema by name."""
    _, made = msgspec.json.schema_components(_STRUCTS, ref_template="#/components/schemas/{name}")
    for schema in made.values():
        if "description" in schema:
            schema["description"] = inspect.cleandoc(schema["description"])
    made["Item"]["properties"]["status"]["enum"] = ["recorded", "known", "refused"]
    made["Report"]["properties"]["result"]["enum"] = ["proven", "failed", "unproven"]
    made["KeyRequest"]["properties"]["action"]["enum"] = list(KEY_ACTIONS)
    states = ["none", "good", "old", "too_old", "past"]
    made["RootsTold"]["properties"]["state"]["enum"] = states
    rule = made["IntakeRule"]["properties"]
    rule["least"] = {"enum": [*LEASTS, None], "default": None}
    rule["effect"]["enum"] = list(EFFECTS)
    return made | {
        "Proposed": _closed(
            "A change that decides nothing yet, for administrators to sign.",
            envelope={"type": "object", "description": "A DSSE envelope without signatures."},
        ),
        "Recorded": _closed(
            "What became of each record, in order, and the log after it.",
            items=_list(ref("Item")),
            log=_closed("Size and root of the newest checkpoint.", size=_COUNT, root=_HEX),
        ),
        "Events": _closed("What became of each event, in order.", items=_list(ref("Item"))),
        "Webhook": {
            "oneOf": [
                ref("Events"),
                _closed(
                    "The answer to Event Grid's question.", validationResponse={"type": "string"}
                ),
            ]
        },
        "LineageSummary": _lineage_summary(),
        "SpansTaken": {
            "type": "object",
            "description": "What became of spans; empty if all of them could be read.",
            "properties": {
                "partialSuccess": _closed(
                    "How many could not be read, and why a few of them.",
                    rejectedSpans=_INT64,
                    errorMessage={"type": "string"},
                )
            },
            "additionalProperties": False,
        },
        "MetricsTaken": {
            "type": "object",
            "description": "What became of metrics; empty if all of them could be read.",
            "properties": {
                "partialSuccess": _closed(
                    "How many points could not be read, and why a few of them.",
                    rejectedDataPoints=_INT64,
                    errorMessage={"type": "string"},
                )
            },
            "additionalProperties": False,
        },
        "SeriesTaken": _closed(
            "How many series came, how many samples are held, and how many were too old or ahead.",
            series=_COUNT,
            kept=_COUNT,
            left_out=_COUNT,
        ),
        "WhyCaseFiles": _closed(
            "The four files of a why-case, by name.",
            **{name: {"type": "string"} for name in why_case.FILES},
        ),
        "Erased": _closed(
            "The entry whose content is gone, and the entry that says so.",
            erased=_COUNT,
            tombstone=_COUNT,
        ),
        "RekorRequest": _rekor_request(),
        "LogEntry": _log_entry(),
        "RekorError": _closed(
            "What went wrong, as Rekor says it: a code of gRPC and a message.",
            code={"type": "integer", "minimum": 1, "maximum": 16},
            message={"type": "string"},
            details=_list({}),
        ),
        "Hashes": _list({"type": "string", "contentEncoding": "base64"}),
        "Problem": _problem(),
        "ProvJson": {
            "type": "object",
            "description": "A trace or a way as PROV-JSON: prefixes, then records by their kind.",
            "properties": {"prefix": {"type": "object"}, "entity": {"type": "object"}},
            "required": ["prefix", "entity"],
        },
    }


def _closed(description: str, **properties: Schema) -> Schema:
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _lineage_summary() -> Schema:
    counts = ("received", "successful", "failed", "retriable", "non_retriable")
    failed = _closed(
        "An event that was not taken; ``index`` counts from 0.",
        index=_COUNT,
        reason={"type": "string"},
        retriable={"type": "boolean"},
    )
    return _closed(
        "A batch of which something was refused, as OpenLineage's own API says it.",
        status={"const": "partial_success"},
        summary=_closed("How many of each.", **dict.fromkeys(counts, _COUNT)),
        failed_events=_list(failed),
    )


_BASE64: Final = {"type": "string", "contentEncoding": "base64"}
_INT64: Final = {"type": "string", "pattern": "^(0|[1-9][0-9]*)$"}


def _rekor_request() -> Schema:
    raw = {"type": "object", "properties": {"rawBytes": _BASE64}, "required": ["rawBytes"]}
    verifier = {
        "type": "object",
        "properties": {
            "keyDetails": {"enum": list(hashedrekord.ALGORITHMS)},
            "publicKey": raw,
            "x509Certificate": raw,
        },
        "required": ["keyDetails"],
    }
    signature = {
        "type": "object",
        "properties": {"content": _BASE64, "verifier": verifier},
        "required": ["content", "verifier"],
    }
    asked = {
        "type": "object",
        "properties": {"digest": _BASE64, "signature": signature},
        "required": ["digest", "signature"],
    }
    return {
        "type": "object",
        "description": "A digest, a signature, and the one key or certificate it verifies under.",
        "properties": {hashedrekord.REQUEST: asked},
        "required": [hashedrekord.REQUEST],
    }


def _log_entry() -> Schema:
    text = {"type": "string"}
    return _closed(
        "A TransparencyLogEntry, as it stands in a Sigstore bundle.",
        logIndex=_INT64,
        logId=_closed("The Rekor tree.", keyId=_BASE64),
        kindVersion=_closed("What the body is.", kind=text, version=text),
        integratedTime={"const": "0"},
        inclusionPromise={"type": "null"},
        inclusionProof=_closed(
            "The way from the body to the checkpoint.",
            logIndex=_INT64,
            rootHash=_BASE64,
            treeSize=_INT64,
            hashes=_list(_BASE64),
            checkpoint=_closed("A signed note.", envelope=text),
        ),
        canonicalizedBody=_BASE64,
    )


def _problem() -> Schema:
    text = {"type": "string"}
    problem = _closed(
        "What went wrong, where, what was expected, what came, and what to do (RFC 9457).",
        type={"type": "string", "pattern": "^urn:wherefrom:error:[a-z_]+$"},
        title=text,
        status={"type": "integer", "minimum": 400, "maximum": 599},
        detail=text,
        code={"type": "string", "pattern": "^[a-z_]+$"},
        where=text,
        expected=text,
        got=text,
        do=text,
    )
    return problem | {"required": ["type", "title", "status", "detail", "code"]}
