"""Verify one signature in Sigstore's formats, offline: ten steps, in this order.

     1  bundle      its version has what it must have, and nothing it must not
     2  key         the certificate's, or the one that was given: never one from the bundle alone
     3  content     the key signed it, and it is about the artifact
     4  promise     what the logs promised to take, they signed
     5  times       a log or a timestamp authority vouches for when, and was trusted then
     6  checkpoint  the log signed the root of its tree
     7  inclusion   the entry is in that tree
     8  entry       the entry is of this signature, not of another
     9  certificate an authority of the root issued it, a log has seen it, it was valid at each time
    10  identity    it is who is wanted

A step proves something or raises; nothing after the first that raises is done. What a step needs
of an earlier one it takes from ``_Proven``, so a step that is left out is an error of ours.

Source: Sigstore client specification; sigstore/protobuf-specs; the ten steps stand in
        docs/formats/sigstore.md
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import msgspec
from cryptography.x509 import Certificate

from wherefrom.errors import Error, Malformed, ProofError, SettingError
from wherefrom.formats import sigstore_evidence
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.sigstore_evidence import Signed
from wherefrom.keys.public import PublicKey
from wherefrom.verify.sigstore import (
    certificates,
    chains,
    content,
    entry_bodies,
    log_entries,
    timestamps,
)
from wherefrom.verify.sigstore.artifacts import Artifact
from wherefrom.verify.sigstore.trusted_root import TrustedRoot
from wherefrom.verify.steps import Report, Step, report


class Wanted(NamedTuple):
    """What the caller believes and asks for.

    root      what a certificate, a log and a time are checked against
    now       nothing may be later
    artifact  what it must be about; None to be told
    key       a key that is trusted as it is, for bundles without a certificate
    identity, issuer   who must have signed; None for anybody the root vouches for
    """

    root: TrustedRoot
    now: datetime
    artifact: Artifact | None = None
    key: PublicKey | None = None
    identity: str | None = None
    issuer: str | None = None


class Signer(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed: the key, and whom the certificate names, if it was one's."""

    key: str
    identity: str | None = None
    issuer: str | None = None


class Outcome(NamedTuple):
    """The steps, and what they proved; ``signer`` and ``times`` are empty if it failed.

    failure  the error of the step that failed, the last of the report
    """

    report: Report
    failure: Error | None
    signer: Signer | None
    times: tuple[datetime, ...]


class _Proven:
    """What the steps that are done have proven."""

    def __init__(self) -> None:
        self.key: PublicKey | None = None
        self.leaf: Certificate | None = None
        self.content: content.Content | None = None
        self.promised: list[datetime] = []
        self.times: list[datetime] = []
        self.trees: dict[str, Checkpoint] = {}
        self.signer: Signer | None = None


def check_document(written: bytes, wanted: Wanted) -> Report:
    """Check every signature in a file. One that fails makes the whole fail.

    Of a file with several, a given key is for those without a certificate, and an identity for
    those with one; where there is one only, each must be of use.
    """
    return report(document_steps(written, wanted))


def document_steps(written: bytes, wanted: Wanted) -> Iterator[str | Step]:
    """The same as steps, for ``report``."""
    yield "bundle"
    found = sigstore_evidence.parse(written)
    kinds = {bool(signed.certificates) for signed in found}
    for signed in found:
        mine = wanted
        if len(kinds) > 1 and signed.certificates:
            mine = wanted._replace(key=None)
        elif len(kinds) > 1:
            mine = wanted._replace(identity=None, issuer=None)
        for step in _steps(signed, mine, _Proven()):
            if len(found) > 1 and isinstance(step, Step) and step.name == "bundle":
                step = Step(step.name, step.ok, f"{signed.where}: {step.says}")
            yield step


def check(signed: Signed, wanted: Wanted) -> Outcome:
    """Check one signature."""
    proven, failures = _Proven(), []

    def steps() -> Iterator[str | Step]:
        try:
            yield from _steps(signed, wanted, proven)
        except Error as error:
            failures.append(error)
            raise

    told = report(steps())
    if failures:
        return Outcome(told, failures[0], None, ())
    return Outcome(told, None, proven.signer, tuple(proven.times))


def _steps(signed: Signed, wanted: Wanted, proven: _Proven) -> Iterator[str | Step]:
    for name, step in (
        ("bundle", _bundle),
        ("key", _key),
        ("content", _content),
        ("promise", _promise),
        ("times", _times),
        ("checkpoint", _checkpoint),
        ("inclusion", _inclusion),
        ("entry", _entry),
        ("certificate", _certificate),
        ("identity", _identity),
    ):
        yield name
        yield Step(name, True, step(signed, wanted, proven))


def _bundle(signed: Signed, wanted: Wanted, proven: _Proven) -> str:
    """1. Its version has what it must have, and nothing it must not."""
    for entry in signed.entries:
        entry_bodies.need_kind(entry)
        if signed.version == 1 and entry.promise is None:
            raise ProofError(
                "an entry without a promise by its log", where=entry.where,
                expected="inclusionPromise in version 0.1",
            )  # fmt: skip
        if signed.version > 1 and entry.proof is None:
            raise ProofError(
                "an entry without an inclusion proof", where=entry.where,
                expected="inclusionProof from version 0.2 on",
            )  # fmt: skip
    if len({(entry.log_id, entry.log_index) for entry in signed.entries}) < len(signed.entries):
        raise ProofError("one log entry is there twice", where="tlogEntries")
    if len(set(signed.timestamps)) < len(signed.timestamps):
        raise ProofError("one timestamp is there twice", where="rfc3161Timestamps")
    if signed.version == 0:
        return "a DSSE envelope, without a log or a time"
    return (
        f"version 0.{signed.version} with {_count(len(signed.entries), 'log entry', 'log entries')}"
        f" and {_count(len(signed.timestamps), 'timestamp', 'timestamps')}"
    )


def _key(signed: Signed, wanted: Wanted, proven: _Proven) -> str:
    """2. The key: a given one is trusted; a certificate's is, once the certificate is."""
    if not signed.certificates:
        if wanted.key is None:
            raise ProofError(
                "it is signed by a key that it only hints at",
                expected="the public key, which you have from elsewhere",
                do="Give it with --key",
            )
        proven.key = wanted.key
        return f"the given key {wanted.key.id} ({wanted.key.algorithm})"
    leaf = chains.read_certificate(signed.certificates[0], where="certificate")
    key = _key_of(leaf)
    if wanted.key is not None:
        if wanted.key.spki != key.spki:
            raise ProofError(
                "it is signed with a certificate of another key than the given one",
                expected=wanted.key.id,
                got=key.id,
            )
        proven.key = key
        return f"the given key {key.id} ({key.algorithm}); its certificate counts for nothing"
    _check_extra_certificates(signed)
    proven.key, proven.leaf = key, leaf
    return f"the certificate's key {key.id} ({key.algorithm})"


def _key_of(leaf: Certificate) -> PublicKey:
    try:
        return PublicKey(chains.spki_of(leaf, where="certificate"), where="certificate")
    except SettingError as error:
        raise Malformed(
            "the certificate's key is of no kind that is checked here", got=error.got
        ) from error


def _check_extra_certificates(signed: Signed) -> None:
    """Issuers come from the trusted root. Old bundles bring theirs along; they are passed over."""
    if signed.version > 2 and signed.is_chain:
        raise ProofError(
            "a certificate chain in a bundle of version 0.3", expected="the signer's certificate"
        )
    if signed.version < 3 and not signed.is_chain:
        raise ProofError(
            f"a certificate without a chain in a bundle of version 0.{signed.version}",
            expected="x509CertificateChain before version 0.3",
        )
    for der in signed.certificates[1:] if signed.version > 1 else ():
        if chains.is_self_signed(chains.read_certificate(der, where="certificate chain")):
            raise ProofError(
                "a bundle that brings its own root", where="certificate chain",
                expected="no self-signed certificate from version 0.2 on",
            )  # fmt: skip


def _content(signed: Signed, wanted: Wanted, proven: _Proven) -> str:
    """3. The key signed it, and it is about the artifact."""
    assert proven.key is not None
    proven.content = content.check_content(signed, proven.key, wanted.artifact)
    return proven.content.says


def _promise(signed: Signed, wanted: Wanted, proven: _Proven) -> str:
    """4. What the logs promised to take, they signed; that also gives a time."""
    logs = []
    for entry in signed.entries:
        known = log_entries.known_logs(entry, wanted.root)
        moment = log_entries.check_promise(entry, known, wanted.now)
        if entry.promise is not None:
            logs.append(known[0].address)
        if moment is not None:
            proven.promised.append(moment)
    if not logs:
        return "no log promised anything" if signed.entries else "no log is named"
    return f"{' and '.join(logs)} promised to take this entry"


def _times(signed: Signed, wanted: Wanted, proven: _Proven) -> str:
    """5. A log or a timestamp authority vouches for when, and was trusted then."""
    assert proven.content is not None
    said = [f"{moment:%Y-%m-%dT%H:%M:%SZ} by the log" for moment in proven.promised]
    proven.times = list(proven.promised)
    for number, written in enumerate(signed.timestamps):
        moment, authority = timestamps.check_timestamp(
            written,
            signature=proven.content.signature,
            root=wanted.root,
            now=wanted.now,
            where=f"rfc3161Timestamps[{number}]",
        )
        proven.times.append(moment)
        said.append(f"{moment:%Y-%m-%dT%H:%M:%SZ} by {authority.address}")
    if not proven.times and proven.leaf is not None:
        raise ProofError(
            "nobody vouches for when this was signed",
            expected="a log's promise or a timestamp: a certificate is valid for minutes",
        )
    return "signed before " + " and ".join(said) if said else "nobody says when it was signed"


def _checkpoint(signed: Signed, wanted: Wanted, proven: _Proven) -> str:
    """6. The log signed the root of its tree."""
    said = []
    for entry in signed.entries:
        if entry.proof is None or (entry.proof.checkpoint is None and signed.version == 1):
            continue
        logs = log_entries.known_logs(entry, wanted.root)
        # Rekor v2 dates nothing, so a time that is known must be one of the log's.
        times = proven.times if entry.promise is None else []
        tree = log_entries.check_checkpoint(entry.proof, logs, times, where=entry.where)
        proven.trees[entry.where] = tree
        said.append(f"{tree.origin} had {tree.size:,} entries")
    return "; ".join(said) or "no log shows its tree"


def _inclusion(signed: Signed, wanted: Wanted, proven: _Proven) -> str:
    """7. The entry is in that tree."""
    said = []
    for entry in signed.entries:
        if entry.proof is None:
            continue
        log_entries.check_included(entry, entry.proof, proven.trees.get(entry.where))
        said.append(f"it is entry {entry.proof.log_index:,}")
    if said:
        return " and ".join(said)
    if signed.entries:
        return "the log's promise stands for it"
    if proven.leaf is not None:
        raise ProofError(
            "no log holds this signature", expected="a log entry: a certificate needs one"
        )
    return "no log holds it"


def _entry(signed: Signed, wanted: Wanted, proven: _Proven) -> str:
    """8. The entry is of this signature, not of another."""
    assert proven.content is not None and proven.key is not None  # noqa: PT018
    keys = [*signed.certificates[:1]]
    if proven.leaf is None:
        keys.append(proven.key.spki)
    for entry in signed.entries:
        entry_bodies.check_body(
            entry,
            entry_bodies.Expected(
                signature=proven.content.signature,
                keys=tuple(keys),
                digest=proven.content.digest,
                envelope=signed.envelope,
            ),
        )
    kinds = " and ".join(entry.kind for entry in signed.entries)
    return f"{kinds}: of this signature, by this key" if kinds else "there is none to compare"


def _certificate(signed: Signed, wanted: Wanted, proven: _Proven) -> str:
    """9. An authority issued it, a log has seen it, and it was valid at each time."""
    if proven.leaf is None:
        return "none: the given key is trusted as it is"
    certificates.check_leaf(proven.leaf, proven.times)
    authority = certificates.find_authority(proven.leaf, wanted.root, proven.times)
    log, _ = certificates.check_scts(proven.leaf, authority.chain[0], wanted.root)
    return f"issued by {authority.address}, valid then, seen by {log.address}"


def _identity(signed: Signed, wanted: Wanted, proven: _Proven) -> str:
    """10. It is who is wanted."""
    assert proven.key is not None
    asked = [what for what in (wanted.identity, wanted.issuer) if what is not None]
    if proven.leaf is None:
        if asked:
            raise ProofError(
                "a key names nobody", expected=" and ".join(asked), got=f"the key {proven.key.id}"
            )
        proven.signer = Signer(key=proven.key.id)
        return f"whoever holds the given key {proven.key.id}"
    found = certificates.identity_of(proven.leaf)
    certificates.check_identity(found, identity=wanted.identity, issuer=wanted.issuer)
    proven.signer = Signer(key=proven.key.id, identity=found.names[0], issuer=found.issuer)
    if wanted.identity is None:
        missing = "nobody in particular was required: see --identity"
        return f"signed by {found}; {missing}"
    return f"signed by {found}, as required"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
