"""What a registry serves against what the log holds: an image, its platforms, what hangs on it.

    tag ──► digest ──► platforms ──► log: the tag, the parts, the records ──► documents ──► Step, …

``failed`` if the registry serves what it should not, or what it serves is not what records say;
``proven`` if nothing of that is so, and somebody we know vouches for the image, or of an index for
each of its platforms; ``unproven`` if nobody does. All steps are done: one that fails is not the
last, for people want to know all that is wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import msgspec

from wherefrom.capture.repository import Hanging, PlatformServed
from wherefrom.errors import Refused
from wherefrom.formats.oci_artifacts import EVIDENCE
from wherefrom.formats.oci_manifest import Manifest
from wherefrom.formats.shown import short_id
from wherefrom.query.answers import TagInterval
from wherefrom.query.desk import TraceOptions
from wherefrom.query.hanging import Asked, Judge, held_about, records_of
from wherefrom.verify.evidence_file import says_trust
from wherefrom.verify.steps import Step
from wherefrom.views.graph.spelling import tag_key

_VOUCHED: Final = ("signed", "keyless", "batch")
_FAIL: Final = ("tag", "platforms", "tag in the log", "parts in the log", "documents")


class ServedImage(NamedTuple):
    """An image as the registry serves it.

    tag        how records would name the tag, if one was asked for
    tag_leads  the digest that the tag leads to, if one was asked for
    """

    name: str
    manifest: Manifest
    platforms: list[PlatformServed]
    hanging: Iterable[Hanging]
    tag: str | None = None
    tag_leads: str | None = None


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A document on an image, in the registry.

    status  ``recorded`` (in the log, as ``entry``), ``unrecorded``, ``refused`` (no record),
            ``broken`` (not what the registry says), or ``left_out``
    trust   how far the log believes it, or would if it came to its door now
    about   which of the image and its platforms it is about, by their digests
    """

    subject: str
    by: str
    manifest: str
    type: str
    digest: str
    status: str
    entry: int | None = None
    trust: str | None = None
    signers: tuple[str, ...] = ()
    about: list[str] = []
    reason: str = ""


class PlatformTold(msgspec.Struct, frozen=True, kw_only=True):
    """An image for one platform: as it is served, and how many records are about it."""

    platform: str
    digest: str
    size: int
    trouble: str
    records: int
    trust: str | None


class ImageReport(msgspec.Struct, frozen=True, kw_only=True):
    """``proven``, ``failed`` or ``unproven``, and all that it rests on."""

    result: str
    image: str
    digest: str
    type: str
    steps: list[Step]
    platforms: list[PlatformTold]
    documents: list[Document]


def examine(log: Asked, image: ServedImage, *, at: str) -> ImageReport:
    """Compare an image in a registry with the log. ``at`` is now. Raises Unavailable."""
    told = [_platform(log, one) for one in image.platforms]
    mine = {image.manifest.digest, *(one.digest for one in told)}
    judge = Judge(log, at=at)
    documents = [_document(judge, one, mine) for one in image.hanging]
    levels = _levels(log, image.manifest.digest, told, documents)
    steps = [
        *_served(image, told), *_in_log(log, image, told), _records(log, image),
        _hanging(documents), _trust(image.manifest, told, levels),
    ]  # fmt: skip
    failed = any(not step.ok and step.name in _FAIL for step in steps)
    proven = all(step.ok for step in steps if step.name == "trust")
    return ImageReport(
        result="failed" if failed else "proven" if proven else "unproven",
        image=image.name, digest=image.manifest.digest, type=image.manifest.media_type,
        steps=steps, platforms=told if image.manifest.is_index else [], documents=documents,
    )  # fmt: skip


def not_served(name: str, digest: str, error: Refused) -> ImageReport:
    """The answer where the registry does not even serve the image as it says."""
    return ImageReport(
        result="failed", image=name, digest=digest, type="",
        steps=[Step("digest", False, str(error))], platforms=[], documents=[],
    )  # fmt: skip


def _platform(log: Asked, one: PlatformServed) -> PlatformTold:
    records = held_about(log, one.digest).records
    best = next((level for level in _VOUCHED if any(r.trust == level for r in records)), None)
    return PlatformTold(
        platform=one.platform, digest=one.digest, size=one.size, trouble=one.trouble,
        records=len(records), trust=best or (records[0].trust if records else None),
    )  # fmt: skip


def _served(image: ServedImage, told: list[PlatformTold]) -> Iterator[Step]:
    digest = image.manifest.digest
    if image.tag is not None and image.tag_leads is not None:
        same = image.tag_leads == digest
        says = f"{image.tag} leads to {image.tag_leads}" + ("" if same else f", not to {digest}")
        yield Step("tag", same, says)
    kind = "index" if image.manifest.is_index else "manifest"
    yield Step("digest", True, f"the {kind} is served as {digest}, {image.manifest.size} bytes")
    broken = [
        f"{one.platform or short_id(one.digest)}: {one.trouble}" for one in told if one.trouble
    ]
    if image.manifest.is_index:
        says = "each as the index says: " + (", ".join(one.platform for one in told) or "none")
    else:
        says = "its configuration is served" + (f": {told[0].platform}" if told[0].platform else "")
    yield Step("platforms", not broken, "; ".join(broken) or says)


def _in_log(log: Asked, image: ServedImage, told: list[PlatformTold]) -> Iterator[Step]:
    if image.tag is not None:
        held = _tagged(log, image.tag)
        mine = {image.manifest.digest, *(one.digest for one in told)}
        other = [(id, one) for id, one in held if id not in mine]
        if other:
            id, one = other[0]
            says = f"entry {one.entry} says that it leads to {id}, since {one.since}"
        elif held:
            says = f"entry {held[0][1].entry} says so too"
        else:
            says = "no record says where the tag leads"
        yield Step("tag in the log", not other, says)
    if not image.manifest.is_index:
        return
    parts = _parts(log, image.manifest.digest)
    strange = sorted(parts.keys() - {one.digest for one in told})
    if strange:
        says = f"entry {parts[strange[0]]} says that it contains {strange[0]}, and it does not"
    else:
        says = f"{len(parts)} of its {len(told)} platforms are known to be parts of it"
    yield Step("parts in the log", not strange, says)


def _tagged(log: Asked, tag: str) -> list[tuple[str, TagInterval]]:
    """What the log says that a tag leads to now, each with the record that says so."""
    found = [m.id for m in log.find(tag, as_of=None, own=True).matches if m.because == "tag"]
    held = []
    for id in found:
        for match in log.show(id, TraceOptions(own=True)).matches:
            for one in match.tags:
                if match.id == id and one.until is None and tag_key(one.name) == tag_key(tag):
                    held.append((id, one))
    return held


def _parts(log: Asked, digest: str) -> dict[str, int]:
    """What records say that an index contains for some platform, and which record does."""
    if not records_of(log, digest):
        return {}
    trace = log.trace(digest, TraceOptions(depth=1, own=True))
    of_platform = {node.id for node in trace.nodes if "platform" in node.properties}
    return {
        edge.target: edge.entry
        for edge in trace.edges
        if edge.relation == "contains" and edge.source == digest and edge.target in of_platform
    }


def _records(log: Asked, image: ServedImage) -> Step:
    records = records_of(log, image.manifest.digest)
    if not records:
        return Step("records", False, "no record speaks of this image")
    return Step("records", True, says_trust({record.entry: record.trust for record in records}))


def _document(judge: Judge, one: Hanging, mine: set[str]) -> Document:
    head = Document(
        subject=one.subject, by=one.by, manifest=one.manifest, type=one.type, digest=one.digest,
        status="left_out", reason=one.left_out,
    )  # fmt: skip
    if one.trouble is not None:
        return msgspec.structs.replace(head, status="broken", reason=str(one.trouble))
    if one.content is None or one.type == EVIDENCE:
        evidence = "evidence: fetch it with oci pull -o, and check it with wherefrom verify"
        return msgspec.structs.replace(head, reason=one.left_out or evidence)
    try:
        found = judge.standing(one.content)
    except Refused as error:
        return msgspec.structs.replace(head, status="refused", reason=str(error))
    return msgspec.structs.replace(
        head, status="unrecorded" if found.entry is None else "recorded", entry=found.entry,
        trust=None if found.lie else found.trust, signers=found.signers,
        about=sorted(mine & found.about), reason=found.lie,
    )  # fmt: skip


def _hanging(documents: list[Document]) -> Step:
    wrong = [one for one in documents if one.status == "broken" or _lies(one)]
    if wrong:
        said = "; ".join(f"{short_id(one.digest or one.manifest)}: {one.reason}" for one in wrong)
        return Step("documents", False, said)
    if not documents:
        return Step("documents", True, "nothing hangs on it in the registry")
    counted = Counter(one.status for one in documents)
    words = {"recorded": "in the log", "unrecorded": "not in the log", "refused": "no record",
             "left_out": "not read"}  # fmt: skip
    says = ", ".join(f"{counted[key]} {word}" for key, word in words.items() if counted[key])
    strange = sum(one.trust is not None and not one.about for one in documents)
    return Step("documents", True, says + (f"; {strange} about something else" if strange else ""))


def _lies(one: Document) -> bool:
    return one.status == "unrecorded" and bool(one.reason)


def _levels(
    log: Asked, digest: str, told: list[PlatformTold], documents: list[Document]
) -> dict[str, str]:
    """The best that vouches for each image, in the log or in the registry; none for nobody."""
    levels = {one.digest: {one.trust} for one in told}
    levels[digest] = {record.trust for record in held_about(log, digest).records}
    for document in documents:
        for one in document.about:
            levels[one].add(document.trust)
    best = {one: next((x for x in _VOUCHED if x in those), "") for one, those in levels.items()}
    return {one: level for one, level in best.items() if level}


def _trust(manifest: Manifest, told: list[PlatformTold], levels: dict[str, str]) -> Step:
    if manifest.digest in levels:
        return Step("trust", True, f"somebody we know vouches for it: {levels[manifest.digest]}")
    if manifest.is_index and told and all(one.digest in levels for one in told):
        return Step("trust", True, "somebody we know vouches for each of its platforms")
    some = sum(one.digest in levels for one in told)
    of = f"; for {some} of its {len(told)} platforms somebody does" if manifest.is_index else ""
    return Step("trust", False, f"nobody we know vouches for it{of}: see wherefrom keys trust")
