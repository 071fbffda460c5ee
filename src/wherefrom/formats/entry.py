"""The entry of version 1: the few hundred bytes that the log commits to.

An entry says that a record came, what kind it is, when, from whom and how far we believed it at
the door; it never holds the record. Content is named by a salted commitment, so when content and
nonce are erased nobody can read or guess it, and every proof still holds.

    {"content":"sha256:…","kind":"attestation","occurred":null,"producer":"local:0",
     "received":"2026-01-01T00:00:00.000000Z","size":512,
     "trust":{"level":"signed","signers":["k:…"]},"type":"https://slsa.dev/provenance/v1","v":1}

One spelling: keys in RFC 8785 order, written directly (all values are ASCII but ``type``) and
compared with the rfc8785 library in the tests. ``parse`` accepts only what ``to_bytes`` writes.

Sizes:  an entry is at most 2,048 bytes · type 256 bytes · 8 signers · size at most 2^53 - 1
Source: INTERFACES, "The entry, version 1"; golden vector in tests/vectors/entry_v1
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Final

import msgspec

from wherefrom.errors import LimitPassed, Malformed

ENTRY_BYTES_MAX: Final = 2048
TYPE_BYTES_MAX: Final = 256
SIGNERS_MAX: Final = 8
NONCE_BYTES: Final = 16
SIZE_MAX: Final = 2**53 - 1
_SIZE_DIGITS_MAX: Final = len(str(SIZE_MAX))

ENTRY_KINDS: Final = frozenset(
    {
        "genesis", "attestation", "bundle", "event", "sbom", "change", "observation", "batch",
        "verdict", "key", "policy", "exception", "tombstone", "refusals", "gap", "incident",
        "access", "system",
    }
)  # fmt: skip
# Weakest first, so that a level can be compared by its position.
LEVELS: Final = ("channel", "batch", "keyless", "signed", "self")

_CONTENT = re.compile(r"sha256:[0-9a-f]{64}")
KEY_ID = re.compile(r"k:[0-9a-f]{32}")
_PRODUCER = re.compile(r"p:[0-9a-f]{32}|local:(0|[1-9][0-9]{0,9})|self")
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_TIME = re.compile(
    r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z"
)


class Trust(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The judgement at the door: a level of ``LEVELS`` and the key ids that signed, sorted."""

    level: str
    signers: tuple[str, ...] = ()


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One entry, checked by ``parse`` or ``check``; times are 27-byte UTC text."""

    content: str
    kind: str
    occurred: str | None
    producer: str
    received: str
    size: int
    trust: Trust
    type: str
    v: int = 1


def commit(*, nonce: bytes, content: bytes) -> str:
    """The salted commitment ``sha256:`` + hex SHA-256(nonce ‖ content); ``nonce`` is 16 bytes."""
    assert len(nonce) == NONCE_BYTES
    return "sha256:" + hashlib.sha256(nonce + content).hexdigest()


def to_bytes(entry: Entry) -> bytes:
    """The canonical bytes of an entry that ``check`` accepts. Raises LimitPassed over 2 KiB."""
    signers = ",".join(f'"{s}"' for s in entry.trust.signers)
    occurred = f'"{entry.occurred}"' if entry.occurred is not None else "null"
    written = (
        f'{{"content":"{entry.content}","kind":"{entry.kind}","occurred":{occurred},'
        f'"producer":"{entry.producer}","received":"{entry.received}","size":{entry.size},'
        f'"trust":{{"level":"{entry.trust.level}","signers":[{signers}]}},'
        f'"type":{json.dumps(entry.type, ensure_ascii=False)},"v":{entry.v}}}'
    ).encode()
    if len(written) > ENTRY_BYTES_MAX:
        raise LimitPassed("an entry is too long", expected=f"{ENTRY_BYTES_MAX} bytes at most")
    return written


def content_size(written: bytes) -> int:
    """The ``size`` of an entry that ``to_bytes`` wrote, without reading the rest.

    No value before the key can hold a quotation mark, so its first appearance is the key.
    Raises Malformed if it is not there.
    """
    at = written.find(b'"size":') + 7
    end = written.find(b",", at)
    if at < 7 or not written[at:end].isdigit() or end - at > _SIZE_DIGITS_MAX:
        raise Malformed("not an entry of version 1", expected="a size", got=written[:80])
    return int(written[at:end])


def check(entry: Entry, *, where: str = "entry") -> Entry:
    """Return ``entry`` if every field is in its set; Malformed names the first that is not."""
    trust = entry.trust
    _need(entry.v == 1, where, "v", "1", entry.v)
    _need(_CONTENT.fullmatch(entry.content), where, "content", "sha256: and 64 hex", entry.content)
    _need(entry.kind in ENTRY_KINDS, where, "kind", "a kind of version 1", entry.kind)
    _need(
        entry.occurred is None or _TIME.fullmatch(entry.occurred),
        where, "occurred", "UTC with six decimals, or null", entry.occurred,
    )  # fmt: skip
    _need(
        _PRODUCER.fullmatch(entry.producer), where, "producer", "p:, local: or self", entry.producer
    )
    _need(
        _TIME.fullmatch(entry.received), where, "received", "UTC with six decimals", entry.received
    )
    _need(0 <= entry.size <= SIZE_MAX, where, "size", "0 to 2^53 - 1", entry.size)
    _need(trust.level in LEVELS, where, "trust.level", "one of " + " ".join(LEVELS), trust.level)
    _need(
        len(trust.signers) <= SIGNERS_MAX, where, "trust.signers", "8 at most", len(trust.signers)
    )
    for signer in trust.signers:
        _need(KEY_ID.fullmatch(signer), where, "trust.signers", "k: and 32 hex", signer)
    in_order = list(trust.signers) == sorted(set(trust.signers))
    _need(in_order, where, "trust.signers", "each once, sorted", list(trust.signers))
    _need(not _HALF_PAIR.search(entry.type), where, "type", "UTF-8 text", "half a surrogate pair")
    type_bytes = len(entry.type.encode())
    _need(0 < type_bytes <= TYPE_BYTES_MAX, where, "type", "1 to 256 bytes", f"{type_bytes} bytes")
    return entry


def _need(holds: object, where: str, field: str, expected: str, got: object) -> None:
    if not holds:
        raise Malformed(
            "an entry field is not allowed", where=f"{where}.{field}", expected=expected, got=got
        )


_DECODER = msgspec.json.Decoder(Entry)


def read_stored(written: bytes, *, where: str = "entry") -> Entry:
    """Read an entry from a log of ours, whose bytes a checksum held together.

    Its fields have their types, but nothing says that they are in their sets or in their one
    spelling: what comes from elsewhere is read by ``parse``. Raises Malformed.
    """
    try:
        return _DECODER.decode(written)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed("not an entry of version 1", where=where, got=str(error)) from error


def parse(written: bytes, *, where: str = "entry") -> Entry:
    """Read an entry that ``to_bytes`` wrote; any other spelling is refused. Raises Malformed."""
    entry = read_stored(written, where=where)
    if to_bytes(check(entry, where=where)) != written:
        raise Malformed("an entry not in its one spelling", where=where, expected="RFC 8785")
    return entry


def check_type(type: str, *, where: str) -> str:
    """``type`` if an entry can hold it. Raises LimitPassed over 256 bytes of UTF-8."""
    if len(type) * 4 > TYPE_BYTES_MAX and len(type.encode()) > TYPE_BYTES_MAX:
        raise LimitPassed(
            "a type is too long", where=where, expected=f"{TYPE_BYTES_MAX} bytes", got=type
        )
    return type
