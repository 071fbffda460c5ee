"""Witness's attestors: what each of them saw goes into the step that ran.

    material, lockfiles ──► used          product, oci, docker, reports ──► generated_by
    git ──► the commit                    github, gitlab, jenkins ──► builder and pipeline
    command-run ──► command, exit code    sbom, slsa, link ──► their own formats' readers

Scalars are read leniently, since attestors differ from version to version; digest sets and lists
must be what they are. What stays in the content, ``witness`` says.

Sizes:  64 parents, remotes, tags a commit
Source: in-toto/witness docs/attestors/*.json
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from wherefrom.errors import Refused, Unsupported
from wherefrom.formats import (
    cyclonedx,
    digests,
    embedded,
    in_toto_steps,
    names,
    purl,
    slsa,
    spdx,
    strict_json,
    timestamps,
)
from wherefrom.formats.descriptors import public_id, resource
from wherefrom.formats.facts import FactsBuilder

WITNESS: Final = r"https://witness\.(?:dev|testifysec\.com)"
ATTESTOR: Final = re.compile(WITNESS + r"/attestations/(?P<name>[a-z0-9-]+)/v[0-9.]+")
LISTED_MAX: Final = 64


class Step:
    """A collection half read: its activity, and what goes into it."""

    def __init__(
        self, builder: FactsBuilder, activity: str, document_id: str, subjects: Sequence[str]
    ) -> None:
        self.builder = builder
        self.activity = activity
        self.document_id = document_id
        self.subjects = subjects
        self.inputs: set[str] = set()
        self.products: dict[str, None] = {}
        self.agent: str | None = None
        self.commit: str | None = None
        self.repository: str | None = None

    def says(self, **properties: Any) -> None:
        """Add properties to the activity; empty ones say nothing."""
        kept = {key: value for key, value in properties.items() if value not in (None, "", [])}
        self.builder.node(self.activity, "activity", None, kept)

    def used(self, node: str | None, role: str | None = None) -> None:
        """It took in ``node``. What it made itself and opened again is no input."""
        if node is not None and node not in self.products:
            self.inputs.add(node)
            properties = {"as": role} if role else None
            self.builder.edge(self.activity, "used", node, properties)

    def made(self, node: str | None) -> None:
        """It left ``node`` behind. The same bytes that were there before are no product."""
        if node is not None and node not in self.inputs:
            self.products.setdefault(node)
            self.builder.edge(node, "generated_by", self.activity)

    def run_by(self, agent: str | None, run: str | None, name: str | None) -> None:
        """It ran on ``agent``, in the ``run`` of a pipeline called ``name``; both are URLs."""
        if agent:
            self.agent = self.builder.node(public_id(agent), "builder")
            self.builder.edge(self.activity, "associated_with", self.agent)
        if run:
            node = self.builder.node(public_id(run), "run", name)
            self.builder.edge(self.activity, "informed_by", node)


def name_of(kind: str) -> str:
    """``git`` for ``https://witness.dev/attestations/git/v0.1``; any other type as it is."""
    match = ATTESTOR.fullmatch(kind)
    return match["name"] if match else kind


def read(step: Step, kind: str, attestation: dict[str, Any], where: str) -> None:
    """Add to ``step`` what an attestor of this type saw; one that nobody reads adds nothing."""
    reader = _READERS.get(name_of(kind))
    if reader is not None:
        reader(step, attestation, where)
    elif slsa.is_provenance(kind):
        _provenance(step, attestation, kind, where)
    elif in_toto_steps.is_link(kind):
        in_toto_steps.ran(
            step.builder, attestation, activity=step.activity, products=(), where=where
        )
    elif kind.startswith(("https://spdx.dev/Document", "https://cyclonedx.org/bom")):
        _sbom(step, attestation, where)


def _text(value: Mapping[str, Any], key: str) -> str | None:
    """Text, or a number where text belongs; else nothing."""
    found = value.get(key)
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return found if isinstance(found, str) and found else None


def _texts(value: Mapping[str, Any], key: str, where: str) -> list[str]:
    listed = strict_json.get_array(value, key, where=where)
    return [item for item in listed if isinstance(item, str) and item][:LISTED_MAX]


def _file(step: Step, digest: object, name: str | None, where: str, **fields: Any) -> str | None:
    """The node of a digest set, called ``name``."""
    if digest is None:
        return None
    digest = strict_json.as_object(digest, where=where)
    kind = fields.pop("kind", None)
    return resource(step.builder, {"digest": digest, "name": name} | fields, where=where, kind=kind)


# What was there before, and after.


def _material(step: Step, attestation: dict[str, Any], where: str) -> None:
    for place, item in in_toto_steps.digested_items(attestation, where=where):
        step.used(resource(step.builder, item, where=place))


def _product(step: Step, attestation: dict[str, Any], where: str) -> None:
    for path, product in attestation.items():
        place = f"{where}[{path[:80]!r}]"
        product = strict_json.as_object(product, where=place)
        node = _file(step, product.get("digest"), path, f"{place}.digest")
        if node is not None:
            mime = _text(product, "mime_type")
            step.builder.node(node, "artifact", None, {"mimeType": mime})
        step.made(node)


def _lockfiles(step: Step, attestation: dict[str, Any], where: str) -> None:
    for index, item in enumerate(strict_json.get_array(attestation, "lockfiles", where=where)):
        place = f"{where}.lockfiles[{index}]"
        item = strict_json.as_object(item, where=place)
        name = _text(item, "filename")
        step.used(_file(step, item.get("digest"), name, f"{place}.digest"), "lockfile")


# What ran.


def _command_run(step: Step, attestation: dict[str, Any], where: str) -> None:
    status = attestation.get("exitcode")
    step.says(
        command=in_toto_steps.command_of(attestation, "cmd", where=where),
        exitCode=status if isinstance(status, int) else None,
    )
    for index, item in enumerate(strict_json.get_array(attestation, "processes", where=where)):
        place = f"{where}.processes[{index}]"
        process = strict_json.as_object(item, where=place)
        name = _text(process, "program")
        for key in ("programdigest", "exedigest"):
            step.used(_file(step, process.get(key), name, f"{place}.{key}"), "program")
        opened = strict_json.get_object(process, "openedfiles", where=place)
        for at, item in in_toto_steps.digested_items(opened, where=f"{place}.openedfiles"):
            step.used(resource(step.builder, item, where=at), "opened")


def _environment(step: Step, attestation: dict[str, Any], where: str) -> None:
    step.says(os=_text(attestation, "os"))


def _ci(step: Step, attestation: dict[str, Any], where: str) -> None:
    """GitHub and GitLab: pipeline, project, runner, and the claims of the job's token."""
    claims = strict_json.get_object(
        strict_json.get_object(attestation, "jwt", where=where), "claims", where=f"{where}.jwt"
    )
    step.says(
        pipelineId=_text(attestation, "pipelineid"),
        jobId=_text(attestation, "jobid"),
        jobName=_text(attestation, "jobname"),
        jobUrl=_text(attestation, "joburl"),
        runnerId=_text(attestation, "runnerid"),
        runnerOs=_text(attestation, "runneros"),
        runnerArch=_text(attestation, "runnerarch"),
        configPath=_text(attestation, "ciconfigpath"),
        workflow=_text(claims, "workflow_ref"),
    )
    server = _text(attestation, "ciserverurl") or _text(attestation, "cihost")
    name = _text(attestation, "pipelinename")
    step.run_by(server, _text(attestation, "pipelineurl"), name)
    project = _text(attestation, "projecturl")
    place = digests.git_place(project) or digests.git_place(f"{project}.git") if project else None
    if place is not None:
        step.repository = place.repository
    sha = _text(claims, "sha")
    commit = digests.commit_id(sha) if sha else None
    if commit is not None:
        step.commit = step.builder.node(commit, "commit")
        step.used(step.commit, "source")


def _jenkins(step: Step, attestation: dict[str, Any], where: str) -> None:
    step.says(
        pipelineId=_text(attestation, "buildid"),
        jobName=_text(attestation, "jobname"),
        runnerId=_text(attestation, "nodename"),
    )
    name = _text(attestation, "jobname")
    step.run_by(_text(attestation, "jenkinsurl"), _text(attestation, "pipelineurl"), name)


def _git(step: Step, attestation: dict[str, Any], where: str) -> None:
    digest = strict_json.get_object(attestation, "commitdigest", where=where)
    told = _text(attestation, "commithash") or _text(digest, "sha1") or _text(digest, "sha256")
    id = digests.commit_id(told) if told else None
    if id is None:
        return
    builder = step.builder
    tags = [
        name
        for tag in strict_json.get_array(attestation, "tags", where=where)[:LISTED_MAX]
        if isinstance(tag, dict) and (name := _text(tag, "name"))
    ]
    properties = {
        "treeHash": _text(attestation, "treehash"),
        "branch": _text(attestation, "branch"),
        "refs": _texts(attestation, "refs", where) or None,
        "gitTags": tags or None,
    }
    step.commit = builder.node(id, "commit", None, properties)
    step.used(step.commit, "source")
    for parent in _texts(attestation, "parenthashes", where):
        before = digests.commit_id(parent)
        if before is not None:
            builder.edge(id, "revises", builder.node(before, "commit"))
    for role in ("author", "committer"):
        email = _text(attestation, f"{role}email")
        person = public_id(email) if email else ""
        if person.startswith("person:"):
            builder.edge(id, "attributed_to", builder.node(person, "person"), {"as": role})
    for remote in _texts(attestation, "remotes", where):
        place = digests.git_place(remote)
        if place is not None:
            step.repository = place.repository
            source = builder.node(place.repository, "source", place.repository.partition("://")[2])
            builder.edge(id, "specializes", source)
    changed = strict_json.get_object(attestation, "status", where=where)
    step.says(uncommittedFiles=len(changed) or None)


def link_commit(step: Step) -> None:
    """Where the commit is from, when one attestor told the commit and another the project."""
    if step.repository is None:
        return
    name = step.repository.partition("://")[2]
    source = step.builder.node(step.repository, "source", name)
    if step.commit is not None:
        step.builder.edge(step.commit, "specializes", source)
    else:
        step.used(source, "source")


# What came out, in more words.


def _oci(step: Step, attestation: dict[str, Any], where: str) -> None:
    tar = _file(step, attestation.get("tardigest"), None, f"{where}.tardigest")
    digest = attestation.get("manifestdigest")
    image = _file(step, digest, None, f"{where}.manifestdigest", kind="image")
    config = _file(step, attestation.get("imageid"), None, f"{where}.imageid")
    whole = image or config
    if whole is None:
        return
    step.made(whole)
    for tag in _texts(attestation, "imagetags", where):
        step.builder.tag(tag, whole)
    if tar is not None:
        step.builder.edge(tar, "contains", whole)
    if config is not None:
        step.builder.edge(whole, "contains", config)
    for index, digest in enumerate(strict_json.get_array(attestation, "diffids", where=where)):
        layer = _file(step, digest, None, f"{where}.diffids[{index}]")
        if layer is not None:
            step.builder.edge(whole, "contains", layer)


def _docker(step: Step, attestation: dict[str, Any], where: str) -> None:
    products = strict_json.get_object(attestation, "products", where=where)
    for key, product in products.items():
        place = f"{where}.products[{key[:80]!r}]"
        product = strict_json.as_object(product, where=place)
        image = _file(step, product.get("imagedigest"), None, f"{place}.imagedigest", kind="image")
        step.made(image)
        for reference in _texts(product, "imagereferences", place):
            if image is not None:
                step.builder.tag(reference, image)
        materials = strict_json.get_object(product, "materials", where=place)
        for platform, listed in materials.items():
            at = f"{place}.materials[{platform[:80]!r}]"
            for index, item in enumerate(strict_json.as_array(listed, where=at)):
                here = f"{at}[{index}]"
                item = strict_json.as_object(item, where=here)
                step.used(resource(step.builder, item, where=here), "base")


def _report(step: Step, attestation: dict[str, Any], where: str) -> None:
    """The file that a scanner wrote, and what it says: SARIF, VEX."""
    name = _text(attestation, "reportFileName") or _text(attestation, "reportfilename")
    digest = attestation.get("reportDigestSet")
    file = _file(step, digest, name, f"{where}.reportDigestSet")
    step.made(file)
    about = [node for node in step.products if node != file] or step.subjects
    for key in ("report", "vexDocument"):
        document = attestation.get(key)
        if isinstance(document, dict):
            # What it says comes on top of what the step did, so a broken one takes nothing along.
            embedded.embed(
                step.builder,
                document,
                predicate_type="",
                document_id=step.document_id,
                subjects=about,
                where=f"{where}.{key}",
            )


def _maven(step: Step, attestation: dict[str, Any], where: str) -> None:
    project = _maven_package(step, attestation)
    listed = strict_json.get_array(attestation, "dependencies", where=where)
    for index, item in enumerate(listed):
        dependency = strict_json.as_object(item, where=f"{where}.dependencies[{index}]")
        other = _maven_package(step, dependency)
        if project is not None and other is not None:
            scope = _text(dependency, "scope")
            properties = {"scope": scope} if scope else None
            step.builder.edge(project, "depends_on", other, properties)
    if project is not None:
        step.builder.edge(step.document_id, "describes", project)


def _maven_package(step: Step, item: Mapping[str, Any]) -> str | None:
    parts = [_text(item, key) for key in ("groupid", "artifactid", "version")]
    if not all(parts):
        return None
    group, artifact, version = (names.encode(part or "") for part in parts)
    try:
        package = purl.canonical(f"pkg:maven/{group}/{artifact}@{version}")
    except Refused:
        return None
    return step.builder.node(package.id, "package", f"{package.namespace}/{package.name}")


def _sbom(step: Step, attestation: dict[str, Any], where: str) -> None:
    """An SBOM as a step's product; which thing it is of, it says itself."""
    builder, document = step.builder, step.document_id
    try:
        if "bomFormat" in attestation:
            cyclonedx.embed(builder, attestation, document_id=document, subject=None)
        elif "spdxVersion" in attestation:
            spdx.embed(builder, attestation, document_id=document, subject=None)
    except Unsupported as error:
        builder.node(document, "attestation", properties={"predicate_unread": str(error)[:200]})


def _provenance(step: Step, attestation: dict[str, Any], kind: str, where: str) -> None:
    """SLSA provenance of the products; Witness writes it in protobuf's names."""
    predicate = _camel(attestation)
    definition = predicate.get("buildDefinition")
    if isinstance(definition, dict):
        definition.setdefault("externalParameters", {})
    dated = slsa.provenance_facts(
        step.builder,
        predicate,
        predicate_type=kind,
        subjects=list(step.products) or step.subjects,
        document_id=step.document_id,
        build=step.document_id,
        where=where,
    )
    step.agent = step.agent or dated.agent


# In these the keys are their producer's own.
_OWN_KEYS: Final = frozenset(
    {"digest", "externalParameters", "internalParameters", "annotations", "version"}
)


def _camel(value: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, item in value.items():
        name = re.sub("_([a-z])", lambda m: m[1].upper(), key)
        if name in ("startedOn", "finishedOn") and isinstance(item, dict):
            item = _instant(item)
        elif name not in _OWN_KEYS:
            if isinstance(item, dict):
                item = _camel(item)
            elif isinstance(item, list):
                item = [_camel(i) if isinstance(i, dict) else i for i in item]
        made[name] = item
    return made


def _instant(value: Mapping[str, Any]) -> str | None:
    """A protobuf timestamp, ``{"seconds", "nanos"}``, as RFC 3339."""
    seconds, nanos = value.get("seconds"), value.get("nanos", 0)
    if not (isinstance(seconds, int) and isinstance(nanos, int)):
        return None
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
            seconds=seconds, microseconds=nanos // 1000
        )
    except OverflowError:
        return None
    return timestamps.to_text(moment)


_READERS: Final[Mapping[str, Callable[[Step, dict[str, Any], str], None]]] = {
    "command-run": _command_run,
    "docker": _docker,
    "environment": _environment,
    "git": _git,
    "github": _ci,
    "gitlab": _ci,
    "jenkins": _jenkins,
    "lockfiles": _lockfiles,
    "material": _material,
    "maven": _maven,
    "oci": _oci,
    "product": _product,
    "sarif": _report,
    "sbom": _sbom,
    "vex": _report,
}
