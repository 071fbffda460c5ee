"""SCITT signed statements: an issuer says something of a subject, in COSE.

    18([ {1: alg, 3: content type, 4: kid, 15: {1: issuer, 2: subject}}, {…}, payload, signature ])

    document ──attributed_to──► issuer
       ├─ describes ──► subject, a thing in general: a package URL or another name
       └─ describes ──► the payload, by its digest, so that it meets the same bytes recorded alone

A payload may be here, may be a hash of what lies elsewhere (a hash envelope: 258 says which hash),
or may be left out. A statement without it is read, and nobody can say who signed it. Receipts that
others put into the unprotected header are kept as they came, and not checked.

Who signed is judged as for DSSE, under the keyring; a certificate in the header is no key we know.

Sizes:  issuer and subject 2,048 bytes, as any id
Source: RFC 9943 (SCITT); RFC 9597; COSE Hash Envelope (IANA header parameters 258 to 260)
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from wherefrom.errors import Malformed, Refused, Unsupported
from wherefrom.formats import cose, digests, purl, timestamps
from wherefrom.formats.cose import Sign1, need
from wherefrom.formats.cose_receipt import RECEIPTS, VDS
from wherefrom.formats.dsse import Signature
from wherefrom.formats.facts import Facts, FactsBuilder

TYPE: Final = "application/scitt-statement+cose"
_HASH_ALGORITHM: Final = 258
_HASHED_TYPE: Final = 259
_HASHES: Final = {-16: "sha256", -43: "sha384", -44: "sha512"}
_SECONDS_MAX: Final = 2**37


class Statement(NamedTuple):
    """A statement that ``parse`` accepted; its signature is not checked."""

    message_: Sign1
    issuer: str
    subject: str
    payload_type: str = TYPE

    @property
    def signatures(self) -> tuple[Signature, ...]:
        """The one signature, if it can be judged: the payload is here, the algorithm is known."""
        headers = self.message_.headers
        if self.message_.payload is None or headers.get(cose.ALG) not in cose.ALGORITHMS:
            return ()
        kid = headers.get(cose.KID, self.message_.unprotected.get(cose.KID))
        return (Signature(_hint(kid), self.message_.signature),)

    def message(self) -> bytes:
        """What the signature is over."""
        return self.message_.message(self.message_.payload or b"")


def parse(content: bytes) -> Statement:
    """Read a statement.

    Raises Unsupported for a COSE_Sign1 that is none, such as a receipt; Malformed for one that
    names no issuer or subject, or is broken.
    """
    message = cose.parse(content, where="statement")
    headers = message.headers
    if VDS in headers:
        raise Unsupported(
            "a COSE receipt is not a record", got=f"vds {headers[VDS]}",
            do="Check it with: wherefrom verify FILE --log-key VKEY",
        )  # fmt: skip
    claims = headers.get(cose.CWT_CLAIMS)
    if claims is None:
        raise Unsupported(
            "a COSE_Sign1 that is no SCITT statement",
            expected="CWT claims (15) with an issuer and a subject, in the protected header",
        )
    need(isinstance(claims, dict), "statement.claims", "a map", claims)
    alg = headers.get(cose.ALG)
    need(isinstance(alg, int | str), "statement.alg", "a number or name", alg)
    return Statement(message, _name(claims, cose.ISS, "iss"), _name(claims, cose.SUB, "sub"))


def transparent(content: bytes, receipt: bytes) -> bytes:
    """A statement with a receipt in its unprotected header, after those it came with.

    Raises as ``parse``, and Malformed for one whose receipts are no list of byte strings, or with a
    header beside them that cannot be written again.
    """
    message = parse(content).message_
    held = _receipts(message)
    return _with_unprotected(message, {**message.unprotected, RECEIPTS: [*held, receipt]})


def without_receipt(content: bytes, receipt: bytes) -> bytes:
    """The inverse of ``transparent``, for statements in deterministic CBOR. Raises as that."""
    message = parse(content).message_
    others = [other for other in _receipts(message) if other != receipt]
    unprotected = {label: held for label, held in message.unprotected.items() if label != RECEIPTS}
    if others:
        unprotected[RECEIPTS] = others
    return _with_unprotected(message, unprotected)


def receipts_of(content: bytes) -> list[bytes]:
    """The receipts that a statement carries, unchecked. Raises as ``parse``, and Malformed."""
    return _receipts(parse(content).message_)


def _with_unprotected(message: Sign1, unprotected: dict[Any, Any]) -> bytes:
    try:
        return cose.to_bytes(message._replace(unprotected=unprotected))
    except TypeError as error:
        raise Malformed(
            "an unprotected header that has no one spelling", where="statement.unprotected",
            expected="whole numbers, texts, bytes, arrays and maps", got=str(error),
        ) from error  # fmt: skip


def _receipts(message: Sign1) -> list[bytes]:
    held = message.unprotected.get(RECEIPTS, [])
    right = isinstance(held, list) and all(isinstance(one, bytes) for one in held)
    need(right, "statement.receipts", "byte strings in an array", held)
    return list(held)


def facts_of(statement: Statement, *, document_id: str) -> Facts:
    """The facts of a statement that ``parse`` read. Raises Malformed."""
    message, headers = statement.message_, statement.message_.headers
    builder = FactsBuilder(document=document_id)
    kind = headers.get(_HASHED_TYPE, headers.get(cose.CONTENT_TYPE))
    builder.node(
        document_id,
        "attestation",
        properties={
            "issuer": statement.issuer,
            "subject": statement.subject,
            "contentType": None if kind is None else str(kind)[:256],
            "algorithm": cose.ALGORITHMS.get(headers[cose.ALG], str(headers[cose.ALG])[:64]),
        },
    )
    builder.edge(document_id, "attributed_to", builder.node(statement.issuer, "organization"))
    builder.edge(document_id, "describes", _subject(builder, statement.subject))
    if message.payload:
        payload = builder.node(_payload_id(headers, message.payload), "artifact")
        builder.edge(document_id, "describes", payload, {"as": "payload"})
    return builder.build(
        kind="attestation",
        type=TYPE,
        occurred=_issued(headers[cose.CWT_CLAIMS].get(cose.IAT)),
        producers=(statement.issuer,),
    )


def _payload_id(headers: Any, payload: bytes) -> str:
    if _HASH_ALGORITHM not in headers:
        return digests.sha256_id(payload)
    algorithm = headers[_HASH_ALGORITHM]
    name = _HASHES.get(algorithm) if isinstance(algorithm, int) else None
    id = digests.strong_id(name, payload.hex()) if name else None
    if id is None:
        raise Malformed(
            "a hash envelope whose payload is no such hash", where="statement.payload",
            expected=", ".join(f"{n} ({a})" for a, n in _HASHES.items()),
            got=f"algorithm {algorithm}, {len(payload)} bytes",
        )  # fmt: skip
    return id


def _subject(builder: FactsBuilder, subject: str) -> str:
    if subject.startswith("pkg:"):
        try:
            return builder.node(purl.canonical(subject).id, "package")
        except Refused:
            pass  # a name that only begins like one
    return builder.node(subject, "resource")


def _issued(seconds: Any) -> str | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    if not 0 <= seconds < _SECONDS_MAX:
        return None
    return timestamps.to_text(datetime.fromtimestamp(seconds, UTC))


def _name(claims: Any, label: int, what: str) -> str:
    value = claims.get(label)
    if not isinstance(value, str) or not value.strip():
        raise Malformed(
            f"a statement without its {what}", where=f"statement.claims.{what}",
            expected="a text that is not empty", got=value,
        )  # fmt: skip
    return value


def _hint(kid: Any) -> str | None:
    if not isinstance(kid, bytes):
        return None
    try:
        text = kid.decode()
    except UnicodeDecodeError:
        return kid.hex()
    return text if text.isprintable() else kid.hex()
