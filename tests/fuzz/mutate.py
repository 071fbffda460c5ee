"""Change real bytes a little: as bytes, as JSON, as what is inside an envelope, a zip or a frame.

    seed ──► mutated(seed, kind, random) ──► bytes that are almost right

Blind changes of bytes are refused by the first checksum or quote; a mutation that knows the
structure gets past it, to the code behind. What it draws comes from ``random`` alone, so a run
is told by its seed.
"""

from __future__ import annotations

import base64
import contextlib
import json
import random as randoms
import struct
import warnings
import zlib
from collections.abc import Callable
from typing import Any

import msgspec

from tests.fuzz import seeds

BYTES_MAX = 64 * 1024
_HUGE = 10**40

# Values that have surprised somebody's parser.
VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, _HUGE, 1.5, -0.0,
    1e308, 5e-324, "", " ", "\0", "a\0b", "\n", "\r\nX: y", "\u202e", "\U0001f600", "é", "é" * 200,
    "../../x", "%00", "%ED%A0%80", "%", "x" * 300, "x" * 3000, "pkg:npm/a@1", "pkg:", "sha256:",
    "sha256:" + "a" * 64, "git+https://x/y@" + "a" * 40, "2026-01-01T00:00:00Z",
    "0000-00-00T00:00:00Z", "9999-12-31T23:59:59.999999-23:59", "AAAA", "AA==", "=",
    [], {}, [[]], [None], {"": None}, {"sha256": "a" * 64}, {"sha256": None}, [{}] * 3, [1, "a"],
    "http://[::1", "//", "file:///x", "docker-pullable://a/b@sha256:" + "a" * 64, "urn:uuid:",
]  # fmt: skip
TOKENS: list[bytes] = [
    b'"', b"\\", b"\\u0000", b"\\ud800", b"\\udc00\\ud800", b"{", b"}", b"[", b"]", b",", b":",
    b"1e999", b"-", b"9" * 401,
    b"9" * 5000, b"NaN", b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\n",
    b"\r", b"\t", b" ", b"%", b"%00", b"@", b"#", b"?", b"&", b"=", b"/", b"..", b"+",
    b"\x1f\x8b\x08",
    b"BZh9", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"[" * 200, b'{"a":' * 200, b"\xff\xff\xff\xff",
    b"\x00\x00\x00\x00", b"\x7f\xff\xff\xff", b"\xc1", b"\xdd\xff\xff\xff\xff", b"\x91" * 2000,
]  # fmt: skip


def mutated(seed: bytes, kind: str, random: randoms.Random) -> bytes:
    """Another input near ``seed``, one to four changes away."""
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        seed = _once(seed, kind, random)
    return seed[:BYTES_MAX]


def _once(seed: bytes, kind: str, random: randoms.Random) -> bytes:
    repair = _REPAIRS.get(kind)
    if repair is not None and random.random() < 0.7:
        with contextlib.suppress(Exception):  # what is too broken for it is changed blindly
            return repair(seed, random)
    if random.random() < 0.6:
        changed = _json(seed, random)
        if changed is not None:
            return changed
    if random.random() < 0.05:
        return random.choice(seeds.seeds_of(kind))
    return _bytes(seed, random)


def _bytes(seed: bytes, random: randoms.Random) -> bytes:
    at = random.randint(0, len(seed))
    to = min(len(seed), at + random.choice((1, 1, 2, 4, 16, 200)))
    how = random.randrange(7)
    if how == 0 and seed:
        at = min(at, len(seed) - 1)
        return seed[:at] + bytes([seed[at] ^ 1 << random.randrange(8)]) + seed[at + 1 :]
    if how == 1:
        return seed[:at] + random.choice(TOKENS) + seed[at:]
    if how == 2:
        return seed[:at] + random.choice(TOKENS) + seed[to:]
    if how == 3:
        return seed[:at] + seed[to:]
    if how == 4:
        return seed[:to] + seed[at:to] * random.choice((1, 2, 50)) + seed[to:]
    if how == 5:
        return seed[:at] + random.randbytes(random.choice((1, 2, 8, 64))) + seed[to:]
    return seed[: random.randint(0, len(seed))]


def _json(seed: bytes, random: randoms.Random) -> bytes | None:
    try:
        document = json.loads(seed)
    except (ValueError, RecursionError):
        return None
    places = list(_places(document))
    if not places:
        return None
    holder, key = random.choice(places)
    how = random.randrange(9)
    if how == 0:
        del holder[key]
    elif how == 1 and isinstance(holder, dict):
        other, other_key = random.choice(places)
        holder[random.choice([other_key, "", "\0", "_type", "x" * 200])] = holder[key]
    elif how == 2:
        other, other_key = random.choice(places)
        holder[key] = json.loads(json.dumps(other[other_key]))
    elif how == 3 and isinstance(holder[key], str):
        holder[key] = _text(holder[key], random)
    elif how == 4 and isinstance(holder[key], str) and (inner := _inner(holder[key], random)):
        holder[key] = inner
    elif how == 5:
        holder[key] = random.choice(([holder[key]], {"a": holder[key]}, [holder[key]] * 30))
    elif how == 6:
        for _ in range(random.choice((3, 140))):
            holder[key] = [holder[key]]
    else:
        holder[key] = random.choice(VALUES)
    if random.random() < 0.05:
        return json.dumps(document).replace('"', '"\\u0061', 1).encode()
    compact = random.random() < 0.5
    separators = (",", ":") if compact else None
    return json.dumps(document, ensure_ascii=random.random() < 0.5, separators=separators).encode(
        "utf-8", "surrogatepass"
    )


def _places(document: Any) -> Any:
    waiting = [document]
    while waiting:
        holder = waiting.pop()
        keys = range(len(holder)) if isinstance(holder, list) else list(holder) if isinstance(
            holder, dict) else ()  # fmt: skip
        for key in keys:
            yield holder, key
            if isinstance(holder[key], list | dict):
                waiting.append(holder[key])


def _text(text: str, random: randoms.Random) -> str:
    at = random.randint(0, len(text))
    added = random.choice(["", "\0", "\u202e", "é", "%", "%2F", "/", ":", "@", "?", "#", " ", "\n",
                           "\ud800", "x" * 2100, text])  # fmt: skip
    return text[:at] + added + text[at + random.choice((0, 1)) :]


def _inner(text: str, random: randoms.Random) -> str | None:
    """What is packed in base64, changed inside."""
    try:
        plain = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    changed = _json(plain, random) or _bytes(plain, random)
    return base64.b64encode(changed).decode()


# -- what a checksum or a length protects is changed inside, and made right again


def _handed(seed: bytes, random: randoms.Random) -> bytes:
    length = struct.unpack_from(">I", seed, 12)[0]
    body = seed[20 : 20 + length]
    items = msgspec.msgpack.decode(body)
    item = random.choice(items)
    if random.random() < 0.5 and isinstance(item[1], bytes):
        item[1] = _bytes(item[1], random)
    else:
        item[random.randrange(2)] = random.choice(VALUES[:8])
    body = msgspec.msgpack.encode(items) if random.random() < 0.8 else _bytes(body, random)
    count = random.choice((len(items), 0, 1, 5, 2**32 - 1))
    first = random.choice((0, 1, 2**63, 2**64 - 1))
    return seeds.handed(body, first=first, count=count) + seed[20 + length :]


def _frame(seed: bytes, random: randoms.Random) -> bytes:
    block = _bytes(seed[5:], random)
    return seed[:1] + zlib.crc32(block, zlib.crc32(seed[:1])).to_bytes(4, "big") + block


def _judge(seed: bytes, random: randoms.Random) -> bytes:
    frames = []
    at = 0
    while at < len(seed):
        length = int.from_bytes(seed[at : at + 4], "big")
        frames.append(seed[at + 4 : at + 4 + length])
        at += 4 + length
    which = random.randrange(len(frames))
    if random.random() < 0.6:
        value = msgspec.msgpack.decode(frames[which])
        places = list(_places(value))
        holder, key = random.choice(places)
        holder[key] = random.choice([*VALUES[:14], "", "Refused", "annotations", "Error", [], {}])
        frames[which] = msgspec.msgpack.encode(value)
    else:
        frames[which] = _bytes(frames[which], random)
    return b"".join(len(f).to_bytes(4, "big") + f for f in frames)


def _zip(seed: bytes, random: randoms.Random) -> bytes:
    parts = seeds.parts_of(seed)
    at = random.randrange(len(parts))
    name, written = parts[at]
    how = random.randrange(5)
    if how == 0:
        parts[at] = (
            random.choice(["../x", "/x", "entries/1\0", "entries/01", "é", name * 2]),
            written,
        )
    elif how == 1:
        parts.append(random.choice(parts))
    elif how == 2:
        del parts[at]
    else:
        parts[at] = (name, _json(written, random) or _bytes(written, random))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name that stands twice
        return seeds.zipped(parts)


def _pack(seed: bytes, random: randoms.Random) -> bytes:
    return random.choice(seeds.PACKERS)(seed) + random.choice((b"", b"", seed, bytes(20)))


def _own(seed: bytes, random: randoms.Random) -> bytes:
    payload_type, _, payload = seed.partition(b"\n")
    return payload_type + b"\n" + (_json(payload, random) or _bytes(payload, random))


_REPAIRS: dict[str, Callable[[bytes, randoms.Random], bytes]] = {
    "handed": _handed, "frame": _frame, "judge_frames": _judge, "judge_answers": _judge,
    "evidence": _zip, "packed": _pack, "own": _own,
}  # fmt: skip
