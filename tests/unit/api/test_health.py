"""Health over HTTP: what the desk answers, of a part and a moment; and what the server counted."""

import asyncio
from types import SimpleNamespace

import pytest

from tests.folders import BUILDER, envelope, public
from tests.served import Inside, event_bytes
from tests.unit.policy.test_chains import digest, provenance, sbom
from wherefrom.api.own_measures import OwnMeasures
from wherefrom.capture import changes
from wherefrom.formats import measures
from wherefrom.formats.states import Scope
from wherefrom.keys.changes import KeyWish
from wherefrom.query.statements import predicate_in
from wherefrom.serving import measuring


@pytest.fixture
def server(tmp_path):
    with Inside(tmp_path / "data") as inside:
        inside.recorder.wish(KeyWish(action="trust", pem=public(BUILDER).to_pem()))
        yield inside


def fill(server):
    contents = [envelope(provenance(1), BUILDER), envelope(sbom(1), BUILDER)]
    for service, number, where in (("cart", 1, "prod"), ("till", 2, "prod"), ("till", 2, "test")):
        at = "2026-01-01T00:00:00Z"
        contents.append(changes.deploy(Scope(where, service), digest(number), at=at, source="/ci"))
    body = b"[" + b",".join(contents) + b"]"
    assert server.client.post("/v1/records", content=body).status_code == 201
    server.fold()


def get(server, path, **query):
    answer = server.client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_health_is_every_indicator_in_parts(server):
    fill(server)
    found = get(server, "/v1/health")
    assert [one["id"] for one in found["indicators"]] == [f"N{n}" for n in range(1, 19)]
    first = found["indicators"][0]
    assert (first["name"], first["of"], first["target"], first["met"]) == (
        "coverage", 3, 0.99, False,
    )  # fmt: skip
    assert {"environment": "test", "service": "", "kind": "", "trust": "", "value": 0.0,
            "of": 1} in first["by"]  # fmt: skip
    assert found["log"]["size"] == found["as_of"] == server.log.size


def test_health_is_of_the_part_and_the_size_that_is_asked_for(server):
    fill(server)
    size = server.log.size
    of_cart = get(server, "/v1/health", environment="prod", service="cart")["indicators"][0]
    assert (of_cart["value"], of_cart["of"]) == (1.0, 1)
    earlier = get(server, "/v1/health", as_of=size - 2)
    assert (earlier["indicators"][0]["of"], earlier["as_of"]) == (1, size - 2)


def test_what_is_behind_an_indicator_and_its_past(server):
    fill(server)
    found = get(server, "/v1/health/explain", indicator="coverage", environment="prod")
    assert [one["service"] for one in found["missing"]] == ["till"]
    assert found["fixes"][0]["rule"] == "built + contents"
    assert get(server, "/v1/health/explain")["indicator"]["id"] == "N1"
    at = found["at"]
    past = get(server, "/v1/health/history", indicator="N1", since=at, until=at, step="1h")
    assert [(one["value"], one["size"]) for one in past["points"]] == [(1 / 3, server.log.size)]


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/v1/health?as_of=x", 400, "not a number"),
        ("/v1/health?as_of=99999", 404, "the log was never of this size"),
        ("/v1/health?at=noon", 400, "at"),
        ("/v1/health/explain?indicator=N99", 404, "no such indicator"),
        ("/v1/health/history?indicator=N1", 400, "since when is not said"),
        ("/v1/health/history?since=2026-01-01T00:00:00Z&step=fast", 400, "not a duration"),
    ],
)
def test_what_cannot_be_asked_is_a_problem_that_says_so(server, path, status, says):
    fill(server)
    answer = server.client.get(path)
    assert (answer.status_code, says in answer.text) == (status, True), answer.text


def test_health_is_for_those_who_may_read(server):
    for name, status in ((None, 401), ("sender", 403), ("reader", 200)):
        with server.as_(name) as client:
            assert client.get("/v1/health").status_code == status


# -- what a server measures of itself


def test_a_server_counts_questions_verifications_and_records(tmp_path):
    own = OwnMeasures()
    said = []
    own.on_recorded = lambda: said.append(1)
    for path, status, seconds in (
        ("/v1/running", 200, 0.004), ("/v1/verify/x", 200, 0.04), ("/v1/why", 503, 3.0),
        ("/v1/verify/y", 500, 700.0), ("/checkpoint", 200, 9.0), ("/v1/find", 404, 0.0005),
    ):  # fmt: skip
        own.answered(path, status, seconds)
    own.seen(0.3)
    outcomes = []
    intake = SimpleNamespace(on_outcome=lambda *said: outcomes.append(said))
    own.follow(intake)
    for status, number in (("recorded", 3), ("known", 2), ("refused", 1)):
        intake.on_outcome(status, None, number)
    assert len(outcomes) == 3
    assert said == [1]
    found = own.take(since="2026-01-01T00:00:00.000000Z", until="2026-01-01T00:10:00.000000Z",
                     storage={"journal": 5}, free=7)  # fmt: skip
    assert (found.queries.count, found.queries.errors) == (5, 2)
    slots = [measures.slot(ms) for ms in (4, 40, 3_000, 700_000, 0.5)]
    assert [n for n, count in enumerate(found.queries.le_ms) if count] == sorted(slots)
    assert (found.verified.count, found.verified.failed) == (2, 1)
    assert (found.records.recorded, found.records.known, found.records.refused) == (3, 2, 1)
    assert measures.percentile(found.visible.le_ms, 0.99) == 300
    assert own.take(since=found.until, until=found.until, storage={}, free=None) is None


def test_what_admission_and_gates_ask_is_verified_too(tmp_path):
    own = OwnMeasures()
    artifact = digest(1)
    policy = {"name": "p", "version": "1", "rules": [{"name": "inside", "needs": "sbom"}]}
    with Inside(tmp_path / "data", own=own) as server:
        fill(server)
        asked = {"policy": policy, "environment": "prod"}
        for path, status, more in (
            ("/v1/decide", 200, {"artifacts": [artifact, digest(2)]}),
            ("/v1/gate", 201, {"artifact": artifact}),
        ):
            assert server.client.post(path, json={**asked, **more}).status_code == status
        server.fold()
        assert server.client.get(f"/v1/verify/{artifact}").status_code == 200
    found = taken(own)
    assert (found.verified.count, sum(found.verified.le_ms), found.verified.failed) == (3, 3, 0)
    assert found.queries.count == 2  # a gate signs, and is no question


def test_who_may_not_ask_is_no_error_of_the_server(tmp_path):
    own = OwnMeasures()
    with Inside(tmp_path / "data", own=own) as server:
        for name, status in (("sender", 403), (None, 401)):
            with server.as_(name) as client:
                assert client.post("/v1/decide", json={}).status_code == status
                assert client.get("/v1/running").status_code == status
        with server.as_("reader") as client:
            assert client.post("/v1/gate", json={}).status_code == 403
    found = taken(own)
    assert (found.queries.count, found.queries.errors) == (4, 0)
    assert (found.verified.count, found.verified.failed) == (3, 0)


def taken(own):
    at = "2026-01-01T00:00:00.000000Z"
    return own.take(since=at, until=at, storage={}, free=None)


def test_a_question_that_fails_unseen_is_an_error_of_the_server():
    own = OwnMeasures()

    async def fails(request):
        raise RuntimeError

    request = SimpleNamespace(url=SimpleNamespace(path="/v1/why"))
    with pytest.raises(RuntimeError):
        asyncio.run(own.timed(fails)(request))
    found = own.take(since="2026-01-01T00:00:00.000000Z", until="2026-01-01T00:00:00.000000Z",
                     storage={}, free=None)  # fmt: skip
    assert (found.queries.count, found.queries.errors) == (1, 1)


def test_what_was_measured_is_signed_into_the_log_and_told_by_health(tmp_path):
    own = OwnMeasures()
    with Inside(tmp_path / "data", own=own) as server:
        for _ in range(3):
            assert server.client.get("/v1/health").status_code == 200
        assert server.client.get("/v1/why?service=none").status_code != 500
        server.client.post("/v1/records", content=event_bytes(1))

        async def measure():
            keeping = asyncio.create_task(
                measuring.keep_measuring(
                    server.recorder, own, server.proxy, server.folder.path, every_s=0.1
                )
            )
            while server.log.refresh().size < before + 2:  # the key's word, and the measures
                await asyncio.sleep(0.02)
            size = server.log.size
            await asyncio.sleep(0.5)  # nothing was counted since
            assert server.log.refresh().size == size
            keeping.cancel()

        before = server.log.refresh().size
        asyncio.run(measure())
        content = server.log.content_of(before + 1)
        said = predicate_in(content, measures.PREDICATE_TYPE)
        assert (said["queries"]["count"], said["queries"]["errors"]) == (4, 0)
        assert said["records"] == {"known": 0, "recorded": 1, "refused": 0}
        assert said["storage"]["journal"] > 0
        assert said["free"] > 0
        server.fold()
        found = get(server, "/v1/health")["indicators"]
        assert next(one for one in found if one["id"] == "N9")["of"] == 4


def test_how_long_a_record_takes_to_be_visible_is_seen_from_its_acknowledgement():
    own, sizes = OwnMeasures(), iter([0, 5, 6, 7])
    recorder = SimpleNamespace(writer=SimpleNamespace(size=6))

    class Proxy:
        async def get(self, path):
            assert path == "/readyz"
            return SimpleNamespace(content=f"ready\ngraph {next(sizes)}\nestate 9\n".encode())

    async def look():
        looking = asyncio.create_task(measuring._keep_looking(recorder, own, Proxy(), 0.0))
        await asyncio.sleep(0)
        own.on_recorded()
        while not sum(own._seen):
            await asyncio.sleep(0.005)
        looking.cancel()

    asyncio.run(look())
    assert sum(own._seen) == 1
    assert next(sizes) == 7  # it asked until every view had it, and no more


def test_views_that_nobody_tells_of_have_reached_nothing(server):
    server.fold()
    assert asyncio.run(measuring._reached(server.proxy)) == server.log.refresh().size

    class Gone:
        async def get(self, path):
            from wherefrom.errors import Unavailable

            raise Unavailable("gone")

    assert asyncio.run(measuring._reached(Gone())) == 0
