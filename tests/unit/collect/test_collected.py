"""The door: what comes in exactly as it is, and what is refused and why."""

import hashlib
import json

import pytest

from tests.folders import BUILDER, ME, envelope, statement
from tests.paths import DATA
from wherefrom.collect.collected import CONTENT_BYTES_MAX, collect
from wherefrom.collect.principals import Principal
from wherefrom.errors import LimitPassed, Malformed, NotAllowed, Unsupported

TIME = "2026-01-01T00:00:00.000000Z"


def collected(content, *, principal=ME, **settings):
    return collect(content, principal=principal, received=TIME, **settings)


def scoped(**scopes):
    return Principal(name="ci", roles=("record",), **scopes)


def event(namespace="shop", producer="https://ci.example/1"):
    return {
        "eventType": "COMPLETE",
        "eventTime": "2026-01-01T00:00:00Z",
        "run": {"runId": "01234567-89ab-7cde-8f01-23456789abcd"},
        "job": {"namespace": namespace, "name": "clean"},
        "inputs": [{"namespace": f"{namespace}-raw", "name": "receipts"}],
        "producer": producer,
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json",
    }


def cloudevent(data):
    return {
        "specversion": "1.0", "id": "1", "source": "https://ci.example/2", "type": "tests.one",
        "datacontenttype": "application/json", "data": data,
    }  # fmt: skip


def written(document):
    return json.dumps(document).encode()


@pytest.mark.parametrize("content", [envelope(statement(), BUILDER), b" \n" + statement() + b"\n"])
def test_the_content_is_the_senders_bytes_exactly_and_its_digest_is_over_them(content):
    heard = collected(content)
    assert heard.content == content
    assert heard.digest == hashlib.sha256(content).digest()
    assert heard.facts.document == "sha256:" + heard.digest.hex()
    assert (heard.received, heard.principal) == (TIME, ME)


def test_the_format_is_known_by_what_the_record_says():
    formats = {
        "dsse": envelope(statement(), BUILDER),
        "statement": statement(),
        "openlineage": written(event()),
        "cloudevents": written(cloudevent(event())),
    }
    assert {name: collected(content).format for name, content in formats.items()} == {
        name: name for name in formats
    }


def test_a_record_over_the_limit_is_refused_and_the_limit_named():
    content = statement()
    collected(content, content_bytes_max=len(content))
    with pytest.raises(
        LimitPassed, match=f"content_bytes_max {len(content) - 1}, got {len(content)}"
    ):
        collected(content, content_bytes_max=len(content) - 1)
    assert CONTENT_BYTES_MAX == 64 * 1024 * 1024


def test_where_one_format_is_taken_another_is_refused_by_name():
    assert collected(written(event()), only="openlineage").format == "openlineage"
    with pytest.raises(Unsupported, match="expected openlineage, got statement"):
        collected(statement(), only="openlineage")


@pytest.mark.parametrize(
    ("content", "error"),
    [(b"", Malformed), (b"{", Malformed), (b"{}", Unsupported), (b"\x7fELF", Unsupported)],
)
def test_what_cannot_be_read_is_refused_and_never_kept_as_it_is(content, error):
    with pytest.raises(error, match=r"."):
        collected(content)


def test_a_principal_without_the_role_sends_nothing():
    with pytest.raises(NotAllowed, match="expected a token with the role record, got roles read"):
        collected(statement(), principal=Principal(name="eve", roles=("read",)))
    for roles in (("record",), ("admin",), ("read", "record")):
        collected(statement(), principal=Principal(name="ci", roles=roles))


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        ({"kinds": ("event",)}, True),
        ({"kinds": ("sbom", "attestation")}, False),
        ({"kinds": ("*",)}, True),
        ({"namespaces": ("shop", "shop-raw")}, True),
        ({"namespaces": ("shop*",)}, True),
        ({"namespaces": ("shop",)}, False),  # the input's namespace is another
        ({"namespaces": ("sho",)}, False),
        ({"namespaces": ("shop-*",)}, False),
        ({"producers": ("https://ci.example/*",)}, True),
        ({"producers": ("https://ci.example/",)}, False),
        ({"kinds": ("event",), "namespaces": ("bank",)}, False),
    ],
)
@pytest.mark.parametrize("wrap", [lambda e: e, cloudevent])
def test_every_scope_of_a_token_must_cover_what_the_record_speaks_of(scopes, allowed, wrap):
    content = written(wrap(event()))
    if allowed:
        collected(content, principal=scoped(**scopes))
    else:
        with pytest.raises(NotAllowed, match="the token of ci does not cover this"):
            collected(content, principal=scoped(**scopes))


def test_a_scope_says_nothing_of_what_a_record_does_not_speak_of():
    collected(statement(), principal=scoped(namespaces=("shop",)))


def test_a_builder_is_a_producer_to_the_scopes():
    content = envelope(statement(builder="https://ci.example/builder"), BUILDER)
    collected(content, principal=scoped(producers=("https://ci.example/*",)))
    with pytest.raises(NotAllowed, match="does not cover this producer"):
        collected(content, principal=scoped(producers=("https://other.example/*",)))


def test_real_inputs_pass_the_door_unchanged():
    for name in ("witness/test/spdx-att.json", "archivista/test/build.attestation.json"):
        content = (DATA / "supply" / name).read_bytes()
        assert collected(content).content == content
