"""References to container images, as a cluster resolves them: exactly, or not at all.

    nginx                          ──►  docker.io, library/nginx, no tag, no digest
    eu.gcr.io/a/b:1.4@sha256:ab…   ──►  eu.gcr.io, a/b, 1.4, sha256:ab…

What is before the first slash is a registry if it has a dot or a port or is ``localhost``; else it
is a part of a name at docker.io. With a digest the tag counts for nothing. Whoever only looks for
what a text may mean uses ``descriptors.image_name``; a gate must not guess.

Sizes:  REFERENCE_CHARS_MAX characters
Source: distribution/reference v0.6, regexp.go, normalize.go; OCI Image Specification v1.1
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from wherefrom.errors import LimitPassed, Malformed

REFERENCE_CHARS_MAX: Final = 512
NAME_CHARS_MAX: Final = 255
HUB: Final = "docker.io"
_LABEL: Final = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST: Final = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PART: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE: Final = re.compile(
    rf"(?:(?P<host>{_HOST})/)?(?P<path>{_PART}(?:/{_PART})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}))?"
)


class ImageReference(NamedTuple):
    """Where an image lies and what it is called there; ``text`` as it was written."""

    text: str
    registry: str
    repository: str
    tag: str | None
    digest: str | None


def parse(text: str, *, where: str = "") -> ImageReference:
    """Read a reference. Raises Malformed, LimitPassed."""
    if len(text) > REFERENCE_CHARS_MAX:
        raise LimitPassed(
            "an image reference is too long", where=where or None, got=text,
            expected=f"{REFERENCE_CHARS_MAX} characters",
        )  # fmt: skip
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise Malformed(
            "not an image reference", where=where or None, got=text,
            expected="HOST/NAME@sha256:…, in lower case",
        )  # fmt: skip
    host, path, tag, digest = match.group("host", "path", "tag", "digest")
    if host and not ("." in host or ":" in host or host == "localhost"):
        if host != host.lower():
            raise Malformed("not an image reference", where=where or None, got=text)
        host, path = None, f"{host}/{path}"
    if host in (None, "index.docker.io"):
        host = HUB
    if host == HUB and "/" not in path:
        path = f"library/{path}"
    if len(host) + 1 + len(path) > NAME_CHARS_MAX:
        raise LimitPassed(
            "an image's name is too long", where=where or None, got=text,
            expected=f"{NAME_CHARS_MAX} characters",
        )  # fmt: skip
    return ImageReference(text, host, path, tag, digest)
