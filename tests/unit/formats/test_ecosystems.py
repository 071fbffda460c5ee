"""Ecosystems: under which names advisories speak of a part of an SBOM, and of which release."""

import pytest

from wherefrom.formats import ecosystems
from wherefrom.formats.purl import canonical


def names(text):
    said = canonical(text)
    return ecosystems.names_of(canonical(said.id), said)


def test_a_package_of_a_distribution_is_spoken_of_as_its_source_too_in_the_sources_version():
    assert names("pkg:deb/debian/libssl3@3.0.11-1?upstream=openssl&distro=debian-12") == [
        ("pkg:deb/debian/libssl3", "3.0.11-1"), ("pkg:deb/debian/openssl", "3.0.11-1"),
    ]  # fmt: skip
    assert names("pkg:deb/debian/libgcc-s1@12.2.0-14?upstream=gcc-12%4012.2.0-13")[1] == (
        "pkg:deb/debian/gcc-12", "12.2.0-13",
    )  # fmt: skip
    assert ("pkg:rpm/redhat/openssl", "1:3.0.7-16.el9") in names(
        "pkg:rpm/redhat/openssl-libs@3.0.7-16.el9?epoch=1&upstream=openssl-3.0.7-16.el9.src.rpm"
    )
    assert ("pkg:rpm/rocky-linux/bash", "5.1") in names("pkg:rpm/rocky/bash@5.1")


def test_any_other_package_has_one_name():
    assert names("pkg:npm/%40acme/a@1?upstream=b") == [("pkg:npm/%40acme/a", "1")]
    assert names("pkg:julia/A@1?uuid=1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed")[0][0] == (
        "pkg:julia/A?uuid=1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"
    )


@pytest.mark.parametrize(
    ("ecosystem", "distro", "may_be"),
    [
        ("Debian:12", "debian-12", True), ("Debian:12", "debian-12.4", True),
        ("Debian:12", "bookworm", True), ("Debian:11", "debian-12", False),
        ("Debian:11", "bookworm", False), ("Debian:12", "", True), ("Debian", "debian-12", True),
        ("Alpine:v3.19", "alpine-3.19.1", True), ("Alpine:v3.18", "alpine-3.19.1", False),
        ("Ubuntu:22.04:LTS", "ubuntu-22.04", True), ("Ubuntu:Pro:18.04:LTS", "jammy", False),
        ("Red Hat:rhel_eus:8.6::baseos", "rhel-8.6", True), ("npm", "debian-12", True),
    ],
)  # fmt: skip
def test_only_a_release_that_is_surely_another_one_is_left_out(ecosystem, distro, may_be):
    said = canonical("pkg:deb/debian/a@1" + (f"?distro={distro}" if distro else ""))
    assert ecosystems.is_of_release(ecosystem, said) is may_be
