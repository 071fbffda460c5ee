"""Links and layouts: what they say, wrapped, bare, in DSSE and as a predicate; who signed them."""

import gzip
import io
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.folders import BUILDER, REVIEWER, STRANGER, asked, envelope, made, public, record
from tests.links import APP, SOURCE, TOOL, VECTOR, layout, link, wrapped
from tests.paths import REPOSITORY
from tests.unit.keys.test_keyring import change, ring
from wherefrom.collect.decompress import open_plain
from wherefrom.collect.split import split
from wherefrom.errors import BadSignature, LimitPassed, Malformed, Refused
from wherefrom.formats import in_toto_legacy
from wherefrom.formats.recognise import read
from wherefrom.keys.envelopes import signers_of
from wherefrom.keys.keyring import Signing
from wherefrom.query.desk import TraceOptions

ID = "sha256:" + "0" * 64
DONE = f"activity:{ID}"


def facts(document):
    return in_toto_legacy.facts(document, document_id=ID)


def edges(found):
    return {(e.source, e.relation, e.target) for e in found.edges}


def node(found, id):
    return next(n for n in found.nodes if n.id == id)


# What a link says.


def test_a_link_is_an_activity_that_used_its_materials_and_made_its_products():
    found = facts({"signed": link(), "signatures": []})
    assert (found.kind, found.type) == ("attestation", "application/vnd.in-toto.link+json")
    source, tool, app = (f"sha256:{d}" for d in (SOURCE, TOOL, APP))
    assert edges(found) == {
        (ID, "describes", DONE),
        *((ID, "describes", product) for product in (source, tool, app)),
        (source, "alternate", "sha512:" + "4" * 128),
        (DONE, "used", source),
        (DONE, "used", tool),
        (app, "generated_by", DONE),
    }
    activity = node(found, DONE)
    assert (activity.kind, activity.name) == ("activity", "build")
    assert activity.properties == {"command": ["cc", "-o", "app", "app.c"], "exitCode": 0}
    assert node(found, app).name == "app"


def test_a_file_that_was_changed_in_place_was_used_and_made():
    found = facts(link(materials={"f": {"sha256": SOURCE}}, products={"f": {"sha256": APP}}))
    assert (DONE, "used", f"sha256:{SOURCE}") in edges(found)
    assert (f"sha256:{APP}", "generated_by", DONE) in edges(found)


def test_every_strong_digest_of_a_material_is_another_name_of_it_and_a_weak_one_a_property():
    digests = {"sha256": SOURCE, "sha512": "4" * 128, "sha1": "5" * 40}
    found = facts(link(materials={"f": digests}, products={}))
    assert (f"sha256:{SOURCE}", "alternate", "sha512:" + "4" * 128) in edges(found)
    assert node(found, f"sha256:{SOURCE}").properties == {"hash_sha1": "5" * 40}


def test_the_environment_and_the_output_of_the_command_stay_in_the_content():
    told = repr(facts(link()))
    assert "hush" not in told
    assert 'a \\"word' not in told
    assert "stdout" not in told


def test_a_long_command_is_cut():
    found = facts(link(command=["x" * 1000] * 100))
    command = node(found, DONE).properties["command"]
    assert len(command) == 65
    assert command[-1] == "…"
    assert max(map(len, command)) == 256


def test_a_link_says_the_same_wrapped_bare_and_in_dsse():
    bare = json.dumps(link()).encode()
    found = [read(c, document_id=ID) for c in (bare, wrapped(link()), envelope(bare, BUILDER))]
    assert [f.format for f in found] == ["in_toto_legacy", "in_toto_legacy", "dsse"]
    assert found[0].facts == found[1].facts == found[2].facts


@pytest.mark.parametrize(
    "kind",
    [
        "https://in-toto.io/attestation/link/v0.3",
        "https://in-toto.io/Link/v1",
        "https://in-toto.io/Link/v0.3",
        "https://in-toto.io/Link/v0.2",
    ],
)
@pytest.mark.parametrize("listed", [True, False])
def test_a_link_as_predicate_makes_the_subjects(kind, listed):
    materials = {"app.c": {"sha256": SOURCE}}
    if listed:
        materials = [{"name": name, "digest": digest} for name, digest in materials.items()]
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {"name": "app", "digest": {"sha256": APP}},
            {"name": "app.c", "digest": {"sha256": SOURCE}},
        ],
        "predicateType": kind,
        "predicate": {"name": "build", "command": ["cc"], "materials": materials,
                      "byproducts": {"return-value": 2}, "environment": {}},
    }  # fmt: skip
    found = read(json.dumps(statement).encode(), document_id=ID)
    assert found.format == "statement"
    assert found.facts.type == kind
    assert edges(found.facts) == {
        (ID, "describes", f"sha256:{APP}"),
        (ID, "describes", f"sha256:{SOURCE}"),
        (DONE, "used", f"sha256:{SOURCE}"),
        (f"sha256:{APP}", "generated_by", DONE),
    }
    assert node(found.facts, DONE).properties == {"command": ["cc"], "exitCode": 2}


def test_an_empty_link_as_predicate_says_no_more_than_its_subjects():
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "app", "digest": {"sha256": APP}}],
        "predicateType": "https://in-toto.io/Link/v1",
        "predicate": {},
    }
    found = read(json.dumps(statement).encode(), document_id=ID).facts
    assert edges(found) == {(ID, "describes", f"sha256:{APP}")}


# What a layout says.


def test_a_layout_is_a_policy_of_steps_and_of_who_may_sign_for_them():
    found = facts({"signed": layout(BUILDER, REVIEWER), "signatures": []})
    assert (found.kind, found.type) == ("attestation", "application/vnd.in-toto.layout+json")
    step, check = f"job:{ID}/step:build", f"job:{ID}/inspection:unpack"
    assert edges(found) == {
        (ID, "contains", step),
        (ID, "contains", check),
        (step, "attributed_to", public(BUILDER).id),
        (step, "attributed_to", public(REVIEWER).id),
    }
    policy = node(found, ID)
    assert (policy.kind, policy.name) == ("policy", "How app is built")
    assert policy.properties == {"expires": "2030-01-01T00:00:00.000000Z"}
    assert node(found, step).properties == {
        "expected_command": ["cc", "-o", "app", "app.c"],
        "expected_materials": ["ALLOW app.c", "DISALLOW *"],
        "expected_products": ["CREATE app"],
        "threshold": 1,
    }
    assert node(found, check).properties == {
        "run": ["tar", "xf", "app.tar"],
        "inspection": True,
        "expected_materials": ["MATCH app WITH PRODUCTS FROM build"],
    }


def test_a_key_in_pem_is_the_key_we_know_and_any_other_is_the_layouts_own():
    written = layout()
    written["keys"] = {
        "a" * 64: {"scheme": "rsassa-pss-sha256", "keyval": {"public": public(BUILDER).to_pem()}},
        "b" * 64: {"keyval": {"public": "no key"}},
    }
    written["steps"][0]["pubkeys"] = ["a" * 64, "b" * 64, "c" * 64]
    found = facts(written)
    targets = {target for _, relation, target in edges(found) if relation == "attributed_to"}
    assert targets == {public(BUILDER).id, "key:" + "b" * 64, "key:" + "c" * 64}


# What is refused.


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (link(name=None), "signed.name"),
        (link(materials=[1]), "signed.materials"),
        (link(products={"f": "x"}), r"signed.products\['f'\]"),
        (link(command={"a": 1}), "signed.command"),
        (link(command=[1]), r"signed.command\[0\]"),
        (link(byproducts=[]), "signed.byproducts"),
        (layout(expires="tomorrow"), "signed.expires"),
        (layout(steps=[{}]), r"signed.steps\[0\].name"),
        (layout(steps=[{"name": "a", "threshold": "1"}]), r"steps\[0\].threshold"),
        (layout(steps=[{"name": "a", "expected_products": [["CREATE", 1]]}]),
         r"steps\[0\].expected_products\[0\]"),
        (layout(keys={"a": {"keyval": 1}}), r"signed.keys\['a'\].keyval"),
    ],
)  # fmt: skip
def test_what_is_broken_is_refused_and_named(document, says):
    with pytest.raises(Malformed, match=says):
        facts({"signed": document, "signatures": []})


def test_signatures_that_are_none_are_refused():
    with pytest.raises(Malformed, match=r"not hexadecimal, at signatures\[0\].sig"):
        facts({"signed": link(), "signatures": [{"keyid": "a", "sig": "zz"}]})
    with pytest.raises(Malformed, match=r"signatures\[0\].sig"):
        facts({"signed": link(), "signatures": [{"keyid": "a"}]})
    with pytest.raises(LimitPassed, match="64 at most"):
        facts({"signed": link(), "signatures": [{"sig": "00"}] * 65})


# Who signed.


def known(*keys, **fields):
    return ring(*(change(public(key), **fields) for key in keys))


def signed_by(content, keyring):
    return signers_of(read(content).envelope, keyring, Signing("2026-01-01T00:00:00.000000Z"))


def test_a_signature_by_a_known_key_is_found_whatever_in_toto_calls_the_key():
    content = wrapped(link(), BUILDER, STRANGER)
    assert signed_by(content, known(REVIEWER, BUILDER))[:2] == ((public(BUILDER).id,), 1)
    assert signed_by(content, known(REVIEWER))[:2] == ((), 2)
    assert signed_by(wrapped(link()), known(BUILDER))[:2] == ((), 0)


def test_a_signature_that_names_a_known_key_must_be_by_it():
    keyring = known(BUILDER, names=("a" * 64,))
    good = wrapped(link(), BUILDER, hints=["a" * 64])
    assert signed_by(good, keyring).known == (public(BUILDER).id,)
    with pytest.raises(BadSignature, match=r"signatures\[0\]"):
        signed_by(good.replace(b'"app.c"', b'"app.d"'), keyring)


def test_white_space_and_the_order_of_keys_are_not_signed():
    document = json.loads(wrapped(link(), BUILDER))
    content = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    assert signed_by(content, known(BUILDER)).known == (public(BUILDER).id,)


def test_what_has_no_canonical_form_is_recorded_and_not_judged():
    document = json.loads(wrapped(link(), BUILDER))
    document["signed"]["byproducts"]["seconds"] = 1.5
    assert signed_by(json.dumps(document).encode(), known(BUILDER))[:2] == ((), 0)


def test_a_signature_of_gpg_is_recorded_and_not_judged():
    keyring = known(BUILDER, names=("gpg",))
    for key in ("sig", "signature"):
        signature = {"keyid": "gpg", key: "00" * 64, "other_headers": "04000108"}
        content = json.dumps({"signed": link(), "signatures": [signature]}).encode()
        assert signed_by(content, keyring)[:2] == ((), 0)


def test_a_signed_link_enters_the_log_as_signed_and_its_product_is_traced(tmp_path):
    folder = made(tmp_path / "d")
    content = wrapped(link(), BUILDER)
    (outcome,) = record(folder, content, trust=[BUILDER])
    assert outcome.status == "recorded"
    with asked(folder) as desk:
        trace = desk.trace(f"sha256:{APP}", TraceOptions())
        assert {e.trust for e in trace.edges} == {"signed"}
        assert f"sha256:{SOURCE}" in {n.id for n in trace.nodes}


def test_a_key_that_becomes_known_later_vouches_for_the_link_it_signed(tmp_path):
    folder = made(tmp_path / "d")
    record(folder, wrapped(link(), BUILDER), wrapped(layout(BUILDER), BUILDER))
    record(folder, trust=[BUILDER])
    with asked(folder) as desk:
        assert {e.trust for e in desk.trace(f"sha256:{APP}", TraceOptions()).edges} == {"signed"}
        step = next(m.id for m in desk.find("build").matches if m.kind == "job")
        assert {e.trust for e in desk.trace(step, TraceOptions()).edges} == {"signed"}


# Around it, and whatever comes.


def test_json_lines_compressed_are_cut_and_read():
    written = [json.dumps(d).encode() for d in (link(), {"signed": layout(), "signatures": []})]
    lines = b"\n".join(written)
    pieces = list(split(open_plain(io.BytesIO(gzip.compress(lines)))))
    assert [read(p.content).format for p in pieces] == ["in_toto_legacy"] * 2


def test_the_vector_is_what_its_generator_writes():
    assert VECTOR.read_bytes() == wrapped(link(), BUILDER) + b"\n"


def test_the_pages_example_is_read_as_it_says():
    page = (REPOSITORY / "docs/formats/in-toto-legacy.md").read_text()
    example = json.loads(re.search(r"```json\n(.*?)```", page, re.DOTALL)[1])
    told = re.search(r"```text\n(.*?)```", page, re.DOTALL)[1]

    def short(id):
        id = {ID: "record", DONE: "activity:record"}.get(id, id)
        return re.sub(r"(sha256:[0-9a-f]{8})[0-9a-f]+", r"\1…", id)

    lines = [[short(e.source), e.relation, short(e.target)] for e in facts(example).edges]
    assert [line.split() for line in told.strip().splitlines()] == lines


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
_FIELDS = sorted({*link(), *layout()})


@given(
    document=st.dictionaries(st.sampled_from(_FIELDS), _values),
    kind=st.sampled_from(["link", "layout"]),
    signatures=_values,
)
@settings(max_examples=300, deadline=None)
def test_fields_of_any_value_give_facts_or_our_refusals(document, kind, signatures):
    written = {"signed": document | {"_type": kind}, "signatures": signatures}
    try:
        found = read(json.dumps(written).encode()).facts
    except Refused:
        return
    ids = {n.id for n in found.nodes}
    assert all(e.source in ids and e.target in ids for e in found.edges)
