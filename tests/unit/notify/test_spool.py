"""Messages wait on disk until they are taken: in order, each once, and not for ever."""

import pytest

from tests.webhook_receiver import SECRET, SECRET_BYTES, Receiver
from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats.notify_settings import NotifySettings, Webhook, parse
from wherefrom.notify import Delivery, Message, Spool
from wherefrom.notify.delivery import GIVEN_UP_SECONDS, REST_SECONDS_MAX
from wherefrom.notify.message import id_of
from wherefrom.notify.receivers import send
from wherefrom.notify.webhook import signature


def message(number, *, urgent=False):
    return Message(
        id=id_of(number), type="policy.denied", timestamp="2026-01-01T00:00:00.000000Z",
        data={"number": number}, is_urgent=urgent,
    )  # fmt: skip


def numbers(spool):
    return [spool.read(one).data["number"] for one in spool.waiting()]


def test_what_is_urgent_goes_first_and_the_rest_as_it_came(tmp_path):
    spool = Spool(tmp_path / "n")
    for number in (3, 1, 2):
        spool.put(message(number), ["a"])
    spool.put(message(9, urgent=True), ["a"])
    assert numbers(spool) == [9, 3, 1, 2]
    assert numbers(Spool(tmp_path / "n")) == [9, 3, 1, 2], "another process finds them"


def test_a_message_that_waits_already_is_not_put_again(tmp_path):
    spool = Spool(tmp_path / "n")
    spool.put(message(1), ["a"])
    spool.put(message(1), ["a", "b"])
    assert [(one.id, one.receiver) for one in spool.waiting()] == [
        (id_of(1), "a"), (id_of(1), "b"),
    ]  # fmt: skip


def test_too_many_cost_the_oldest_that_is_not_urgent(tmp_path):
    spool = Spool(tmp_path / "n", files_max=3)
    spool.put(message(0, urgent=True), ["a"])
    for number in range(1, 5):
        spool.put(message(number), ["a"])
    assert numbers(spool) == [0, 3, 4]
    assert spool.dropped == 2


def test_a_file_that_is_none_of_ours_is_left_alone(tmp_path):
    spool = Spool(tmp_path / "n")
    spool.put(message(1), ["a"])
    (tmp_path / "n" / "notes.txt").write_text("mine")
    (one,) = spool.waiting()
    one.path.write_text("half a mess")
    assert spool.read(one) is None


# -- delivery


class Clock:
    now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


def delivery(spool, *webhooks, clock=None, troubles=None):
    settings = NotifySettings(webhooks=webhooks)
    return Delivery(
        spool, lambda: settings, clock=clock or Clock(),
        on_trouble=(troubles if troubles is not None else []).append,
    )  # fmt: skip


def to(receiver, name="a"):
    return Webhook(name=name, url=receiver.url, secret=SECRET)


def test_what_is_taken_is_gone_and_is_signed(tmp_path, receiver):
    spool = Spool(tmp_path / "n")
    spool.put(message(1), ["a"])
    assert delivery(spool, to(receiver)).once() == 1
    assert receiver.got == [
        {"type": "policy.denied", "timestamp": "2026-01-01T00:00:00.000000Z",
         "data": {"number": 1}}
    ]  # fmt: skip
    assert receiver.ids == [id_of(1)]
    assert spool.waiting() == []


def test_one_that_does_not_take_it_rests_longer_each_time_and_holds_up_nobody(tmp_path, receiver):
    spool, clock, troubles = Spool(tmp_path / "n"), Clock(), []
    with Receiver() as away:
        away.status = 500
        for number in range(3):
            spool.put(message(number), ["away", "a"])
        made = delivery(spool, to(away, "away"), to(receiver), clock=clock, troubles=troubles)
        assert made.once() == 3
        assert away.asked == 1
        assert made.once() == 0
        assert away.asked == 1, "it rests"
        rests = []
        for _ in range(12):
            began = clock.now
            while True:
                clock.now += 1
                asked = away.asked
                made.once()
                if away.asked > asked:
                    break
            rests.append(clock.now - began)
        assert rests[:4] == [1, 2, 4, 8]
        assert rests[-1] == REST_SECONDS_MAX
        assert troubles == [troubles[0]]
        assert "away does not take it (got HTTP 500)" in troubles[0] or "HTTP 500" in troubles[0]
        away.status = 204
        clock.now += REST_SECONDS_MAX
        assert made.once() == 3
        assert [got["data"]["number"] for got in away.got] == [0, 1, 2]


def test_a_message_is_given_up_after_days_and_that_is_told(tmp_path):
    spool, clock, troubles = Spool(tmp_path / "n"), Clock(), []
    spool.put(message(1), ["a"])
    (one,) = spool.waiting()
    clock.now = one.path.stat().st_mtime + GIVEN_UP_SECONDS - 10
    nobody = Webhook(name="a", url="http://127.0.0.1:9/", secret=SECRET)
    made = delivery(spool, nobody, clock=clock, troubles=troubles)
    made.once()
    assert spool.waiting()
    clock.now += 20
    made.once()
    assert spool.waiting() == []
    assert "given up" in troubles[-1]


def test_a_redirect_is_not_followed(tmp_path, receiver):
    spool = Spool(tmp_path / "n")
    spool.put(message(1), ["a"])
    receiver.status = 307
    assert delivery(spool, to(receiver)).once() == 0
    assert receiver.asked == 1


def test_what_is_for_nobody_any_more_goes(tmp_path, receiver):
    spool = Spool(tmp_path / "n")
    spool.put(message(1), ["was-there"])
    assert delivery(spool, to(receiver)).once() == 0
    assert spool.waiting() == []


def test_it_sends_on_a_thread_of_its_own(tmp_path, receiver):
    spool = Spool(tmp_path / "n")
    made = delivery(spool, to(receiver))
    made.start()
    spool.put(message(1), ["a"])
    receiver.wait_for(1)
    made.stop()


def test_the_signature_is_that_of_the_standards_own_example():
    """standard-webhooks, libraries: the vector that its test suites share."""
    key = parse_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', key=key)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def parse_secret(secret):
    return Webhook(name="a", url="https://a", secret=secret).key


# -- settings


def test_settings_name_webhooks_and_are_strict():
    said = parse(
        f"url: https://w\nwebhooks: [{{name: a, url: 'https://b', secret: {SECRET},"
        " environments: [prod]}]".encode(),
        where="notify.yaml",
    )
    (one,) = said.webhooks
    assert one.key == SECRET_BYTES
    assert (one.wants("prod"), one.wants("test")) == (True, False)
    assert parse(b"", where="notify.yaml") == NotifySettings()


@pytest.mark.parametrize(
    ("one", "says"),
    [
        ({"url": "http://example.com"}, "not an address"),
        ({"url": "ftp://127.0.0.1"}, "not an address"),
        ({"url": "https://"}, "not an address"),
        ({"url": "http://10.0.0.1"}, "not an address"),
        ({"url": "http://localhost.example.com"}, "not an address"),
        ({"secret": "abc"}, "not a secret"),
        ({"secret": "whsec_AAAA"}, "not a secret"),
        ({"secret": "whsec_!"}, "not a secret"),
        ({"name": "a b"}, "not a name"),
        ({"more": "x"}, "not settings of notifications"),
    ],
)
def test_settings_that_would_send_elsewhere_or_unsigned_are_refused(one, says):
    said = {"name": "a", "url": "https://b", "secret": SECRET, **one}
    text = "webhooks: [{" + ", ".join(f"{k}: '{v}'" for k, v in said.items()) + "}]"
    with pytest.raises(Malformed, match=says) as refused:
        parse(text.encode(), where="notify.yaml")
    assert said["secret"] not in str(refused.value)


def test_two_webhooks_of_one_name_are_refused():
    one = f"{{name: a, url: 'https://b', secret: {SECRET}}}"
    with pytest.raises(Malformed, match="two webhooks of one name"):
        parse(f"webhooks: [{one}, {one}]".encode(), where="n")
    with pytest.raises(LimitPassed):
        parse(f"webhooks: [{', '.join([one] * 21)}]".encode(), where="n")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/a", "http://[::1]/", "http://localhost/x"])
def test_http_is_for_this_machine_alone(url):
    assert parse(
        f"webhooks: [{{name: a, url: '{url}', secret: {SECRET}}}]".encode(), where="n"
    ).webhooks


def test_a_clock_that_is_set_back_makes_nobody_rest_for_longer(tmp_path, receiver):
    spool, clock = Spool(tmp_path / "n"), Clock()
    spool.put(message(1), ["a"])
    receiver.status = 500
    made = delivery(spool, to(receiver), clock=clock)
    assert made.once() == 0
    receiver.status = 204
    clock.now -= 86_400
    assert made.once() == 1


def test_what_cannot_be_told_to_one_for_a_slip_of_ours_holds_up_nobody(
    tmp_path, receiver, monkeypatch
):
    def slips(message, to, client):
        if to.name == "slips":
            raise RuntimeError("a slip")
        send(message, to, client)

    monkeypatch.setattr("wherefrom.notify.delivery.send", slips)
    spool, troubles = Spool(tmp_path / "n"), []
    spool.put(message(1), ["slips", "a"])
    made = delivery(spool, to(receiver, "slips"), to(receiver), troubles=troubles)
    assert made.once() == 1
    assert [one.receiver for one in spool.waiting()] == ["slips"]
    assert troubles == ["slips cannot be told: RuntimeError('a slip')"]
