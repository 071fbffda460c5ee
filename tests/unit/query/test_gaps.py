"""Who should have sent what: pairs of what is expected, and what became of each."""

import pytest

from wherefrom.formats.catalog import Emitter, Environment, Service
from wherefrom.formats.timestamps import micros
from wherefrom.query.catalog import gaps
from wherefrom.query.catalog.in_force import InForce
from wherefrom.views.estate import Last

NOW = micros("2026-01-02T00:00:00Z")
HOUR = 3600
CI = Emitter(name="ci", kinds=("sbom",))


def service(*emitters, environments=("prod",), **more):
    return Service(name="cart", environments=environments, emitters=emitters, **more)


def heard(kind="sbom", *, hours=1.0, environment="", source="", producer="p:1", entry=7, type="t"):
    at = NOW - int(hours * HOUR * 1_000_000)
    return Last(environment, "service:cart", kind, type, source, producer, at, entry)


def became(emitter, *some, artifacts=(), of=None, environment="prod"):
    (pair,) = gaps.pairs([service(emitter, environments=(environment,))], runs_in={})
    return gaps.expected(
        pair, some, at=NOW, artifacts=artifacts, of_artifact=lambda id: (of or {}).get(id, ()),
        judged=lambda _: None,
    )  # fmt: skip


def test_each_service_environment_emitter_and_kind_is_a_pair():
    ci = Emitter(name="ci", kinds=("sbom", "provenance"))
    cluster = Emitter(name="k8s", kinds=("observation",), environments=("prod",))
    some = [service(ci, cluster, environments=("prod", "test"))]
    found = [(p.environment, p.emitter.name, p.kind) for p in gaps.pairs(some, runs_in={})]
    assert found == [
        ("prod", "ci", "sbom"), ("prod", "ci", "provenance"),
        ("test", "ci", "sbom"), ("test", "ci", "provenance"), ("prod", "k8s", "observation"),
    ]  # fmt: skip
    only = gaps.pairs(some, runs_in={}, environment="test")
    assert {p.environment for p in only} == {"test"}


def test_a_service_that_says_nowhere_is_expected_where_it_runs():
    some = [service(CI, environments=())]
    assert [p.environment for p in gaps.pairs(some, runs_in={"cart": {"a", "b"}})] == ["a", "b"]
    assert [p.environment for p in gaps.pairs(some, runs_in={})] == [""]


def test_what_never_came_is_missing_and_what_came_is_covered():
    assert became(CI).state == "missing"
    assert became(CI, heard("provenance")).state == "missing"
    found = became(CI, heard(hours=3), heard(hours=2, entry=9))
    assert (found.state, found.age, found.last.entry) == ("covered", 2 * HOUR, 9)


@pytest.mark.parametrize(("hours", "state"), [(1.9, "covered"), (2.0, "covered"), (2.1, "late")])
def test_what_came_too_long_ago_is_late(hours, state):
    emitter = Emitter(name="k8s", kinds=("observation",), within=2 * HOUR)
    assert became(emitter, heard("observation", hours=hours)).state == state


def test_another_environment_counts_for_nothing_and_a_record_of_none_for_all():
    emitter = Emitter(name="cd", kinds=("deployment",))
    assert became(emitter, heard("deployment", environment="test")).state == "missing"
    assert became(emitter, heard("deployment", environment="")).state == "covered"


def test_who_sent_it_is_who_had_to():
    by = Emitter(name="ci", kinds=("sbom",), source="https://ci.example/*")
    assert became(by, heard(source="https://other.example/a")).state == "missing"
    assert became(by, heard(source="https://ci.example/a")).state == "covered"
    assert became(by, heard(source="")).state == "covered"
    sender = Emitter(name="ci", kinds=("sbom",), producer="p:2")
    assert became(sender, heard()).state == "missing"
    assert became(sender, heard(producer="p:2")).state == "covered"


def test_of_what_runs_each_artifact_needs_its_own_and_no_other_counts():
    found = became(
        CI, heard(), artifacts=["sha256:a", "sha256:b"], of={"sha256:a": [heard(entry=3)]}
    )
    assert (found.state, found.without, found.last.entry) == ("missing", ["sha256:b"], 3)
    both = {"sha256:a": [heard()], "sha256:b": [heard()]}
    assert became(CI, artifacts=["sha256:a", "sha256:b"], of=both).state == "covered"
    # A deployment is of a service, not of what runs.
    cd = Emitter(name="cd", kinds=("deployment",))
    assert became(cd, heard("deployment"), artifacts=["sha256:a"]).state == "covered"


def test_coverage_is_counted_by_environment_kind_and_team():
    known = InForce((), {}, {}, {"prod": Environment(name="prod", production=True)}, {}, ())
    some = [became(CI, heard()), became(CI), became(CI, environment="test")]
    found = gaps.coverage(some, known)
    assert (found.all.covered, found.all.expected) == (1, 3)
    assert found.production.share == 0.5
    assert found.environments["test"].share == 0.0
    assert found.kinds["sbom"].expected == 3
    assert found.teams[""].expected == 3
    assert gaps.coverage([], known).all.share is None
