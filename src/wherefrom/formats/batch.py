"""A record that was signed together with others: one signature over a tree, and a path in it.

    record, record, … ──► leaves of a tree ──► root ──► {"root", "size"} in one DSSE envelope
        └ each goes out as

    {"mediaType": "application/vnd.wherefrom-batched.v1+json",
     "record": base64, "index": 17, "path": [base64, …], "batch": the envelope}

What it says is what the record in it says, under the same ids as if that had come alone. It holds
all that is needed to check it alone. Whether the path leads to the root is checked in ``verify``,
which knows hashes, and who signed in ``keys``.

Both JSON texts have one spelling, so that a byte that was changed anywhere is seen, and the same
record is not taken twice for a space.

Sizes:  a batch is 1 to 2^32 records · a path at most 32 hashes of 32 bytes
Source: docs/formats/batch.md
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import base64_strict, dsse, strict_json
from wherefrom.formats.dsse import Envelope
from wherefrom.formats.facts import Facts, FactsBuilder

# Not below ``own.PREFIX``: what is there only Wherefrom itself writes.
MEDIA_TYPE: Final = "application/vnd.wherefrom-batched.v1+json"
BATCH_TYPE: Final = "application/vnd.wherefrom-batch.v1+json"
SIZE_MAX: Final = 2**32
PATH_LENGTH_MAX: Final = 32
HASH_BYTES: Final = 32
_BLANK: Final = b" \t\r\n"
_START: Final = b'{"mediaType":"' + MEDIA_TYPE.encode() + b'"'


class Root(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a batch's signature is over: the tree's root as base64, and how many records it has."""

    root: str
    size: int


class Batched(msgspec.Struct, frozen=True):
    """A record and what shows that it was signed; all of it unchecked.

    record    the exact bytes that are a leaf of the tree
    index     which leaf, from 0
    path      sibling hashes, the leaf's neighbour first; 32 bytes each
    envelope  over the payload of a ``Root``
    """

    record: bytes
    index: int
    path: tuple[bytes, ...]
    envelope: Envelope


def is_batched(content: bytes) -> bool:
    """Whether these bytes begin as such a record does, without reading them."""
    return content[:256].lstrip(_BLANK).startswith(_START)


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this is, or means to be, a record of a batch."""
    return document.get("mediaType") == MEDIA_TYPE


def parse(document: Mapping[str, Any], content: bytes) -> Batched:
    """Read a record of a batch. Raises Malformed for any other spelling of it, LimitPassed.

    document  what ``content`` is as JSON
    """
    path = strict_json.need_array(document, "path")
    if len(path) > PATH_LENGTH_MAX:
        raise LimitPassed(
            "a path is too long",
            where="path",
            expected=f"{PATH_LENGTH_MAX} hashes at most",
            got=len(path),
        )
    read = Batched(
        _bytes(document.get("record"), "record"),
        _index(document.get("index")),
        tuple(_hash(text, f"path[{place}]") for place, text in enumerate(path)),
        dsse.parse(strict_json.need_object(document, "batch"), where="batch"),
    )
    if to_bytes(read) != content.strip(_BLANK):
        raise Malformed(
            "a record of a batch not in its one spelling",
            expected="the bytes that were made when it was signed",
            do="Send it as `wherefrom sign --batch` wrote it, a line a record",
        )
    return read


def to_bytes(batched: Batched) -> bytes:
    """The record of a batch as JSON on one line; ``parse`` reads it back."""
    return msgspec.json.encode(
        {
            "mediaType": MEDIA_TYPE,
            "record": base64_strict.encode(batched.record),
            "index": batched.index,
            "path": [base64_strict.encode(sibling) for sibling in batched.path],
            "batch": msgspec.Raw(dsse.to_bytes(batched.envelope)),
        }
    )


def to_payload(root: bytes, *, size: int) -> bytes:
    """What the producer signs. Raises ValueError for what ``root_of`` would refuse."""
    if len(root) != HASH_BYTES or not 0 < size <= SIZE_MAX:
        raise ValueError(f"no root of a batch: {len(root)} bytes, {size} records")
    return msgspec.json.encode(Root(base64_strict.encode(root), size))


def root_of(envelope: Envelope, *, where: str = "batch") -> tuple[bytes, int]:
    """The root (32 bytes) and size that an envelope signs. Raises Malformed."""
    at = f"{where}." if where else ""
    if envelope.payload_type != BATCH_TYPE:
        raise Malformed(
            "not the envelope of a batch",
            where=f"{at}payloadType",
            expected=BATCH_TYPE,
            got=envelope.payload_type,
        )
    place = f"{at}payload"
    try:
        read = msgspec.json.decode(envelope.payload, type=Root)
        root = base64_strict.decode(read.root, where=place)
        if to_payload(root, size=read.size) == envelope.payload:
            return root, read.size
        got: object = envelope.payload
    except (ValueError, Malformed) as error:  # msgspec's errors are ValueErrors
        got = str(error)
    raise Malformed(
        "not the root of a batch",
        where=place,
        expected=f'{{"root":"base64 of 32 bytes","size":1 to {SIZE_MAX}}}, without spaces',
        got=got,
    )


def facts_of_root(envelope: Envelope, *, document_id: str) -> Facts:
    """The facts of a batch's envelope that is a record itself. Raises Malformed."""
    root, size = root_of(envelope, where="")
    builder = FactsBuilder(document=document_id)
    said = {"payloadType": BATCH_TYPE, "root": base64_strict.encode(root), "size": size}
    builder.node(document_id, "attestation", properties=said)
    return builder.build(kind="batch", type=BATCH_TYPE)


def _bytes(value: object, where: str) -> bytes:
    if value is None:
        raise Malformed("a required field is missing", where=where)
    return base64_strict.decode(strict_json.as_string(value, where=where), where=where)


def _hash(value: object, where: str) -> bytes:
    decoded = _bytes(value, where)
    if len(decoded) != HASH_BYTES:
        raise Malformed(
            "not a hash", where=where, expected=f"{HASH_BYTES} bytes", got=f"{len(decoded)} bytes"
        )
    return decoded


def _index(value: object) -> int:
    if type(value) is not int or not 0 <= value < SIZE_MAX:
        raise Malformed(
            "not the index of a record in its batch",
            where="index",
            expected=f"an integer from 0 to {SIZE_MAX - 1}",
            got=json.dumps(value)[:80],
        )
    return value
