"""Check an anchor: that others held a checkpoint of a log at a time, whatever our clock says.

    anchor ──► the bundle's signature is of the checkpoint's text ──► each log and each authority
                                                         of the root vouches for it ──► Anchored

The checkpoint itself is checked elsewhere, under the keys of its log.

Source: docs/formats/anchor.md; the steps of ``verify.sigstore.verify``
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import NamedTuple

import msgspec

from wherefrom.errors import ProofError
from wherefrom.formats import sigstore_evidence
from wherefrom.formats.anchor import Anchor
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.keys.public import PublicKey
from wherefrom.verify.sigstore import verify
from wherefrom.verify.sigstore.trusted_root import TrustedRoot


class Anchored(NamedTuple):
    """What is proven: others held this tree's checkpoint.

    time  the first moment that one of them vouches for, or None: a Rekor v2 log dates nothing
    says  who, in words
    """

    tree: Checkpoint
    time: datetime | None
    says: str


class _Text:
    """The text of a checkpoint as the thing that is signed."""

    def __init__(self, written: bytes) -> None:
        self.name = "the checkpoint"
        self._written = written

    def digest(self, algorithm: str) -> bytes | None:
        return hashlib.sha256(self._written).digest() if algorithm == "sha256" else None

    def content(self) -> bytes | None:
        return self._written


def check(anchor: Anchor, *, root: TrustedRoot, now: datetime) -> Anchored:
    """What an anchor proves. Raises Malformed, ProofError, SignatureError, Unsupported."""
    signed, *others = sigstore_evidence.parse(msgspec.json.encode(anchor.bundle))
    if others or not (signed.entries or signed.timestamps):
        raise ProofError(
            "nobody outside the log holds this checkpoint",
            where="anchor",
            expected="one bundle, with a log entry or a timestamp",
        )
    key = PublicKey.from_pem(anchor.key.encode(), where="anchor key")
    wanted = verify.Wanted(root=root, now=now, artifact=_Text(anchor.text.encode()), key=key)
    outcome = verify.check(signed, wanted)
    if outcome.failure is not None:
        raise outcome.failure
    said = {step.name: step.says for step in outcome.report.steps}
    parts = [said["times"]] if signed.timestamps else []
    if signed.entries:
        parts.append(f"{said['checkpoint']}; {said['inclusion']}")
    return Anchored(anchor.tree, min(outcome.times, default=None), "; ".join(parts))
