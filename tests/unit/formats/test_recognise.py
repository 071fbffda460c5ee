"""Every input is a known kind, or refused with the right word and a name for what it is."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.links import VECTOR
from tests.paths import DATA
from tests.unit.formats.change_samples import CHANGES
from tests.unit.formats.changed import need_facts_or_refusal, with_one_change
from tests.unit.formats.test_osv import advisory
from wherefrom.errors import Error, LimitPassed, Malformed, Refused, Unsupported
from wherefrom.formats import recognise
from wherefrom.formats.recognise import FORMATS, facts_of, read

SUPPLY, LINEAGE = DATA / "supply", DATA / "lineage"
ONE_OF_EACH: dict[str, Path] = {
    "cloudevents": DATA / "runtime/cloudevents-spec/json-format-examples.json",
    "hashedrekord": DATA / "tlog/rekor-v2/clients_md_example.json",
    "sigstore_bundle": SUPPLY / "sigstore-js/tests/bundles/bundleV01-dsse-no-proof.sigstore",
    "pep740": SUPPLY / "pypi-attestations/test/assets/rfc8785-0.1.2-py3-none-any.whl.attestation",
    "dsse": SUPPLY / "archivista/test/build.attestation.json",
    "in_toto_legacy": VECTOR,
    "statement": SUPPLY / "guac-data/docs/slsa/kube-slsa-v1.24.1.json",
    "cyclonedx": SUPPLY / "cyclonedx-bom-examples/SBOM/proton-bridge/proton-bridge-v1.8.0.bom.json",
    "spdx3": SUPPLY / "none of the real inputs",
    "spdx": SUPPLY / "guac/internal/testing/testdata/exampledata/small-spdx.json",
    "openvex": SUPPLY / "chainloop/internal/schemavalidators/testdata/openvex_v0.2.0.json",
    "csaf": SUPPLY / "chainloop/internal/schemavalidators/testdata/csaf_vex_v0.2.0.json",
    "osv": SUPPLY / "none of the real inputs",
    "sarif": SUPPLY / "chainloop/pkg/attestation/crafter/materials/testdata/report.sarif",
    "openlineage": LINEAGE / "marquez/api/src/test/resources/open_lineage/event_simple.json",
}


SPDX_3 = {
    "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
    "@graph": [
        {"type": "CreationInfo", "@id": "_:c", "created": "2024-01-01T00:00:00Z"},
        {"type": "SpdxDocument", "spdxId": "urn:d", "rootElement": ["urn:p"]},
        {"type": "software_Package", "spdxId": "urn:p", "name": "p"},
        {"type": "Relationship", "spdxId": "urn:r", "relationshipType": "contains",
         "from": "urn:p", "to": ["urn:p"]},
    ],
}  # fmt: skip


def content_of(format: str) -> bytes:
    if format in CHANGES:
        return json.dumps(CHANGES[format]).encode()
    if format == "spdx3":
        return json.dumps(SPDX_3).encode()
    if format == "osv":
        return json.dumps(advisory()).encode()
    content = ONE_OF_EACH[format].read_bytes()
    if format == "hashedrekord":
        body = base64.b64decode(json.loads(content)["canonicalizedBody"])
        return body.replace(b"hashedRekordV0_0_2", b"hashedRekordV002")  # its older name
    if format == "cloudevents":
        content = json.dumps(json.loads(content)[2]).encode()
    return content


def refusal(content: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        read(content)
    return caught.value


@pytest.mark.parametrize("format", [*ONE_OF_EACH, *CHANGES])
def test_a_real_record_of_each_format_is_known_and_no_other_claims_it(format: str) -> None:
    content = content_of(format)
    recognised = read(content)
    assert recognised.format == format
    assert recognised.facts.document == "sha256:" + hashlib.sha256(content).hexdigest()
    assert facts_of(content) == recognised.facts
    assert [f.name for f in FORMATS if f.recognises(json.loads(content))] == [format]


def test_every_format_is_shown_here() -> None:
    assert [format.name for format in FORMATS] == [*ONE_OF_EACH, *CHANGES]
    assert isinstance(recognise.FACTS_VERSION, int)


@pytest.mark.parametrize("content", [b"", b" \n\t\r\n"])
def test_nothing_is_malformed(content: bytes) -> None:
    with pytest.raises(Malformed, match="the record is empty"):
        read(content)


@pytest.mark.parametrize("content", [b"{", b"[1,", b'{"a" 1}', b"{}{}", b'{"a": 1, "a": 2}'])
def test_what_starts_as_json_and_is_none_is_malformed(content: bytes) -> None:
    with pytest.raises(Malformed, match="JSON"):
        read(content)


def test_a_byte_order_mark_is_malformed_with_advice() -> None:
    with pytest.raises(Malformed, match=r"a byte order mark.*Save it as UTF-8 without"):
        read(b'\xef\xbb\xbf{"a": 1}')


def test_an_array_is_not_a_record() -> None:
    with pytest.raises(Unsupported, match=r"a JSON array is not a record: .*an array of 2"):
        read(b"[1, 2]")


@pytest.mark.parametrize(
    ("content", "look"),
    [
        (b"PK\x03\x04rest", "a ZIP archive"),
        (b"\x7fELF\x02", "an ELF program"),
        (gzip.compress(b"{}", mtime=0), "gzip data"),
        (b"name/" + bytes(252) + b"ustar\0", "a tar archive"),
        ("{}".encode("utf-16"), "UTF-16 text.*Save it as UTF-8"),
        (b"\x00\x01\x02", "binary data"),
        (b"caf\xe9 au lait", "binary data"),
        (b"-----BEGIN PUBLIC KEY-----\nMFk", "PEM PUBLIC KEY"),
        (b'<?xml version="1.0"?>\n<bom xmlns="http://cyclonedx.org/schema/bom/1.4">',
         "CycloneDX XML.*Send its JSON form"),
        (b"<?xml version='1.0'?><a/>", "XML"),
        (b"<testsuites2/>", "XML"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b"SPDXVersion: SPDX-2.2\nDataLicense: CC0-1.0\n", "SPDX tag-value text"),
        (b"# a comment\nname: x\non: [push]\n", "YAML"),
        (b"---\n- a\n", "YAML"),
        (b"# Title\n\nSome words, and more.\n", "Markdown"),
        (b"a,b,c\n1,2,3\n", "CSV"),
        (b"a\tb\tc\n1\t2\t3\n", "tab-separated values"),
        (b"#!/bin/sh\necho\n", "a script"),
        (b"just words\n", "text"),
        (("é" * 4096).encode(), "text"),
    ],
)  # fmt: skip
def test_what_is_not_json_is_unsupported_and_named(content: bytes, look: str) -> None:
    with pytest.raises(Unsupported, match=f"not JSON: expected .*, got {look}"):
        read(content)


@pytest.mark.parametrize(
    ("document", "look"),
    [
        ({"signed": {"_type": "root"}, "signatures": []}, "TUF metadata"),
        ({"type": "x", "predicate_type": "y"},
         "an in-toto statement with protobuf's field names.*Write _type"),
        ({"attestations": [{"bundle": {}}]}, "npm attestations reply.*Send the bundle"),
        ({"attestations": [1]}, "a JSON object with keys attestations"),
        ({"image_summary": {}}, "Google Cloud Build description"),
        ({"schemaVersion": 2, "layers": []}, "an OCI image index or manifest"),
        ({"$schema": "https://json-schema.org/draft/2020-12/schema"}, "JSON Schema"),
        (
            {"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v4.json"}},
            "dbt manifest",
        ),
        ({"method": "POST", "path": "/", "body": {}}, "a recorded HTTP request"),
        ({"context": {"type": "dev.cdevents.service.deployed.0.3.0"}}, "CDEvents"),
        ({"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"},
         "Sigstore trusted root"),
        ({"a": 1, "b": 2}, "a JSON object with keys a, b"),
        ({f"k{i}": i for i in range(20)}, "a JSON object with keys k0, .*k7, …"),
        ({}, "an empty JSON object"),
    ],
)  # fmt: skip
def test_json_of_another_kind_is_unsupported_and_named(document: Any, look: str) -> None:
    with pytest.raises(Unsupported, match=f"not a kind that is read: expected .*, got {look}"):
        read(json.dumps(document).encode())


def test_a_known_kind_that_is_broken_is_malformed_and_of_another_version_unsupported() -> None:
    assert refusal(b'{"eventType": "START", "job": {"namespace": "n"}}').code == "malformed"
    assert refusal(b'{"bomFormat": "CycloneDX", "specVersion": "9.9"}').code == "unsupported"


def _event(name: str) -> bytes:
    event = json.loads(content_of("openlineage"))
    event["job"]["name"] = name
    return json.dumps(event).encode()


def test_a_name_past_its_limit_is_cut_and_an_id_past_its_own_refused() -> None:
    facts = facts_of(_event("é" * 513))
    job = next(node for node in facts.nodes if node.kind == "job")
    assert job.name is not None
    assert len(job.name.encode()) <= 1024
    assert job.name.endswith("é…")
    assert job.id.endswith("é" * 513)
    with pytest.raises(LimitPassed, match=r"a record's id is too long.*id_bytes_max 2048"):
        facts_of(_event("é" * 1024))


def test_too_many_things_in_one_record_are_over_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognise, "NODES_MAX", 5)
    with pytest.raises(LimitPassed, match="nodes_max 5, got 6 nodes"):
        facts_of(content_of("openlineage"))


def test_depth_is_limited() -> None:
    with pytest.raises(LimitPassed, match="nested too deeply"):
        read(b'{"a":' * 5000 + b"1" + b"}" * 5000)


# Whatever comes.


@given(content=st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_arbitrary_bytes_give_only_our_refusals(content: bytes) -> None:
    error = refusal(content)
    assert isinstance(error, Error)
    assert str(error)


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)  # fmt: skip
_KEYS = sorted({
    "payload", "payloadType", "signatures", "_type", "predicateType", "subject", "predicate",
    "mediaType", "verificationMaterial", "dsseEnvelope", "messageSignature", "version",
    "verification_material", "envelope", "attestation_bundles", "bomFormat", "specVersion",
    "components", "dependencies", "metadata", "spdxVersion", "SPDXID", "packages", "files",
    "relationships", "specversion", "id", "source", "type", "data", "eventTime", "eventType",
    "run", "job", "dataset", "inputs", "outputs", "producer", "schemaURL", "signed",
    "attestations", "$schema", "@context", "document", "context", "method", "path", "runs",
    "@graph", "@id", "author", "timestamp", "statements", "product_tree", "vulnerabilities",
})  # fmt: skip


@given(document=st.dictionaries(st.sampled_from(_KEYS), _values, max_size=8))
@settings(max_examples=400, deadline=None)
def test_objects_with_known_keys_and_any_values_give_facts_or_our_refusals(document: Any) -> None:
    need_facts_or_refusal(document)


_DOCUMENTS = {
    name: json.loads(content_of(name)) for name in ONE_OF_EACH if name not in ("spdx", "cyclonedx")
}


@given(
    format=st.sampled_from(list(_DOCUMENTS)),
    place=st.integers(min_value=0),
    value=_values,
)
@settings(max_examples=300, deadline=None)
def test_a_real_record_with_one_change_gives_facts_or_our_refusals(
    format: str, place: int, value: Any
) -> None:
    need_facts_or_refusal(with_one_change(_DOCUMENTS[format], place, value))
