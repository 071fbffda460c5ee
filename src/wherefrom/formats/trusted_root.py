"""A Sigstore trusted root: which logs, authorities and clocks are believed, and from when to when.

    {"mediaType", "tlogs": […], "ctlogs": […],            a key, its log's id and address
     "certificateAuthorities": […],                       a chain of certificates,
     "timestampAuthorities": […]}                          the lowest first
          └ each: validFor {start, end?}    both ends count; without a start it is never believed

Old instances stay in a root: what they signed in their time holds. One that cannot be read is left
out and its reason kept in ``unusable``, for a key of a new kind must not take the others along.

Sizes:  at most 4 MiB · 64 instances of a kind, 16 certificates in a chain
Source: sigstore/protobuf-specs, sigstore_trustroot.proto
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

from wherefrom.errors import LimitPassed, Malformed, Refused, Unsupported
from wherefrom.formats import sigstore_bundle, strict_json, timestamps

# Where a data directory keeps its own.
FILE_NAME: Final = "trusted-root.json"
BYTES_MAX: Final = 4 * 1024 * 1024
CERTIFICATES_MAX: Final = 16
_MEDIA_TYPES: Final = (
    "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "application/vnd.dev.sigstore.trustedroot+json;version=0.2",
    "application/vnd.dev.sigstore.trustedroot.v0.1+json",
    "application/vnd.dev.sigstore.trustedroot.v0.2+json",
)

T = TypeVar("T")


class Window(NamedTuple):
    """From ``start`` to ``end``, both inclusive; without an end, until further notice."""

    start: datetime
    end: datetime | None

    def holds(self, moment: datetime) -> bool:
        """Whether ``moment`` is inside."""
        return self.start <= moment and (self.end is None or moment <= self.end)

    def __str__(self) -> str:
        start, end = (m and f"{m:%Y-%m-%dT%H:%M:%SZ}" for m in self)
        return f"{start} to {end}" if end else f"{start} on"


class LogInstance(NamedTuple):
    """A log and its key.

    name     host, and port if it has one, of the log's address: what signs its checkpoints
    key      the public key as written; ``details`` says of which kind
    log_id   how entries name the log
    hint     the first bytes of the id under which its checkpoints are signed
    """

    name: str
    address: str
    key: bytes
    details: str
    window: Window
    log_id: bytes | None
    hint: bytes | None


class ChainInstance(NamedTuple):
    """An authority: its certificates in DER, from the lowest to the root, and its window."""

    address: str
    certificates: tuple[bytes, ...]
    window: Window


class TrustedRootDocument(NamedTuple):
    """What a root names, in its order; ``unusable`` says what was left out and why."""

    logs: tuple[LogInstance, ...]
    ct_logs: tuple[LogInstance, ...]
    authorities: tuple[ChainInstance, ...]
    timestamp_authorities: tuple[ChainInstance, ...]
    unusable: tuple[str, ...]


def parse(written: bytes) -> TrustedRootDocument:
    """Read a trusted root. Raises Malformed, Unsupported for another version, LimitPassed."""
    document = strict_json.as_object(strict_json.decode(written), where="trusted root")
    media_type = strict_json.need_string(document, "mediaType")
    if media_type.replace("; ", ";") not in _MEDIA_TYPES:
        raise Unsupported(
            "not a version of the trusted root that is read here",
            where="mediaType",
            expected=_MEDIA_TYPES[0],
            got=media_type,
        )
    unusable: list[str] = []
    return TrustedRootDocument(
        logs=_usable(document, "tlogs", _log, unusable),
        ct_logs=_usable(document, "ctlogs", _log, unusable),
        authorities=_usable(document, "certificateAuthorities", _chain, unusable),
        timestamp_authorities=_usable(document, "timestampAuthorities", _chain, unusable),
        unusable=tuple(unusable),
    )


def _usable(
    document: Mapping[str, Any],
    key: str,
    read: Callable[[Mapping[str, Any], str], T],
    unusable: list[str],
) -> tuple[T, ...]:
    found = []
    for item, place in sigstore_bundle.each(document, key, where=""):
        place = place.lstrip(".")
        try:
            found.append(read(item, place))
        except Refused as error:
            unusable.append(str(error))
    return tuple(found)


def _log(item: Mapping[str, Any], where: str) -> LogInstance:
    address = strict_json.need_string(item, "baseUrl", where=where)
    key = strict_json.need_object(item, "publicKey", where=where)
    place = f"{where}.publicKey"
    log_id = _key_id(item, "logId", where)
    return LogInstance(
        name=urlsplit(address if "://" in address else f"//{address}").netloc.rpartition("@")[2],
        address=address,
        key=sigstore_bundle.need_bytes(key, "rawBytes", where=place),
        details=strict_json.need_string(key, "keyDetails", where=place),
        window=_window(key, place),
        log_id=log_id,
        hint=(_key_id(item, "checkpointKeyId", where) or log_id or b"")[:4] or None,
    )


def _key_id(item: Mapping[str, Any], key: str, where: str) -> bytes | None:
    held = strict_json.get_object(item, key, where=where)
    if not held:
        return None
    return sigstore_bundle.need_bytes(held, "keyId", where=f"{where}.{key}")


def _chain(item: Mapping[str, Any], where: str) -> ChainInstance:
    held = strict_json.need_object(item, "certChain", where=where)
    place = f"{where}.certChain"
    listed = sigstore_bundle.each(held, "certificates", where=place)
    if not listed:
        raise Malformed("an authority without certificates", where=place)
    if len(listed) > CERTIFICATES_MAX:
        raise LimitPassed(
            "a chain is too long", where=place, expected=f"{CERTIFICATES_MAX} at most"
        )
    return ChainInstance(
        address=strict_json.get_string(item, "uri", where=where) or where,
        certificates=tuple(
            sigstore_bundle.need_bytes(certificate, "rawBytes", where=spot)
            for certificate, spot in listed
        ),
        window=_window(item, where),
    )


def _window(parent: Mapping[str, Any], where: str) -> Window:
    held = strict_json.need_object(parent, "validFor", where=where)
    place = f"{where}.validFor"
    start = strict_json.need_string(held, "start", where=place)
    end = strict_json.get_string(held, "end", where=place)
    return Window(
        timestamps.parse(start, where=f"{place}.start"),
        None if end is None else timestamps.parse(end, where=f"{place}.end"),
    )
