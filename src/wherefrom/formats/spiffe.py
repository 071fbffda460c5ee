"""Names of workloads in certificates, and what a proxy passes on of them.

    spiffe://shop.example/ns/prod/sa/cart          a trust domain, and a path in it
    By=spiffe://…/cart;Hash=46…;Subject="CN=x";URI=spiffe://…/web,By=…   x-forwarded-client-cert

Sizes:  an id is at most 2,048 bytes, its trust domain 255
Source: SPIFFE-ID §2; Envoy, "x-forwarded-client-cert"
"""

from __future__ import annotations

import re
from typing import Final

from wherefrom.errors import LimitPassed, Malformed

SCHEME: Final = "spiffe://"
ID_BYTES_MAX: Final = 2048
DOMAIN_BYTES_MAX: Final = 255
_DOMAIN: Final = re.compile(r"[a-z0-9._-]+")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9._-]+")
_PAIR: Final = re.compile(r'\s*([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^;,"]*)\s*([;,]|\Z)')


def check(text: str) -> str:
    """``text`` if it is a SPIFFE id. Raises Malformed, LimitPassed."""
    if len(text.encode("utf-8", "surrogatepass")) > ID_BYTES_MAX:
        raise LimitPassed("a SPIFFE id is too long", expected=f"{ID_BYTES_MAX} bytes", got=text)
    domain, slash, path = text.removeprefix(SCHEME).partition("/")
    segments = path.split("/") if slash else []
    good = (
        text.startswith(SCHEME)
        and _DOMAIN.fullmatch(domain)
        and len(domain) <= DOMAIN_BYTES_MAX
        and all(_SEGMENT.fullmatch(s) and s not in (".", "..") for s in segments)
    )
    if not good:
        raise Malformed(
            "not a SPIFFE id", expected="spiffe://domain/path, without query or port", got=text
        )
    return text


def parse_xfcc(text: str) -> list[dict[str, list[str]]]:
    """The elements of the header, the client's first, each with its values by lower-case key.

    Raises Malformed.
    """
    elements: list[dict[str, list[str]]] = [{}]
    at = 0
    while at < len(text):
        match = _PAIR.match(text, at)
        if match is None:
            raise Malformed(
                "not an x-forwarded-client-cert", where=f"character {at}",
                expected="Key=value;…,Key=value", got=text[at : at + 40],
            )  # fmt: skip
        key, value, end = match.groups()
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        elements[-1].setdefault(key.lower(), []).append(value)
        at = match.end()
        if end == ",":
            elements.append({})
    return [element for element in elements if element]
