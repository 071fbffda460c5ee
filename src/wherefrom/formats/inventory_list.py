"""A plain list: a digest, package URL, image or name a line.

    sha256:ab…            ghcr.io/acme/cart:1.4@sha256:ab…   # a comment
    pkg:npm/left-pad@1.3  ghcr.io/acme/cart:1.4              anything else: a name

An image by its tag alone is looked for by that tag.

Sizes:  those of ``inventory``
"""

from __future__ import annotations

from wherefrom.errors import Malformed, Refused
from wherefrom.formats import purl
from wherefrom.formats.descriptors import image_name
from wherefrom.formats.digests import strong_id
from wherefrom.formats.inventory import Inventory, Listed, check


def read(written: bytes, *, source: str, taken: str, kind: str = "list") -> Inventory:
    """Read lines; of a registry, each has to be an image. Raises Malformed."""
    try:
        text = written.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed("not UTF-8 text", where=source) from error
    listed: dict[str, Listed] = {}
    for number, line in enumerate(text.splitlines(), 1):
        said = line.strip().partition(" #")[0].rstrip()
        if not said or said.startswith("#"):
            continue
        one = _listed(said)
        if kind == "registry" and one.what != "image":
            raise Malformed(
                "not an image of a registry", where=f"{source}, line {number}", got=said[:80],
                expected="HOST/NAME@sha256:…",
            )  # fmt: skip
        listed.setdefault(one.id, one)
    return check(
        Inventory(kind=kind, source=source, taken=taken, listed=tuple(listed.values())),
        where=source,
    )


def _listed(said: str) -> Listed:
    spelling, _, value = said.partition(":")
    if (id := strong_id(spelling, value)) is not None:
        return Listed(what="thing", id=id)
    if said[:4].lower() == "pkg:":
        try:
            return Listed(what="thing", id=purl.canonical(said).id, says=said)
        except Refused:
            return Listed(what="thing", id=said)
    image = image_name(said)
    if image is not None and image.digest is not None:
        tag = f":{image.tag}" if image.tag else ""
        return Listed(
            what="image", id=image.digest, where=image.repository, says=said,
            names=(f"{image.repository}{tag}",) if tag else (),
        )  # fmt: skip
    return Listed(what="thing", id=said)
