"""OLPC canonical JSON: the bytes under real signatures, and what has no canonical form."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.paths import DATA
from wherefrom.errors import Malformed
from wherefrom.formats import olpc_json, strict_json
from wherefrom.keys.public import PublicKey

ROOTS = sorted((DATA / "supply/root-signing/metadata/root_history").glob("*.root.json"))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"b": 1, "a": [True, False, None]}, b'{"a":[true,false,null],"b":1}'),
        ('say "a\\b"', b'"say \\"a\\\\b\\""'),
        ("line\nand\ttab\0", b'"line\nand\ttab\0"'),
        ("\N{SNOWMAN}", '"☃"'.encode()),
        ({"\U0001f600": 1, "\ufffd": 2}, '{"\ufffd":2,"\U0001f600":1}'.encode()),
        ([], b"[]"),
        ({}, b"{}"),
        (-12, b"-12"),
        (10**30, b"1" + b"0" * 30),
    ],
)
def test_the_canonical_form_is_what_the_specification_says(value, written):
    assert olpc_json.encode(value) == written


@pytest.mark.parametrize("value", [1.5, {"a": [2.0]}])
def test_a_number_that_is_no_integer_has_no_canonical_form(value):
    with pytest.raises(Malformed, match="canonical JSON has integers only: got"):
        olpc_json.encode(value)


@pytest.mark.parametrize("root", ROOTS, ids=lambda p: p.name)
def test_the_signatures_of_a_real_root_are_over_these_bytes(root):
    """Sigstore's TUF roots are signed as in-toto's old metadata is."""
    document = strict_json.decode(root.read_bytes())
    keys = document["signed"]["keys"]
    message = olpc_json.encode(document["signed"])
    checked = 0
    for signature in document["signatures"]:
        public = keys.get(signature["keyid"], {}).get("keyval", {}).get("public", "")
        if signature["sig"] and public.startswith("-----BEGIN PUBLIC KEY"):
            key = PublicKey.from_pem(public.encode())
            key.check(message, bytes.fromhex(signature["sig"]))
            checked += 1
    assert checked >= (3 if root.name not in OLD else 0)


# Their keys are written as points of the curve, not as PEM.
OLD = {f"{n}.root.json" for n in range(1, 5)}


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)


@given(_values)
def test_equal_values_have_one_form_and_others_another(value):
    again = json.loads(json.dumps(value))
    assert olpc_json.encode(again) == olpc_json.encode(value)
    assert olpc_json.encode([value]) != olpc_json.encode([value, value])
