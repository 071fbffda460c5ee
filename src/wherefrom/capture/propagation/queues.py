"""Messages that keep what they belong to: Kafka's headers, and an envelope for queues without any.

    send     headers=with_headers(theirs)  ──Kafka──►  with received(message.headers): …
             put(wrap(body))               ──any────►  with unwrap(got) as body: …

Kafka's headers are pairs of a text and bytes; a mapping, as AMQP and NATS have, is one too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from wherefrom.capture.propagation import context
from wherefrom.capture.propagation.context import Context

HEADERS: Final = "headers"
BODY: Final = "body"

Pairs = Iterable[tuple[str, bytes | str | None]]


def with_headers(sent: Pairs = ()) -> list[tuple[str, bytes]]:
    """Kafka's headers for a message, with ours in front; bytes as the clients want them."""
    pairs = [(name, b"" if value is None else _bytes(value)) for name, value in sent]
    ours = context.add_to(context.carrier_of(pairs))
    theirs = [(name, value) for name, value in pairs if name.lower() not in ours]
    return [*((name, value.encode()) for name, value in ours.items()), *theirs]


@contextlib.contextmanager
def received(headers: Pairs | Mapping[str, Any] | None) -> Iterator[Context]:
    """Do what is in the block as work of the message that came with these headers."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    said = [(k, v) for k, v in pairs if isinstance(k, str) and isinstance(v, str | bytes)]
    with context.entered(context.begin(context.carrier_of(said))) as here:
        yield here


def wrap(body: Any) -> dict[str, Any]:
    """An envelope around a message, of what JSON can hold if the body is."""
    return {HEADERS: context.headers(), BODY: body}


@contextlib.contextmanager
def unwrap(message: Any) -> Iterator[Any]:
    """Do what is in the block as work of the message, and get its body.

    What came without an envelope, from a sender that knows none, is a body whose work begins here.
    """
    wrapped = isinstance(message, Mapping) and message.keys() == {HEADERS, BODY}
    headers = message[HEADERS] if wrapped and isinstance(message[HEADERS], Mapping) else {}
    with received(headers):
        yield message[BODY] if wrapped else message


def _bytes(value: bytes | str) -> bytes:
    return value.encode() if isinstance(value, str) else value
