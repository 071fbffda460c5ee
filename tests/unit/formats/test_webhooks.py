"""Any body that is posted to any adapter becomes events that are read, or an error of ours."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.formats.change_samples import CHANGES
from wherefrom.errors import Error, LimitPassed
from wherefrom.formats.recognise import read
from wherefrom.formats.states import Scope
from wherefrom.formats.webhooks import ADAPTERS, handshake, wrap

NOW = "2026-01-01T00:00:00.000000Z"
PROD = Scope("prod")
LISTS = ("items", "Records", "records", "value", "entries")
KEYS = sorted({key for sample in CHANGES.values() for key in sample} | {*LISTS, "Message", "Type"})
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
    ),
    max_leaves=8,
)


def bodies() -> Any:
    changed = st.builds(
        lambda sample, more: {**sample, **more},
        st.sampled_from([*CHANGES.values()]),
        st.dictionaries(st.sampled_from(KEYS), ODD, max_size=3),
    )
    listed = st.builds(
        lambda key, ones: {key: ones} if key else ones,
        st.sampled_from(["", *LISTS]), st.lists(changed | ODD, max_size=3),
    )  # fmt: skip
    return (changed | listed | ODD).map(lambda body: json.dumps(body).encode()) | st.binary()


@given(st.sampled_from([*ADAPTERS]), bodies(), st.text(max_size=20))
def test_no_body_however_odd_gives_anything_but_events_or_an_error_of_ours(
    adapter: str, body: bytes, pipelines: str
) -> None:
    with contextlib.suppress(Error):
        handshake(adapter, body)
    try:
        events = wrap(adapter, body, headers={}, where=PROD, now=NOW, pipelines=pipelines)
    except Error:
        return
    for event in events:
        with contextlib.suppress(Error):
            assert read(event).format == "cloudevents"


@pytest.mark.parametrize(
    ("adapter", "key", "sample"),
    [("aws", "Records", "cloudtrail"), ("google", "entries", "google_audit"),
     ("azure", "records", "azure_activity"), ("azure", "value", "azure_activity"),
     ("azure", "", "azure_activity"), ("kubernetes", "items", "k8s_audit")],
)  # fmt: skip
def test_each_element_of_a_list_is_an_event_with_its_bytes_as_they_came(
    adapter: str, key: str, sample: str
) -> None:
    raws = [json.dumps({**CHANGES[sample], "more": n}, indent=n + 1) for n in range(3)]
    listed = "[" + ",\n".join(raws) + "]"
    body = f'{{"{key}": {listed}}}' if key else listed
    events = wrap(adapter, body.encode(), headers={}, where=PROD, now=NOW)
    assert len(events) == 3
    assert all(raw.encode() in event for raw, event in zip(raws, events, strict=True))


def test_a_list_past_the_limit_is_refused() -> None:
    body = json.dumps([CHANGES["azure_activity"]] * 10_001).encode()
    with pytest.raises(LimitPassed, match="events_max 10000"):
        wrap("azure", body, headers={}, where=PROD, now=NOW)


def test_only_the_question_of_event_grid_is_answered() -> None:
    asked = {
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "data": {"validationCode": "x" * 9999},
    }
    body = json.dumps([asked]).encode()
    assert handshake("azure", body) == {"validationResponse": "x" * 512}
    assert handshake("aws", body) is None
    assert handshake("azure", json.dumps([asked, asked]).encode()) is None
    assert handshake("azure", json.dumps(asked).encode()) is None
