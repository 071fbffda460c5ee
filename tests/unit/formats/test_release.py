"""Releases: what is written comes back, what is not one is refused, and what it says is told."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.paths import REPOSITORY
from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import names
from wherefrom.formats.recognise import facts_of
from wherefrom.formats.release import (
    Artifact,
    ChangeSet,
    Code,
    Commit,
    Dependencies,
    Image,
    Lock,
    Release,
    Rollout,
    differing,
    parse,
    to_predicate,
    to_statement,
)

A, B, C, D = ("sha256:" + letter * 64 for letter in "abcd")
COMMIT, OLDER = "1" * 40, "2" * 40
URL = "git+https://github.com/acme/cart"
PACKAGE = "pkg:npm/left-pad@1.3.0"


def made(**changes: Any) -> Release:
    return Release(**{
        "name": "cart", "version": "1.4.0", "released": "2026-03-01T12:00:00.000000Z",
        "code": Code(commit=COMMIT, repository=URL), **changes,
    })  # fmt: skip


def whole() -> Release:
    return made(
        artifacts=[
            Artifact(
                name="ghcr.io/acme/cart", digest=A, platforms={"linux/amd64": B},
                base=Image(name="debian", digest=C),
            )
        ],
        dependencies=Dependencies(
            locks=[Lock(name="package-lock.json", digest=D, format="x", packages=[PACKAGE])],
            sboms=["sha256:" + "e" * 64],
        ),
        config=["sha256:" + "f" * 64], policy=["sha256:" + "0" * 64],
        flags={"pay-later": True, "limit": 20}, rollout=Rollout(environment="prod", pool="canary"),
        previous="1.3.9", build="https://ci.example/7",
        changes=ChangeSet(
            commits=[Commit(commit=OLDER, subject="Pay later, me@example.org", pull_request=12)]
        ),
    )  # fmt: skip


text = st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=9)
releases = st.builds(
    made,
    name=text, version=text, config=st.lists(st.sampled_from([A, B]), unique=True),
    flags=st.none() | st.dictionaries(text, st.booleans() | st.none() | st.integers(-9, 9) | text),
    changes=st.none() | st.builds(
        ChangeSet, complete=st.booleans(),
        commits=st.lists(st.builds(Commit, commit=st.just(OLDER), subject=text,
                                   pull_request=st.none() | st.integers(1, 9)), max_size=3),
    ),
)  # fmt: skip


@given(releases)
def test_what_is_written_comes_back(release: Release) -> None:
    document = json.loads(to_statement(release))
    assert parse(document["predicate"]) == release
    assert differing(release, parse(document["predicate"])) == []
    assert names.split_release(release.id) == (release.name, release.version)
    assert release.id in {node.id for node in facts_of(to_statement(release)).nodes}


def test_two_names_and_versions_never_share_an_id() -> None:
    pairs = [("a:b", "c"), ("a", "b:c"), ("a", "b%3Ac"), ("a:b%3Ac", "d"), ("a", "b%3Ac:d")]
    assert len({names.release_id(*pair) for pair in pairs}) == len(pairs)
    for other in ("release:a", "release::1", "release:a:", "run:a:b", "release:"):
        with pytest.raises(ValueError, match="not the id of a release"):
            names.split_release(other)


def test_the_facts_of_a_release_are_all_that_it_says() -> None:
    facts = facts_of(to_statement(whole()))
    assert (facts.kind, facts.type) == ("attestation", "urn:wherefrom:release:v1")
    assert facts.occurred == "2026-03-01T12:00:00.000000Z"
    id, lock, sbom = "release:cart:1.4.0", D, "sha256:" + "e" * 64
    edges = {(e.source, e.relation, e.target) for e in facts.edges if e.source != facts.document}
    commit, older = f"gitCommit:{COMMIT}", f"gitCommit:{OLDER}"
    assert edges == {
        (id, "revises", "release:cart:1.3.9"), (id, "derived_from", commit),
        (commit, "specializes", URL), (A, "derived_from", commit), (A, "derived_from", C),
        (A, "contains", B), (A, "depends_on", lock), (lock, "contains", PACKAGE),
        (id, "contains", A), (id, "contains", lock), (id, "contains", sbom),
        (id, "contains", "sha256:" + "f" * 64), (id, "contains", "sha256:" + "0" * 64),
        (id, "contains", older),
    }  # fmt: skip
    assert {e.target for e in facts.edges if e.source == facts.document} == {id, A, B}
    nodes = {node.id: node for node in facts.nodes}
    assert (nodes[id].kind, nodes[id].name) == ("release", "cart 1.4.0")
    properties = nodes[id].properties or {}
    assert (properties["environment"], properties["pool"]) == ("prod", "canary")
    assert "region" not in properties
    assert nodes[A].kind == nodes[B].kind == nodes[C].kind == "image"
    assert nodes[sbom].kind == "sbom"
    assert not facts.states
    said = (nodes[older].name or "") + json.dumps(nodes[older].properties)
    assert "example.org" not in said
    assert "12" in said


def test_a_release_of_no_artifact_is_of_its_commit_and_one_of_nothing_is_none() -> None:
    document = json.loads(to_statement(made()))
    assert document["subject"] == [{"name": "cart", "digest": {"gitCommit": COMMIT}}]
    with pytest.raises(Malformed, match="a release of nothing"):
        to_statement(made(code=None))


def test_other_subjects_than_its_own_are_refused() -> None:
    document = json.loads(to_statement(whole()))
    assert [s["digest"]["sha256"][0] for s in document["subject"]] == ["a", "b"]
    for subject in (
        document["subject"][:1], document["subject"][::-1],
        [{"name": "x", "digest": {"sha256": "9" * 64}}],
    ):  # fmt: skip
        with pytest.raises(Malformed, match="other subjects than its own"):
            facts_of(json.dumps({**document, "subject": subject}).encode())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": " cart"}, "not a text that a release has"),
        ({"version": ""}, "not a text that a release has"),
        ({"name": "c" * 257}, "too long"),
        ({"previous": "1.4.0"}, "a release after itself"),
        ({"released": "2026-03-01T12:00:00Z"}, "not a time in its one spelling"),
        ({"code": Code(commit="1" * 39)}, "not a git commit"),
        ({"code": Code(commit="A" * 40)}, "not a git commit"),
        ({"code": Code(commit=COMMIT, repository="https://u:p@x/a.git")}, "another spelling"),
        ({"config": ["sha256:1"]}, "not a digest"),
        ({"config": [A, A]}, "a digest twice"),
        ({"artifacts": [Artifact(name="a", digest=A.upper())]}, "not a digest"),
        ({"artifacts": [Artifact(name="a", digest=A)] * 201}, "too many"),
        ({"dependencies": Dependencies(
            locks=[Lock(name="a", digest=A, format="x", packages=["pkg:npm/b@1", "pkg:npm/a@1"])]
        )}, "packages are sorted"),
        ({"dependencies": Dependencies(
            locks=[Lock(name="a", digest=A, format="x", packages=["pkg:NPM/b@1"])]
        )}, "package URL in its one spelling"),
        ({"changes": ChangeSet(commits=[Commit(commit=OLDER, subject="x" * 201)])}, "too long"),
        ({"changes": ChangeSet(commits=[Commit(commit=OLDER, subject="", pull_request=0)])},
         "not a pull request"),
        ({"flags": {"a": "x" * 1025}}, "too long"),
    ],
)  # fmt: skip
def test_what_is_no_release_is_refused_saying_where(change: dict[str, Any], message: str) -> None:
    with pytest.raises((Malformed, LimitPassed), match=message) as raised:
        to_predicate(made(**change))
    assert (raised.value.where or "").startswith("predicate")


def test_a_field_that_is_none_is_refused() -> None:
    said = to_predicate(whole())
    with pytest.raises(Malformed, match="unknown field `people`"):
        parse({**said, "people": ["me"]})
    said["artifacts"][0]["digest"] = 7
    with pytest.raises(Malformed) as raised:
        parse(said)
    assert raised.value.where == "predicate.artifacts[0].digest"


def test_tales_of_one_release_differ_by_the_fields_that_do_and_one_is_not_true() -> None:
    a = made(flags={"x": 1})
    assert differing(a, made(flags={"x": True})) == ["flags"]
    assert differing(a, made(flags={"x": 1}, build="https://ci.example/8")) == ["build"]
    assert differing(a, msgspec.structs.replace(a, rollout=Rollout(region="eu"))) == ["rollout"]


def test_the_pages_example_is_one() -> None:
    page = (REPOSITORY / "docs" / "formats" / "release.md").read_text(encoding="utf-8")
    written = page.partition("```json\n")[2].partition("```")[0].encode()
    assert {edge.target for edge in facts_of(written).edges} >= {
        "release:cart:1.4.0", "release:cart:1.3.9", "gitCommit:" + "c" * 40, A,
    }  # fmt: skip
    assert to_predicate(parse(json.loads(written)["predicate"])) == json.loads(written)["predicate"]
