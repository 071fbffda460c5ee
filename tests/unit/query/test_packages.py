"""Which packages a log names: what something has, and not what only an advisory speaks of."""

import pytest

from tests.unit.policy.vulnerable_world import SBOM, World, advisory, sbom
from wherefrom.app import DataFolder, fold_views, open_desk, open_log
from wherefrom.query import packages


@pytest.fixture
def world(tmp_path):
    return World(DataFolder(tmp_path / "d"))


def named(world):
    log = open_log(world.folder)
    fold_views(world.folder, log)
    desk = open_desk(world.folder, log)
    found, after = [], ""
    while after is not None:
        page = desk.packages(after)
        found += page.packages
        after = page.after
    assert page.log.size == log.size
    return found


def test_a_package_counts_with_a_version_or_within_something(world):
    world.say(advisory(name="only-told-of"))
    world.attest(SBOM, sbom("pkg:npm/%40acme/a@1", "pkg:npm/bare", "pkg:pypi/b@2?x=y"))
    assert named(world) == ["pkg:npm/%40acme/a", "pkg:npm/bare", "pkg:pypi/b"]


def test_the_source_that_an_sbom_names_counts_too(world):
    world.attest(SBOM, sbom("pkg:deb/debian/libssl3@3.0?upstream=openssl&distro=debian-12"))
    assert named(world) == ["pkg:deb/debian/libssl3", "pkg:deb/debian/openssl"]


def test_pages_follow_each_other_without_a_gap(world, monkeypatch):
    monkeypatch.setattr(packages, "PAGE_MAX", 7)
    wanted = sorted(f"pkg:npm/p{at}" for at in range(30))
    world.attest(SBOM, sbom(*(f"{id}@1" for id in wanted)))
    assert sorted(named(world)) == wanted


def test_a_log_that_names_none_has_none(world):
    assert named(world) == []
