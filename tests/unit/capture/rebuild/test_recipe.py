"""A recipe is read of what somebody wrote: what is no recipe, and names that lead out."""

from __future__ import annotations

import contextlib
import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.capture.rebuild.recipe import Cannot, recipe
from wherefrom.errors import Refused

A, B, COMMIT = "a" * 64, "b" * 64, "1" * 40
STATEMENT = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [{"name": "app", "digest": {"sha256": A}}],
    "predicateType": "https://slsa.dev/provenance/v1",
    "predicate": {
        "buildDefinition": {
            "buildType": "urn:wherefrom:run:v1",
            "externalParameters": {
                "command": ["make"], "directory": ".", "environment": {"CC": "gcc", "X": None},
            },
            "internalParameters": {"exitStatus": 0, "determinismDebts": [{"kind": "clock"}]},
            "resolvedDependencies": [
                {"name": "git.head", "digest": {"gitCommit": COMMIT},
                 "uri": "git+https://example.com/a@refs/heads/main"},
                {"name": "src/a.c", "digest": {"sha256": B}},
                {"name": "/usr/x", "digest": {"sha256": B}},
                {"name": "outside:0123", "digest": {"sha256": B}},
                {"name": "debian/gcc", "uri": "pkg:deb/debian/gcc@12"},
            ],
        },
        "runDetails": {"builder": {"id": "urn:x"}},
    },
}  # fmt: skip


def changed(change):
    said = copy.deepcopy(STATEMENT)
    definition = said["predicate"]["buildDefinition"]
    change(definition["externalParameters"], definition["internalParameters"], definition, said)
    return said


def test_a_recipe_has_what_a_build_needs():
    found = recipe(STATEMENT)
    assert found.command == ["make"]
    assert found.environment == {"CC": "gcc"}
    assert (found.commit, found.repository) == (COMMIT, "https://example.com/a")
    assert found.inputs == [("src/a.c", B)]
    assert found.outputs == [("app", A)]
    assert (found.outside, found.packages, found.debts) == (
        1, ["pkg:deb/debian/gcc@12"], ["clock"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e, i, d, s: d.update(buildType="other"), "not made by a step"),
        (lambda e, i, d, s: i.update(exitStatus=1), "failed"),
        (lambda e, i, d, s: e.update(command=[]), "no command"),
        (lambda e, i, d, s: e.update(command=["x", "--token=…"]), "a secret"),
        (lambda e, i, d, s: e.update(command=["x", "hmac-sha256:0"]), "a secret"),
        (lambda e, i, d, s: d.update(resolvedDependencies=[]), "no commit"),
    ],
)
def test_what_cannot_be_run_again_says_why(change, message):
    with pytest.raises(Cannot, match=message):
        recipe(changed(change))


@pytest.mark.parametrize("name", ["../x", "a/../../x", ".git/hooks/post-checkout", "a\0b", ""])
def test_a_name_that_leads_out_of_the_tree_is_refused(name):
    for change in (
        lambda e, i, d, s: s.update(subject=[{"name": name, "digest": {"sha256": A}}]),
        lambda e, i, d, s: d["resolvedDependencies"].append(
            {"name": name, "digest": {"sha256": A}}
        ),
    ):
        with pytest.raises(Refused):
            recipe(changed(change))


@pytest.mark.parametrize("folder", ["..", "/etc", "a/../.."])
def test_a_folder_out_of_the_tree_is_refused(folder):
    with pytest.raises(Refused, match="out of the tree"):
        recipe(changed(lambda e, i, d, s: e.update(directory=folder)))


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@given(st.data())
def test_a_record_of_any_shape_is_a_recipe_or_is_refused(data):
    said = copy.deepcopy(STATEMENT)
    at = said
    for _ in range(data.draw(st.integers(0, 4))):
        keys = [key for key, value in at.items() if isinstance(value, dict)]
        if not keys:
            break
        at = at[data.draw(st.sampled_from(keys))]
    at[data.draw(st.sampled_from(sorted(at)))] = data.draw(JSON)
    with contextlib.suppress(Refused):
        recipe(said)
