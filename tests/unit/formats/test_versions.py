"""Versions: which comes first, in each ecosystem's own order; and where nobody can tell."""

import itertools

import pytest

from wherefrom.formats import ecosystems
from wherefrom.formats.versions import ORDERS, compare, parse

# Each in its order, the first first.
IN_ORDER = {
    # semver.org, section 11, and a pseudo-version of Go
    "semver": "0.0.0-20200622213623-75b288015ac9 v0.9.9 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta "
    "1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.0.1 1.2 1.10.0 2",
    "pypi": "1.0.dev1 1.0a1 1.0rc1 1.0 1.0.post1 1.1 1.10 1!0.5",  # PEP 440
    # deb-version(7)
    "debian": "1.0~~ 1.0~~a 1.0~ 1.0 1.0-1 1.0-1+deb12u1 1.0-2 1.0a 1.1 1.10 1:0.5",
    "rpm": "1.0~rc1-1 1.0-1 1.0-1.el8 1.0-1.el9 1.0-2 1.0.1-1 1.10-1 1:0.5-1",
    "alpine": "1.2_alpha1 1.2_beta 1.2_rc1 1.2 1.2-r1 1.2-r10 1.2_p1 1.2.1 1.10",
    "maven": "1.0-alpha-1 1.0-beta 1.0-rc1 1.0-SNAPSHOT 1.0 1.0-sp 1.0.1 1.1-SNAPSHOT 1.1 1.10",
    "gem": "1.0.0.a1 1.0.0.pre 1.0.0.rc1 1.0.0 1.0.0.1 1.0.1 1.10",
    "nuget": "1.0.0-alpha 1.0.0-beta 1.0.0 1.0.0.1 1.0.1 1.10.0",
    "composer": "1.0.0-alpha1 1.0.0-beta2 1.0.0-BETA10 1.0.0-RC1 v1.0.0 1.0.1 1.10.0",
    "conan": "1.0 1.0.1 1.2 1.10",
    "dotted": "1.0 1.0.1 1.2-3 1.2.10 1.10",
}


def test_every_order_is_shown_here_and_every_ecosystem_has_one_of_them():
    assert IN_ORDER.keys() == ORDERS.keys()
    assert {one.order for one in ecosystems.ECOSYSTEMS.values()} <= {"", *ORDERS}


@pytest.mark.parametrize("order", IN_ORDER)
def test_versions_follow_each_other_as_their_ecosystem_has_it(order):
    versions = [parse(order, text) for text in IN_ORDER[order].split()]
    assert None not in versions
    for (at, one), (to, other) in itertools.product(enumerate(versions), repeat=2):
        assert compare(one, other) == (at > to) - (at < to), (one, other)


@pytest.mark.parametrize(
    ("order", "text"),
    [
        ("semver", "1.2.3.4"), ("semver", "latest"), ("semver", "1.x"), ("semver", ""),
        ("pypi", "(devel)"), ("pypi", "2004d"), ("maven", "latest"), ("rpm", "!!"),
        ("debian", "1 0"), ("composer", "dev-main"), ("composer", "1.0-p1"), ("gem", "x"),
        ("alpine", "edge"), ("dotted", "1.a"), ("nuget", "v"), ("unheard of", "1.0"), ("", "1.0"),
        ("pypi", "1" * 300),
    ],
)  # fmt: skip
def test_what_an_order_does_not_read_has_no_place_in_it(order, text):
    assert parse(order, text) is None


def test_versions_of_two_orders_cannot_be_compared():
    assert compare(parse("semver", "1.0.0"), parse("pypi", "1.0.0")) is None
