"""The statement of a record is found whatever it was signed and sent in."""

from __future__ import annotations

import json

import pytest

from tests.folders import BUILDER, envelope
from wherefrom.formats import config_bundle, release
from wherefrom.formats.config_bundle import Bundle
from wherefrom.formats.release import Code, Release
from wherefrom.keys.batches import sign_batch
from wherefrom.query.bundles import bundle_in
from wherefrom.query.statements import predicate_in

STATEMENT = release.to_statement(
    Release(
        name="cart", version="1", released="2026-01-01T00:00:00.000000Z", code=Code(commit="c" * 40)
    )
)  # fmt: skip
TYPE = release.PREDICATE_TYPE


def bundled(written: bytes) -> bytes:
    """As Sigstore's clients write it; whether it verifies, the door judged."""
    return json.dumps({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "verificationMaterial": {},
        "dsseEnvelope": json.loads(envelope(written, BUILDER)),
    }).encode()  # fmt: skip


def in_event(written: bytes) -> bytes:
    event = {"specversion": "1.0", "id": "1", "source": "/ci", "type": "t"}
    return json.dumps({**event, "data": json.loads(written)}).encode()


@pytest.mark.parametrize(
    "content",
    [
        STATEMENT, envelope(STATEMENT, BUILDER), bundled(STATEMENT), in_event(STATEMENT),
        in_event(bundled(STATEMENT)), *list(sign_batch([STATEMENT, b"{}"], BUILDER))[:1],
        *sign_batch([envelope(STATEMENT, BUILDER), STATEMENT], BUILDER),
    ],
)  # fmt: skip
def test_whatever_it_came_in(content: bytes) -> None:
    assert predicate_in(content, TYPE) == json.loads(STATEMENT)["predicate"]
    assert predicate_in(content, "urn:other") is None


@pytest.mark.parametrize(
    "content",
    [b"", b"<xml/>", b"[]", b"{}", b"\xd2\x84", b'{"specversion": "1.0", "data": 7}',
     envelope(b"x", BUILDER, payload_type="text/plain"), envelope(b"x", BUILDER),
     in_event(in_event(in_event(in_event(in_event(STATEMENT)))))],
)  # fmt: skip
def test_what_holds_none_has_none(content: bytes) -> None:
    assert predicate_in(content, TYPE) is None


def test_a_config_bundle_in_a_sigstore_bundle_is_read() -> None:
    made = Bundle(name="cart", version="1", settings={"a": 1})
    assert bundle_in(bundled(config_bundle.to_statement(made))) == made
