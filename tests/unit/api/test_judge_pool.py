"""Judges on other cores say what the recorder says: in order, under the newest keys, always."""

import asyncio
import os
import random
import signal
import threading
from functools import partial

import pytest

from tests.journeys.test_every_input import input_paths
from tests.paths import DATA
from tests.served import command_line, event_bytes, family_of, wait_gone
from tests.unit.api.test_admin import a_key, signed
from wherefrom.app import DataFolder, open_recorder
from wherefrom.collect.decompress import open_plain
from wherefrom.collect.principals import Principal, local
from wherefrom.collect.split import split
from wherefrom.errors import Refused
from wherefrom.verify.pool import JudgePool

PRINCIPALS = {
    "local": local(0),
    "scoped": Principal(
        name="scoped", roles=("record",), kinds=("event", "sbom"), namespaces=("*o*", "d*")
    ),
}
RECEIVED = "2026-01-01T00:00:00.000000Z"


@pytest.fixture(scope="module")
def recorder(tmp_path_factory):
    folder = DataFolder(tmp_path_factory.mktemp("judges") / "data")
    folder.create(origin="log.example/judges")
    with open_recorder(folder) as recorder:
        yield recorder


others = {}  # judges of a server that other tests still use: not ours to wait for, or to kill


def family_of_judges():
    family = family_of(os.getpid())
    mine = {p: began for p, began in family.items() if others.get(p) != began}
    return {p: began for p, began in mine.items() if b"verify.judging" in command_line(p)}


def judges():
    return list(family_of_judges())


@pytest.fixture
def loop():
    """A loop for one test, with no judge of its own left after it."""
    others.clear()
    others.update(family_of(os.getpid()))
    with asyncio.Runner() as runner:
        yield runner
        # They leave once they have answered, even if nobody wants to hear it any more.
        gone = runner.run(asyncio.to_thread(lambda: wait_gone(family_of_judges())))
    assert gone, "a judge was left behind"


@pytest.fixture
def pool(recorder, loop):
    pool = JudgePool(recorder.rules, workers=2)
    yield pool

    async def close():
        pool.close()

    loop.run(close())


@pytest.fixture(scope="module")
def real_contents():
    """Every record there is in the real inputs of up to 64 KiB, in the order of their paths."""
    found = []
    for path in input_paths():
        if (DATA / path).stat().st_size > 4 * 2**20:
            continue
        with (DATA / path).open("rb") as stream:
            try:
                pieces = list(split(open_plain(stream)))
            except Refused:
                continue
        found += [p.content for p in pieces if p.content is not None and len(p.content) < 65_536]
    assert len(found) > 2000
    return found


def here(recorder, content, principal, only=None):
    try:
        verified = recorder.judge(content, principal=principal, only=only)
    except Refused as refusal:
        return refusal
    # Judged a moment apart: only when they were heard may differ.
    return type(verified)(**{**_fields(verified), "received": RECEIVED})


def _fields(struct):
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


def there(loop, pool, contents, principal=PRINCIPALS["local"], only=None):
    async def ask():
        return await pool.judge(contents, principal=principal, received=RECEIVED, only=only)

    return loop.run(ask())


def as_said(outcome):
    if isinstance(outcome, Refused):
        parts = (outcome.what, outcome.where, outcome.expected, outcome.got, outcome.do)
        return (type(outcome), str(outcome), *parts)
    return _fields(outcome)


@pytest.mark.parametrize(
    ("who", "only"), [("local", None), ("scoped", None), ("local", "openlineage")]
)
def test_the_judges_say_of_every_real_input_what_is_said_here(
    loop, recorder, pool, real_contents, who, only
):
    contents = real_contents if only is None else real_contents[::7]
    answers = there(loop, pool, contents, PRINCIPALS[who], only)
    assert len(answers) == len(contents)
    for content, answer in zip(contents, answers, strict=True):
        expected = here(recorder, content, PRINCIPALS[who], only)
        assert as_said(answer) == as_said(expected), content[:200]


def test_the_answers_keep_the_order_of_the_batch(loop, pool):
    contents = [event_bytes(n) if n % 5 else b'{"n": %d}' % n for n in range(500)]
    answers = there(loop, pool, contents)
    for n, answer in enumerate(answers):
        assert isinstance(answer, Refused) == (n % 5 == 0)
        assert n % 5 == 0 or answer.content == contents[n]


def test_a_killed_judge_costs_the_batch_nothing_but_the_detour(loop, recorder, pool):
    contents = [event_bytes(n) for n in range(200)]

    async def killed():
        assert await pool.judge(contents, principal=local(0), received=RECEIVED, only=None)
        judging = asyncio.create_task(
            pool.judge(contents * 20, principal=local(0), received=RECEIVED, only=None)
        )
        await asyncio.sleep(0.01)
        assert len(judges()) == 2
        os.kill(judges()[0], signal.SIGKILL)
        assert await judging is None  # the caller judges it itself
        # For a while nobody is asked, and then the judges are there again.
        assert await pool.judge(contents, principal=local(0), received=RECEIVED, only=None) is None
        pool._not_before = 0.0
        return await pool.judge(contents, principal=local(0), received=RECEIVED, only=None)

    answers = loop.run(killed())
    assert [a.content for a in answers] == contents


@pytest.mark.parametrize("seed", range(6))
def test_a_judge_killed_at_any_moment_keeps_no_batch_waiting(loop, pool, seed):
    # Answers are larger than a socket holds, so that a kill may leave half of one.
    chance = random.Random(seed)
    batches = [[event_bytes(n, namespace=f"{seed}-{b}") for n in range(400)] for b in range(4)]

    async def killed():
        ask = partial(pool.judge, principal=local(0), received=RECEIVED, only=None)
        assert await ask(batches[0][:64])
        judging = [asyncio.create_task(ask(batch)) for batch in batches]
        await asyncio.sleep(chance.uniform(0, 0.05))
        os.kill(chance.choice(judges()), signal.SIGKILL)
        async with asyncio.timeout(20):
            return await asyncio.gather(*judging)

    for batch, answers in zip(batches, loop.run(killed()), strict=True):
        assert answers is None or [a.content for a in answers] == batch


@pytest.mark.parametrize("how_many", [1, 2])
def test_judges_killed_while_nothing_is_asked_are_started_again(loop, pool, how_many):
    contents = [event_bytes(n) for n in range(100)]

    async def killed():
        ask = partial(pool.judge, contents, principal=local(0), received=RECEIVED, only=None)
        assert await ask()
        before = judges()
        for pid in before[:how_many]:
            os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.2)
        async with asyncio.timeout(20):
            answers = await ask()
        assert len(set(judges()) - set(before)) == 2
        return answers

    assert [a.content for a in loop.run(killed())] == contents


@pytest.mark.parametrize("executable", ["/bin/false", "/nonexistent"])
def test_judges_that_cannot_start_leave_every_batch_to_its_caller(
    loop, recorder, monkeypatch, executable
):
    contents = [event_bytes(n) for n in range(30)]

    async def unstartable():
        pool = JudgePool(recorder.rules, workers=8)
        ask = partial(pool.judge, contents, principal=local(0), received=RECEIVED, only=None)
        monkeypatch.setattr("sys.executable", executable)
        async with asyncio.timeout(20):
            assert await asyncio.gather(*(ask() for _ in range(6))) == [None] * 6
            monkeypatch.undo()
            pool._not_before = 0.0
            assert len(await ask()) == 30
        pool.close()

    loop.run(unstartable())


def test_a_thread_that_cannot_start_or_a_caller_that_leaves_spoils_nothing(
    loop, recorder, monkeypatch
):
    contents = [event_bytes(n) for n in range(30)]
    start = threading.Thread.start

    def fails(self):
        if self.name == "judge-wait":
            raise RuntimeError("can't start new thread")
        start(self)

    async def spoiled():
        pool = JudgePool(recorder.rules, workers=2)
        ask = partial(pool.judge, contents, principal=local(0), received=RECEIVED, only=None)
        async with asyncio.timeout(20):
            monkeypatch.setattr(threading.Thread, "start", fails)
            assert await ask() is None
            monkeypatch.undo()
            pool._not_before = 0.0
            leaving = asyncio.create_task(ask())
            await asyncio.sleep(0)
            leaving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leaving
            assert len(await ask()) == 30
            starting = asyncio.create_task(ask())
            pool.close()  # as the idle timer may
            answers = await starting
            assert answers is None or len(answers) == 30
        pool.close()

    loop.run(spoiled())


def test_a_key_that_becomes_trusted_while_a_batch_is_judged_counts_for_it(loop, recorder, pool):
    key, pem = a_key()
    contents = [signed(key, n) for n in range(100)]

    async def trusted_meanwhile():
        first = await pool.judge(contents, principal=local(0), received=RECEIVED, only=None)
        judging = asyncio.create_task(
            pool.judge(contents, principal=local(0), received=RECEIVED, only=None)
        )
        await asyncio.sleep(0)
        from wherefrom.keys.public import PublicKey

        recorder.change_key(PublicKey.from_pem(pem.encode()), action="trust")
        outdated = await judging
        newest = await pool.judge(contents, principal=local(0), received=RECEIVED, only=None)
        return first, outdated, newest

    first, outdated, newest = loop.run(trusted_meanwhile())
    assert {a.trust.level for a in first} == {"channel"}
    assert outdated is None  # judged under the keys of before: the caller judges it again
    assert {(a.trust.level, a.trust.signers) for a in newest} == {("signed", (key.id,))}
    assert {here(recorder, c, local(0)).trust.level for c in contents} == {"signed"}


def test_a_signature_that_fails_under_a_known_key_is_refused_there_too(loop, recorder, pool):
    key, pem = a_key()
    from wherefrom.keys.public import PublicKey

    recorder.change_key(PublicKey.from_pem(pem.encode()), action="trust", names=("ci",))
    contents = []
    for n in range(64):
        envelope = signed(key, n)
        # Another signer's bytes under this key's name.
        contents.append(envelope.replace(b'"sig":"', b'"sig":"AAAA', 1) if n % 2 else envelope)
    answers = there(loop, pool, contents)
    mine = [as_said(here(recorder, c, local(0))) for c in contents]
    assert [as_said(a) for a in answers] == mine
    assert [isinstance(a, Refused) for a in answers] == [n % 2 == 1 for n in range(64)]


def test_when_the_loop_ends_judges_that_still_hold_work_are_hung_up_on(loop, pool):
    contents = [event_bytes(n) for n in range(6000)]

    async def end_in_the_middle():
        asked = asyncio.create_task(
            pool.judge(contents, principal=local(0), received=RECEIVED, only=None)
        )
        async with asyncio.timeout(20):
            while pool._judges is None or not pool._judges.are_there:
                await asyncio.sleep(0.01)
        pool.end()
        return await asked

    assert loop.run(end_in_the_middle()) is None
