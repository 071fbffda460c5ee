"""How in-toto names things: one rule for subjects, materials, policies and byproducts.

    {"uri", "name", "digest"} ──resource──► the id, a node, its other names as alternates

The id of a ResourceDescriptor is the first of: its git commit, its preferred strong digest, the
digest in its image name, its package URL, its repository, its URI, its weak digest or foreign id.

Source: in-toto attestation spec v1, resource_descriptor.md
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from wherefrom.errors import Refused
from wherefrom.formats import purl, strict_json
from wherefrom.formats.digests import (
    GitPlace,
    commit_id,
    git_place,
    ids_of,
    strong_id,
    weak_id,
)
from wherefrom.formats.facts import FactsBuilder

_EMAIL = re.compile(r"(?:mailto:)?[^\s/@:]+@[^\s/@:]+", re.IGNORECASE)
# How Witness names a subject that is a person: …/git/v0.1/authoremail:a@example.com.
_EMAIL_SUBJECT = re.compile(r"(\S*email:)([^\s/@:]+@[^\s/@:]+)")
_USER = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/@?#]*@")


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
    if name and (told := _EMAIL_SUBJECT.fullmatch(name)):
        name = told[1] + public_id(told[2])
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


def image_name(reference: str) -> ImageName | None:
    """Read what is known to be an image reference, such as ``nginx`` in a pod; None if it cannot
    be one."""
    match = _IMAGE.fullmatch(reference)
    if match is None:
        return None
    host, path, tag, digest = match.group("host", "path", "tag", "digest")
    return ImageName(_familiar(f"{host}/{path}" if host else path), tag, _id_of_digest(digest))


def image_repository(text: str) -> str | None:
    """The repository that an image's name or package URL plainly means, without tag or digest."""
    if text.startswith("pkg:"):
        package = _package(text) if text.startswith(("pkg:oci/", "pkg:docker/")) else None
        return None if package is None else _image_of_purl(package).repository
    image = _image(text)
    return None if image is None else image.repository


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
