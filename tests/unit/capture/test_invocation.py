"""Calls of functions: recorded, kept by rule, answered for, and run again."""

import asyncio
import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wherefrom
from tests.served import Inside
from tests.unit.capture.conftest import ARTIFACT
from tests.unit.cli.running import run
from wherefrom.capture.kept_events import KeepRule, KeptEvents
from wherefrom.capture.outbox import Outbox
from wherefrom.capture.propagation import context
from wherefrom.capture.sending import Sender
from wherefrom.errors import Unavailable
from wherefrom.formats import invocation, recognise

EVENT = {"id": "event-1", "customer": "acme", "amount": 20, "headers": {"x-request-id": "order-7"}}


class Box:
    def __init__(self):
        self.records = []

    def put(self, record):
        self.records.append(record)

    def flush(self, timeout_s):
        return True


def content(record):
    return json.loads(record)["subject"]["content"]


def test_a_call_is_a_record_of_what_served_it_and_holds_no_payload(me):
    box = Box()

    @wherefrom.invocation(tenant=lambda event: event["customer"], outbox=box)
    def bill(event, given):
        assert context.current().correlation == "order-7"
        return {"billed": event.pop("amount")}

    assert bill(dict(EVENT), None) == {"billed": 20}
    said = content(box.records[0])
    assert (said["tenant"], said["request"], said["outcome"]) == ("acme", "order-7", "ok")
    assert (said["artifact"], said["reality"]) == (ARTIFACT, me.id)
    assert "billed" not in box.records[0].decode()
    committed = invocation.Committed(said["input"], said["input_nonce"])
    assert invocation.is_of(invocation.payload_of(EVENT), committed)
    assert not invocation.is_of(invocation.payload_of({**EVENT, "amount": 21}), committed)
    facts = recognise.facts_of(box.records[0])
    edges = {(edge.relation, edge.target) for edge in facts.edges}
    assert {("informed_by", "request:order-7"), ("used", ARTIFACT),
            ("associated_with", "tenant:acme")} <= edges  # fmt: skip


def test_an_error_is_recorded_and_reaches_the_caller(me):
    box = Box()

    @wherefrom.invocation(outbox=box)
    async def bill(event):
        raise KeyError("amount")

    with pytest.raises(KeyError, match="amount"):
        asyncio.run(bill({}))
    assert (content(box.records[0])["outcome"], content(box.records[0])["error"]) == (
        "error", "KeyError",
    )  # fmt: skip


@pytest.mark.parametrize("event", [None, 7, b"\xff", {"headers": 7}, {1: 2}, object(), []])
def test_whatever_the_event_is_the_handler_is_called(event, me):
    box = Box()

    @wherefrom.invocation(
        tenant=lambda event: event["x"], keep=KeptEvents("/dev/null/x"), outbox=box
    )
    def handler(event, given):
        return event

    given = SimpleNamespace(aws_request_id="call-1")
    assert handler(event, given) is event
    assert content(box.records[0])["request"] == "call-1"


def test_a_rule_says_which_payloads_are_kept():
    call = {"tenant": "a", "outcome": "ok", "input": "sha256:80" + "0" * 62}
    assert not KeepRule().keeps(call)
    assert KeepRule(tenants=["a"]).keeps(call)
    assert KeepRule(errors=True).keeps({**call, "outcome": "error"})
    assert (KeepRule(sample=0.4).keeps(call), KeepRule(sample=0.6).keeps(call)) == (False, True)


CODE = "def handler(event, given):\n    assert given.replay\n    return event['amount'] * {}\n"


def kept(tmp_path):
    @wherefrom.invocation(keep=KeptEvents(tmp_path / "kept", KeepRule(sample=1)), outbox=Box())
    def handler(event, given=None):
        return event["amount"] * 2

    handler({"id": "good", "amount": 1})
    with pytest.raises(KeyError):
        handler({"id": "bad"})
    return tmp_path / "kept"


def test_kept_events_run_again_and_outputs_are_compared(me, tmp_path, monkeypatch):
    folder = kept(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.rglob("*.json"))
    (tmp_path / "shop_same.py").write_text(
        CODE.format(2).replace("['amount']", ".get('amount', 0)")
    )
    (tmp_path / "shop_other.py").write_text(CODE.format(3))
    same = run("replay", folder, "--handler", "shop_same:handler", "--json")
    assert (same.code, same.json["same"], same.json["fixed"]) == (0, 1, 1)
    other = run("replay", folder, "--handler", "shop_other:handler")
    assert other.code == 1
    assert "differs good  2 before, 3 now" in other.out
    assert "fails   bad  KeyError" in other.out


def test_an_event_that_was_changed_since_is_broken(me, tmp_path, monkeypatch):
    folder = kept(tmp_path)
    for path in folder.rglob("*.json"):
        path.write_text(path.read_text().replace('"amount": 1', '"amount": 9'))
    (tmp_path / "shop_third.py").write_text(CODE.format(2))
    monkeypatch.chdir(tmp_path)
    ran = run("replay", folder, "--handler", "shop_third:handler", "--json")
    assert (ran.code, ran.json["broken"]) == (1, 1)
    assert run("replay", folder, "--handler", "no_such:handler").code == 2
    assert run("replay", tmp_path / "none", "--handler", "shop_third:handler").code == 2


def test_a_server_answers_which_version_served_a_request(me, tmp_path):
    with Inside(tmp_path / "data") as server:
        box = Outbox(Sender(server.url, server.token["sender"]))

        @wherefrom.invocation(tenant=lambda event: event["customer"], outbox=box, wait_s=60)
        def bill(event):
            return 1

        bill(EVENT)
        server.fold()
        answer = server.client.get("/v1/request/order-7").json()
        box.close()
    (call,) = answer["invocations"]
    assert (call["artifact"], call["tenant"], call["event"]) == (ARTIFACT, "acme", "event-1")
    assert (call["trust"], answer["traces"]) == ("channel", [])


def test_an_outbox_tries_again_and_drops_what_does_not_fit(monkeypatch):
    from wherefrom.capture import outbox as module

    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.01)
    sent = []

    class Away:
        fails = 2

        def send(self, batch):
            if self.fails:
                self.fails -= 1
                raise Unavailable("away")
            sent.extend(batch)

    box = Outbox(Away(), records_max=3)
    for number in range(3):
        box.put(b"%d" % number)
    assert box.flush(60)
    assert sent == [b"0", b"1", b"2"]
    box.close()
    box.put(b"late")
    assert box.dropped == 1


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda v: st.lists(v) | st.dictionaries(st.text(max_size=3), v),
    max_leaves=9,
)


@given(VALUES, st.binary(min_size=16, max_size=16))
def test_a_payload_is_the_same_after_json(value, nonce):
    again = json.loads(json.dumps(value))
    committed = invocation.commit(invocation.payload_of(value), nonce)
    assert invocation.is_of(invocation.payload_of(again), committed)
