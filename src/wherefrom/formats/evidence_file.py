"""An evidence file: entries, contents, proofs and an answer, in one zip that needs no server.

    manifest.json                what it is evidence of, and of which log
    checkpoint                   the signed note every proof leads to
    entries/<index>              the canonical entry
    contents/<index>             the content, and contents/<index>.nonce beside it
    proofs/<index>.tlog-proof    the path from the entry to the checkpoint

Everything in it is a claim until ``verify.evidence_file`` has checked it; keys inside are never
trusted. The same evidence always makes the same bytes.

Sizes:  at most 100,000 entries · 1 GiB in all, a content 64 MiB, an entry 2 KiB, a proof 2 MB
Source: INTERFACES, "prove"; docs/formats/evidence.md
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import entry, note, strict_json, tlog_proof
from wherefrom.formats.anchor import Anchor

ENTRIES_MAX: Final = 100_000
BYTES_MAX: Final = 1024 * 1024 * 1024
_MAGIC: Final = b"PK\x03\x04"
_NAME: Final = re.compile(
    r"manifest\.json|checkpoint|entries/(0|[1-9][0-9]{0,15})"
    r"|contents/(0|[1-9][0-9]{0,15})(\.nonce)?|proofs/(0|[1-9][0-9]{0,15})\.tlog-proof"
)
# The most of each part: a small zip may hold large ones, and they are held.
_PART_BYTES_MAX: Final = {
    "manifest.json": 64 * 1024 * 1024,
    "checkpoint": note.NOTE_BYTES_MAX,
    "entries": entry.ENTRY_BYTES_MAX,
    "contents": 64 * 1024 * 1024,
    "proofs": tlog_proof.PROOF_BYTES_MAX,
}
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What the library raises for absurd zips, a name that is not UTF-8 (ValueError) among it.
_ZIP_ERRORS: Final = (
    zipfile.BadZipFile, zlib.error, struct.error, ValueError, NotImplementedError, RuntimeError,
    EOFError, OSError,
)  # fmt: skip
# A fixed date, so that equal evidence is equal bytes.
_DATE: Final = (1980, 1, 1, 0, 0, 0)


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """One entry in evidence; nonce and content are None once they are erased."""

    entry: bytes
    proof: bytes
    nonce: bytes | None = None
    content: bytes | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the file is evidence of.

    of           the id that was asked about; of an incident, its records must be there
    log          {"origin", "size", "root"} of the checkpoint
    trace        the answer that the entries carry, as ``wherefrom trace --json`` gives it, or None
    consistency  base64 hashes from the trace's log to the checkpoint, which may be larger
    log_keys     each change of the log's keys, signed (``log_keys``): who trusts an earlier key can
                 follow them to the one that signed the checkpoint
    anchor       the first checkpoint over these entries that others hold, or None; and from it to
                 the checkpoint, base64 hashes: ``anchor_consistency``
    format       1; a later one is refused
    """

    of: str
    log: dict[str, Any]
    trace: dict[str, Any] | None = None
    consistency: tuple[str, ...] = ()
    log_keys: tuple[str, ...] = ()
    anchor: Anchor | None = None
    anchor_consistency: tuple[str, ...] = ()
    format: int = 1


class EvidenceFile(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed evidence file, all of it unchecked; ``claimed`` maps an index to its entry."""

    manifest: Manifest
    checkpoint: bytes
    claimed: Mapping[int, Claimed]


def is_evidence(written: bytes) -> bool:
    """Does this look like an evidence file (a zip)?"""
    return written[:4] == _MAGIC


def to_bytes(evidence: EvidenceFile) -> bytes:
    """The zip, entries in index order."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:

        def put(name: str, written: bytes) -> None:
            info = zipfile.ZipInfo(name, _DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, written)

        put("manifest.json", msgspec.json.encode(evidence.manifest, order="sorted"))
        put("checkpoint", evidence.checkpoint)
        for index in sorted(evidence.claimed):
            claimed = evidence.claimed[index]
            put(f"entries/{index}", claimed.entry)
            put(f"proofs/{index}.tlog-proof", claimed.proof)
            if claimed.content is not None and claimed.nonce is not None:
                put(f"contents/{index}", claimed.content)
                put(f"contents/{index}.nonce", claimed.nonce)
    return out.getvalue()


def parse(written: bytes, *, where: str = "evidence") -> EvidenceFile:
    """Read an evidence file, every name, size and pair checked. Raises Malformed, LimitPassed."""
    parts = _unzip(written, where)
    for name in ("manifest.json", "checkpoint"):
        if name not in parts:
            raise Malformed("evidence lacks a part", where=where, expected=name)
    manifest = _parse_manifest(parts.pop("manifest.json"), where=f"{where} manifest.json")
    checkpoint = parts.pop("checkpoint")
    claimed: dict[int, Claimed] = {}
    for name in [n for n in parts if n.startswith("entries/")]:
        index = int(name.removeprefix("entries/"))
        proof = parts.pop(f"proofs/{index}.tlog-proof", None)
        content = parts.pop(f"contents/{index}", None)
        nonce = parts.pop(f"contents/{index}.nonce", None)
        if proof is None or (content is None) != (nonce is None):
            raise Malformed(
                f"evidence of entry {index} is incomplete",
                where=where,
                expected="its proof, and a nonce beside its content",
            )
        claimed[index] = Claimed(entry=parts.pop(name), proof=proof, nonce=nonce, content=content)
    if parts:
        raise Malformed("evidence holds a part of no entry", where=where, got=min(parts))
    if not claimed:
        raise Malformed("evidence of no entry at all", where=where)
    return EvidenceFile(manifest=manifest, checkpoint=checkpoint, claimed=claimed)


def _parse_manifest(written: bytes, *, where: str) -> Manifest:
    try:
        # Strictly: of two equal keys another reader could believe the other one.
        manifest = msgspec.convert(strict_json.decode(written), Manifest)
    except msgspec.ValidationError as error:
        raise Malformed("the manifest is broken", where=where, got=str(error)) from error
    if manifest.format != 1:
        raise Malformed(
            "evidence of a later format", where=where, expected="format 1", got=manifest.format
        )
    return manifest


def _unzip(written: bytes, where: str) -> dict[str, bytes]:
    parts: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(written)) as archive:
            infos = archive.infolist()
            # Its directory alone is read until every name and size in it will do.
            _check_directory(infos, where)
            for info in infos:
                with archive.open(info) as part:
                    # The size a zip declares is a claim; read no more than that.
                    content = part.read(info.file_size + 1)
                if len(content) != info.file_size:
                    raise Malformed("a part lies about its size", where=f"{where} {info.filename}")
                parts[info.filename] = content
    except _ZIP_ERRORS as error:
        raise Malformed("not a readable zip", where=where, got=str(error)) from error
    return parts


def _check_directory(infos: Sequence[zipfile.ZipInfo], where: str) -> None:
    if len(infos) > 4 * ENTRIES_MAX + 2:
        raise LimitPassed("evidence holds too many parts", where=where, got=len(infos))
    seen: set[str] = set()
    left = BYTES_MAX
    for info in infos:
        name = info.orig_filename  # filename ends at a NUL
        if not _NAME.fullmatch(name):
            raise Malformed("evidence holds an unknown part", where=where, got=name)
        if name in seen:
            raise Malformed("evidence holds a part twice", where=where, got=name)
        if info.compress_type not in _METHODS:
            raise Malformed("a part is packed in another way", where=f"{where} {name}")
        bytes_max = _PART_BYTES_MAX[name.partition("/")[0]]
        left -= info.file_size
        if info.file_size > bytes_max or left < 0:
            raise LimitPassed(
                "evidence is too large",
                where=f"{where} {name}",
                expected=f"{min(bytes_max, BYTES_MAX)} bytes at most",
                got=f"{info.file_size} bytes",
            )
        seen.add(name)
