"""Rounds: one at a time, to a quorum or a deadline, and never in anybody's way."""

import asyncio
import contextlib

import pytest

from tests.logs import ORIGIN, VKEY, MemoryPlace, numbered, writer
from wherefrom.errors import NotFound, ProofError, Refused, SignatureError, Unavailable
from wherefrom.formats import add_checkpoint, note, tlog_policy
from wherefrom.formats.note import Note
from wherefrom.keys.cosignatures import Cosigner, check_cosignatures
from wherefrom.log.published import PublishedFile
from wherefrom.log.witness import OtherSize, Witness
from wherefrom.log.witness_client import Answer
from wherefrom.log.witnessing import Witnessing
from wherefrom.merkle.hashing import hash_leaf
from wherefrom.merkle.proofs import verify_inclusion
from wherefrom.storage.memory import MemoryHead

NAMES = ("a", "b", "c")
COSIGNERS = {name: Cosigner(f"w.{name}", 0x04, name.encode() * 32) for name in NAMES}


def policy_of(quorum="group g 2 a b c\nquorum g\n", *, urls=None):
    lines = [
        f"witness {n} {COSIGNERS[n].verifier_key.to_text()} {(urls or {}).get(n, f'http://{n}')}\n"
        for n in NAMES
    ]
    return tlog_policy.parse(("".join(lines) + quorum).encode())


class Witnesses:
    """Witnesses in this process, and whatever is to go wrong with one of them."""

    def __init__(self):
        self.held = {
            f"http://{name}": Witness(
                cosigners=[COSIGNERS[name]], logs={ORIGIN: [VKEY]},
                head_of=lambda origin: MemoryHead(), home="h", clock=lambda: 1_795_000_000,
            )
            for name in NAMES
        }  # fmt: skip
        for witness in self.held.values():
            witness.open()
        self.fault = {}
        self.asked = dict.fromkeys(self.held, 0)
        self.at_once = dict.fromkeys(self.held, 0)
        self.at_once_max = 0
        self.closed = False

    async def ask(self, url, body):
        self.asked[url] += 1
        self.at_once[url] += 1
        self.at_once_max = max(self.at_once_max, self.at_once[url])
        try:
            fault = self.fault.get(url[7:])
            if isinstance(fault, asyncio.Event):
                await fault.wait()
            elif callable(fault):
                return fault(url, body)
            elif fault is not None:
                raise fault
            return self.answer(url, body)
        finally:
            self.at_once[url] -= 1

    def answer(self, url, body):
        try:
            done = self.held[url].add_checkpoint(body)
        except (Refused, ProofError, SignatureError, NotFound) as error:
            return Answer(422, "", b"", str(error))
        if isinstance(done, OtherSize):
            return Answer(409, add_checkpoint.SIZE_MEDIA_TYPE, add_checkpoint.size_line(done.size))
        return Answer(200, "text/plain", add_checkpoint.signature_lines(done.signatures))

    async def close(self):
        self.closed = True


class Log:
    """A writer in memory with its rounds, on this test's loop."""

    def __init__(self, folder, witnesses, *, policy=None, of=None, **settings):
        self.writer = of.writer if of else writer(MemoryPlace())
        self.writer.commit(numbered(range(3)))
        self.file = PublishedFile(
            folder / "published", policy=policy or policy_of(), log_keys=lambda: [VKEY]
        )
        self.troubles = []
        self.witnesses = witnesses
        self._settings = {"deadline_s": 0.3, "on_trouble": self.troubles.append, **settings}

    async def __aenter__(self):
        self.rounds = Witnessing(
            writer=self.writer, published=self.file, client=self.witnesses, **self._settings
        )
        self.writer.on_signed = self.rounds.grown
        self.rounds.start()
        return self

    async def __aexit__(self, *_):
        await self.rounds.close()

    def add(self, first, limit):
        self.writer.commit(numbered(range(first, limit)))
        return self.writer.size


def run(test):
    asyncio.run(asyncio.wait_for(test(), 30))


async def until(holds):
    while not holds():
        await asyncio.sleep(0.005)


def by(published):
    return sorted(published.witnessed.by)


def test_a_checkpoint_is_published_once_its_quorum_has_cosigned_it(tmp_path):
    async def test():
        async with Log(tmp_path, Witnesses()) as log:
            for size in (3, log.add(3, 4), log.add(4, 300)):
                shown = await log.rounds.covering(size)
                assert shown.tree.size == log.writer.size
                signed = note.parse(shown.note)
                keys = [COSIGNERS[n].verifier_key for n in NAMES]
                assert len(check_cosignatures(signed, keys)) >= 2
                paths = log.writer.paths_at([0, size - 1], shown.tree.size)
                for index, path in zip((0, size - 1), paths, strict=True):
                    verify_inclusion(
                        leaf_hash=hash_leaf(log.writer.entry(index)), index=index, path=path,
                        tree_size=shown.tree.size, root=shown.tree.root,
                    )  # fmt: skip
            assert log.troubles == []
        assert log.witnesses.closed

    run(test)


def test_those_who_come_after_the_quorum_are_shown_too(tmp_path):
    async def test():
        witnesses = Witnesses()
        witnesses.fault["c"] = asyncio.Event()
        async with Log(tmp_path, witnesses) as log:
            assert by(await log.rounds.covering(3)) == ["a", "b"]
            witnesses.fault["c"].set()
            await until(lambda: by(log.file.read()) == ["a", "b", "c"])

    run(test)


def test_a_witness_that_is_down_or_slow_is_not_waited_for_and_catches_up(tmp_path):
    async def test():
        witnesses = Witnesses()
        witnesses.fault["a"] = Unavailable("down")
        async with Log(tmp_path, witnesses) as log:
            assert by(await log.rounds.covering(3)) == ["b", "c"]
            await log.rounds.covering(log.add(3, 50))
            del witnesses.fault["a"]
            await log.rounds.covering(log.add(50, 60))
            await until(lambda: by(log.file.read()) == ["a", "b", "c"])
            assert log.troubles == []

    run(test)


def test_without_a_quorum_a_closed_log_keeps_the_checkpoint_before_and_loses_nothing(tmp_path):
    async def test():
        witnesses = Witnesses()
        async with Log(tmp_path, witnesses) as log:
            before = await log.rounds.covering(3)
            witnesses.fault |= {"a": Unavailable("down"), "b": Unavailable("away")}
            size = log.add(3, 9)
            with pytest.raises(
                Unavailable, match=r"no checkpoint with it is published yet.*Nothing"
            ):
                await log.rounds.covering(size)
            assert log.file.read().tree == before.tree
            await until(lambda: log.troubles)
            assert (
                "not published: 1 of 3 witnesses: c; the quorum is 2 of a, b, c"
                in (log.troubles[0])
            )
            assert "a: down" in log.troubles[0]
            assert "b: away" in log.troubles[0]
            witnesses.fault.clear()
            await until(lambda: log.file.read().tree.size == size)
            assert len(log.troubles) == 1, "the same trouble is told once"

    run(test)


def test_at_the_deadline_an_open_log_publishes_with_what_it_has(tmp_path):
    async def test():
        witnesses = Witnesses()
        witnesses.fault |= {"a": asyncio.Event(), "b": Unavailable("down")}
        async with Log(tmp_path, witnesses, is_open=True) as log:
            shown = await log.rounds.covering(3)
            assert (by(shown), shown.witnessed.reached) == (["c"], False)
            assert "published without its quorum" in log.troubles[0]
            witnesses.fault.pop("a").set()
            witnesses.fault.clear()
            # The same checkpoint is asked for again, until it has its quorum.
            await until(lambda: log.file.read().witnessed.reached)

    run(test)


def test_many_adds_go_into_few_rounds_and_no_witness_is_asked_twice_at_once(tmp_path):
    async def test():
        witnesses = Witnesses()
        async with Log(tmp_path, witnesses) as log:
            waiting = []
            for n in range(200):
                size = log.add(3 + n, 4 + n)
                waiting.append(asyncio.create_task(log.rounds.covering(size)))
                await asyncio.sleep(0)
            shown = await asyncio.gather(*waiting)
            assert all(s.tree.size >= 4 + n for n, s in enumerate(shown))
            assert witnesses.at_once_max == 1
            assert max(witnesses.asked.values()) < 50

    run(test)


def test_a_witness_that_lies_counts_for_nothing_and_harms_no_other(tmp_path):
    def other_key(url, body):
        signed = add_checkpoint.parse(body).signed
        line = Cosigner("w.a", 0x04, bytes(32)).cosign(signed.text, time_s=1)
        return Answer(200, "text/plain", add_checkpoint.signature_lines((line,)))

    def wrong_signature(url, body):
        good = COSIGNERS["a"].cosign(f"{ORIGIN}\n1\n{'A' * 43}=\n", time_s=1)
        return Answer(200, "text/plain", add_checkpoint.signature_lines((good,)))

    lies = {
        "other keys": other_key,
        "did not sign this note": wrong_signature,
        "HTTP 200|note": lambda url, body: Answer(200, "text/html", b"<html>"),
        "HTTP 500": lambda url, body: Answer(500, "", b""),
        "HTTP 409": lambda url, body: Answer(409, "text/plain", b"3\n"),
        "one spelling": lambda url, body: Answer(409, add_checkpoint.SIZE_MEDIA_TYPE, b"03\n"),
        "another size each time": lambda url, body: Answer(
            409, add_checkpoint.SIZE_MEDIA_TYPE, b"%d\n" % (1 + body.startswith(b"old 1\n"))
        ),
        "An old copy of the log": lambda url, body: Answer(
            409, add_checkpoint.SIZE_MEDIA_TYPE, b"99\n"
        ),
    }

    async def test(lie, says, folder):
        witnesses = Witnesses()
        witnesses.fault["a"] = lie
        async with Log(folder, witnesses, policy=policy_of("quorum a\n")) as log:
            with pytest.raises(Unavailable):
                await log.rounds.covering(3)
            await until(lambda: log.troubles)
            assert any(part in log.troubles[0] for part in says.split("|")), log.troubles
            assert log.file.read() is None
        async with Log(folder, witnesses, of=log) as log:
            assert by(await log.rounds.covering(3)) == ["b", "c"]

    for number, (says, lie) in enumerate(lies.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        run(lambda lie=lie, says=says, folder=folder: test(lie, says, folder))


def test_two_keys_behind_one_address_are_asked_once(tmp_path):
    async def test():
        witnesses = Witnesses()
        urls = {"a": "http://a/", "b": "http://a", "c": "http://c"}
        a, b = witnesses.held["http://a"], witnesses.held["http://b"]

        def both(url, body):
            lines = (*a.add_checkpoint(body).signatures, *b.add_checkpoint(body).signatures)
            return Answer(200, "text/plain", add_checkpoint.signature_lines(lines))

        witnesses.fault |= {"a": both, "c": Unavailable("down")}
        async with Log(tmp_path, witnesses, policy=policy_of(urls=urls)) as log:
            assert by(await log.rounds.covering(3)) == ["a", "b"]
        assert witnesses.asked["http://a"] == 1

    run(test)


def test_a_restart_takes_up_what_was_published_unless_the_policy_asks_for_more(tmp_path):
    async def test():
        witnesses = Witnesses()
        down = Unavailable("down")
        witnesses.fault["c"] = down
        async with Log(tmp_path, witnesses) as log:
            await log.rounds.covering(3)
        witnesses.fault |= {"a": down, "b": down}
        async with Log(tmp_path, witnesses, of=log) as log:
            assert (await log.rounds.covering(3)).tree.size == 3
        strict = policy_of("group g all a b c\nquorum g\n")
        async with Log(tmp_path, witnesses, policy=strict, of=log) as log:
            assert log.file.read() is None
            with pytest.raises(Unavailable):
                await log.rounds.covering(3)
        (tmp_path / "published").write_bytes(b"damaged")
        async with Log(tmp_path, witnesses, of=log) as log:
            assert "the published checkpoint was changed" in log.troubles[0]
            witnesses.fault.clear()
            assert (await log.rounds.covering(3)).tree.size == 3

    run(test)


def test_a_quorum_of_none_waits_for_nobody_and_still_shows_who_cosigned(tmp_path):
    async def test():
        async with Log(tmp_path, Witnesses(), policy=policy_of("quorum none\n")) as log:
            await log.rounds.covering(3)
            await until(lambda: by(log.file.read()) == ["a", "b", "c"])

    run(test)


def test_a_full_disk_leaves_the_checkpoint_before_and_is_tried_again(tmp_path, monkeypatch):
    async def test():
        from wherefrom.log import published

        async with Log(tmp_path, Witnesses()) as log:
            before = await log.rounds.covering(3)
            await until(lambda: len(log.file.read().witnessed.by) == 3)

            def full(path, written):
                raise OSError(28, "No space left on device")

            with monkeypatch.context() as patch:
                patch.setattr(published, "replace_whole", full)
                size = log.add(3, 9)
                with pytest.raises(Unavailable):
                    await log.rounds.covering(size)
                assert log.file.read().tree == before.tree
            assert "No space left" in log.troubles[0]
            await until(lambda: log.file.read().tree.size == size)

    run(test)


def test_who_waits_when_the_server_closes_is_told_to_come_again(tmp_path):
    async def test():
        witnesses = Witnesses()
        witnesses.fault |= {name: asyncio.Event() for name in NAMES}
        async with Log(tmp_path, witnesses, deadline_s=60) as log:
            waiting = asyncio.create_task(log.rounds.covering(3))
            await asyncio.sleep(0.05)
        with pytest.raises(Unavailable, match="the server is closing"):
            await waiting

    run(test)


def test_what_is_published_never_goes_back(tmp_path):
    file = PublishedFile(
        tmp_path / "published", policy=policy_of("quorum none\n"), log_keys=lambda: [VKEY]
    )
    log = writer(MemoryPlace())
    notes = []
    for n in range(3):
        log.commit(numbered(range(n, n + 1)))
        notes.append(note.parse(log.checkpoint))
    file.write(notes[1])
    file.write(notes[1])
    with pytest.raises(ValueError, match="size 2 is published, not 1"):
        file.write(notes[0])
    file.write(notes[2])
    assert file.read().tree.size == 3
    stranger = Note(notes[2].text, (notes[2].signatures[0]._replace(name="x"),))
    with contextlib.suppress(Exception):
        file.write(stranger)
    assert file.read().tree.size == 3
