"""Gatekeeper's requests and answers."""

import json

import pytest

from wherefrom.errors import LimitPassed, Malformed, Unsupported
from wherefrom.formats import external_data
from wherefrom.formats.external_data import Item, parse, to_response

V1BETA1 = "externaldata.gatekeeper.sh/v1beta1"


def asked(*keys, **changes):
    document = {
        "apiVersion": V1BETA1, "kind": "ProviderRequest", "request": {"keys": list(keys)},
        **changes,
    }  # fmt: skip
    return json.dumps(document).encode()


def test_keys_are_read_in_their_order():
    assert parse(asked("b", "a", "b")) == (V1BETA1, ["b", "a", "b"])


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        (asked(kind="ProviderResponse"), Malformed),
        (asked(apiVersion="v9"), Unsupported),
        (asked(request=None), Malformed),
        (asked(request={"keys": "a"}), Malformed),
        (asked(1), Malformed),
        (asked(*"abcd" * 300), LimitPassed),
        (b"x", Malformed),
        (b" " * (external_data.BYTES_MAX + 1), LimitPassed),
    ],
)
def test_what_is_no_request_is_refused(written, kind):
    with pytest.raises(kind):
        parse(written)


def test_an_answer_has_every_key_and_says_that_asking_again_gives_the_same():
    said = json.loads(to_response([Item("a", {"x": 1}), Item("b", error="no")]))
    assert said == {
        "apiVersion": V1BETA1,
        "kind": "ProviderResponse",
        "response": {
            "idempotent": True,
            "items": [
                {"key": "a", "value": {"x": 1}, "error": ""},
                {"key": "b", "value": None, "error": "no"},
            ],
            "systemError": "",
        },
    }
