"""What a person calls an image in a registry: ``[https://]HOST[:PORT]/NAME[:TAG][@DIGEST]``.

    ghcr.io/acme/cart:1.2   ──► https://ghcr.io   acme/cart   1.2
    localhost:5000/cart@sha256:…  ──► http://localhost:5000   cart   sha256:…

By TLS, unless the registry is on this machine or ``http://`` is written out. No registry is guessed
at: a name without a host is one of nobody's.

Sizes:  a name is 255 characters at most, a tag 128
Source: OCI Distribution Specification v1.1, "Pulling manifests"; distribution's reference grammar
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final, NamedTuple

from wherefrom.errors import SettingError

NAME_CHARS_MAX: Final = 255
_REFERENCE: Final = re.compile(
    r"(?:(?P<scheme>https?)://)?"
    r"(?P<host>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?P<port>:[0-9]{1,5})?"
    r"/(?P<name>[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}))?",
    re.ASCII,
)
# Where a registry's name is not where it answers.
_ANSWERS_AT: Final = {
    "docker.io": "registry-1.docker.io",
    "index.docker.io": "registry-1.docker.io",
}


class Reference(NamedTuple):
    """An image in a registry, by a tag, a digest or both: then the digest is what is meant."""

    scheme: str
    host: str
    repository: str
    tag: str | None
    digest: str | None

    @property
    def url(self) -> str:
        """Where the registry answers."""
        return f"{self.scheme}://{_ANSWERS_AT.get(self.host, self.host)}"

    @property
    def name(self) -> str:
        """The repository as records name it."""
        return f"{self.host}/{self.repository}"

    @property
    def tagged(self) -> str | None:
        """The tag as records name it."""
        return None if self.tag is None else f"{self.name}:{self.tag}"

    @property
    def pointer(self) -> str:
        """What to ask the registry for."""
        return self.digest or self.tag or "latest"


def parse(text: str) -> Reference:
    """Read a reference; one without a tag or digest means ``latest``. Raises SettingError."""
    match = _REFERENCE.fullmatch(text)
    if match is None or not _is_host(match["host"], match["port"]):
        raise SettingError(
            "not an image in a registry", got=text, expected="HOST[:PORT]/NAME[:TAG][@sha256:…]",
            do="The registry is never guessed at: write its host, as in ghcr.io/acme/cart:1",
        )  # fmt: skip
    host, name, digest = match["host"], match["name"], match["digest"]
    if len(name) > NAME_CHARS_MAX:
        raise SettingError(
            "a repository's name is too long",
            got=name,
            expected=f"{NAME_CHARS_MAX} characters",
            do="Give the repository a shorter name",
        )
    if host in _ANSWERS_AT:
        host, name = "docker.io", name if "/" in name else f"library/{name}"
    scheme = match["scheme"] or ("http" if is_here(host) else "https")
    tag = match["tag"] or (None if digest else "latest")
    return Reference(scheme, host + (match["port"] or ""), name, tag, digest)


def is_here(host: str) -> bool:
    """Whether a host, without its port, is this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_host(host: str, port: str | None) -> bool:
    # As everywhere: a first part without a dot or a port is a repository of somebody's default.
    return "." in host or port is not None or is_here(host)
