"""What is signed: a file through its digest, or a statement that names the file.

    messageSignature   key signs the digest of the artifact
    dsseEnvelope       key signs PAE(type, payload); the payload is a statement,
                       and one of its subjects has a digest of the artifact

The digest that a bundle carries is only compared: it is the artifact's own that the signature is
checked over. The very bytes that were checked are what is read as a statement.

Source: in-toto attestation spec v1, "Processing model"; DSSE protocol; sigstore_bundle.proto
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import new
from typing import Any, NamedTuple

from wherefrom.errors import Error, Malformed, ProofError, SignatureError, Unsupported
from wherefrom.formats import dsse, strict_json
from wherefrom.formats.dsse import STATEMENT_TYPES, Envelope
from wherefrom.formats.sigstore_evidence import Message, Signed
from wherefrom.keys.public import PublicKey
from wherefrom.verify.sigstore import model_files
from wherefrom.verify.sigstore.artifacts import HASHES, Artifact, FolderArtifact

_WEAK = "the digests of its subjects are of no algorithm that is compared here"


class Content(NamedTuple):
    """What the key signed.

    signature  its bytes
    digest     hash of what was signed, by algorithm; None where it cannot be known
    statement  the statement, or None for a signature over a file
    says       what was proven, for people
    """

    signature: bytes
    digest: Callable[[str], bytes | None]
    statement: Mapping[str, Any] | None
    says: str


def check_content(signed: Signed, key: PublicKey, artifact: Artifact | None) -> Content:
    """Check that ``key`` signed, and that it is about ``artifact``.

    artifact  None to be told what was signed, without asking about a file

    Raises SignatureError for a signature that is not the key's, ProofError for another artifact,
    Malformed or Unsupported for a payload that is no statement.
    """
    if signed.message is not None:
        return _check_message(signed.message, key, artifact)
    assert signed.envelope is not None  # a bundle has one or the other
    return _check_envelope(signed, signed.envelope, key, artifact)


def _check_message(message: Message, key: PublicKey, artifact: Artifact | None) -> Content:
    where = "messageSignature"
    if isinstance(artifact, FolderArtifact):
        raise ProofError("this is a signature over one file, not over a folder", where=where)

    def digest(algorithm: str) -> bytes | None:
        if artifact is not None:
            return artifact.digest(algorithm)
        return message.digest if algorithm == message.algorithm else None

    said = message.algorithm
    found = digest(said) if said is not None else None
    if found is not None and message.digest != found:
        raise ProofError(
            "the bundle is for another file",
            where=f"{where}.messageDigest",
            expected=f"{said}:{found.hex()}",
            got=f"{said}:{(message.digest or b'').hex()}",
        )
    if key.hash is None:
        content = artifact.content() if artifact is not None else None
        if content is None:
            raise ProofError(
                "an Ed25519 key signs the file itself, and only a digest of it is known",
                where=where,
                do="Give the file",
            )
        _check_by(key, content, message.signature)
        return Content(message.signature, digest, None, f"the key signed {_name(artifact)}")
    refused: Error | None = None
    for hash in _hashes(key):
        known = digest(hash)
        if known is None:
            refused = ProofError(
                f"a {key.algorithm} key signs the {hash} of a file, which is not known",
                where=where,
                do="Give the file, or that digest of it",
            )
            continue
        try:
            key.check_digest(known, message.signature, hash=hash)
        except SignatureError as error:
            refused = refused or error
            continue
        return Content(message.signature, digest, None, f"the key signed {hash}:{known.hex()}")
    assert refused is not None  # there is one hash at least
    raise refused


def _hashes(key: PublicKey) -> tuple[str, ...]:
    """What such a key may have signed: the hash of its curve, or SHA-256, as older clients do."""
    assert key.hash is not None
    return (key.hash,) if key.hash == "sha256" else (key.hash, "sha256")


def _check_by(key: PublicKey, message: bytes, signature: bytes) -> None:
    """Return if ``key`` signed in one of the ways in which clients do. Raises SignatureError.

    Ed25519 keys also sign as Ed25519ph: of a hashedrekord a log knows no more than the hash.
    """
    try:
        key.check_strictly(message, signature)
    except SignatureError:
        if key.hash is None:
            key.check_prehashed(message, signature)
        elif key.hash != "sha256":
            key.check_strictly(message, signature, hash="sha256")
        else:
            raise


def _name(artifact: Artifact | None) -> str:
    return artifact.name if artifact is not None else "the file"


def _check_envelope(
    signed: Signed, envelope: Envelope, key: PublicKey, artifact: Artifact | None
) -> Content:
    message = envelope.message()
    signature = _signature_by(envelope, key, message, strictly=signed.version > 0)
    # Only now: what nobody signed is not read.
    inner = dsse.statement_of(envelope)
    if inner is None:
        raise Unsupported(
            "a payload that is not read here",
            where="payloadType",
            expected=dsse.IN_TOTO_TYPE,
            got=envelope.payload_type,
        )
    subjects = _subjects(inner, signed.claimed_type)
    kind = inner["predicateType"] or "of no type"
    says = f"the key signed a statement, {kind}, of {_count(subjects)}"
    if isinstance(artifact, FolderArtifact):
        says += "; " + model_files.check_folder(inner, artifact)
    elif artifact is not None:
        says += "; " + _check_subject(inner, subjects, artifact)
    return Content(signature, lambda algorithm: new(algorithm, message).digest(), inner, says)


def _signature_by(envelope: Envelope, key: PublicKey, message: bytes, *, strictly: bool) -> bytes:
    """The signature that ``key`` made; a bare envelope may have others by keys not asked about."""
    for signed in envelope.signatures:
        try:
            if strictly:
                _check_by(key, message, signed.sig)
            else:
                key.check(message, signed.sig)
        except SignatureError:
            continue
        return signed.sig
    raise SignatureError(
        "the statement is not signed by this key",
        where="signatures",
        expected=f"a signature by {key.id} ({key.algorithm})",
        do="The payload was changed, or another key signed it",
    )


def _subjects(
    statement: Mapping[str, Any], claimed_type: str | None
) -> list[tuple[str, Mapping[str, str]]]:
    """Name and digests of each subject. Raises Malformed, Unsupported for no statement we know."""
    where = "payload"
    kind = strict_json.need_string(statement, "_type", where=where)
    if kind not in STATEMENT_TYPES:
        raise Unsupported(
            "not a version of the in-toto statement that is read here",
            where=f"{where}._type",
            expected=" or ".join(STATEMENT_TYPES),
            got=kind,
        )
    # An empty one says nothing, and is signed all the same: drafts of some builders have it.
    predicate_type = strict_json.as_string(
        statement.get("predicateType"), where=f"{where}.predicateType"
    )
    if claimed_type is not None and claimed_type != predicate_type:
        raise ProofError(
            "the document around the statement claims another predicate",
            where="predicateType",
            expected=predicate_type,
            got=claimed_type,
        )
    found: list[tuple[str, Mapping[str, str]]] = []
    for index, item in enumerate(strict_json.need_array(statement, "subject", where=where)):
        place = f"{where}.subject[{index}]"
        subject = strict_json.as_object(item, where=place)
        digests = strict_json.need_object(subject, "digest", where=place)
        if not digests:
            raise Malformed("a subject without a digest", where=f"{place}.digest", got="{}")
        for key, value in digests.items():
            strict_json.as_string(value, where=f"{place}.digest.{key}")
        name = strict_json.get_string(subject, "name", where=place) or f"subject {index}"
        found.append((name, digests))
    if not found:
        raise Malformed("a statement about nothing", where=f"{where}.subject")
    return found


def _check_subject(
    statement: Mapping[str, Any],
    subjects: list[tuple[str, Mapping[str, str]]],
    artifact: Artifact,
) -> str:
    """Which subject ``artifact`` is: one that some digest equals, and none contradicts."""
    for name, digests in subjects:
        equal = None
        for algorithm in HASHES:
            said = digests.get(algorithm)
            known = artifact.digest(algorithm) if said is not None else None
            if said is None or known is None:
                continue
            if said.lower() != known.hex():
                equal = None
                break
            equal = algorithm
        if equal is not None:
            return f"its subject {name} is the artifact, by {equal}"
    single = model_files.single_file(statement)
    if single is not None and artifact.digest(single.algorithm) == single.digest:
        return "the model that it names is the artifact"
    compared = sorted({a for _, digests in subjects for a in digests if a in HASHES})
    raise ProofError(
        "the statement is not about this artifact",
        where="payload.subject",
        expected=" ".join(f"{a}:{_hex(artifact.digest(a))}" for a in compared) or _WEAK,
        got="; ".join(
            f"{name} {a}:{said}" for name, digests in subjects[:4] for a, said in digests.items()
        ),
    )


def _hex(digest: bytes | None) -> str:
    return "not known" if digest is None else digest.hex()


def _count(subjects: list[tuple[str, Mapping[str, str]]]) -> str:
    return f"{len(subjects)} subject{'' if len(subjects) == 1 else 's'}"
