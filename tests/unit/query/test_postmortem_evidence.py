"""The evidence of a postmortem is of that incident alone, and no byte of it may differ."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from tests.incident_story import Story, evening
from wherefrom.app import open_log
from wherefrom.errors import Malformed
from wherefrom.formats import dsse
from wherefrom.formats.note import parse_verifier_key
from wherefrom.formats.own import parse_payload
from wherefrom.verify.evidence_file import check
from wherefrom.verify.steps import Report, Step


@pytest.fixture(autouse=True)
def sealing():
    """Once is enough: how the graph lies on disk is tested elsewhere."""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The parts of the evidence, and the keys of the log."""
    with pytest.MonkeyPatch.context() as patch:
        story = Story(tmp_path_factory.mktemp("evening"), patch)
        evening(story)
        written = story.desk().postmortem_evidence("cart fails").written
        envelope = dsse.parse(json.loads(open_log(story.folder).content_of(0)))
        genesis = parse_payload(envelope.payload_type, envelope.payload)
        keys = [parse_verifier_key(genesis.log_key)]
        with zipfile.ZipFile(io.BytesIO(written)) as archive:
            yield {name: archive.read(name) for name in archive.namelist()}, keys


def checked(told, **changed):
    parts, keys = told
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, written in {**parts, **changed}.items():
            archive.writestr(name, written)
    try:
        return check(out.getvalue(), log_keys=keys)
    except Malformed as error:  # what cannot be read
        return Report("failed", [Step("read", False, str(error))])


def manifest(told, **changed):
    said = {**json.loads(told[0]["manifest.json"]), **changed}
    return checked(told, **{"manifest.json": json.dumps(said).encode()})


def test_as_it_was_made_it_is_proven_to_be_of_that_incident(told):
    found = checked(told)
    assert found.result == "proven"
    assert "speaks of it" in next(one.says for one in found.steps if one.name == "incident")


def test_a_byte_that_differs_anywhere_is_refused(told):
    parts, _ = told
    for name, written in parts.items():
        # Of what it is said to be of, the last part: a word that names no incident binds nothing.
        start = written.index(b":wherefrom:cart") if name == "manifest.json" else 0
        end = written.index(b'","trace"') if name == "manifest.json" else len(written)
        for at in {start + 1, (start + end) // 2, end - 1}:
            changed = bytearray(written)
            changed[at] ^= 1
            found = checked(told, **{name: bytes(changed)})
            assert found.result == "failed", (name, at)


def test_it_does_not_pass_for_that_of_another_incident(told):
    found = manifest(told, of="incident:wherefrom:mail-fails@then")
    assert (found.result, found.steps[-1].name) == ("failed", "incident")
    assert "no record in it speaks of the incident" in found.steps[-1].says
