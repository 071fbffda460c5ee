"""A record that was signed together with others: one signature over a tree, and a path in it.

    records ──► leaves of a tree ──► root ──► {"root", "size"} in one DSSE envelope, signed once
       └ each goes out as
    {"mediaType":"application/vnd.wherefrom-batched.v1+json","record":base64,"index":17,
     "path":base64 of its hashes,"batch":the envelope}

What it says is what the record in it says, under the same ids as if that had come alone. It holds
all that is needed to check it alone. Whether the path leads to the root is checked in ``keys``,
as is who signed.

It has one spelling, so that a byte that was changed anywhere is seen, and the same record is not
taken twice for a space. It is read by its layout, and an envelope that comes again is not read
again: a record of a batch must not cost more than the signature it saves.

Sizes:  a batch is 1 to 2^32 records · a path at most 32 hashes of 32 bytes · an envelope 64 KiB
Source: docs/formats/batch.md
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

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
ENVELOPE_BYTES_MAX: Final = 64 * 1024
# Records of a batch come together: this many producers may send theirs at once.
BATCHES_REMEMBERED: Final = 64
_BLANK: Final = b" \t\r\n"
_START: Final = b'{"mediaType":"' + MEDIA_TYPE.encode() + b'"'
_LAYOUT: Final = re.compile(
    re.escape(_START) + rb',"record":"([A-Za-z0-9+/]*={0,2})","index":(0|[1-9][0-9]{0,9}),'
    rb'"path":"([A-Za-z0-9+/]*={0,2})","batch":(\{.*\})\}',
    re.DOTALL,
)


class Root(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is signed: the tree's root as base64, and how many records it has."""

    root: str
    size: int


class Batch(NamedTuple):
    """What many records share: the root (32 bytes) and size that ``envelope`` signs."""

    root: bytes
    size: int
    envelope: Envelope


class Batched(msgspec.Struct, frozen=True):
    """A record and what shows that it was signed; all of it unchecked.

    record  the exact bytes that are a leaf of the tree
    index   which leaf, from 0
    path    sibling hashes, the leaf's neighbour first; 32 bytes each
    """

    record: bytes
    index: int
    path: tuple[bytes, ...]
    batch: Batch


def is_batched(content: bytes) -> bool:
    """Whether these bytes begin as such a record does, without reading them."""
    return content[:256].lstrip(_BLANK).startswith(_START)


def means_to_be(document: Mapping[str, Any]) -> bool:
    """Whether a document says that it is one, in whatever spelling."""
    return document.get("mediaType") == MEDIA_TYPE


def parse(content: bytes) -> Batched:
    """Read a record of a batch. Raises Malformed for any other spelling of it, LimitPassed."""
    read = _LAYOUT.fullmatch(content.strip(_BLANK))
    if read is None:
        raise Malformed(
            "not a record of a batch in its one spelling",
            expected='{"mediaType":…,"record":…,"index":…,"path":…,"batch":{…}}, without spaces',
            do="Send it as `wherefrom sign --batch` wrote it, a line a record",
        )
    record, index, path, envelope = read.groups()
    if len(envelope) > ENVELOPE_BYTES_MAX:
        raise LimitPassed(
            "the envelope of a batch is too long",
            where="batch",
            expected=f"{ENVELOPE_BYTES_MAX} bytes at most",
            got=len(envelope),
        )
    return Batched(
        base64_strict.decode(record.decode(), where="record"),
        int(index),
        _hashes(base64_strict.decode(path.decode(), where="path")),
        _batch(envelope),
    )


@lru_cache(maxsize=BATCHES_REMEMBERED)
def _batch(written: bytes) -> Batch:
    document = strict_json.as_object(strict_json.decode(written), where="batch")
    envelope = dsse.parse(document, where="batch")
    if dsse.to_bytes(envelope) != written:
        raise Malformed("the envelope of a batch not in its one spelling", where="batch")
    return batch_of(envelope)


def _hashes(joined: bytes) -> tuple[bytes, ...]:
    if len(joined) % HASH_BYTES or len(joined) > PATH_LENGTH_MAX * HASH_BYTES:
        raise Malformed(
            "not a path",
            where="path",
            expected=f"0 to {PATH_LENGTH_MAX} hashes of {HASH_BYTES} bytes, one after the other",
            got=f"{len(joined)} bytes",
        )
    return tuple(joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES))


def to_bytes(batched: Batched) -> bytes:
    """The record of a batch as JSON on one line; ``parse`` reads it back."""
    envelope = dsse.to_bytes(batched.batch.envelope)
    return written(batched.record, batched.index, batched.path, envelope)


def written(record: bytes, index: int, path: tuple[bytes, ...], envelope: bytes) -> bytes:
    """``to_bytes`` of the parts, for a maker of many; ``envelope`` is from ``dsse.to_bytes``."""
    return b'%b,"record":"%b","index":%d,"path":"%b","batch":%b}' % (
        _START,
        base64_strict.encode(record).encode(),
        index,
        base64_strict.encode(b"".join(path)).encode(),
        envelope,
    )


def to_payload(root: bytes, *, size: int) -> bytes:
    """What the producer signs. Raises ValueError for what ``batch_of`` would refuse."""
    if len(root) != HASH_BYTES or not 0 < size <= SIZE_MAX:
        raise ValueError(f"no root of a batch: {len(root)} bytes, {size} records")
    return msgspec.json.encode(Root(base64_strict.encode(root), size))


def batch_of(envelope: Envelope, *, where: str = "batch") -> Batch:
    """What an envelope signs. Raises Malformed for one that signs something else."""
    at = f"{where}." if where else ""
    if envelope.payload_type != BATCH_TYPE:
        raise Malformed(
            "not the envelope of a batch",
            where=f"{at}payloadType",
            expected=BATCH_TYPE,
            got=envelope.payload_type,
        )
    try:
        read = msgspec.json.decode(envelope.payload, type=Root)
        root = base64_strict.decode(read.root, where="root")
        if to_payload(root, size=read.size) == envelope.payload:
            return Batch(root, read.size, envelope)
        got: object = envelope.payload
    except (ValueError, Malformed) as error:  # msgspec's errors are ValueErrors
        got = str(error)
    raise Malformed(
        "not the root of a batch",
        where=f"{at}payload",
        expected=f'{{"root":"base64 of 32 bytes","size":1 to {SIZE_MAX}}}, without spaces',
        got=got,
    )


def facts_of_batch(envelope: Envelope, *, document_id: str) -> Facts:
    """The facts of a batch's envelope that is a record itself. Raises Malformed."""
    batch = batch_of(envelope, where="")
    builder = FactsBuilder(document=document_id)
    root = base64_strict.encode(batch.root)
    said = {"payloadType": BATCH_TYPE, "root": root, "size": batch.size}
    builder.node(document_id, "attestation", properties=said)
    return builder.build(kind="batch", type=BATCH_TYPE)
