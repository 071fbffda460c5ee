"""Questions are asked once, wait for a time, and what may be kept is kept as long as it is true."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from tests.reviews import POLICY, RULES, SaidLog, digest
from wherefrom.admission import asking as module
from wherefrom.admission.asking import Asking
from wherefrom.admission.deciding import CannotTell, No, Yes
from wherefrom.admission.standing import AGAIN_SECONDS
from wherefrom.errors import SettingError, Unavailable
from wherefrom.formats import policy as policies
from wherefrom.formats.timestamps import micros

A, B, C = digest(1), digest(2), digest(3)
AWAY = Unavailable("the log does not answer", where="http://log.example")


class Time:
    """Seconds from anywhere, and since 1970, both moved by a test."""

    def __init__(self):
        self.now = 1_000.0
        self.clock = micros("2026-11-26T12:00:00Z") / 1e6


@asynccontextmanager
async def asking_of(log, *, fresh_s=30.0, turned=None):
    time = Time()
    asking = Asking(
        log, POLICY, fresh_s=fresh_s, now=lambda: time.now, clock=lambda: time.clock,
        turned=(turned.append if turned is not None else lambda key: None),
    )  # fmt: skip
    try:
        yield asking, time
    finally:
        log.free()
        asking.close()


def test_a_yes_is_asked_once_and_a_no_every_time():
    async def run():
        log = SaidLog(A, bad=[B])
        async with asking_of(log) as (asking, _):
            for _ in range(3):
                found = await asking.ask([A, B], "prod", wait_s=5)
                assert isinstance(found[A], Yes)
                assert [why.rule for why in found[B].reasons] == ["inside"]
            assert log.asked == [[A, B], [B], [B]]
            assert len(asking.standing) == 1

    asyncio.run(run())


def test_what_was_a_no_may_run_as_soon_as_it_is_recorded():
    async def run():
        log = SaidLog()
        async with asking_of(log) as (asking, _):
            (found,) = (await asking.ask([A], "prod", wait_s=5)).values()
            assert found.reasons[0].says == "nothing is recorded of it"
            log.good.add(A)
            assert isinstance((await asking.ask([A], "prod", wait_s=5))[A], Yes)

    asyncio.run(run())


def test_equal_artifacts_are_one_question_and_equal_questions_at_once_are_one():
    async def run():
        log = SaidLog(A, B)
        async with asking_of(log) as (asking, _):
            log.hold()
            together = [asyncio.create_task(asking.ask([A, A, B, A], "prod", wait_s=5))
                        for _ in range(20)]  # fmt: skip
            await asyncio.sleep(0.05)
            log.free()
            for found in await asyncio.gather(*together):
                assert set(found) == {A, B}
                assert all(isinstance(one, Yes) for one in found.values())
            assert log.asked == [[A, B]]

    asyncio.run(run())


def test_environments_are_asked_apart():
    async def run():
        log = SaidLog(A)
        async with asking_of(log) as (asking, _):
            await asyncio.gather(
                asking.ask([A], "prod", wait_s=5), asking.ask([A], "dev", wait_s=5)
            )
            assert log.asked == [[A], [A]]

    asyncio.run(run())


def test_a_question_that_takes_too_long_cannot_be_told_and_its_answer_is_there_for_the_next():
    async def run():
        log = SaidLog(A)
        async with asking_of(log) as (asking, _):
            log.hold()
            (found,) = (await asking.ask([A], "prod", wait_s=0.05)).values()
            assert isinstance(found, CannotTell)
            assert "did not answer in 0.05 s" in found.why
            log.free()
            assert isinstance((await asking.ask([A], "prod", wait_s=5))[A], Yes)
            assert log.asked == [[A]]

    asyncio.run(run())


def test_more_questions_than_can_wait_cannot_be_told(monkeypatch):
    monkeypatch.setattr(module, "WAITING_MAX", 3)

    async def run():
        log = SaidLog(*map(digest, range(10)))
        async with asking_of(log) as (asking, _):
            found = await asking.ask(list(map(digest, range(10))), "prod", wait_s=5)
            told = [isinstance(one, Yes) for one in found.values()]
            assert told == [True] * 3 + [False] * 7

    asyncio.run(run())


@pytest.mark.parametrize("error", [AWAY, SettingError("no such token"), RuntimeError("a slip")])
def test_what_goes_wrong_is_no_answer_and_never_a_yes(error):
    async def run():
        log = SaidLog(A)
        async with asking_of(log) as (asking, _):
            log.fails = error
            (found,) = (await asking.ask([A], "prod", wait_s=5)).values()
            assert isinstance(found, CannotTell)
            await asking.look()
            assert asking.trouble
            log.fails = None
            await asking.look()
            assert asking.trouble is None
            assert isinstance((await asking.ask([A], "prod", wait_s=5))[A], Yes)

    asyncio.run(run())


def test_while_the_log_is_away_what_stands_stands_until_it_is_too_old():
    async def run():
        log = SaidLog(A)
        async with asking_of(log) as (asking, time):
            await asking.look()
            await asking.ask([A], "prod", wait_s=5)
            log.fails = AWAY
            time.now += 29
            await asking.look()
            assert isinstance((await asking.ask([A], "prod", wait_s=5))[A], Yes)
            assert asking.unheard_s == 29
            time.now += 1
            (found,) = (await asking.ask([A], "prod", wait_s=5)).values()
            assert isinstance(found, CannotTell)
            assert "the log does not answer" in found.why
            log.fails = None
            await asking.look()
            assert isinstance((await asking.ask([A], "prod", wait_s=5))[A], Yes)

    asyncio.run(run())


def test_a_look_keeps_what_is_still_true_and_drops_at_once_what_is_not():
    async def run():
        log, turned = SaidLog(A, B), []
        async with asking_of(log, turned=turned) as (asking, time):
            await asking.ask([A, B], "prod", wait_s=5)
            await asking.look()
            assert log.asked == [[A, B]]  # the log has not grown
            log.size += 1
            log.good.remove(B)
            log.bad.add(B)
            time.now += 1
            await asking.look()
            assert sorted(log.asked[1]) == [A, B]
            assert [key.artifact for key in turned] == [B]
            time.now += 29.5  # as old as the first answer may be, not the second
            assert isinstance((await asking.ask([A], "prod", wait_s=5))[A], Yes)
            assert len(log.asked) == 2
            assert isinstance((await asking.ask([B], "prod", wait_s=5))[B], No)

    asyncio.run(run())


class _Slow(SaidLog):
    """Moves the clock by so much for each question."""

    seconds, time = 0.1, None

    def decide(self, policy, artifacts, environment):
        found = super().decide(policy, artifacts, environment)
        if self.time is not None:
            self.time.now += self.seconds
        return found


def test_a_log_that_grows_all_the_time_is_asked_in_turns_and_nobody_waits_for_ever():
    async def run():
        many = [digest(n) for n in range(400)]
        log = _Slow(*many)
        async with asking_of(log) as (asking, time):
            for environment in ("dev", "prod"):
                await asking.ask(many[:200], environment, wait_s=30)
            log.time, log.asked = time, []
            heard = dict.fromkeys(asking.standing._kept, 0)
            assert len(heard) == 400
            for _ in range(12):
                log.size += 1
                log.asked.clear()
                await asking.look()
                assert 40 <= sum(map(len, log.asked)) <= 80  # a tenth, or a quarter of a second
                time.now += 0.6
                for key, kept in asking.standing._kept.items():
                    heard[key] = max(heard[key], kept.asked)
            assert min(heard.values()) > 1_000, "somebody was never asked again"
            assert len(asking.standing) == 400

    asyncio.run(run())


def test_without_new_records_what_stands_is_asked_again_each_minute():
    async def run():
        log = SaidLog(A)
        async with asking_of(log) as (asking, time):
            await asking.ask([A], "prod", wait_s=5)
            for _ in range(int(AGAIN_SECONDS) + 5):
                time.now += 1
                await asking.look()
                assert isinstance((await asking.ask([A], "prod", wait_s=5))[A], Yes)
            assert log.asked == [[A], [A]]

    asyncio.run(run())


def test_another_policy_lets_nothing_in_that_only_the_old_one_did():
    async def run():
        log = SaidLog(A)
        async with asking_of(log) as (asking, _):
            await asking.ask([A], "prod", wait_s=5)
            asking.use(policies.parse({**RULES, "version": "2"}, where="p"))
            await asking.ask([A], "prod", wait_s=5)
            assert len(log.asked) == 2
            await asking.look()
            assert {key.policy for key in asking.standing._kept} == {asking.digest}

    asyncio.run(run())


def test_what_waits_while_another_policy_comes_is_no_answer_of_either():
    async def run():
        log = SaidLog(A, B)
        async with asking_of(log) as (asking, _):
            log.hold()
            filling = [
                asyncio.create_task(asking.ask([digest(n)], f"e{n}", wait_s=5)) for n in range(4)
            ]
            await asyncio.sleep(0.05)  # every worker is busy
            waiting = asyncio.create_task(asking.ask([A], "prod", wait_s=5))
            await asyncio.sleep(0.05)
            asking.use(policies.parse({**RULES, "version": "2"}, where="p"))
            log.free()
            (found,) = (await waiting).values()
            assert found == CannotTell("the policy has just changed")
            await asyncio.gather(*filling)
            assert isinstance((await asking.ask([A], "prod", wait_s=5))[A], Yes)

    asyncio.run(run())


class _Swapped(SaidLog):
    """Answers another question than was asked."""

    def decide(self, policy, artifacts, environment):
        return super().decide(policy, [C], environment)


class _Short(SaidLog):
    def decide(self, policy, artifacts, environment):
        return super().decide(policy, artifacts, environment)[1:]


@pytest.mark.parametrize(
    ("log", "says"), [(_Swapped(C), "another question"), (_Short(A), "not as many answers")]
)
def test_an_answer_to_another_question_is_none(log, says):
    async def run():
        async with asking_of(log) as (asking, _):
            (found,) = (await asking.ask([A], "prod", wait_s=5)).values()
            assert isinstance(found, CannotTell)
            assert says in found.why
            assert len(asking.standing) == 0

    asyncio.run(run())
