"""Whether chains are whole: what is found of thousands at once is what the gate finds of each."""

import json
import random

import pytest

from tests.folders import BUILDER, STRANGER, envelope, made, public
from wherefrom.app import fold_views, open_gate, open_log, open_recorder
from wherefrom.collect.principals import local
from wherefrom.errors import LimitPassed, SettingError, Unavailable
from wherefrom.formats import policy as policies
from wherefrom.formats.coverage_policy import shipped
from wherefrom.keys.changes import KeyWish
from wherefrom.policy.chains import Chains
from wherefrom.policy.gate import Question
from wherefrom.query.health.chains import Thing
from wherefrom.views.graph import GraphReader

AT = "2026-12-01T00:00:00.000000Z"


def digest(number):
    return f"sha256:{number:064x}"


def statement(number, predicate_type, predicate, *, also=()):
    subjects = [{"name": f"app-{n}", "digest": {"sha256": digest(n)[7:]}} for n in (number, *also)]
    return json.dumps(
        {
            "_type": "https://in-toto.io/Statement/v1", "subject": subjects,
            "predicateType": predicate_type, "predicate": predicate,
        }
    ).encode()  # fmt: skip


def provenance(number, *, source=True, run="1", also=()):
    commit = {"uri": "git+https://git.example/r", "digest": {"gitCommit": "c" * 40}}
    return statement(
        number, "https://slsa.dev/provenance/v1",
        {
            "buildDefinition": {
                "buildType": "https://ci.example/t", "externalParameters": {},
                "resolvedDependencies": [commit] if source else [],
            },
            "runDetails": {"builder": {"id": "https://ci.example/b"},
                            "metadata": {"invocationId": f"{number}-{run}"}},
        },
        also=also,
    )  # fmt: skip


def sbom(number, *, version=1):
    return statement(
        number, "https://cyclonedx.org/bom",
        {
            "bomFormat": "CycloneDX", "specVersion": "1.6", "version": version,
            "metadata": {"component": {"type": "container", "name": f"app-{number}",
                                       "bom-ref": "root"}},
            "components": [],
        },
    )  # fmt: skip


class World:
    def __init__(self, path, policy=None):
        self.folder = made(path)
        self._opening = open_recorder(self.folder)
        self.recorder = self._opening.__enter__()
        self.policy = policy or shipped()
        self.key = public(BUILDER)
        self.recorder.wish(KeyWish(action="trust", pem=self.key.to_pem()))
        self.log = open_log(self.folder)
        self.chains = self.judge()

    def close(self):
        self._opening.__exit__(None, None, None)

    def judge(self, **more):
        return Chains(
            self.log, own=lambda: open_gate(self.folder, self.log).own,
            policy=lambda: self.policy, **more,
        )  # fmt: skip

    def record(self, *contents):
        for outcome in self.recorder.record(contents, principal=local(0)):
            assert outcome.status == "recorded", outcome

    def judged(self, things, chains=None, as_of=None):
        fold_views(self.folder, self.log)
        with GraphReader(self.folder.graph_path).snapshot() as graph:
            lens = graph.lens(as_of=as_of)
            return dict((chains or self.chains).judged(graph, lens, things, at=AT))

    def gate(self, thing, as_of=None):
        """What the gate says of one: the rules that do not hold, in words."""
        asked = Question(
            artifacts=(thing.artifact,), policy=self.policy.to_document(),
            environment=thing.environment, at=AT, as_of=as_of,
        )  # fmt: skip
        (verdict,) = open_gate(self.folder, self.log).decide(asked).verdicts
        return [(one.rule, one.says, one.entries) for one in verdict.reasons if not one.ok]


@pytest.fixture
def world(tmp_path):
    worlds = []

    def make(policy=None):
        worlds.append(World(tmp_path / f"w{len(worlds)}", policy))
        return worlds[-1]

    yield make
    for one in worlds:
        one.close()


def told(chain):
    return [(one.rule, one.says, one.entries) for one in chain.lacks]


def things(*numbers, environment="prod"):
    return [Thing(digest(n), environment) for n in numbers]


def test_a_chain_is_whole_with_a_signed_provenance_of_a_source_and_a_signed_sbom(world):
    w = world()
    w.record(
        envelope(provenance(1), BUILDER), envelope(sbom(1), BUILDER),
        envelope(provenance(2, source=False), BUILDER), envelope(sbom(2), BUILDER),
        envelope(provenance(3), STRANGER), sbom(3),
    )  # fmt: skip
    found = w.judged(things(1, 2, 3, 4))
    whole, sourceless, strangers, silent = (found[one] for one in things(1, 2, 3, 4))
    assert (whole.lacks, whole.trust) == ((), "signed")
    assert [one.rule for one in sourceless.lacks] == ["built"]
    assert "it was built of nothing that it names" in sourceless.lacks[0].says
    assert ([one.rule for one in strangers.lacks], strangers.trust) == (
        ["built", "contents"], "channel",
    )  # fmt: skip
    assert [one.says for one in silent.lacks] == [
        "nothing says how it was built", "nothing says what is inside it",
    ]  # fmt: skip
    assert [one.needs for one in silent.lacks] == ["provenance", "sbom"]


@pytest.mark.parametrize("seed", range(4))
def test_what_is_found_at_once_is_what_the_gate_finds_of_each_seeded(world, seed):
    w, rng = world(), random.Random(seed)
    some, last = things(*range(1, 9)), 0
    for step in range(14):
        number = rng.randrange(1, 8)
        # Of a key that was revoked meanwhile it is refused, which changes nothing.
        (outcome,) = w.recorder.record([_anything(rng, number, step)], principal=local(0))
        last = last if outcome.index is None else outcome.index
        if step == 7:
            w.recorder.wish(KeyWish(action="revoke", key=w.key.id, reason="test"))
        if step == 10:
            w.recorder.wish(KeyWish(action="trust", pem=public(STRANGER).to_pem()))
        if step == 12:
            w.recorder.erase(last, reason="test", principal=local(0))
        found = w.judged(some)  # goes on from what it found before
        assert {one: told(chain) for one, chain in found.items()} == {
            one: w.gate(one) for one in some
        }, (seed, step)
    afresh = w.judged(some, w.judge())
    assert afresh == found
    for size in range(3, w.log.size, 3):  # of the past
        past = w.judged(some, as_of=size)
        assert {one: told(chain) for one, chain in past.items()} == {
            one: w.gate(one, size) for one in some
        }, (seed, size)


def _anything(rng, number, step):
    key = rng.choice([BUILDER, STRANGER])
    other = rng.randrange(1, 8)
    return rng.choice(
        [
            envelope(provenance(number, run=step), key),
            envelope(provenance(number, source=False, run=step), key),
            envelope(provenance(number, run=step, also=[other] if other != number else ()), key),
            envelope(sbom(number, version=step + 1), key),
            # Another name of the same thing, which what is said of it goes by too.
            envelope(_alternate(number, step), key),
            provenance(number, run=f"unsigned {step}"),
        ]
    )


def _alternate(number, step):
    """An SBOM that says what the image is called besides, and by another digest."""
    document = json.loads(sbom(number, version=100 + step))
    document["predicate"]["metadata"]["component"]["hashes"] = [
        {"alg": "SHA-256", "content": digest(number)[7:]},
        {"alg": "SHA-512", "content": f"{number:0128x}"},
    ]
    return json.dumps(document).encode()


def test_a_policy_that_asks_for_more_than_papers_is_asked_thing_by_thing(world):
    rules = [
        {"name": "fresh", "needs": "sbom", "within": "1000d"},
        {"name": "clean", "needs": "vulnerabilities"},
        {"name": "builder", "needs": "provenance", "builders": [{"id": "https://other/*"}],
         "environments": ["prod"]},
    ]  # fmt: skip
    w = world(policies.parse({"name": "p", "version": "1", "rules": rules}, where="policy"))
    w.record(envelope(provenance(1), BUILDER), envelope(sbom(1), BUILDER))
    some = [*things(1, 2), *things(1, environment="test")]
    found = w.judged(some)
    assert {one: told(chain) for one, chain in found.items()} == {one: w.gate(one) for one in some}
    assert [one.rule for one in found[some[0]].lacks] == ["clean", "builder"]


def test_builders_are_asked_for_at_once_too(world):
    builder = {"id": "https://ci.example/*", "by": [{"key": public(BUILDER).id}]}
    rule = {"name": "b", "needs": "provenance", "builders": [builder]}
    w = world(policies.parse({"name": "p", "version": "1", "rules": [rule]}, where="policy"))
    w.record(envelope(provenance(1), BUILDER), envelope(provenance(2), STRANGER))
    assert [bool(w.judged(things(1, 2))[one].lacks) for one in things(1, 2)] == [False, True]


def test_nothing_is_said_of_environments_that_no_rule_is_for(world):
    rule = {"name": "s", "needs": "sbom", "environments": ["prod"]}
    w = world(policies.parse({"name": "p", "version": "1", "rules": [rule]}, where="policy"))
    w.record(sbom(1))
    assert w.judged(things(1, environment="test")) == {}
    assert list(w.judged(things(1))) == things(1)


def test_a_changed_policy_is_asked_at_once(world):
    w = world()
    w.record(envelope(sbom(1), BUILDER))
    assert w.judged(things(1))[things(1)[0]].lacks
    rule = {"name": "contents", "needs": "sbom"}
    w.policy = policies.parse({"name": "p", "version": "2", "rules": [rule]}, where="policy")
    assert not w.judged(things(1))[things(1)[0]].lacks
    assert w.chains.named().startswith("p 2 sha256:")
    assert w.chains.needs() == {"sbom"}


def test_what_runs_by_a_name_that_means_nothing_is_known_to_be_unknown(world):
    w = world()
    w.record(sbom(1))
    (chain,) = w.judged([Thing("registry.example/app:7", "prod")]).values()
    assert [one.rule for one in chain.lacks] == ["known"]
    assert "the log knows no digest of this name" in chain.lacks[0].says


def test_more_things_than_one_question_takes_are_all_judged(world, monkeypatch):
    monkeypatch.setattr("wherefrom.policy.chains.TOGETHER_MAX", 2)
    monkeypatch.setattr("wherefrom.query.same.TOGETHER_MAX", 2)
    w = world()
    w.record(*(envelope(sbom(n), BUILDER) for n in range(1, 8)))
    found = w.judged(things(*range(1, 10)))
    assert [len(found[one].lacks) for one in things(*range(1, 10))] == [1] * 7 + [2] * 2


def test_more_records_than_one_look_takes_are_looked_at_one_thing_after_the_other(
    world, monkeypatch
):
    monkeypatch.setattr("wherefrom.policy.chains.STEPS_MAX", 3)
    w = world()
    w.record(*(envelope(sbom(1, version=n), BUILDER) for n in range(1, 6)))
    w.record(envelope(provenance(1), BUILDER))
    assert w.judged(things(1))[things(1)[0]].lacks == ()


def test_it_stops_when_it_takes_too_long(world):
    rule = {"name": "clean", "needs": "vulnerabilities"}
    w = world(policies.parse({"name": "p", "version": "1", "rules": [rule]}, where="policy"))
    w.record(sbom(1))
    clock = iter(range(0, 10_000, 20))
    with pytest.raises(LimitPassed, match=r"it takes too long to judge every chain.*1 of 5"):
        w.judged(things(*range(1, 6)), w.judge(elapsed=lambda: float(next(clock))))


def test_a_policy_that_is_wrong_is_said_to_whoever_asks(world):
    w = world()
    w.record(sbom(1))
    chains = w.judge()
    chains._read = lambda: _raise(SettingError("not a policy", where="coverage.yaml", got="x"))
    with pytest.raises(Unavailable, match=r"the rules of coverage are wrong, at coverage.yaml"):
        w.judged(things(1), chains)


def _raise(error):
    raise error
