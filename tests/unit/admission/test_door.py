"""What comes in over HTTP: reviews, and what is none."""

import asyncio
import json

import httpx
import pytest

from tests.reviews import POLICY, SaidLog, digest, image, pod, review
from wherefrom.admission.asking import Asking
from wherefrom.admission.door import guard_app
from wherefrom.admission.guard import Guard
from wherefrom.admission.metrics import GuardMetrics
from wherefrom.admission.records import Decided
from wherefrom.errors import Unavailable
from wherefrom.formats.admission_settings import parse

GOOD, BAD = image(1), image(2)


def served(work, *, log=None, wait_s=5, broken=None):
    """What ``work(client, guard)`` gives, over the application."""

    async def run():
        guard = Guard(
            Asking(log or SaidLog(digest(1), bad=[digest(2)]), POLICY, fresh_s=30),
            parse({"environment": "prod"}, where="s"),
            decided=Decided(None, cluster="c"), wait_s=wait_s,
        )  # fmt: skip
        if broken is not None:
            guard.asking.ask = broken
        app = guard_app(guard, GuardMetrics())
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://guard") as client,
        ):
            return await work(client, guard)

    return asyncio.run(run())


def test_a_review_is_answered_200_with_its_uid_yes_or_no():
    async def work(client, _):
        return [await client.post("/validate?timeout=10s", json=review(pod(one)))
                for one in (GOOD, BAD)]  # fmt: skip

    yes, no = served(work)
    for answer in (yes, no):
        assert answer.status_code == 200
        assert answer.json()["response"]["uid"] == review(pod())["request"]["uid"]
        assert answer.headers["content-type"] == "application/json"
    assert yes.json()["response"]["allowed"] is True
    assert no.json()["response"]["allowed"] is False
    assert no.json()["response"]["status"]["code"] == 403


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/validate", b"", 400), ("/validate", b"{}", 400), ("/validate", b"\xff", 400),
        ("/mutate", b"[]", 400), ("/validate", b"[" * 5_000, 413),
        ("/validate", b'{"a":1,"a":1}', 400),
        ("/validate", json.dumps({"apiVersion": "admission.k8s.io/v1beta1",
                                  "kind": "AdmissionReview"}).encode(), 415),
        ("/validate", b" " * (32 * 1024 * 1024 + 1), 413),
        ("/nothing", b"{}", 404),
    ],
)  # fmt: skip
def test_what_is_no_review_is_a_problem_and_lets_nothing_in(path, body, status):
    async def work(client, _):
        return await client.post(path, content=body)

    answer = served(work)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert "allowed" not in answer.text


def test_a_body_that_only_says_it_is_short_is_cut_all_the_same():
    async def work(client, _):
        async def pieces():
            for _ in range(9):
                yield b" " * 4 * 1024 * 1024

        return await client.post("/validate", content=pieces())

    assert served(work).status_code == 413


def test_an_object_as_large_as_an_api_server_takes_is_looked_at_few_at_a_time():
    large = pod(BAD)
    large["spec"]["containers"][0]["env"] = [{"name": "X", "value": "<" * 1_500_000}]
    written = json.dumps(review(large)).replace("<", "\\u003c").encode()

    async def work(client, _):
        answers = await asyncio.gather(
            *(client.post("/validate", content=written) for _ in range(6))
        )
        return [one.json()["response"]["allowed"] for one in answers]

    assert len(written) > 8_000_000
    assert served(work) == [False] * 6


def test_a_get_is_told_what_is_taken():
    async def work(client, _):
        return await client.get("/validate")

    answer = served(work)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_a_mistake_of_ours_is_a_no():
    async def broken(*_, **__):
        raise RuntimeError("a slip")

    async def work(client, _):
        return await client.post("/validate", json=review(pod(GOOD)))

    answer = served(work, broken=broken)
    assert answer.status_code == 200
    assert answer.json()["response"]["allowed"] is False
    assert "a slip" not in answer.text


@pytest.mark.parametrize(("said", "waited"), [("100ms", "0.08"), ("0s", "0"), ("1ms", "0.0008")])
def test_an_api_server_that_waits_for_less_is_answered_before_it_gives_up(said, waited):
    log = SaidLog(digest(1))
    log.hold()

    async def work(client, _):
        answer = await client.post(f"/validate?timeout={said}", json=review(pod(GOOD)))
        log.free()
        return answer

    answer = served(work, log=log)
    assert answer.json()["response"]["allowed"] is False
    message = answer.json()["response"]["status"]["message"]
    assert f"the log did not answer in {waited} s" in message


def test_a_dry_run_counts_for_nothing():
    async def work(client, _):
        await client.post("/validate", json=review(pod(GOOD), dryRun=True))
        before = (await client.get("/metrics")).text
        await client.post("/validate", json=review(pod(GOOD)))
        return before, (await client.get("/metrics")).text

    before, after = served(work)
    line = 'wherefrom_admission_reviews_total{decision="allowed",environment="prod",' \
        'webhook="validate"}'  # fmt: skip
    assert line not in before
    assert f"{line} 1.0" in after
    assert "wherefrom_admission_standing 1.0" in after


def test_gatekeeper_is_answered_and_what_is_no_request_is_a_system_error():
    asked = {
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1", "kind": "ProviderRequest",
        "request": {"keys": [GOOD, BAD]},
    }  # fmt: skip

    async def work(client, _):
        return [
            await client.post("/external-data", json=asked),
            await client.post("/external-data/dev", json=asked),
            await client.post("/external-data", content=b"{"),
        ]

    good, dev, bad = served(work)
    items = good.json()["response"]["items"]
    assert items[0]["value"]["environment"] == "prod"
    assert items[1]["error"]
    assert dev.json()["response"]["items"][0]["value"]["environment"] == "dev"
    assert bad.status_code == 400
    assert bad.json()["response"]["systemError"]
    assert bad.json()["response"]["items"] == []


def test_it_is_ready_once_the_log_was_asked_whatever_it_said():
    log = SaidLog()
    log.fails = Unavailable("the log does not answer")

    async def work(client, guard):
        while not guard.asking.looked:
            await asyncio.sleep(0.01)
        return await client.get("/readyz"), await client.get("/healthz")

    ready, healthy = served(work, log=log)
    assert (ready.status_code, healthy.status_code) == (200, 200)
    assert "the log does not answer" in ready.text
