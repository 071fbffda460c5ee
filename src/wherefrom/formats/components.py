"""Which node one part of an SBOM is: the rule that CycloneDX and SPDX share.

    names an image by digest ──►  sha256:…         image,    alternate ─► its purl
    has a purl               ──►  pkg:type/name@v  package,  contains ──► artifact sha256:…
    has a strong hash        ──►  sha256:…         artifact
    has neither              ──►  <document>#<ref> component, known in this document only

Name and version are never an identity: two documents may call different things ``app@1.0``. The
hash of a package is the hash of one file it is distributed as, so the package *contains* that
artifact: as ``alternate`` it would make a wheel, an sdist and a forgery one thing. Strong hashes
of one part by different algorithms are ``alternate`` names of the same bytes.

Sizes:  an id at most 2,048 bytes · a shown text 256 characters · 100,000 parts and
        200,000 nodes a document
Source: docs/formats/cyclonedx.md and spdx.md, "Which node a component is"
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from wherefrom.errors import LimitPassed, Refused
from wherefrom.formats import digests, timestamps
from wherefrom.formats.facts import ID_BYTES_MAX, Facts, FactsBuilder
from wherefrom.formats.purl import Purl, canonical

PARTS_MAX: Final = 100_000
NODES_MAX: Final = 200_000
TEXT_CHARS_MAX: Final = 256
LICENSES_MAX: Final = 8

_IMAGE_TYPES: Final = frozenset({"oci", "docker"})
_MODEL_TYPES: Final = frozenset({"huggingface", "mlflow"})
_SHOWN_QUALIFIERS: Final = ("arch", "distro", "repository_url")
# syft writes sha256:…, Xray sha256__…; ko and Docker write name@sha256:…
_DIGEST = re.compile(r"(?:[^@]*@)?(sha256|sha384|sha512)(?::|__)([0-9a-fA-F]+)")
_TAGGED = re.compile(r"[\w.-]+(?::[0-9]+)?(?:/[\w.-]+)*:[A-Za-z0-9_][\w.-]{0,127}")
_TOOL = re.compile(r"(.+?)[- @]v?([0-9]\S*)", re.DOTALL)
# The hash of nothing names every empty file, and a hash of zeros is a blank form.
_NO_IDENTITY: Final = frozenset(
    {
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
        "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
        "sha384:38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da"
        "274edebfe76f65fbd51ad2f14898b95b",
    }
)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One component, package or file as its document describes it; texts as written.

    scoped     the id when nothing else names it: ``<document id>#<reference>``
    container  the document calls it a container image
    kind       the kind when it is named by ``scoped``, or ``model``
    hashes     (algorithm, value), in the document's spelling
    """

    scoped: str
    name: str
    version: str | None = None
    purls: Sequence[str] = ()
    hashes: Sequence[tuple[str, str]] = ()
    container: bool = False
    kind: str = "component"
    properties: Mapping[str, Any] = {}


def add(builder: FactsBuilder, part: Part) -> str:
    """Add the part's node, its hashes and its other names; returns the node's id.

    Raises LimitPassed for a reference that makes an id of more than 2,048 bytes.
    """
    properties = {"version": shown(part.version), **part.properties}
    purls = _readable(part.purls, properties)
    first = purls[0] if purls else None
    strong = _strong(part.hashes, properties)
    own = _own_digest(part, first)
    image = part.container or (first is not None and first.type in _IMAGE_TYPES)
    name = shown(part.name)
    if own and (image or first is None):
        node = builder.node(own, "image" if image else "artifact", name, properties)
        # Another hash by the same algorithm is of other bytes (a tarball of the image, say).
        same = own.partition(":")[0] + ":"
        _alternates(builder, node, [d for d in strong if not d.startswith(same)])
        others = purls
    elif first is not None:
        model = part.kind == "model" or first.type in _MODEL_TYPES
        node = builder.node(first.id, "model" if model else "package", name, properties)
        if strong:
            builder.edge(node, "contains", builder.node(strong[0], "artifact", name))
            _alternates(builder, strong[0], strong[1:])
        others = purls[1:]
    elif strong:
        kind = part.kind if part.kind == "model" else "image" if image else "artifact"
        node = builder.node(strong[0], kind, name, properties)
        _alternates(builder, node, strong[1:])
        others = []
    else:
        node = builder.node(bounded(part.scoped), part.kind, name, properties)
        others = []
    for other in others:
        builder.edge(node, "alternate", builder.node(other.id, "package", name))
    return node


def add_subject(
    builder: FactsBuilder, *, document_id: str, own: str | None, subject: str | None
) -> str | None:
    """Say what the document describes; returns the node that its contents hang from.

    own      the node of what the document itself calls its subject
    subject  the artifact that a signed statement attests this document for
    """
    if subject is None:
        if own is not None:
            builder.edge(document_id, "describes", own)
        return own
    builder.node(subject, "artifact")
    builder.edge(document_id, "describes", subject)
    if own is not None:
        mine, _, its = subject.partition(":")
        if own.startswith(mine + ":") and its and own != subject:
            # Two digests by one algorithm are two things: an image index and one platform.
            builder.edge(document_id, "describes", own)
        else:
            builder.edge(subject, "alternate", own)
    return subject


def add_tag(builder: FactsBuilder, part: Part, node: str) -> None:
    """Say that ``node`` is an image, and which tag pointed to it, when a digest names it."""
    if not is_digest(node):
        return
    builder.node(node, "image")
    for text in (part.name, part.version or ""):
        if _TAGGED.fullmatch(text) and not _DIGEST.fullmatch(text):
            builder.tag(_familiar(text), node)
            return
    for purl in _readable(part.purls, {}):
        tag = purl.qualifiers.get("tag")
        if tag and purl.type in _IMAGE_TYPES:
            place = purl.qualifiers.get("repository_url") or part.name
            builder.tag(_familiar(f"{place.rpartition('://')[2]}:{tag}"), node)
            return


def _familiar(reference: str) -> str:
    """``alpine:3`` for ``docker.io/library/alpine:3``, as statements write it."""
    hub = re.sub(r"^(?:index\.|registry-1\.)?docker\.io/(?:library/)?", "", reference)
    return hub[:TEXT_CHARS_MAX]


def add_tool(builder: FactsBuilder, document_id: str, name: str, version: str | None) -> None:
    """Say that the document was made with a tool: ``software:syft@0.57.0``."""
    name = name.strip()
    if name:
        spelled = f"{name}@{version.strip().removeprefix('v')}" if version else name
        tool = builder.node(bounded(f"software:{spelled}"), "software", shown(name))
        builder.edge(document_id, "attributed_to", tool)


def split_tool(text: str) -> tuple[str, str | None]:
    """``syft-0.57.0`` and ``ko 0.12.0`` as name and version."""
    match = _TOOL.fullmatch(text.strip())
    return (match[1], match[2]) if match else (text, None)


def is_digest(node: str) -> bool:
    """Whether ``node`` is named by a strong digest."""
    algorithm, _, value = node.partition(":")
    return digests.strong_id(algorithm, value) is not None


def has_identity(part: Part) -> bool:
    """Whether a purl or a strong digest names the part, in any document."""
    return bool(identities(part))


def identities(part: Part) -> set[str]:
    """The ids that name the part in any document: its purls and its strong digests."""
    purls = _readable(part.purls, {})
    own = _own_digest(part, purls[0] if purls else None)
    return {p.id for p in purls} | set(_strong(part.hashes, {})) | ({own} if own else set())


def names_image(part: Part) -> bool:
    """Whether a purl of the part says that it is a container image."""
    return any(p.type in _IMAGE_TYPES for p in _readable(part.purls, {}))


def is_image_index(purls: Sequence[str]) -> bool:
    """Whether a purl says that the image is an index of platforms."""
    types = [p.qualifiers.get("mediatype", "") for p in _readable(purls, {})]
    return any("image.index" in t or "manifest.list" in t for t in types)


def occurred(text: object) -> tuple[str | None, dict[str, str]]:
    """The entry's time, or None and a property that shows what could not be read."""
    if text is None:
        return None, {}
    try:
        return timestamps.canonical(str(text), where="timestamp"), {}
    except Refused:
        return None, {"time_unread": str(text)[:TEXT_CHARS_MAX]}


def bounded(id: str) -> str:
    """``id`` if it is short enough to be one. Raises LimitPassed."""
    if len(id) * 4 > ID_BYTES_MAX and len(id.encode("utf-8", "replace")) > ID_BYTES_MAX:
        raise LimitPassed("a name in an SBOM is too long", expected=f"{ID_BYTES_MAX} bytes", got=id)
    return id


def shown(text: str | None) -> str | None:
    """Text for people, cut to 256 characters; None when empty."""
    if not text:
        return None
    return text if len(text) <= TEXT_CHARS_MAX else text[: TEXT_CHARS_MAX - 1] + "…"


def check_count(parts: int) -> None:
    """Raises LimitPassed when a document lists more parts than we read."""
    if parts > PARTS_MAX:
        raise LimitPassed("an SBOM lists too many parts", expected=f"{PARTS_MAX} at most")


def close(builder: FactsBuilder, *, type: str, occurred: str | None) -> Facts:
    """Close the builder into an SBOM's facts. Raises LimitPassed for too many nodes."""
    made = builder.build(kind="sbom", type=type, occurred=occurred)
    if len(made.nodes) > NODES_MAX:
        raise LimitPassed("an SBOM speaks of too many things", expected=f"{NODES_MAX} at most")
    return made


def _alternates(builder: FactsBuilder, node: str, others: Sequence[str]) -> None:
    for other in others:
        builder.edge(node, "alternate", builder.node(other, "artifact"))


def _readable(texts: Sequence[str], properties: dict[str, Any]) -> list[Purl]:
    """The purls that can be read; what they say beside the id goes into ``properties``."""
    found: list[Purl] = []
    for text in texts:
        try:
            purl = canonical(text)
        except Refused:
            properties["purl_unread"] = shown(text)
            continue
        if not found and purl.text != purl.id:
            properties["purl"] = purl.text
            properties.update(
                (key, shown(purl.qualifiers[key]))
                for key in _SHOWN_QUALIFIERS
                if key in purl.qualifiers
            )
        found.append(purl)
    return found


def _strong(hashes: Sequence[tuple[str, str]], properties: dict[str, Any]) -> list[str]:
    """One id an algorithm, the preferred first; the rest become properties, ``hash_sha1``."""
    found: dict[str, str] = {}
    for algorithm, value in hashes:
        name = digests.algorithm(algorithm)
        id_ = digests.strong_id(algorithm, value)
        if id_ is None or name in found or _blank(id_):
            properties.setdefault(f"hash_{name[:32]}", shown(value))
        else:
            found[name] = id_
    return [found[name] for name in digests.STRONG if name in found]


def _own_digest(part: Part, purl: Purl | None) -> str | None:
    texts = [purl.version] if purl is not None and purl.type in _IMAGE_TYPES else []
    for text in (*texts, part.version, part.name):
        match = _DIGEST.fullmatch(text) if text else None
        id_ = digests.strong_id(match[1], match[2]) if match else None
        if id_ is not None and not _blank(id_):
            return id_
    return None


def _blank(id_: str) -> bool:
    return id_ in _NO_IDENTITY or not id_.partition(":")[2].strip("0")
