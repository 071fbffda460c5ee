"""DSSE: an envelope around bytes that are signed together with their type.

    {"payload": base64, "payloadType": "…", "signatures": [{"sig": base64, "keyid": "…"}]}
        │ parse                                    ▲ to_bytes
        ▼                                          │
    Envelope(payload, payload_type, signatures) ───┘
        └─ pae(payload_type, payload) ──► the bytes a signature is over:
           "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body       LEN counts UTF-8 bytes

Keys and the check of signatures are in ``keys`` and ``verify``; a keyid is a hint from the
outside, never a decision. An in-toto payload is read by ``statement``, or ``in_toto_steps``; of
any other type, and of Wherefrom's own (``own``), only the record itself is known here.

Base64 may be standard or URL-safe, as DSSE allows, but not both in one text; padding is required,
since RFC 4648 §3.2 wants it wherever a format does not say otherwise, and DSSE does not.

Sizes:  1 to 64 signatures · a payloadType is at most 256 bytes of UTF-8
Source: secure-systems-lab/dsse protocol.md v1.0.2, envelope.md; in-toto attestation spec v1
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from wherefrom.errors import LimitPassed, Malformed, Refused
from wherefrom.formats import base64_strict, strict_json
from wherefrom.formats.entry import check_type
from wherefrom.formats.facts import Facts, FactsBuilder

IN_TOTO_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPES: Final = ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1")
SIGNATURES_MAX: Final = 64

_IN_TOTO = re.compile(r"application/vnd\.in-toto(\.[^/;+\s]+)?\+json")
_URL_SAFE = str.maketrans("-_", "+/")


class Signature(NamedTuple):
    """``keyid`` is what the signer calls the key, or None; ``sig`` is the raw signature."""

    keyid: str | None
    sig: bytes


class Envelope(NamedTuple):
    """An envelope that ``parse`` accepted; its signatures are not checked."""

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...]

    def message(self) -> bytes:
        """What the signatures are over."""
        return pae(self.payload_type, self.payload)


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this is, or means to be, a DSSE envelope."""
    found = ("payload" in document) + ("payloadType" in document) + ("signatures" in document)
    return found >= 2


def pae(payload_type: str, body: bytes) -> bytes:
    """The pre-authentication encoding: what a signature is over."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(body), body)


def parse(document: Mapping[str, Any], *, where: str = "") -> Envelope:
    """Read an envelope; fields it does not know are ignored.

    where  path of the envelope in the record, for messages

    Raises Malformed for a missing field or broken base64, LimitPassed for over 64 signatures.
    """
    at = f"{where}." if where else ""
    payload_type = strict_json.need_string(document, "payloadType", where=where)
    check_type(payload_type, where=f"{at}payloadType")
    payload = document.get("payload")
    if payload is None:
        raise Malformed("a required field is missing", where=f"{at}payload")
    body = base64_bytes(payload, where=f"{at}payload")
    listed = strict_json.need_array(document, "signatures", where=where)
    if not listed:
        raise Malformed(
            "an envelope that nobody signed", where=f"{at}signatures", expected="1 at least"
        )
    if len(listed) > SIGNATURES_MAX:
        raise LimitPassed(
            "an envelope with too many signatures",
            where=f"{at}signatures",
            expected=f"{SIGNATURES_MAX} at most",
            got=len(listed),
        )
    signatures = []
    for index, item in enumerate(listed):
        place = f"{at}signatures[{index}]"
        signed = strict_json.as_object(item, where=place)
        sig = strict_json.need_string(signed, "sig", where=place)
        keyid = strict_json.get_string(signed, "keyid", where=place)
        signatures.append(Signature(keyid, base64_bytes(sig, where=f"{place}.sig")))
    return Envelope(body, payload_type, tuple(signatures))


def to_bytes(envelope: Envelope) -> bytes:
    """The envelope as JSON in standard base64, one line; ``parse`` reads it back."""
    signatures = [
        {"sig": base64_strict.encode(s.sig)} | ({"keyid": s.keyid} if s.keyid else {})
        for s in envelope.signatures
    ]
    written = {
        "payload": base64_strict.encode(envelope.payload),
        "payloadType": envelope.payload_type,
        "signatures": signatures,
    }
    return json.dumps(written, ensure_ascii=False, separators=(",", ":")).encode()


def base64_bytes(text: object, *, where: str) -> bytes:
    """The bytes of padded base64 in one alphabet, standard or URL-safe. Raises Malformed."""
    text = strict_json.as_string(text, where=where)
    if "-" in text or "_" in text:
        if "+" in text or "/" in text:
            raise Malformed(
                "base64 in two alphabets", where=where, expected="either + / or - _", got=text
            )
        text = text.translate(_URL_SAFE)
    return base64_strict.decode(text, where=where)


def statement_of(envelope: Envelope, *, where: str = "payload") -> dict[str, Any] | None:
    """The in-toto document in the payload, or None when the payload is of another type.

    where  path of the payload in the record, for messages

    Raises Malformed or LimitPassed when an in-toto payload is not one JSON object.
    """
    if not _IN_TOTO.fullmatch(envelope.payload_type):
        return None
    try:
        decoded = strict_json.decode(envelope.payload)
    except Refused as error:
        raise type(error)(f"the payload is no statement: {error}", where=where) from error
    return strict_json.as_object(decoded, where=where)


def facts(document: Mapping[str, Any], *, document_id: str) -> Facts:
    """The facts of an envelope: those of its statement, or the record alone.

    document_id  ``sha256:`` of the content's bytes: the node of the record itself

    Raises Malformed, Unsupported or LimitPassed, as ``parse`` and ``statement.describe`` do.
    """
    return facts_of_envelope(parse(document), document_id=document_id)


def facts_of_envelope(envelope: Envelope, *, document_id: str) -> Facts:
    """``facts`` of what ``parse`` read."""
    # Late: whoever only checks a signature needs none of the formats that a statement may hold.
    from wherefrom.formats import in_toto_steps, statement

    builder = FactsBuilder(document=document_id)
    inner = statement_of(envelope)
    if inner is None:
        builder.node(document_id, "attestation", properties={"payloadType": envelope.payload_type})
        return builder.build(kind="attestation", type=envelope.payload_type)
    if in_toto_steps.recognises(inner):
        return in_toto_steps.facts(inner, document_id=document_id, where="payload")
    told = statement.describe(builder, inner, document_id=document_id, where="payload")
    return told.close(builder, kind="attestation")
