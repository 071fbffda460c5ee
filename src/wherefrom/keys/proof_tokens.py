"""Sign a proof token with a log's key, and check one, knowing only that key.

    ProofToken ──► sign_token ──► text ──► check_token, under the log's verifier key ──► ProofToken

Source: docs/formats/proof-token.md
"""

from __future__ import annotations

from wherefrom.errors import SignatureError
from wherefrom.formats import note, proof_token
from wherefrom.formats.note import ED25519, VerifierKey
from wherefrom.formats.proof_token import ProofToken, SignedToken
from wherefrom.keys import ed25519
from wherefrom.keys.ed25519 import Ed25519Signer


def sign_token(token: ProofToken, key: Ed25519Signer) -> str:
    """The text of ``token``, signed by the key of the log ``token.origin``.

    Raises Malformed, LimitPassed for one that does not fit.
    """
    signature = key.sign(proof_token.message(token))
    key_id = note.key_id(token.origin, ED25519, key.public_key)
    return proof_token.to_text(SignedToken(token=token, key_id=key_id, signature=signature))


def check_token(signed: SignedToken, log_key: VerifierKey) -> ProofToken:
    """What the log says in it, once its key signed that. Raises SignatureError."""
    token = signed.token
    named = f"{token.origin}+{signed.key_id.hex()}"
    wanted = f"{log_key.name}+{log_key.key_id.hex()}"
    if log_key.algorithm != ED25519 or named != wanted:
        raise SignatureError("the proof token is of another log or key", expected=wanted, got=named)
    try:
        ed25519.check(log_key.public_key, proof_token.message(token), signed.signature)
    except SignatureError as error:
        raise SignatureError(
            f"{token.origin} did not sign this proof token",
            got=error.what,
            do="The token was changed, or made by somebody else",
        ) from error
    return token
