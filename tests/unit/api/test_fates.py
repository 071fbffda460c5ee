"""An answer of any length, from memory or from a file: the same bytes, and its status."""

import asyncio
import json
import tracemalloc

import pytest

from tests.served import event_bytes, ndjson
from wherefrom.api import bodies, fates
from wherefrom.api.fates import Fates, Item


def said(made, name="items", **others):
    response = made.answer(name, others, 200)
    if hasattr(response, "body"):
        return json.loads(response.body)

    async def whole():
        return b"".join([piece async for piece in response.body_iterator])

    body = asyncio.run(whole())
    assert int(response.headers["content-length"]) == len(body)
    return json.loads(body)


@pytest.mark.parametrize("memory", [0, 10**9])
@pytest.mark.parametrize("parts", [[1], [3, 1, 2]])
def test_the_items_of_all_parts_are_answered_in_order_wherever_they_waited(
    memory, parts, monkeypatch
):
    monkeypatch.setattr(fates, "MEMORY_BYTES", memory)
    made, number = Fates(), 0
    for size in parts:
        made.add([Item("recorded", number + n) for n in range(size)])
        number += size
    answer = said(made, log={"size": 3})
    assert [item["index"] for item in answer["items"]] == list(range(number))
    assert answer["log"] == {"size": 3}


@pytest.mark.parametrize("memory", [0, 10**9])
def test_what_is_shown_may_be_some_of_them(memory, monkeypatch):
    monkeypatch.setattr(fates, "MEMORY_BYTES", memory)
    made = Fates(lambda first, items: [first + n for n, i in enumerate(items) if i.code])
    good, bad = Item("known"), Item("refused", code="limit")
    for items in ([good, good], [bad, good], [good], [bad]):
        made.add(items)
    assert said(made)["items"] == [2, 5]
    assert (made.refused, made.counts.total()) == (2, 6)


@pytest.mark.parametrize(
    ("statuses", "status"),
    [(["recorded"], 201), (["known"] * 2, 200), (["known", "recorded"], 207),
     (["refused"] * 2, 413), (["refused", "recorded"], 207)],
)  # fmt: skip
def test_the_status_is_of_all_of_them_or_of_the_first_refusal(statuses, status):
    made = Fates()
    for each in statuses:
        made.add([Item(each, code="limit" if each == "refused" else None)])
    assert made.status() == status


def test_records_past_the_limit_are_one_refusal_and_those_before_are_taken(
    server, client, number, monkeypatch
):
    monkeypatch.setattr(bodies, "RECORDS_MAX", 3)
    numbers = [number() for _ in range(5)]
    for body in (ndjson(numbers), b"[" + b",".join(map(event_bytes, numbers)) + b"]"):
        answer = client.post("/v1/records", content=body).json()["items"]
        assert [item["code"] for item in answer] == [None, None, None, "limit"]
        assert "records_max 3" in answer[3]["reason"]
    assert client.post("/v1/records", content=ndjson(numbers[:3])).status_code == 200


def test_a_long_answer_costs_little_memory_and_is_whole(server, client):
    body = b"{}\n" * 60_000
    client.post("/v1/records", content=body[:3000])
    tracemalloc.start()
    try:
        answer = client.post("/v1/records", content=body + b" " * bodies.SMALL_BODY_BYTES)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(answer.json()["items"]) == 60_000
    assert len(answer.content) > 10_000_000
    # The client in this process holds the answer, twice for a moment.
    assert peak < 3 * len(answer.content)
