"""Sigstore at the door: who signed a bundle or a PEP 740 attestation, as the log's root knows it.

    content ──► each signature in it, all steps but the artifact ──► keyless, with the keys' ids
                   ├ its certificate's authority is known, and the signature is not the key's ──► refused
                   └ anything else that is not proven ──► nothing: it stays what its bringer makes it

Nobody asks about a file here: what the signature is over, the record itself says. Old bundles, logs
and authorities that the root does not name, and keys that are only hinted at are no lies, so they
cost a record nothing.
"""  # noqa: E501 - the picture

from __future__ import annotations

from wherefrom.errors import BadSignature, ProofError, Refused, SignatureError
from wherefrom.formats import sigstore_evidence, strict_json, timestamps
from wherefrom.formats.entry import SIGNERS_MAX, Trust
from wherefrom.formats.sigstore_evidence import Signed
from wherefrom.verify.sigstore import certificates, chains
from wherefrom.verify.sigstore.trusted_root import TrustedRoot
from wherefrom.verify.sigstore.verify import Wanted, check


def trust_of(content: bytes, *, root: TrustedRoot, received: str) -> Trust | None:
    """``keyless`` if every signature in ``content`` is proven under ``root``, else None.

    content   a Sigstore bundle, or an attestation or provenance object of PEP 740
    received  when we heard, 27-byte UTC text: nothing in it may be later

    Raises BadSignature for a signature that fails under a key whose certificate the root vouches
    for.
    """
    wanted = Wanted(root, timestamps.parse(received, where="received"))
    document = strict_json.as_object(strict_json.decode(content), where="record")
    try:
        found = sigstore_evidence.of_document(document)
    except Refused:
        return None  # its facts could be read, and no more was asked of it so far
    keys: set[str] = set()
    is_proven = bool(found)
    # All of them, though one is unproven: a later one may be a lie.
    for signed in found:
        outcome = check(signed, wanted)
        if outcome.signer is not None:
            keys.add(outcome.signer.key)
            continue
        is_proven = False
        if isinstance(outcome.failure, SignatureError) and _is_vouched_for(signed, root):
            raise BadSignature(
                "the signature fails under the key of its certificate",
                where=signed.where or None,
                got=str(outcome.failure),
                do="What was signed, or the signature, was changed",
            ) from outcome.failure
    return Trust("keyless", tuple(sorted(keys))[:SIGNERS_MAX]) if is_proven else None


def _is_vouched_for(signed: Signed, root: TrustedRoot) -> bool:
    """Whether an authority of the root issued the certificate, at whatever time."""
    try:
        leaf = chains.read_certificate(signed.certificates[0], where="certificate")
        certificates.find_authority(leaf, root, ())
    except (IndexError, ProofError, Refused):
        return False
    return True
