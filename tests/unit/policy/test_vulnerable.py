"""The need ``vulnerabilities`` by advisories: bad news counts from anybody, good news only from
somebody known, and nothing that cannot be told is taken for clean."""

from __future__ import annotations

import json

import pytest

from tests.unit.policy.vulnerable_world import (
    FEED,
    IMAGE,
    LODASH,
    OPENVEX,
    SBOM,
    SCAN,
    STRANGER,
    World,
    advisory,
    look,
    sbom,
    statement,
    vex,
)
from wherefrom.app import DataFolder, fold_views, open_gate, open_log, open_recorder
from wherefrom.errors import Malformed
from wherefrom.formats import feed
from wherefrom.formats import policy as policies
from wherefrom.keys.ed25519 import SigningKey
from wherefrom.policy.gate import GateRequest
from wherefrom.policy.signing import vouched_for

CLEAN = "pkg:npm/left-pad@1.3.0"


@pytest.fixture
def world(tmp_path):
    return World(DataFolder(tmp_path / "d"))


def shipped(world, *purls):
    """The image with its SBOM, and a feed that was looked at after that."""
    world.attest(SBOM, sbom(*(purls or (LODASH, CLEAN))))
    world.looked()


def test_a_package_that_an_advisory_affects_is_named_with_its_version_and_the_fix(world):
    shipped(world)
    (entry,) = world.say(advisory())
    found = world.holds()
    assert not found.ok
    assert found.says == (f"GHSA-2222-3333-4444 (high) in {LODASH}, fixed in 4.17.21")
    assert found.entries == [entry]
    assert "Update" in found.remedy


def test_an_sbom_compared_with_a_fresh_feed_stands_without_a_scan_until_the_feed_is_old(world):
    shipped(world, CLEAN)
    world.say(advisory())
    found = world.holds()
    assert found.ok, found
    assert found.says == "1 package compared with advisories of ghsa, nothing high or worse"
    assert len(found.entries) == 2  # the SBOM and the look
    assert found.until == "2026-11-27T12:00:00.000000Z"  # two days after the look
    assert world.holds(feed_within="12h").says.endswith("of the last 12h")


@pytest.mark.parametrize("purl", ["pkg:npm/lodash@4.17.21", "pkg:npm/lodash@5.0.0",
                                  "pkg:pypi/lodash@1.0"])  # fmt: skip
def test_a_version_past_the_fix_and_another_package_are_not_affected(world, purl):
    world.attest(SBOM, sbom(purl))
    world.looked(covers=("npm", "pypi"))
    world.say(advisory())
    assert world.holds().ok


@pytest.mark.parametrize(
    ("purl", "why"),
    [
        ("pkg:npm/lodash", "its version is not known"),
        ("pkg:npm/lodash@latest", "its version cannot be compared"),
        ("pkg:npm/lodash@1.2.3.4", "its version cannot be compared"),
    ],
)
def test_what_cannot_be_compared_is_taken_for_affected_and_said_so(world, purl, why):
    shipped(world, purl)
    world.say(advisory())
    found = world.holds()
    assert not found.ok
    assert why in found.says


def test_a_scan_that_was_clean_does_not_hold_against_an_advisory_that_came_since(world):
    world.attest(SBOM, sbom(LODASH))
    world.attest(SCAN, {"scanner": {"uri": "pkg:x", "result": []},
                        "metadata": {"scanFinishedOn": "2026-11-20T00:00:00Z"}})  # fmt: skip
    assert world.holds().says == "scanned, nothing high or worse"
    world.say(advisory())
    assert not world.holds().ok
    assert world.holds(**{"from": "scan"}).ok
    assert not world.holds(**{"from": "advisories"}).ok


@pytest.mark.parametrize("by", [FEED, STRANGER])
def test_bad_news_counts_whoever_sent_it(world, by):
    shipped(world)
    world.say(advisory(), by=by)
    assert not world.holds().ok


WITHDRAWN = advisory(modified="2026-11-10T00:00:00Z", withdrawn="2026-11-10T00:00:00Z")
ELSEWHERE = advisory(modified="2026-11-10T00:00:00Z", fixed="4.0.0")


@pytest.mark.parametrize("later", [WITHDRAWN, ELSEWHERE])
def test_that_it_is_taken_back_counts_from_the_same_sender_or_somebody_known(world, later):
    shipped(world)
    world.say(advisory(), by=FEED)
    world.say(later, by=STRANGER)
    assert not world.holds().ok
    osv = "https://ossf.github.io/osv-schema"
    world.attest(osv, json.loads(later), key=SigningKey.generate(), by=STRANGER)
    assert not world.holds().ok  # signed, by nobody known
    world.attest(osv, json.loads(later), by=STRANGER)
    assert world.holds().ok


@pytest.mark.parametrize("later", [WITHDRAWN, ELSEWHERE])
def test_a_later_version_from_the_same_sender_stands_for_the_earlier(world, later):
    shipped(world)
    world.say(later, by=FEED)
    world.say(advisory(), by=FEED)  # in whatever order they come
    assert world.holds().ok


def test_an_earlier_version_does_not_stand_for_a_later(world):
    shipped(world)
    world.say(advisory(), by=FEED)
    world.say(advisory(modified="2026-10-01T00:00:00Z", fixed="4.0.0"), by=FEED)
    assert not world.holds().ok


def test_a_signed_advisory_is_not_taken_back_by_an_unsigned_word(world):
    shipped(world)
    world.attest("https://ossf.github.io/osv-schema", json.loads(advisory()), by=FEED)
    world.say(WITHDRAWN, by=FEED)
    assert not world.holds().ok


def test_the_packages_must_have_been_looked_for_when_the_feed_was(world):
    index = world.attest(SBOM, sbom(CLEAN))
    world.looked(complete=False, size=index)
    found = world.holds()
    assert not found.ok
    assert found.says.endswith(f"{CLEAN} was recorded after advisories were looked for")
    world.looked(complete=False, size=index + 1, at="2026-11-25T13:00:00Z")
    assert world.holds().ok


def test_a_feed_that_does_not_speak_of_a_kind_of_package_tells_nothing_of_it(world):
    shipped(world, CLEAN, "pkg:deb/debian/zlib1g@1.2.13", "pkg:generic/firmware@1")
    found = world.holds()
    assert not found.ok
    assert "speaks of deb/debian packages, such as pkg:deb/debian/zlib1g@1.2.13" in found.says
    world.looked(feed="debian", covers=("deb/debian",))
    assert world.holds().ok


def test_the_feeds_that_a_rule_names_must_all_be_fresh(world):
    shipped(world, CLEAN)
    assert world.holds(feeds=["ghsa"]).ok
    found = world.holds(feeds=["ghsa", "pysec"])
    assert not found.ok
    assert "the feed pysec" in found.says


def test_a_look_counts_only_by_somebody_known_and_not_from_later(world):
    world.attest(SBOM, sbom(CLEAN))
    world.say(feed.to_statement(look(), "sha256:" + "f" * 64))
    assert not world.holds().ok
    assert world.holds(trust="channel").ok
    world.looked()
    assert world.holds().ok
    assert not world.holds(at="2026-11-24T00:00:00Z").ok


def test_an_sbom_of_nobody_known_is_no_basis_but_what_it_lists_is_still_bad_news(world):
    world.say(statement(SBOM, sbom(LODASH)))
    world.looked()
    assert "no sbom counts" in world.holds(**{"from": "advisories"}).says
    world.say(advisory())
    assert "GHSA-2222-3333-4444" in world.holds(**{"from": "advisories"}).says


def test_an_sbom_that_names_no_package_is_not_taken_for_a_clean_image(world):
    shipped(world, "pkg:generic/firmware@1")
    assert "names no package" in world.holds().says


def test_a_package_of_a_distribution_is_found_by_its_source_and_its_release(world):
    libssl = "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?upstream=openssl&distro=debian-12"
    world.attest(SBOM, sbom(libssl))
    world.looked(covers=("deb/debian",))
    world.say(advisory("DSA-1-1", "openssl", ecosystem="Debian:11", fixed="9"))
    assert world.holds().ok
    world.say(advisory("DSA-2-1", "openssl", ecosystem="Debian:12", fixed="3.0.14-1~deb12u1"))
    found = world.holds()
    assert found.says == (
        "DSA-2-1 (high) in pkg:deb/debian/libssl3@3.0.11-1~deb12u2, fixed in 3.0.14-1~deb12u1"
    )


def test_versions_that_are_too_many_for_the_graph_are_read_in_the_record(world):
    shipped(world)
    many = [{"package": {"ecosystem": "npm", "name": "lodash"},
             "versions": [*(f"3.0.{n}" for n in range(500)), "4.17.15"]}]  # fmt: skip
    world.say(advisory(affected=many))
    assert not world.holds().ok
    world.say(advisory(affected=[{**many[0], "versions": many[0]["versions"][:-1]}],
                       modified="2026-11-02T00:00:00Z"))  # fmt: skip
    assert world.holds().ok


def test_an_erased_advisory_says_nothing_any_more(world):
    shipped(world)
    (index,) = world.say(advisory())
    assert not world.holds().ok
    with open_recorder(world.folder) as recorder:
        recorder.erase(index, reason="a mistake", principal=FEED)
    assert world.holds().ok


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"from": "hope"}, "not a policy"),
        ({"feed_within": "soon"}, "soon"),
        ({"feeds": ["a b"]}, "not the name of a feed"),
    ],
)
def test_a_rule_that_is_none_is_refused(fields, says):
    rule = {"name": "r", "needs": "vulnerabilities", **fields}
    with pytest.raises(Malformed, match=says):
        policies.parse({"name": "p", "version": "1", "rules": [rule]}, where="p")


def test_a_look_at_a_feed_makes_a_no_be_looked_at_again_and_a_new_advisory_a_yes(world):
    def asked():
        log = open_log(world.folder)
        fold_views(world.folder, log)
        rules = {"name": "p", "version": "1", "rules": [
            {"name": "r", "needs": "vulnerabilities", "feed_within": "36500d"}]}  # fmt: skip
        prepared = open_gate(world.folder, log).prepare(GateRequest(artifact=IMAGE, policy=rules))
        with open_recorder(world.folder) as recorder:
            return vouched_for(prepared, recorder, principal=FEED)

    world.attest(SBOM, sbom(LODASH))
    assert not asked().allowed
    world.looked(at="2020-01-01T00:00:00Z")
    answer = asked()
    assert (answer.allowed, answer.reused) == (True, False)
    assert asked().reused
    world.say(advisory())
    assert not asked().allowed
    world.say(WITHDRAWN)
    assert asked().allowed


class TestVex:
    """What excuses, and what does not."""

    @pytest.fixture(autouse=True)
    def shop(self, world):
        shipped(world)
        world.say(advisory())
        assert not world.holds().ok

    @pytest.mark.parametrize(
        "said",
        [
            vex(), vex("fixed"), vex(part=None), vex(part="pkg:npm/lodash"),
            vex(product=LODASH, part=None), vex(product="pkg:npm/lodash", part=None),
            vex(vulnerability="GHSA-2222-3333-4444"),
        ],
    )  # fmt: skip
    def test_a_word_about_the_image_or_the_part_in_it_excuses(self, world, said):
        index = world.attest(OPENVEX, said)
        found = world.holds()
        assert found.ok, found
        assert "excused by VEX: GHSA-2222-3333-4444" in found.says
        assert index in found.entries

    @pytest.mark.parametrize(
        "said",
        [
            vex("under_investigation"), vex("affected"),
            vex(vulnerability="CVE-2020-0001"),
            vex(part="pkg:npm/lodash@4.17.14"), vex(part=CLEAN),
            vex(product="pkg:npm/lodash@4.17.14", part=None),
            vex(product="pkg:oci/other@sha256%3A" + "2" * 64),
            vex(product="pkg:oci/till", part=None),
        ],
    )  # fmt: skip
    def test_a_word_about_something_else_or_an_open_one_does_not(self, world, said):
        world.say(json.dumps(said).encode())
        world.attest(OPENVEX, said, subject=IMAGE)
        found = world.holds()
        assert not found.ok
        assert "GHSA-2222-3333-4444" in found.says

    def test_a_word_of_nobody_known_does_not_excuse(self, world):
        world.say(json.dumps(vex()).encode(), statement(OPENVEX, vex()))
        world.attest(OPENVEX, vex(), key=SigningKey.generate())
        assert not world.holds().ok

    def test_only_the_word_of_those_who_may_judge_counts(self, world):
        vendor = SigningKey.generate()
        id = world.trust(vendor)
        world.attest(OPENVEX, vex())
        assert world.holds().ok
        assert not world.holds(vex_by=[{"key": id}]).ok
        world.attest(OPENVEX, vex(), key=vendor)
        assert world.holds(vex_by=[{"key": id}]).ok

    def test_the_newest_word_of_those_who_may_wins_whenever_it_came(self, world):
        world.attest(OPENVEX, vex(at="2026-11-22T00:00:00Z"))
        world.attest(OPENVEX, vex("affected", at="2026-11-21T00:00:00Z"))
        assert world.holds().ok
        world.attest(OPENVEX, vex("affected", at="2026-11-23T00:00:00Z"))
        assert not world.holds().ok
        world.attest(OPENVEX, vex("fixed", at="2026-11-24T00:00:00Z"))
        assert world.holds().ok

    def test_of_two_statements_of_one_document_the_later_counts(self, world):
        said = vex("under_investigation")
        said["statements"][0]["timestamp"] = "2026-11-24T00:00:00Z"
        said["statements"] += vex()["statements"]
        world.attest(OPENVEX, said)
        assert not world.holds().ok
        said["statements"][1]["timestamp"] = "2026-11-25T00:00:00Z"
        world.attest(OPENVEX, said)
        assert world.holds().ok

    @pytest.mark.parametrize("order", [1, -1])
    def test_of_two_words_of_one_time_the_one_that_does_not_excuse_counts(self, world, order):
        both = [vex(), vex("under_investigation", id="https://acme.example/vex-2")]
        for said in both[::order]:
            world.attest(OPENVEX, said)
        assert not world.holds().ok

    def test_a_name_that_a_stranger_gives_does_not_put_it_under_anothers_excuse(self, world):
        world.attest(OPENVEX, vex(vulnerability="CVE-2020-0001"))
        alias = vex(vulnerability="CVE-2020-8203", product="pkg:npm/other@1", part=None)
        alias["statements"][0]["vulnerability"]["aliases"] = ["CVE-2020-0001"]
        other = {**alias, "statements": [dict(alias["statements"][0])]}
        other["statements"][0]["vulnerability"] = {
            "name": "CVE-2020-0001", "aliases": ["GHSA-2222-3333-4444"]}  # fmt: skip
        world.say(json.dumps(alias).encode(), json.dumps(other).encode(), by=STRANGER)
        assert not world.holds().ok

    def test_a_document_that_vouches_for_another_image_excuses_nothing_here(self, world):
        world.attest(OPENVEX, vex(), subject="sha256:" + "2" * 64)
        assert not world.holds().ok

    def test_what_a_rule_never_excuses_is_not_excused_by_any_name(self, world):
        world.attest(OPENVEX, vex())
        assert not world.holds(never=["CVE-2020-8203"]).ok
        assert not world.holds(excused=False).ok

    def test_a_distributions_advisory_is_excused_once_all_that_it_collects_is(self, world):
        world.attest(OPENVEX, vex())
        world.say(advisory("XSA-1", aliases=[], upstream=["CVE-2020-8203", "CVE-2021-23337"]))
        found = world.holds()
        assert not found.ok
        assert found.says.startswith("CVE-2021-23337 (high)")
        assert "CVE-2020-8203" in world.holds(never=["XSA-1"]).says
        world.attest(OPENVEX, vex(vulnerability="CVE-2021-23337"))
        assert world.holds().ok
