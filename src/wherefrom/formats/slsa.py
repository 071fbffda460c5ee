"""SLSA predicates: provenance (how a thing was built) and summaries (what was verified of it).

Three shapes of provenance are read into one, ``_Build``, and told once:

    v0.1 recipe ──┐
    v0.2 invocation ─┼─► _Build ──► subject ──generated_by──► build ──associated_with──► builder
    v1 buildDefinition ┘                │                       └──used──► material, dependency
                                        └──derived_from──► source commit ──specializes──► repository

A build is ``build:<builder id>:<invocation id>``, the last part escaped as in ``names``, so two
builders never share one; without both it is ``build:`` and the id of its statement's record.

The verification summary hangs on the record itself: it describes the subject, is attributed to
the verifier, and used the policy and the attestations it was made from.

Source: slsa.dev/spec/v1.2 (build-provenance, verification_summary), v0.1, v0.2
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from wherefrom.errors import Malformed
from wherefrom.formats import names, strict_json, timestamps
from wherefrom.formats.descriptors import public_id, resource
from wherefrom.formats.facts import FactsBuilder

# v1, v1.0, v1-rc1, v1.0?draft; v0.1 and v0.2 the same way.
_PROVENANCE = re.compile(r"https://slsa\.dev/provenance/v([01])(\.[0-9]+)?(-?rc[.0-9]*)?(\?draft)?")
_VSA = re.compile(
    r"https://slsa\.dev/verification_summary/v([01])(\.[0-9]+)?(-?rc[.0-9]*)?(\?draft)?"
)
_RUN_ENVIRONMENT: Final = (
    ("github_run_id", "github_run_attempt"),
    ("GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT"),
)
_DECIDING: Final = {"urn:wherefrom:log:": "gate", "urn:wherefrom:admission:": "cluster"}
_RULES_MAX: Final = 20
_RULE_CHARS_MAX: Final = 128
# Go writes an unset time as the year one.
_UNSET_TIME: Final = "0001-01-01T00:00:00"


class Dated(NamedTuple):
    """When a predicate says it happened, and who did it: the builder or the verifier."""

    occurred: str | None
    agent: str | None


class _Build(NamedTuple):
    """One build, whichever version told it; lists hold (ResourceDescriptor, its path)."""

    builder: str | None
    invocation: str | None
    started: object
    finished: object
    properties: Mapping[str, Any]
    config: tuple[Mapping[str, Any], str] | None
    used: list[tuple[Mapping[str, Any], str]]
    made: list[tuple[Mapping[str, Any], str]]


def is_provenance(predicate_type: str) -> bool:
    """Whether this is a provenance type that ``provenance_facts`` reads."""
    return _PROVENANCE.fullmatch(predicate_type) is not None


def is_vsa(predicate_type: str) -> bool:
    """Whether this is a verification summary that ``vsa_facts`` reads."""
    return _VSA.fullmatch(predicate_type) is not None


def provenance_facts(
    builder: FactsBuilder,
    predicate: Mapping[str, Any],
    *,
    predicate_type: str,
    subjects: Sequence[str],
    document_id: str,
    build: str,
    where: str,
) -> Dated:
    """Add the build behind ``subjects``; returns its time and its builder.

    subjects  ids of what was built
    build     names the build when the predicate gives it no builder or no invocation id

    Raises Malformed where v1 requires a field that is missing, or a field has the wrong type.
    """
    version = _PROVENANCE.fullmatch(predicate_type)
    assert version is not None
    read = _read_v1 if version[1] == "1" else _read_v0
    said = read(predicate, where)
    agent = public_id(said.builder) if said.builder else None
    activity = f"build:{build}"
    if agent and said.invocation:
        escaped = names.encode(said.invocation)
        activity = f"build:{agent}:{escaped}"
    finished = _time(builder, document_id, said.finished)
    started = _time(builder, document_id, said.started)
    times = {"invocationId": said.invocation, "startedOn": started, "finishedOn": finished}
    builder.node(activity, "build", said.properties.get("workflow"), {**said.properties, **times})
    if agent:
        builder.edge(activity, "associated_with", builder.node(agent, "builder"))
    config = resource(builder, said.config[0], where=said.config[1]) if said.config else None
    used = [resource(builder, item, where=place) for item, place in said.used]
    for node in [config, *used]:
        if node:
            builder.edge(activity, "used", node)
    source = _source(config, used)
    for subject in subjects:
        builder.edge(subject, "generated_by", activity)
        if source:
            builder.edge(subject, "derived_from", source)
    for item, place in said.made:
        node = resource(builder, item, where=place)
        if node:
            builder.edge(node, "generated_by", activity)
    return Dated(finished or started, agent)


def _source(config: str | None, used: list[str | None]) -> str | None:
    """The commit that was built: where the build was configured if that was also a material,
    else the first commit it used, else where it was configured."""
    commits = [node for node in used if node and node.startswith("gitCommit:")]
    if config and config.startswith("gitCommit:") and (config in commits or not commits):
        return config
    return commits[0] if commits else None


def _read_v1(predicate: Mapping[str, Any], where: str) -> _Build:
    definition = strict_json.need_object(predicate, "buildDefinition", where=where)
    run = strict_json.need_object(predicate, "runDetails", where=where)
    defined, ran = f"{where}.buildDefinition", f"{where}.runDetails"
    build_type = strict_json.need_string(definition, "buildType", where=defined)
    parameters = strict_json.need_object(definition, "externalParameters", where=defined)
    agent = strict_json.need_object(run, "builder", where=ran)
    metadata = strict_json.get_object(run, "metadata", where=ran)
    internal = strict_json.get_object(definition, "internalParameters", where=defined)
    workflow = parameters.get("workflow")
    return _Build(
        builder=strict_json.need_string(agent, "id", where=f"{ran}.builder"),
        invocation=_scalar(metadata.get("invocationId") or metadata.get("invocationID"))
        or _run_of(internal),
        started=metadata.get("startedOn"),
        finished=metadata.get("finishedOn"),
        properties={"buildType": build_type, "workflow": _workflow(workflow) or _ref_of(internal)},
        config=None,
        used=[
            *_descriptors(definition, "resolvedDependencies", defined),
            *_descriptors(agent, "builderDependencies", f"{ran}.builder"),
        ],
        made=_descriptors(run, "byproducts", ran),
    )


def _read_v0(predicate: Mapping[str, Any], where: str) -> _Build:
    """v0.2, and v0.1 whose recipe became buildType and invocation. Real ones miss much of it."""
    if not predicate:
        raise Malformed("provenance without a predicate", where=where, expected="an object")
    agent = strict_json.get_object(predicate, "builder", where=where)
    metadata = strict_json.get_object(predicate, "metadata", where=where)
    recipe = strict_json.get_object(predicate, "recipe", where=where)
    invocation = strict_json.get_object(predicate, "invocation", where=where)
    called = f"{where}.invocation"
    config = strict_json.get_object(invocation, "configSource", where=called)
    environment = strict_json.get_object(invocation, "environment", where=called)
    id = metadata.get("buildInvocationId") or metadata.get("buildInvocationID")
    return _Build(
        builder=strict_json.get_string(agent, "id", where=f"{where}.builder"),
        invocation=_scalar(id) or _run_of(environment),
        started=metadata.get("buildStartedOn"),
        finished=metadata.get("buildFinishedOn"),
        properties={
            "buildType": _scalar(predicate.get("buildType") or recipe.get("type")),
            "entryPoint": _scalar(config.get("entryPoint") or recipe.get("entryPoint")),
            "workflow": _ref_of(environment),
        },
        config=(config, f"{called}.configSource") if config else None,
        used=_descriptors(predicate, "materials", where),
        made=[],
    )


def _descriptors(
    parent: Mapping[str, Any], key: str, where: str
) -> list[tuple[Mapping[str, Any], str]]:
    found: list[tuple[Mapping[str, Any], str]] = []
    for index, item in enumerate(strict_json.get_array(parent, key, where=where)):
        place = f"{where}.{key}[{index}]"
        found.append((strict_json.as_object(item, where=place), place))
    return found


def _scalar(value: object) -> str | None:
    """Text, or a number where text belongs (run ids are written both ways); else nothing."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _run_of(environment: Mapping[str, Any]) -> str | None:
    """``<run id>-<attempt>`` of GitHub Actions, as its own generators write invocation ids."""
    for run, attempt in _RUN_ENVIRONMENT:
        if _scalar(environment.get(run)):
            return f"{_scalar(environment[run])}-{_scalar(environment.get(attempt)) or 1}"
    return None


def _ref_of(environment: Mapping[str, Any]) -> str | None:
    return _scalar(environment.get("GITHUB_WORKFLOW_REF"))


def _workflow(workflow: object) -> str | None:
    """``repository/path@ref`` of a GitHub workflow parameter."""
    if not isinstance(workflow, dict):
        return None
    parts = [workflow.get(key) for key in ("repository", "path", "ref")]
    if not all(isinstance(part, str) and part for part in parts):
        return None
    repository, path, ref = parts
    return f"{repository}/{path}@{ref}"


def _time(builder: FactsBuilder, document_id: str, time: object) -> str | None:
    """A time in the entry's spelling; one that nobody can read becomes ``time_unread`` of the
    record and refuses nothing, because producers write many."""
    if time is None or time == "" or str(time).startswith(_UNSET_TIME):
        return None
    try:
        return timestamps.canonical(str(time), where="")
    except Malformed:
        builder.node(document_id, "attestation", properties={"time_unread": str(time)[:64]})
        return None


def vsa_facts(
    builder: FactsBuilder,
    predicate: Mapping[str, Any],
    *,
    predicate_type: str,
    document_id: str,
    where: str,
) -> Dated:
    """Add a verification summary; returns its time and verifier.

    v0 wrote its keys in snake case and had fewer of them required.
    Raises Malformed where v1 requires a field that is missing, or a field has the wrong type.
    """
    version = _VSA.fullmatch(predicate_type)
    assert version is not None
    required = version[1] == "1"
    said = predicate if required else _camel(predicate)
    verifier = strict_json.need_object(said, "verifier", where=where)
    agent = public_id(strict_json.need_string(verifier, "id", where=f"{where}.verifier"))
    result = strict_json.need_string(said, "verificationResult", where=where)
    if result not in ("PASSED", "FAILED"):
        raise Malformed(
            "not a verification result",
            where=f"{where}.verificationResult",
            expected="PASSED or FAILED",
            got=result,
        )
    need = strict_json.need_object if required else strict_json.get_object
    policy = need(said, "policy", where=where)
    levels = strict_json.need_array if required else strict_json.get_array
    verified = levels(said, "verifiedLevels", where=where)
    for index, level in enumerate(verified):
        strict_json.as_string(level, where=f"{where}.verifiedLevels[{index}]")
    text = strict_json.need_string if required else strict_json.get_string
    occurred = _time(builder, document_id, said.get("timeVerified"))
    properties = {
        "verificationResult": result,
        "verifiedLevels": verified or None,
        "policyLevel": _scalar(said.get("policyLevel")),
        "resourceUri": text(said, "resourceUri", where=where),
        "slsaVersion": _scalar(said.get("slsaVersion")),
        **_of_a_log(said.get("wherefrom"), policy, verifier),
    }
    builder.node(document_id, "attestation", properties=properties)
    builder.edge(document_id, "attributed_to", builder.node(agent, "software"))
    inputs = _descriptors(said, "inputAttestations", where)
    for item, place, kind in [
        (policy, f"{where}.policy", "policy"),
        *((item, place, "attestation") for item, place in inputs),
    ]:
        node = resource(builder, item, where=place, kind=kind)
        if node:
            builder.edge(document_id, "used", node)
    return Dated(occurred, agent)


def _of_a_log(
    said: object, policy: Mapping[str, Any], verifier: Mapping[str, Any]
) -> dict[str, Any]:
    """What a summary by a log like this one says beside (``vsa``, ``admission_record``), of which
    policy, and whether a gate or a cluster decided."""
    if not isinstance(said, dict):
        return {}
    digest = policy.get("digest")
    digits = _scalar(digest.get("sha256")) if isinstance(digest, dict) else None
    id = str(verifier.get("id"))
    by = next((word for prefix, word in _DECIDING.items() if id.startswith(prefix)), None)
    reasons = said.get("reasons")
    failing = [
        one["rule"]
        for one in (reasons if isinstance(reasons, list) else [])
        if isinstance(one, dict) and isinstance(one.get("rule"), str) and not one.get("ok")
    ]
    return {
        "policyDigest": f"sha256:{digits}" if digits else None,
        "environment": _scalar(said.get("environment")) or None,
        "validUntil": _scalar(said.get("validUntil")),
        "failing": [rule[:_RULE_CHARS_MAX] for rule in failing[:_RULES_MAX]] or None,
        "decidedBy": by,
    }


def _camel(predicate: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a v0 summary as v1 spells them."""
    return {re.sub(r"_([a-z])", lambda m: m[1].upper(), key): predicate[key] for key in predicate}
