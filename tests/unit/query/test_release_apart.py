"""Two releases side by side: the commits of the way between them, and what is said of both."""

from __future__ import annotations

import random
from typing import Any

import pytest

from wherefrom.formats.release import (
    Artifact,
    ChangeSet,
    Code,
    Commit,
    Dependencies,
    Image,
    Release,
    Rollout,
)
from wherefrom.query.release_answers import Between
from wherefrom.query.release_apart import between, dependencies_apart, flags_apart, not_said

DIGEST = "sha256:" + "a" * 64


def release(version: str, previous: str | None = None, *commits: str, **more: Any) -> Release:
    changes = ChangeSet(commits=[Commit(commit=id, subject=id) for id in commits])
    return Release(**{
        "name": "cart", "version": version, "released": "2026-01-01T00:00:00.000000Z",
        "code": Code(commit="c" * 40), "previous": previous,
        "changes": changes if commits else None, **more,
    })  # fmt: skip


def asked(a: Release, b: Release, *known: Release) -> tuple[list[str], list[str], bool]:
    by_version = {one.version: one for one in known}
    told: Between = between(a, b, lambda r: by_version.get(r.previous or ""))
    ids = ([c.commit for c in side] for side in (told.commits_a, told.commits_b))
    return (*ids, told.complete)  # type: ignore[return-value]


def test_commits_are_those_of_every_release_on_the_way() -> None:
    one, two, three = release("1", None, "a"), release("2", "1", "b"), release("3", "2", "d", "c")
    assert asked(one, three, one, two, three) == ([], ["d", "c", "b"], True)
    assert asked(three, one, one, two, three) == (["d", "c", "b"], [], True)
    assert asked(two, two, one, two, three) == ([], [], True)


def test_a_link_that_is_missing_leaves_nothing_that_could_be_told() -> None:
    one, three = release("1", None, "a"), release("3", "2", "c")
    assert asked(one, three, one, three) == ([], [], False)


def test_a_release_that_does_not_say_its_commits_makes_them_incomplete() -> None:
    one, two, three = release("1", None, "a"), release("2", "1"), release("3", "2", "c")
    assert asked(one, three, one, two, three) == ([], ["c"], False)
    cut = release("2", "1", changes=ChangeSet(commits=[], complete=False))
    assert asked(one, three, one, cut, three) == ([], ["c"], False)


def test_two_lines_meet_where_they_parted_and_a_commit_on_both_is_on_neither() -> None:
    base = release("1", None, "a")
    main = [base, release("2", "1", "b"), release("3", "2", "fix", "c")]
    line = [base, release("1.1", "1", "fix"), release("1.2", "1.1", "e")]
    assert asked(main[-1], line[-1], *main, *line) == (["c", "b"], ["e"], True)


def test_a_ring_of_releases_ends_and_another_name_is_another_thing() -> None:
    one, two = release("1", "2", "a"), release("2", "1", "b")
    other = release("3", "0", "c")
    assert asked(one, other, one, two, other) == ([], [], False)
    assert asked(one, two, one, two) == ([], ["b"], True)
    assert asked(one, release("1", name="shop"), one) == ([], [], False)


@pytest.mark.parametrize("seed", range(20))
def test_commits_between_are_what_one_side_reaches_and_the_other_does_not(seed: int) -> None:
    rng = random.Random(seed)
    known: list[Release] = [release("0", None, "c0")]
    for number in range(1, 12):
        before = rng.choice(known)
        known.append(release(str(number), before.version, f"c{number}"))
    by_version = {one.version: one for one in known}

    def reached(one: Release | None) -> set[str]:
        found: set[str] = set()
        while one is not None:
            found |= {c.commit for c in (one.changes.commits if one.changes else ())}
            one = by_version.get(one.previous or "")
        return found

    for _ in range(10):
        a, b = rng.choice(known), rng.choice(known)
        mine, theirs, whole = asked(a, b, *known)
        assert (set(mine), set(theirs)) == (reached(a) - reached(b), reached(b) - reached(a))
        assert whole


def test_packages_are_told_apart_by_their_versions() -> None:
    before = ["pkg:npm/a@1", "pkg:npm/a@2", "pkg:npm/%40s/b@1", "pkg:npm/c@1", "pkg:npm/d"]
    after = ["pkg:npm/a@2", "pkg:npm/a@3", "pkg:npm/%40s/b@1", "pkg:pypi/c@1", "pkg:npm/d"]
    told = [(d.package, d.what, d.before, d.after) for d in dependencies_apart(before, after)]
    assert told == [
        ("pkg:npm/a", "changed", ["1", "2"], ["2", "3"]),
        ("pkg:npm/c", "removed", ["1"], []),
        ("pkg:pypi/c", "added", [], ["1"]),
    ]  # fmt: skip


def test_flags_are_told_apart_and_one_is_not_true() -> None:
    before, after = (
        {"a": 1, "b": True, "c": None, "e": "x"},
        {"a": True, "b": True, "d": None, "e": "y"},
    )
    told = [(f.key, f.what, f.before, f.after) for f in flags_apart(before, after)]
    assert told == [
        ("a", "changed", 1, True), ("c", "removed", None, None), ("d", "added", None, None),
        ("e", "changed", "x", "y"),
    ]  # fmt: skip
    assert flags_apart({"n": 1.0}, {"n": 1}) == []


def test_what_one_of_them_does_not_say_is_not_compared() -> None:
    whole = release(
        "1", artifacts=[Artifact(name="a", digest=DIGEST, base=Image(name="b", digest=DIGEST))],
        dependencies=Dependencies(sboms=[DIGEST]), config=[DIGEST], policy=[DIGEST], flags={},
        rollout=Rollout(region="eu"),
    )  # fmt: skip
    everything = ["base", "dependencies", "config", "policy", "flags", "rollout"]
    assert not_said(whole, whole) == []
    assert not_said(whole, release("2")) == not_said(release("2"), whole) == everything
