"""in-toto statements: which things are spoken of, and under which ids they are known.

A statement binds subjects, by digest, to a predicate. Here are the statement, its subjects and
the one rule that names any ResourceDescriptor; what a predicate says is read in ``slsa`` or, for
an embedded SBOM, in ``spdx`` and ``cyclonedx``. The envelope around it is ``dsse``.

    {"_type", "subject": [{"name", "digest"}], "predicateType", "predicate"}
          document ──describes──► subject ◄──alternate── second digest, package URL
                                     ▲ name:tag, an interval, when it is an image

The id of a descriptor is the first of: its git commit, its preferred strong digest, the digest
in its image name, its package URL, its repository, its URI, its weak digest or foreign id.

Sizes:  a predicateType is at most 256 bytes of UTF-8; ``recognise`` bounds ids, names and nodes
Source: in-toto attestation spec v1 (statement.md, resource_descriptor.md), spec v0.1.0
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from wherefrom.errors import LimitPassed, Malformed, Refused, Unsupported
from wherefrom.formats import purl, strict_json
from wherefrom.formats.digests import (
    GitPlace,
    commit_id,
    expected,
    git_place,
    ids_of,
    strong_id,
    weak_id,
)
from wherefrom.formats.entry import TYPE_BYTES_MAX
from wherefrom.formats.facts import Facts, FactsBuilder

STATEMENT_TYPES: Final = ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1")

_SBOM_TYPES: Final = ("https://spdx.dev/Document", "https://cyclonedx.org/bom")
_EMAIL = re.compile(r"(?:mailto:)?[^\s/@:]+@[^\s/@:]+", re.IGNORECASE)
_USER = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/@?#]*@")


class Told(NamedTuple):
    """What a statement told, beside the nodes and edges that went into the builder."""

    predicate_type: str
    subjects: tuple[str, ...]
    occurred: str | None = None
    producers: tuple[str, ...] = ()

    def close(self, builder: FactsBuilder, *, kind: str, type: str | None = None) -> Facts:
        """Close ``builder``; ``type`` where it is not the predicate's."""
        return builder.build(
            kind=kind,
            type=type or self.predicate_type,
            occurred=self.occurred,
            producers=self.producers,
        )


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this is, or means to be, a bare in-toto statement."""
    kind = document.get("_type")
    if isinstance(kind, str):
        return kind.startswith("https://in-toto.io/Statement")
    return "predicateType" in document and ("subject" in document or "predicate" in document)


def facts(document: Mapping[str, Any], *, document_id: str) -> Facts:
    """The facts of a bare statement.

    document_id  ``sha256:`` of the content's bytes: the node of the record itself

    Raises Unsupported for another ``_type``, Malformed for a broken statement, LimitPassed.
    """
    builder = FactsBuilder(document=document_id)
    told = describe(builder, document, document_id=document_id)
    return told.close(builder, kind="attestation")


def describe(
    builder: FactsBuilder,
    statement: Mapping[str, Any],
    *,
    document_id: str,
    where: str = "",
    statement_id: str | None = None,
) -> Told:
    """Add what ``statement`` says to ``builder``, about the record ``document_id``.

    where         path of the statement in the record, for messages
    statement_id  what stands for this statement where a build has no id of its own; the record
                  when it holds one statement only

    Raises Unsupported, Malformed or LimitPassed as ``facts`` does.
    """
    kind = strict_json.need_string(statement, "_type", where=where)
    if kind not in STATEMENT_TYPES:
        raise Unsupported(
            "not a version of the in-toto statement that is read here",
            where=_at(where, "_type"),
            expected=" or ".join(STATEMENT_TYPES),
            got=kind,
        )
    predicate_type = strict_json.need_string(statement, "predicateType", where=where)
    check_type(predicate_type, where=_at(where, "predicateType"))
    predicate = strict_json.get_object(statement, "predicate", where=where)
    builder.node(
        document_id,
        "attestation",
        properties={"predicateType": predicate_type, "statementType": kind},
    )
    subjects = []
    for index, item in enumerate(strict_json.need_array(statement, "subject", where=where)):
        place = _at(where, f"subject[{index}]")
        subject = strict_json.as_object(item, where=place)
        _check_digest(subject, where=place)
        node = resource(builder, subject, where=place)
        assert node is not None  # a checked digest always names something
        builder.edge(document_id, "describes", node)
        subjects.append(node)
    if not subjects:
        raise Malformed(
            "a statement about nothing", where=_at(where, "subject"), expected="a subject at least"
        )
    told = Told(predicate_type, tuple(subjects))
    return _predicate(
        builder,
        told,
        predicate,
        document_id=document_id,
        statement_id=statement_id or document_id,
        where=_at(where, "predicate"),
    )


def _at(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _check_digest(subject: Mapping[str, Any], *, where: str) -> None:
    """A subject is matched by digest alone, so here, unlike in a material, each must be whole."""
    digest = strict_json.need_object(subject, "digest", where=where)
    if not digest:
        raise Malformed("a subject without a digest", where=f"{where}.digest", got="{}")
    for key, value in digest.items():
        wanted = "a string" if not isinstance(value, str) or not value else expected(key, value)
        if wanted:
            raise Malformed(
                "a digest that is none", where=f"{where}.digest.{key}", expected=wanted, got=value
            )


def _predicate(
    builder: FactsBuilder,
    told: Told,
    predicate: Mapping[str, Any],
    *,
    document_id: str,
    statement_id: str,
    where: str,
) -> Told:
    """Hand the predicate to its reader; a type that nobody reads says no more than its subjects.

    The readers name things by the rules of this file, so they are imported where they are used.
    """
    kind = told.predicate_type
    if kind.startswith("https://slsa.dev/"):
        from wherefrom.formats import slsa

        if slsa.is_provenance(kind):
            return slsa.provenance_facts(
                builder, predicate, told, document_id=document_id, build=statement_id, where=where
            )
        if slsa.is_vsa(kind):
            return slsa.vsa_facts(builder, predicate, told, document_id=document_id, where=where)
    elif kind.startswith(_SBOM_TYPES):
        _embedded_sbom(builder, predicate, document_id=document_id, subject=told.subjects[0])
    return told


def _embedded_sbom(
    builder: FactsBuilder, predicate: Mapping[str, Any], *, document_id: str, subject: str
) -> None:
    """Read an SBOM that is attested for ``subject``; one of an unread version, or in a form of
    its producer's own, leaves the attestation as it is. Raises Malformed for a broken one."""
    from wherefrom.formats import cyclonedx, spdx

    try:
        if "bomFormat" in predicate:
            cyclonedx.embed(builder, predicate, document_id=document_id, subject=subject)
        elif "spdxVersion" in predicate:
            spdx.embed(builder, predicate, document_id=document_id, subject=subject)
    except Unsupported as error:
        builder.node(document_id, "attestation", properties={"predicate_unread": str(error)[:200]})


def check_type(type: str, *, where: str) -> str:
    """``type`` if an entry can hold it. Raises LimitPassed over 256 bytes of UTF-8."""
    if len(type) * 4 > TYPE_BYTES_MAX and len(type.encode()) > TYPE_BYTES_MAX:
        raise LimitPassed(
            "a type is too long", where=where, expected=f"{TYPE_BYTES_MAX} bytes", got=type
        )
    return type


# How things are named: one rule for subjects, materials, policies and byproducts. --------------


class _Names(NamedTuple):
    """What a descriptor calls its thing."""

    uri: str | None
    name: str | None
    place: GitPlace | None
    package: purl.Purl | None
    image: ImageName | None


def public_id(uri: str) -> str:
    """``uri`` as an id: without a user or password, and with an e-mail address hashed."""
    if "@" not in uri:
        return uri
    if _EMAIL.fullmatch(uri):
        address = uri.lower().removeprefix("mailto:")
        return "person:" + hashlib.sha256(address.encode()).hexdigest()[:32]
    user = _USER.match(uri)
    return user[1] + uri[user.end() :] if user else uri


def resource(
    builder: FactsBuilder, descriptor: Mapping[str, Any], *, where: str, kind: str | None = None
) -> str | None:
    """Add what a ResourceDescriptor names, with its other names, and return its id.

    kind  what it is known to be (``policy``, ``attestation``); else seen from its names

    Returns None for a descriptor that names nothing (it may hold only ``content``).
    Raises Malformed for a ``uri``, ``name`` or ``digest`` of the wrong type.
    """
    names = _names(descriptor, where)
    digest = strict_json.get_object(descriptor, "digest", where=where)
    ids = ids_of(digest) or _commit_ids(digest, names)
    if ids and ids[0].startswith("gitCommit:"):
        return _commit(builder, ids, names.place, kind or "commit")
    image = names.image
    if image is not None and image.digest and not ids:
        ids = [image.digest]
    known = kind or ("image" if image else None)
    properties = {
        f"hash_{key}": value
        for key, value in digest.items()
        if isinstance(value, str) and strong_id(key, value) is None
    }
    if not ids:
        return _undigested(builder, digest, properties, names, known)
    if names.uri:
        properties["uri"] = names.uri
    main = builder.node(ids[0], known or "artifact", names.name or names.uri, properties)
    for other in ids[1:]:
        builder.edge(main, "alternate", builder.node(other, known or "artifact"))
    if image is not None and image.tag:
        builder.tag(f"{image.repository}:{image.tag}", main)
    elif image is None and names.package is not None:
        builder.edge(_package_node(builder, names.package), "alternate", main)
    return main


def _names(descriptor: Mapping[str, Any], where: str) -> _Names:
    uri = strict_json.get_string(descriptor, "uri", where=where)
    name = strict_json.get_string(descriptor, "name", where=where)
    name = None if name == "_" else name  # the specification's word for no name
    place = (git_place(uri) if uri else None) or (git_place(name) if name else None)
    package = _package(uri) or _package(name)
    image: ImageName | None
    if package is not None:
        image = _image_of_purl(package) if package.type in ("docker", "oci") else None
    else:
        image = None if place else _image(uri) or _image(name)
    return _Names(public_id(uri) if uri else None, name, place, package, image)


def _undigested(
    builder: FactsBuilder,
    digest: Mapping[str, str],
    properties: Mapping[str, str],
    names: _Names,
    kind: str | None,
) -> str | None:
    """Name what has no strong digest: by package, repository, URI, or a weak digest at last."""
    if names.package is not None:
        node = _package_node(builder, names.package, kind)
        return builder.node(node, kind or "package", properties=properties)
    if names.place is not None:
        return _repository(builder, names.place, properties)
    if names.uri is not None:
        return builder.node(names.uri, kind or "resource", names.name, properties)
    weak = weak_id(digest)
    return None if weak is None else builder.node(weak, kind or "artifact", names.name, properties)


def _commit_ids(digest: Mapping[str, Any], names: _Names) -> list[str]:
    """The commit behind a sha1, where the descriptor says that it is one, or behind its URI."""
    sha1, name = digest.get("sha1"), names.name or ""
    said = names.place is not None or name == "git.head" or "/git/v0.1/commithash:" in name
    commit = commit_id(sha1) if isinstance(sha1, str) and said else None
    if commit is None and names.place is not None:
        commit = names.place.commit
    return [commit] if commit else []


def _commit(builder: FactsBuilder, ids: list[str], place: GitPlace | None, kind: str) -> str:
    main = builder.node(ids[0], kind)
    for other in ids[1:]:
        builder.edge(main, "alternate", builder.node(other, "artifact"))
    if place is not None:
        builder.node(main, kind, None, {"repository": place.repository, "ref": place.ref})
        builder.edge(main, "specializes", _repository(builder, place, None))
    return main


def _repository(
    builder: FactsBuilder, place: GitPlace, properties: Mapping[str, str] | None
) -> str:
    name = place.repository.partition("://")[2]
    return builder.node(place.repository, "source", name, properties)


def _package(text: str | None) -> purl.Purl | None:
    """The package URL that ``text`` is; a broken one is only a name."""
    if text is None or text[:4].lower() != "pkg:":
        return None
    try:
        return purl.canonical(text)
    except Refused:
        return None


def _package_node(builder: FactsBuilder, package: purl.Purl, kind: str | None = None) -> str:
    name = f"{package.namespace}/{package.name}" if package.namespace else package.name
    if kind is None:
        kind = "model" if package.type in ("huggingface", "mlflow") else "package"
    spelling = {"purl": package.text} if package.text != package.id else None
    return builder.node(package.id, kind, name, spelling)


class ImageName(NamedTuple):
    """``nginx``, ``1.25`` and the digest of ``docker.io/library/nginx:1.25@sha256:…``."""

    repository: str
    tag: str | None
    digest: str | None


_IMAGE = re.compile(
    r"(?P<scheme>docker://|docker-pullable://|oci://|https?://)?"
    r"(?:(?P<host>[A-Za-z0-9.-]+(?::[0-9]+)?)/)?(?P<path>[a-z0-9._/-]+)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha(?:256|512):[0-9a-f]+))?"
)
_REGISTRIES: Final = frozenset(
    {"docker.io", "index.docker.io", "ghcr.io", "gcr.io", "quay.io", "public.ecr.aws", "ttl.sh",
     "mcr.microsoft.com", "cgr.dev", "nvcr.io", "docker.elastic.co"}
)  # fmt: skip
_REGISTRY_ENDS: Final = (".gcr.io", ".pkg.dev", ".azurecr.io", ".amazonaws.com", ".docker.io")


def _image(text: str | None) -> ImageName | None:
    """Read an image reference that can be nothing else: it names a registry we know, or a host
    and a tag, or a digest, or an image scheme."""
    match = _IMAGE.fullmatch(text) if text else None
    if match is None:
        return None
    scheme, host, path, tag, digest = match.group("scheme", "host", "path", "tag", "digest")
    host = (host or "").lower()
    registry = host in _REGISTRIES or host.startswith("registry.") or host.endswith(_REGISTRY_ENDS)
    web = scheme in ("http://", "https://")
    named = ("." in host or ":" in host or host == "localhost") and not web
    if not (registry or digest or (named and tag) or (scheme and not web)):
        return None
    return ImageName(_familiar(f"{host}/{path}" if host else path), tag, _id_of_digest(digest))


def _image_of_purl(package: purl.Purl) -> ImageName:
    registry = package.qualifiers.get("repository_url", "")
    path = f"{package.namespace}/{package.name}" if package.namespace else package.name
    if registry:
        path = registry if package.type == "oci" else f"{registry.rstrip('/')}/{path}"
    version = package.version or ""
    digest = version if ":" in version else package.qualifiers.get("digest")
    tag = package.qualifiers.get("tag") or (version if ":" not in version else None)
    return ImageName(_familiar(path), tag or None, _id_of_digest(digest))


def _familiar(repository: str) -> str:
    """The short name of a Docker Hub repository; any other as it is."""
    for prefix in ("index.docker.io/", "registry-1.docker.io/", "docker.io/"):
        if repository.startswith(prefix):
            return repository.removeprefix(prefix).removeprefix("library/")
    return repository


def _id_of_digest(text: str | None) -> str | None:
    spelling, colon, value = (text or "").partition(":")
    return strong_id(spelling, value) if colon else None
