"""in-toto metadata in its first wrapper: a link or layout beside the signatures over it.

    {"signed": {"_type": "link", …}, "signatures": [{"keyid": hex, "sig": hex}]}
         │ olpc_json                     │ parse
         ▼                               ▼
    the bytes that were signed      Metablock(signed, signatures)

What the link or layout says is read by ``in_toto_steps``; who signed is judged in ``verify``. A
signature by a GPG key (``other_headers``) is over more than these bytes and is left unjudged, as
is every signature over a document that has no canonical form (it holds a number with a fraction).

Sizes:  0 to 64 signatures
Source: in-toto specification v1.0 §4.2; securesystemslib, gpg/functions
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import in_toto_steps, olpc_json, strict_json
from wherefrom.formats.dsse import SIGNATURES_MAX, Signature
from wherefrom.formats.facts import Facts

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"


class Metablock(NamedTuple):
    """A wrapper that ``parse`` accepted; its signatures are not checked.

    signed      the link or layout
    canonical   its bytes in canonical form, or None if it has none
    signatures  those that can be judged: none without ``canonical``, none by a key of GPG's
    """

    signed: Mapping[str, Any]
    canonical: bytes | None
    signatures: tuple[Signature, ...]
    payload_type: str = PAYLOAD_TYPE

    def message(self) -> bytes:
        """What the signatures are over."""
        return self.canonical or b""


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this is a link or layout, wrapped or bare."""
    signed = document.get("signed")
    if isinstance(signed, dict):
        return in_toto_steps.recognises(signed)
    return in_toto_steps.recognises(document)


def parse(document: Mapping[str, Any]) -> Metablock | None:
    """Read a wrapper; None for a link or layout without one.

    Raises Malformed for signatures that are none, LimitPassed for over 64.
    """
    if "signed" not in document:
        return None
    signed = strict_json.need_object(document, "signed")
    listed = strict_json.get_array(document, "signatures")
    if len(listed) > SIGNATURES_MAX:
        raise LimitPassed(
            "a document with too many signatures",
            where="signatures",
            expected=f"{SIGNATURES_MAX} at most",
            got=len(listed),
        )
    signatures = []
    for index, item in enumerate(listed):
        where = f"signatures[{index}]"
        signature = strict_json.as_object(item, where=where)
        keyid = strict_json.get_string(signature, "keyid", where=where)
        is_gpg = signature.get("other_headers") is not None
        key = "signature" if is_gpg and "sig" not in signature else "sig"
        sig = strict_json.need_string(signature, key, where=where)
        try:
            raw = bytes.fromhex(sig)
        except ValueError as error:
            raise Malformed(
                "not hexadecimal", where=f"{where}.{key}", expected="hex digits", got=sig[:40]
            ) from error
        if not is_gpg:
            signatures.append(Signature(keyid, raw))
    try:
        canonical = olpc_json.encode(signed)
    except Malformed:
        return Metablock(signed, None, ())
    return Metablock(signed, canonical, tuple(signatures))


def facts(document: Mapping[str, Any], *, document_id: str) -> Facts:
    """The facts of a link or layout, wrapped or bare.

    Raises Malformed or LimitPassed, as ``parse`` and ``in_toto_steps.facts`` do.
    """
    return facts_of(parse(document), document, document_id=document_id)


def facts_of(
    metablock: Metablock | None, document: Mapping[str, Any], *, document_id: str
) -> Facts:
    """``facts`` of a document of which ``parse`` made ``metablock``."""
    if metablock is None:
        return in_toto_steps.facts(document, document_id=document_id)
    return in_toto_steps.facts(metablock.signed, document_id=document_id, where="signed")
