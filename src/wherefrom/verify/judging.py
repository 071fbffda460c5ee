"""A judge: a process that reads and judges records for a server, in parts of a batch.

    standard input, a socket:   frame(Rules) ──► frame(Part)… ──► end: leave
                                                   └──► frame(answers), one for each part, in order

Each knows keyring, intake rules and trusted root as they were when it started. It leaves when the
socket ends, so one whose server was killed is gone a moment later.

    frame = length u32 │ MessagePack

Sizes:  a frame is at most 1 GiB; one that claims more, or that nobody can read, ends the judge
"""

from __future__ import annotations

import contextlib
import gc
import signal
import socket
import struct
import sys
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from wherefrom.collect.collected import collect
from wherefrom.collect.principals import Principal
from wherefrom.errors import Refused
from wherefrom.formats.entry import Trust
from wherefrom.formats.intake import IntakeRule
from wherefrom.formats.own import KeyChange
from wherefrom.keys.keyring import Keyring
from wherefrom.verify.dated_root import DatedRoot, HeldRoot, dated
from wherefrom.verify.judge import judge

LENGTH: Final = struct.Struct(">I")
FRAME_BYTES_MAX: Final = 1024 * 1024 * 1024
_READ_BYTES: Final = 1024 * 1024
# What msgspec raises for bytes that are not what they should be.
UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_ENCODER: Final = msgspec.msgpack.Encoder()


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What a judgement depends on besides the record."""

    producer_key: bytes
    content_bytes_max: int
    key_changes: tuple[tuple[int, KeyChange], ...]
    root: HeldRoot | None = None
    intake: tuple[IntakeRule, ...] = ()


class Part(msgspec.Struct, frozen=True, array_like=True):
    """Records of one sender to judge. ``only`` as in ``collect``."""

    contents: list[bytes]
    principal: Principal
    received: str
    only: str | None


class Judged(msgspec.Struct, frozen=True, array_like=True, tag_field="answer", tag=1):
    """A ``Verified`` on its way back, without what the asker has."""

    digest: bytes
    kind: str
    type: str
    trust: Trust
    producer: str
    occurred: str | None
    facts: bytes | None


class Refusal(msgspec.Struct, frozen=True, array_like=True, tag_field="answer", tag=0):
    """A ``Refused`` on its way back: its class in ``errors``, and what it says."""

    name: str
    what: str
    where: str | None
    expected: str | None
    got: str | None
    do: str | None


def framed(value: Any) -> bytes:
    """``value`` as one frame."""
    body = _ENCODER.encode(value)
    return LENGTH.pack(len(body)) + body


def judge_part(
    part: Part, *, rules: Rules, keyring: Keyring, root: DatedRoot | None = None
) -> list[Judged | Refusal]:
    """The judgement of each record, in order."""
    answers: list[Judged | Refusal] = []
    for content in part.contents:
        try:
            heard = collect(
                content,
                principal=part.principal,
                received=part.received,
                only=part.only,
                content_bytes_max=rules.content_bytes_max,
            )
            v = judge(
                heard,
                keyring=keyring,
                producer_key=rules.producer_key,
                root=root,
                intake=rules.intake,
            )
        except Refused as e:
            answers.append(Refusal(type(e).__name__, e.what, e.where, e.expected, e.got, e.do))
        else:
            answers.append(
                Judged(v.digest, v.kind, v.type, v.trust, v.producer, v.occurred, v.facts)
            )
    return answers


def keyring_of(rules: Rules) -> Keyring:
    """The keyring after every change of ``rules``."""
    keyring = Keyring()
    for entry, change in rules.key_changes:
        keyring.fold(entry, change)
    return keyring


def main() -> None:
    """The process: judge what comes on standard input until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's ^C goes to all; the server decides
    # Hardly anything here is a cycle, and a part makes thousands of objects.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    with socket.socket(fileno=sys.stdin.fileno()) as server:
        serve(server)


def serve(server: socket.socket) -> None:
    """Judge what comes on this socket until it ends."""
    frames = _frames(server)
    with contextlib.suppress(StopIteration, ConnectionError, *UNREADABLE):  # nobody waits for it
        rules = msgspec.msgpack.decode(next(frames), type=Rules)
        keyring, root = keyring_of(rules), dated(rules.root)
        parts: msgspec.msgpack.Decoder[Part] = msgspec.msgpack.Decoder(Part)
        for frame in frames:
            answers = judge_part(parts.decode(frame), rules=rules, keyring=keyring, root=root)
            server.sendall(framed(answers))


def _frames(server: socket.socket) -> Iterator[bytes]:
    """Each whole frame until the other end is closed."""
    with server.makefile("rb") as stream:
        while len(head := stream.read(LENGTH.size)) == LENGTH.size:
            (length,) = LENGTH.unpack(head)
            if length > FRAME_BYTES_MAX:
                return
            body = bytearray()
            # In pieces: a length alone takes no memory.
            while len(body) < length and (
                piece := stream.read(min(length - len(body), _READ_BYTES))
            ):
                body += piece
            if len(body) < length:
                return
            yield bytes(body)
