"""What an OCI registry lists: repositories, their tags, and the digest that each leads to.

    /v2/_catalog ──► repositories ──► /v2/NAME/tags/list ──► tags ──► manifest: its digest
                                                                        └ index ──► platforms

Tags that cosign and others hang on an image (``sha256-….sig``) are of that image and not listed. A
registry lists only what a tag leads to. How answers are fetched is ``capture.registry``.

Sizes:  a page is 1 MiB, a manifest 4 MiB
Source: OCI Distribution Specification v1.1; OCI Image Specification v1.1, index.md
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from wherefrom.errors import Malformed
from wherefrom.formats import strict_json
from wherefrom.formats.digests import sha256_id, strong_id
from wherefrom.formats.inventory import Inventory, Listed, check
from wherefrom.formats.strict_json import get_array, get_object, get_string, need_array

PAGE_BYTES_MAX: Final = 1024 * 1024
MANIFEST_BYTES_MAX: Final = 4 * 1024 * 1024
ACCEPT: Final = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_REPOSITORY: Final = re.compile(r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*")
_TAG: Final = re.compile(r"\w[\w.-]{0,127}")
_ATTACHED: Final = re.compile(r"sha256-[0-9a-f]{64}(?:\.\w+)?")


class Tagged(NamedTuple):
    """One tag, where it leads to, and of an image index its platforms."""

    repository: str
    tag: str
    digest: str
    platforms: tuple[str, ...] = ()


def repositories(written: bytes, *, where: str) -> list[str]:
    """Names in a page of the catalogue. Raises Malformed."""
    return _names(written, "repositories", _REPOSITORY, where)


def tags(written: bytes, *, where: str) -> list[str]:
    """Names in a page of tags; a repository without any says null. Raises Malformed."""
    return _names(written, "tags", _TAG, where)


def is_attached(tag: str) -> bool:
    """Whether a tag is only how a signature or an attestation hangs on an image."""
    return _ATTACHED.fullmatch(tag) is not None


def manifest(written: bytes, *, said: str | None, where: str) -> tuple[str, tuple[str, ...]]:
    """The digest of a manifest, by its bytes, and the platforms of an index.

    said  what the registry says that its digest is

    Raises Malformed for a manifest that is not what the registry says, or none.
    """
    digest = sha256_id(written)
    if said and said.startswith("sha256:") and said != digest:
        raise Malformed(
            "a registry gives another manifest than it says", where=where, expected=said, got=digest
        )
    document = strict_json.as_object(strict_json.decode(written), where=where)
    platforms = []
    for number, item in enumerate(get_array(document, "manifests", where=where)):
        spot = f"{where}.manifests[{number}]"
        part = strict_json.as_object(item, where=spot)
        platform = get_object(part, "platform", where=spot)
        # Build attestations stand in an index as a platform that is none.
        if platform.get("os") == "unknown":
            continue
        spelling, _, value = (get_string(part, "digest", where=spot) or "").partition(":")
        if (id := strong_id(spelling, value)) is None:
            raise Malformed("not a digest", where=f"{spot}.digest", got=f"{spelling}:{value}"[:80])
        platforms.append(id)
    return digest, tuple(dict.fromkeys(platforms))


def inventory(
    host: str, found: Iterable[Tagged], *, covers: Iterable[str], taken: str
) -> Inventory:
    """What a registry lists: each digest once, with every tag that leads to it."""
    tags_of: dict[tuple[str, str], list[Tagged]] = {}
    left_out = 0
    for one in found:
        if is_attached(one.tag):
            left_out += 1
            continue
        tags_of.setdefault((one.repository, one.digest), []).append(one)
    listed = tuple(
        Listed(
            what="image",
            id=digest,
            where=f"{host}/{repository}",
            says=f"{host}/{repository}:{some[0].tag}",
            names=tuple(f"{host}/{repository}:{one.tag}" for one in some),
            parts=some[0].platforms,
        )
        for (repository, digest), some in sorted(tags_of.items())
    )
    return check(Inventory(
        kind="registry", source=host, taken=taken, listed=listed,
        covers=tuple(sorted(f"{host}/{name}" for name in covers)),
        left_out={"hangs on an image": left_out} if left_out else {},
    ), where=host)  # fmt: skip


def _names(written: bytes, key: str, pattern: re.Pattern[str], where: str) -> list[str]:
    document: Mapping[str, Any] = strict_json.as_object(strict_json.decode(written), where=where)
    if document.get(key) is None:
        return []
    found = []
    for number, name in enumerate(need_array(document, key, where=where)):
        if not isinstance(name, str) or len(name) > 255 or not pattern.fullmatch(name):
            raise Malformed(
                "not a name of a registry", where=f"{where}.{key}[{number}]", got=str(name)[:80]
            )
        found.append(name)
    return found
