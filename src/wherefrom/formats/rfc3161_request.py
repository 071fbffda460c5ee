"""Ask for an RFC 3161 timestamp: the request, written as DER. Answers are read by ``rfc3161``.

    SEQUENCE { version 1, SEQUENCE { SHA-256, the hash }, certReq TRUE }

There is no nonce: what is stamped here is a signature that was made a moment ago and is unlike any
before it, so no older answer is of it.

Source: RFC 3161 §2.4.1
"""

from __future__ import annotations

from typing import Final

MEDIA_TYPE: Final = "application/timestamp-query"
ANSWER_MEDIA_TYPE: Final = "application/timestamp-reply"
_HEAD: Final = bytes.fromhex("30390201013031300d060960864801650304020105000420")
_CERT_REQ: Final = bytes.fromhex("0101ff")
_DIGEST_BYTES: Final = 32


def to_bytes(digest: bytes) -> bytes:
    """The request for a timestamp of what has this SHA-256, of 32 bytes. Raises ValueError."""
    if len(digest) != _DIGEST_BYTES:
        raise ValueError(f"a SHA-256 is {_DIGEST_BYTES} bytes, got {len(digest)}")
    return _HEAD + digest + _CERT_REQ
