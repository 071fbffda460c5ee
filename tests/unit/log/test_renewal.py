"""Judging everything again: what a change of keys should have done is found done, or is done."""

import json
import random

import pytest

from tests.folders import BUILDER, ME, REVIEWER, STRANGER, envelope, made, public, statement
from wherefrom import app
from wherefrom.app import open_recorder
from wherefrom.formats import base64_strict, entry, own
from wherefrom.formats.entry import Trust
from wherefrom.keys.changes import KeyWish, change_of
from wherefrom.log.again import VERIFIER

KEYS = [BUILDER, REVIEWER, STRANGER]


@pytest.fixture
def folder(tmp_path):
    return made(tmp_path / "data")


def put(recorder, *names, keys=(BUILDER,)):
    contents = [envelope(statement(name), *keys) for name in names]
    return [outcome.index for outcome in recorder.record(contents, principal=ME)]


def renewed(recorder, entries_max=7):
    while (step := recorder.renew(entries_max=entries_max)).entry is None:
        pass
    return step


def said_in(recorder, index):
    document = json.loads(recorder.writer.record(index).content)
    payload = base64_strict.decode(document["payload"], where="payload")
    return own.parse_payload(document["payloadType"], payload)


def logged_alone(recorder, **wish):
    """A change of a key whose process died before it judged anything again."""
    find = recorder.decisions.keyring.get
    recorder._decide(change_of(KeyWish(**wish), find=find, now=recorder.now()))


def test_what_an_interrupted_change_of_keys_left_gets_its_verdicts_and_nothing_else_does(folder):
    with open_recorder(folder) as recorder:
        signed = put(recorder, *"abcdefghij")
        other = put(recorder, "other", keys=[STRANGER])
        logged_alone(recorder, action="trust", pem=public(BUILDER).to_pem())
        size = recorder.writer.size
        step = renewed(recorder)
        assert (step.looked, step.changed, step.until) == (11, 10, size)
        assert recorder.writer.size == size + 10 + 1
        for index in signed:
            assert recorder.decisions.verdicts[index] == Trust("signed", (public(BUILDER).id,))
        assert other[0] not in recorder.decisions.verdicts
        said = said_in(recorder, step.entry)
        written = entry.parse(recorder.writer.entry(step.entry))
        assert (written.kind, written.type) == ("system", own.media_type(said))
        assert (said.until, said.looked, said.changed) == (size, 11, 10)
        assert (said.keyring, said.verifier) == (recorder.decisions.keyring.digest, VERIFIER)
        again = renewed(recorder)
        assert (again.looked, again.changed) == (11, 0)
        assert recorder.writer.size == size + 10 + 1 + 1


def test_an_interrupted_renewal_goes_on_where_it_was_and_counts_what_it_changed(folder):
    with open_recorder(folder) as recorder:
        put(recorder, *"abcdefghij")
        logged_alone(recorder, action="trust", pem=public(BUILDER).to_pem())
        until = recorder.writer.size
        first = recorder.renew(entries_max=5)
        assert (first.next, first.entry, first.changed) == (5, None, 4)
    with open_recorder(folder) as recorder:
        looked = []
        judged = recorder._again._judged
        recorder._again._judged = lambda *range: looked.append(range) or judged(*range)
        step = renewed(recorder, entries_max=5)
        assert looked[0] == (5, 10)
        assert (step.until, step.looked, step.changed) == (until, 10, 10)
        assert not (folder.path / "renewal.json").exists()


def test_a_step_that_died_before_it_was_kept_is_done_again_and_counted_once(folder):
    with open_recorder(folder) as recorder:
        put(recorder, *"abcdef")
        logged_alone(recorder, action="trust", pem=public(BUILDER).to_pem())
        recorder.renew(entries_max=1)
        before = (folder.path / "renewal.json").read_bytes()
        recorder.renew(entries_max=3)
    (folder.path / "renewal.json").write_bytes(before)
    with open_recorder(folder) as recorder:
        assert (renewed(recorder).changed, recorder.writer.size) == (6, 1 + 6 + 1 + 6 + 1)


def test_a_renewal_begins_anew_when_the_keys_change_or_its_file_is_broken(folder):
    with open_recorder(folder) as recorder:
        put(recorder, *"abcdef")
        recorder.renew(entries_max=3)
        recorder.change_key(public(REVIEWER), action="trust")
        step = recorder.renew(entries_max=2)
        assert (step.next, step.keyring) == (2, recorder.decisions.keyring.digest)
    (folder.path / "renewal.json").write_bytes(b"{")
    with open_recorder(folder) as recorder:
        assert recorder.renew(entries_max=3).next == 3


def test_what_is_erased_is_not_looked_at(folder):
    with open_recorder(folder) as recorder:
        index, _ = put(recorder, "a", "b")
        recorder.erase(index, reason="a test", principal=ME)
        assert renewed(recorder).looked == 1


@pytest.mark.parametrize("seed", range(8))
def test_a_renewal_changes_nothing_after_any_changes_of_keys(folder, seed, monkeypatch):
    chance = random.Random(seed)
    clock = iter(range(10**6))
    monkeypatch.setattr(app, "now", lambda: f"2026-01-01T00:00:00.{next(clock):06}Z")
    with open_recorder(folder) as recorder:
        for number in range(12):
            put(recorder, f"{number}", keys=chance.sample(KEYS, chance.randint(1, 3)))
            key = public(chance.choice(KEYS))
            known = {k.id for k in recorder.decisions.keyring.list()}
            action = chance.choice(["trust", "retire", "revoke"]) if key.id in known else "trust"
            fields = {"pem": key.to_pem()} if action == "trust" else {"key": key.id}
            if action == "revoke" and chance.random() < 0.5:
                fields["compromised_since"] = f"2026-01-01T00:00:00.{number * 3:06}Z"
            recorder.wish(KeyWish(action=action, **fields))
        step = renewed(recorder)
        assert step.changed == 0
        assert step.looked > 0
