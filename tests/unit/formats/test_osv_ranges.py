"""Which versions an advisory is about: as the schema evaluates it, and never too few."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.formats.osv import Affected, Range
from wherefrom.formats.osv_ranges import Match, match_of


def semver(*events):
    return Range("SEMVER", tuple(events))


def said(*ranges, versions=(), ecosystem="npm"):
    return Affected(ecosystem, tuple(versions), ranges)


TWO = semver(("introduced", "1.0.0"), ("fixed", "1.0.2"), ("introduced", "3.0.0"),
             ("fixed", "3.2.5"))  # fmt: skip


@pytest.mark.parametrize(
    ("affected", "version", "fixed"),
    [
        (said(semver(("introduced", "0"))), "7.0.0", ()),
        (said(semver(("introduced", "0"), ("fixed", "1.0.2"))), "1.0.1", ("1.0.2",)),
        (said(semver(("introduced", "0"), ("fixed", "1.0.2"))), "v1.0.1", ("1.0.2",)),
        (said(semver(("introduced", "0"), ("fixed", "1.0.2"))), "1.0.2-rc.1", ("1.0.2",)),
        (said(TWO), "1.0.1", ("1.0.2",)),
        (said(TWO), "3.2.4", ("3.2.5",)),
        (said(semver(*reversed(TWO.events))), "3.2.4", ("3.2.5",)),  # in any order
        (said(semver(("introduced", "0"), ("last_affected", "2.1.0"))), "2.1.0", ()),
        (said(semver(("introduced", "0"), ("limit", "2.0.0"))), "1.9.0", ()),
        (said(semver(("introduced", "0"), ("limit", "*"))), "9.0.0", ()),
        (said(semver(("fixed", "1.0.0"), ("introduced", "1.0.0"))), "1.0.0", ()),
        (said(versions=["1.5.0"]), "1.5.0", ()),
        (said(TWO, versions=["2.0.0"]), "2.0.0", ("1.0.2", "3.2.5")),
        (said(versions=["1.5.0"]), "v1.5.0", ()),
    ],
)
def test_a_version_in_a_range_or_a_list_is_affected_and_the_fix_is_told(affected, version, fixed):
    assert match_of(affected, version, "semver") == Match(fixed)


@pytest.mark.parametrize(
    ("affected", "version"),
    [
        (said(semver(("introduced", "0"), ("fixed", "1.0.2"))), "1.0.2"),
        (said(TWO), "2.9.9"),
        (said(TWO), "0.9.0"),
        (said(TWO), "3.2.5"),
        (said(semver(("introduced", "0"), ("last_affected", "2.1.0"))), "2.1.1"),
        (said(semver(("introduced", "0"), ("limit", "2.0.0"))), "2.0.0"),
        (said(versions=["1.5.0"]), "1.5.1"),
        (said(Range("GIT", (("introduced", "0"),)), versions=["1.5.0"]), "1.5.1"),
    ],
)
def test_a_version_outside_is_not(affected, version):
    assert match_of(affected, version, "semver") is None


@pytest.mark.parametrize(
    ("affected", "version", "order", "why"),
    [
        (said(TWO), None, "semver", "its version is not known"),
        (said(TWO), "latest", "semver", "cannot be compared"),
        (said(TWO), "1.2.3.4", "semver", "cannot be compared"),
        (said(versions=["1.0"]), "(devel)", "pypi", "cannot be compared"),
        (said(semver(("introduced", "0"), ("fixed", "none"))), "1.0.0", "semver", "compared"),
        (said(Range("ECOSYSTEM", (("introduced", "0"), ("fixed", "2")))), "1", "", "compared"),
        (said(Range("NEW", (("introduced", "0"),))), "1.0.0", "semver", "cannot be compared"),
        (said(Range("GIT", (("introduced", "0"),))), "1.0.0", "semver", "tells no versions"),
        (said(), "1.0.0", "semver", "tells no versions"),
    ],
)
def test_what_cannot_be_told_is_taken_for_affected_and_said_so(affected, version, order, why):
    found = match_of(affected, version, order)
    assert found is not None
    assert why in found.unsure


def test_a_range_that_can_be_told_counts_beside_one_that_cannot():
    git = Range("GIT", (("introduced", "0"), ("fixed", "a" * 40)))
    known = Range("ECOSYSTEM", (("introduced", "2.8.0"), ("fixed", "2.10.0")))
    assert match_of(said(git, known), "2.9.0", "pypi") == Match(("2.10.0",))
    assert match_of(said(git, known), "2.10.0", "pypi") is None


@given(
    st.lists(st.tuples(st.sampled_from(["introduced", "fixed", "last_affected"]),
                       st.integers(0, 9)), min_size=1, max_size=6),
    st.integers(0, 9),
)  # fmt: skip
def test_ranges_are_evaluated_as_the_schema_has_it(events, version):
    rank = {"fixed": 0, "last_affected": 1, "introduced": 2}
    vulnerable = False
    for what, at in sorted(events, key=lambda e: (e[1], rank[e[0]])):
        if what == "introduced" and version >= at:
            vulnerable = True
        elif (what == "fixed" and version >= at) or (what == "last_affected" and version > at):
            vulnerable = False
    one = semver(*((what, f"{at}.0.0") for what, at in events))
    assert (match_of(said(one), f"{version}.0.0", "semver") is not None) is vulnerable
