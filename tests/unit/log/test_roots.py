"""Trusted roots in a log: set, judged under, too old, changed while records come, judged again."""

import json

import pytest

from tests.folders import BUILDER, ME, REVIEWER, made, public
from tests.sigstore_world import Made, spki_of, world
from tests.unit.log.test_key_changes import ruled
from wherefrom import app
from wherefrom.app import decided, open_log, open_recorder
from wherefrom.errors import LimitPassed, Malformed, NotAllowed, NotFound, Unsupported
from wherefrom.formats import base64_strict, entry, own
from wherefrom.formats.entry import Trust
from wherefrom.keys import changes
from wherefrom.keys.changes import RootWish
from wherefrom.keys.public import PublicKey

ROOT = json.dumps(world().root(), indent=1)
OTHER = json.dumps(world().root() | {"certificateAuthorities": [], "ctlogs": []})
NO_LOG = json.dumps(world().root() | {"tlogs": []})


class Hands:
    """A clock that shows what it is set to, a microsecond later each time."""

    def __init__(self):
        self.at, self.steps = "2026-09-01T00:00:00", 0

    def __call__(self):
        self.steps += 1
        return f"{self.at}.{self.steps:06}Z"


@pytest.fixture
def hands(monkeypatch):
    clock = Hands()
    monkeypatch.setattr(app, "now", clock)
    return clock


@pytest.fixture
def folder(tmp_path):
    return made(tmp_path / "data")


@pytest.fixture
def recorder(hands, folder):
    with open_recorder(folder) as opened:
        yield opened


def bundle(**changes):
    return json.dumps(Made(**changes).document()).encode()


def put(recorder, *contents):
    return [outcome.index for outcome in recorder.record(contents, principal=ME)]


def level(recorder, index):
    return recorder.decisions.trust_of(index, recorder.writer.entry(index)).level


def renewed(recorder, entries_max=3):
    while (step := recorder.renew(entries_max=entries_max)).entry is None:
        pass
    return step


def said_in(recorder, index):
    document = json.loads(recorder.writer.record(index).content)
    payload = base64_strict.decode(document["payload"], where="payload")
    return own.parse_payload(document["payloadType"], payload)


def test_what_is_set_is_judged_under_kept_whole_and_told_by_version(recorder):
    (before,) = put(recorder, bundle())
    changed = recorder.set_root(RootWish(trusted_root=ROOT, reason="from today on"))
    assert (changed.version, changed.digest) == (1, own.digest_of_root(ROOT.encode()))
    (after,) = put(recorder, bundle(version=2))
    assert (level(recorder, before), level(recorder, after)) == ("channel", "keyless")
    recorder.set_root(RootWish(trusted_root=NO_LOG))
    assert level(recorder, put(recorder, bundle(version=1))[0]) == "channel"
    now, past = recorder.roots(), recorder.roots(version=1)
    assert (now.version, now.state, past.state) == (2, "good", "past")
    assert (past.trusted_root, past.entry, past.reason) == (ROOT, changed.entry, "from today on")
    assert said_in(recorder, changed.entry).trusted_root == ROOT
    assert [v.version for v in now.versions] == [1, 2]
    assert {b.what for b in past.believed} == {"authority", "log", "ct_log", "timestamp_authority"}
    assert all(b.start < "2026-09-01" for b in past.believed)
    with pytest.raises(NotFound, match="no such version of the trusted root: got 3"):
        recorder.roots(version=3)


def test_after_a_restart_and_without_the_saved_file_the_same_root_is_in_force(folder, hands):
    with open_recorder(folder) as recorder:
        recorder.set_root(RootWish(trusted_root=ROOT, as_of="2026-02-01T00:00:00Z"))
        told = recorder.roots()
    (folder.path / "decisions.json").unlink()
    with open_recorder(folder) as recorder:
        assert recorder.roots() == told
        assert level(recorder, put(recorder, bundle())[0]) == "keyless"
    assert decided(folder, open_log(folder)).root.trusted_root == ROOT


def test_a_removed_root_judges_nothing_and_a_renewal_takes_back_what_it_had_proven(recorder):
    recorder.set_root(RootWish(trusted_root=ROOT))
    (index,) = put(recorder, bundle())
    changed = recorder.set_root(RootWish(reason="keys of our own"))
    assert (changed.version, changed.digest) == (2, "")
    assert (recorder.roots().state, recorder.rules().root) == ("none", None)
    assert level(recorder, put(recorder, bundle(version=2))[0]) == "channel"
    assert level(recorder, index) == "keyless"
    step = renewed(recorder)
    assert (step.changed, step.root, level(recorder, index)) == (1, "", "channel")


@pytest.mark.parametrize(
    ("at", "state", "becomes"),
    [
        ("2026-06-30T00:00:00", "good", "keyless"),
        ("2026-06-30T23:59:59", "good", "keyless"),
        ("2026-07-01T00:00:00", "old", "keyless"),
        ("2027-12-31T00:00:00", "old", "keyless"),
        ("2028-01-01T00:00:00", "too_old", "channel"),
    ],
)
def test_a_root_warns_at_one_age_and_judges_no_more_at_another(recorder, hands, at, state, becomes):
    hands.at = "2026-06-01T00:00:00"
    wish = RootWish(trusted_root=ROOT, as_of="2026-01-01T00:00:00Z", warn_days=181)
    recorder.set_root(wish)
    hands.at = at
    assert recorder.roots().state == state
    assert (recorder.root_warning() is None) == (state == "good")
    # What was signed then is judged at the time it is heard.
    assert level(recorder, put(recorder, bundle())[0]) == becomes


def test_a_root_that_is_too_old_gives_and_takes_nothing_and_a_new_one_does(recorder, hands):
    hands.at = "2026-09-01T00:00:00"
    recorder.set_root(RootWish(trusted_root=ROOT, refuse_days=30, warn_days=30))
    (young,) = put(recorder, bundle())
    hands.at = "2026-10-02T00:00:00"
    (late,) = put(recorder, bundle(version=2))
    step = renewed(recorder)
    assert (step.looked, step.changed, step.root) == (2, 0, "")
    assert (level(recorder, young), level(recorder, late)) == ("keyless", "channel")
    warns = recorder.root_warning()
    assert warns is not None
    assert "is 31 days old, and judges no more after 30" in warns
    recorder.set_root(RootWish(trusted_root=ROOT))
    step = renewed(recorder)
    assert (step.changed, level(recorder, late)) == (1, "keyless")
    verdict = said_in(recorder, step.entry - 1)
    assert (verdict.entry, verdict.root) == (late, own.digest_of_root(ROOT.encode()))
    assert said_in(recorder, step.entry).root == verdict.root


def test_a_renewal_begins_anew_when_the_root_changes_or_grows_too_old(recorder, hands):
    put(recorder, *(bundle(version=version) for version in (1, 2, 3)))
    recorder.set_root(RootWish(trusted_root=ROOT, refuse_days=30, warn_days=30))
    assert recorder.renew(entries_max=3).next == 3
    recorder.set_root(RootWish(trusted_root=ROOT, refuse_days=60, warn_days=30))
    # The same root in another record proves the same: it goes on.
    assert recorder.renew(entries_max=1).next == 4
    recorder.set_root(RootWish(trusted_root=NO_LOG, refuse_days=60, warn_days=30))
    assert recorder.renew(entries_max=2).next == 2
    hands.at = "2026-12-01T00:00:00"
    assert recorder.renew(entries_max=1).next == 1


def test_a_record_that_was_judged_before_a_change_and_logged_behind_it_gets_its_verdict(recorder):
    recorder.set_root(RootWish(trusted_root=ROOT))
    waiting = [recorder.judge(bundle(), principal=ME)]
    assert waiting[0].trust.level == "keyless"
    commit = recorder.writer.commit

    def behind(batch):
        receipts = commit([*batch, *waiting])
        waiting.clear()
        return receipts[: len(batch)]

    recorder.commit = behind
    changed = recorder.set_root(RootWish(trusted_root=NO_LOG))
    late = changed.entry + 1
    assert entry.parse(recorder.writer.entry(late)).trust.level == "keyless"
    assert (changed.judged_again, level(recorder, late)) == (1, "channel")


@pytest.mark.parametrize(
    ("wish", "error", "match"),
    [
        (RootWish(trusted_root=""), Malformed, "an empty trusted root"),
        (RootWish(trusted_root="{}"), Malformed, "mediaType"),
        (RootWish(trusted_root="["), Malformed, "not JSON"),
        (RootWish(trusted_root='{"mediaType": "x"}'), Unsupported, "not a version"),
        (RootWish(trusted_root=OTHER), Malformed, "without a certificate authority"),
        (RootWish(trusted_root=ROOT + " " * 262_144), LimitPassed, "too large for the log"),
        (RootWish(trusted_root=ROOT, as_of="2099-01-01T00:00:00Z"), Malformed, "has not come"),
        (RootWish(trusted_root=ROOT, as_of="soon"), Malformed, "RFC 3339"),
        (RootWish(trusted_root=ROOT, warn_days=9, refuse_days=8), Malformed, "an age to warn at"),
        (RootWish(trusted_root=ROOT, warn_days=-1), Malformed, "an age to warn at"),
        (RootWish(trusted_root=ROOT, refuse_days=36_501), Malformed, "an age to warn at"),
        (RootWish(trusted_root=ROOT, reason="x" * 1025), LimitPassed, "a reason is too long"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_changes_nothing(recorder, wish, error, match):
    size = recorder.writer.size
    with pytest.raises(error, match=match):
        recorder.set_root(wish)
    assert recorder.writer.size == size


def test_under_administrators_a_root_takes_so_many_of_them_and_is_taken_once(recorder):
    ruled(recorder)
    with pytest.raises(NotAllowed, match="too few administrators"):
        recorder.set_root(RootWish(trusted_root=ROOT))
    draft = changes.draft(recorder.propose_root(RootWish(trusted_root=ROOT)))
    one = changes.approve(draft, BUILDER)
    with pytest.raises(NotAllowed, match="too few administrators"):
        recorder.apply_root(json.loads(one))
    both = json.loads(changes.approve(one, REVIEWER))
    assert recorder.apply_root(both).version == 1
    with pytest.raises(NotAllowed, match="the trusted root has changed since this was written"):
        recorder.apply_root(both)
    for take in (recorder.apply, recorder.apply_intake):
        with pytest.raises(Malformed, match="not a change of"):
            take(both)


def test_revoking_a_certificates_key_takes_its_bundle_back_for_good(recorder):
    recorder.set_root(RootWish(trusted_root=ROOT))
    (index,) = put(recorder, bundle())
    key = PublicKey(spki_of(Made().key))
    recorder.change_key(key, action="trust")
    assert level(recorder, index) == "keyless"
    recorder.change_key(key, action="revoke")
    assert recorder.decisions.verdicts[index] == Trust("channel")
    assert (renewed(recorder).changed, level(recorder, index)) == (0, "channel")


def test_the_key_of_anybody_else_changes_nothing_of_a_bundle(recorder):
    recorder.set_root(RootWish(trusted_root=ROOT))
    (index,) = put(recorder, bundle())
    for action in ("trust", "revoke"):
        recorder.change_key(public(REVIEWER), action=action)
    assert (level(recorder, index), recorder.decisions.verdicts) == ("keyless", {})
